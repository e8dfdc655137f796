from collections.abc import Callable

import numpy as np
import obspy
import pytest
from conftest import START
from matplotlib.figure import Figure
from obspy import UTCDateTime

import seisbench_lcl as lcl
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.models.results import StationWindows, WindowList
from seisbench_lcl.plotting import MAX_STATIONS, interesting_stations, plot_stations
from seisbench_lcl.waveforms import StationId


def draw(model: lcl.MiniRocketRidge, stream: object, **kwargs: object) -> Figure:
    out = model.classify(stream)
    figure = plot_stations(stream, out.windows, model.preprocessing, out.detections, **kwargs)
    figure.canvas.draw()
    return figure


def test_the_drawn_probabilities_are_those_of_the_result(
    pretrained: lcl.MiniRocketRidge, make_stream: Callable
) -> None:
    stream = make_stream(40) + make_stream(40, station="XX.DEF..HN", seed=1)
    figure = draw(pretrained, stream)
    assert len(figure.axes) == 6
    out = pretrained.classify(stream)
    stations = [axes.get_title(loc="left") for axes in figure.axes[::3]]
    assert stations == interesting_stations(out.windows)
    windows = out.windows.to_dataframe()
    first = windows[windows["station"] == stations[0]]
    lines = figure.axes[2].get_lines()
    for line, label in zip(lines, pretrained.labels, strict=False):
        np.testing.assert_array_equal(line.get_ydata(), first[label])
        assert line.get_xdata()[0] == pytest.approx((START + pretrained.preprocessing.before).matplotlib_date)
    assert figure.get_suptitle() == f"MiniRocketRidge/mixed-3c.v1 {out.weights.sha256[:12]}"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [*pretrained.labels, "abstained"]


def test_panels_share_the_time_axis_and_mark_the_onset(pretrained: lcl.MiniRocketRidge, make_stream: Callable) -> None:
    figure = draw(pretrained, obspy.read() + make_stream(40, start=UTCDateTime("2009-08-24T00:20:30")))
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    (detection,) = pretrained.classify(obspy.read()).detections
    onset = detection.onset.matplotlib_date
    for axes in (figure.axes[0], figure.axes[2]):
        assert any(list(line.get_xdata()) == [onset, onset] for line in axes.get_lines())


def test_stations_with_events_come_first() -> None:
    """Noise, abstention and doubtful windows are no evidence."""
    nan = float("nan")
    rows = {
        "NOISE": [[0.1, 0.9]] * 5,
        "DOUBT": [[0.5, 0.5]] * 5,
        "NONE": [[nan, nan]] * 5,
        "ONE": [[0.95, 0.05], *[[0.2, 0.8]] * 4],
        "MANY": [[0.8, 0.2]] * 3 + [[0.2, 0.8]] * 2,
    }
    blocks = [
        StationWindows(
            StationId("XX", name, "", "HH"),
            START,
            step=1.0,
            length=20.0,
            probabilities=np.float32(values),
            coverage=np.ones(5, np.float32),
            reasons=np.array([""] * 5, dtype=object),
        )
        for name, values in rows.items()
    ]
    found = interesting_stations(WindowList(["slide", "noise"], blocks))
    assert [station.split(".")[1] for station in found] == ["MANY", "ONE", "NOISE", "DOUBT", "NONE"]


def test_gaps_short_records_and_flat_lines_can_be_drawn(pretrained: lcl.MiniRocketRidge, make_stream: Callable) -> None:
    stream = make_stream(60)
    stream[0].data = np.ma.masked_array(stream[0].data, mask=False)
    stream[0].data[2000:2500] = np.ma.masked
    stream += make_stream(5, station="XX.SHORT..HH") + make_stream(30, components="Z", station="XX.ONE..HH")
    flat = make_stream(30, station="XX.FLAT..HH")
    for trace in flat:
        trace.data[:] = 3
    spoilt = make_stream(30, station="XX.NAN..HH")
    spoilt[0].data[5] = np.nan
    figure = draw(pretrained, stream + flat + spoilt)
    texts = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert {text for text in texts if "NaN" not in text} == {
        "abstained: no window fits: the record is 5 s long, the model needs 20 s",
        "abstained: component N, E missing: found channel HHZ",
    }


def test_the_number_of_stations_is_limited(pretrained: lcl.MiniRocketRidge, make_stream: Callable) -> None:
    stream = make_stream(20, station="XX.S00..HH")
    for i in range(1, MAX_STATIONS + 2):
        stream += make_stream(20, station=f"XX.S{i:02}..HH")
    figure = draw(pretrained, stream)
    assert len(figure.axes) == 3 * MAX_STATIONS
    assert figure.get_supxlabel() == f"{MAX_STATIONS} of {MAX_STATIONS + 2} stations; 2 are left out"
    chosen = draw(pretrained, stream, stations=["XX.S13..HH"])
    assert chosen.axes[0].get_title(loc="left") == "XX.S13..HH"
    with pytest.raises(ConfigurationError, match=r"has no station XX\.S99\.\.HH; available: XX\.S00"):
        draw(pretrained, stream, stations=["XX.S99..HH"])
