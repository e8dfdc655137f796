from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure

import seisbench_lcl as lcl
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.plotting import MAX_STATIONS, plot_stations


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
    assert [axes.get_title(loc="left") for axes in figure.axes[::3]] == ["XX.ABC..HH", "XX.DEF..HN"]
    windows = pretrained.classify(stream).windows.to_dataframe()
    lines = figure.axes[2].get_lines()
    for line, label in zip(lines, pretrained.labels, strict=False):
        np.testing.assert_array_equal(line.get_ydata(), windows[label][:21])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [*pretrained.labels, "abstained"]


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
    assert len(draw(pretrained, stream).axes) == 3 * MAX_STATIONS
    chosen = draw(pretrained, stream, stations=["XX.S13..HH"])
    assert chosen.axes[0].get_title(loc="left") == "XX.S13..HH"
    with pytest.raises(ConfigurationError, match=r"has no station XX\.S99\.\.HH; available: XX\.S00"):
        draw(pretrained, stream, stations=["XX.S99..HH"])
