"""The panel of an event: rows in order, records where they belong, reasons in words, and texts that can be read."""

from dataclasses import replace

import numpy as np
import obspy
import pytest
from made_events import LABELS, PREPROCESSING, START, check_texts, drawn_texts, made_event
from matplotlib.axes import Axes

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.events.figures import event_panel
from seisbench_lcl.plotting.colours import COLOURS


def widths(axes: Axes, row: float) -> dict[str, float]:
    """Return the lengths of the bars of a row, by colour."""
    found: dict[str, float] = {}
    for bar in axes.patches:
        if abs(bar.get_y() + bar.get_height() / 2 - row) < 1e-6:
            colour = "#" + "".join(f"{round(255 * x):02x}" for x in bar.get_facecolor()[:3])
            found[colour] = found.get(colour, 0.0) + bar.get_width()
    return found


def test_rows_show_records_windows_arrivals_and_probabilities_of_the_stations_in_their_order() -> None:
    decision, views = made_event(4, abstained=[2])
    figure = event_panel(decision, views, PREPROCESSING)
    check_texts(figure)
    records, bars, _ = figure.axes
    names = [text.get_text().split("\n") for text in records.get_yticklabels()]
    assert [name for name, _ in names] == [f"{view.decision.station}Z" for view in views]
    assert [known.split(" km")[0] for _, known in names] == [f"{view.distance:.1f}" for view in views]
    lines = [line for line in records.get_lines() if len(line.get_xdata()) > 2]
    marks = [line for line in records.get_lines() if len(line.get_xdata()) == 2]
    for row, (view, line, mark) in enumerate(zip(views, lines, marks, strict=True)):
        p = view.decision.p_time - START
        np.testing.assert_allclose(mark.get_xdata(), p)
        assert widths(records, row) == {"#dce6f2": pytest.approx(20.0)}
        x, y = line.get_data()
        assert (x[0], x[-1]) == (pytest.approx(p - 12, abs=0.1), pytest.approx(p + 23, abs=0.1))
        loud, quiet = np.abs(y - row)[(x > p) & (x < p + 5)].max(), np.abs(y - row)[x < p - 1].max()
        assert 0.4 < loud < 0.461
        assert quiet < loud / 3
        shares = {COLOURS[k]: view.decision.probabilities.get(label, 0) for k, label in enumerate(LABELS)}
        assert widths(bars, row) == (pytest.approx(shares) if view.decision.label else {})
    vote = {COLOURS[k]: decision.probabilities[label] for k, label in enumerate(LABELS)}
    assert widths(bars, -1.15) == pytest.approx(vote)
    texts = [text.get_text().replace("\n", " ") for text in drawn_texts(figure)]
    assert "abstained: unlike the training data (1.40)" in texts
    title = figure.get_suptitle()
    for words in (
        f"{decision.label}, {decision.certainty_word}: probability {decision.probability:.2f}, margin ",
        f"{decision.n_for} station{'s' * (decision.n_for != 1)} for, {decision.n_against} against, 1 abstained",
        "2024-03-01 12:00:00 UTC, 47.000°N 12.000°E, depth 5.0 km",
        "smi:local/e1; Model/weights",
    ):
        assert words in title
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        *LABELS,
        "abstained",
        "window of the model",
        *("P: pick", "P: refined", "P: predicted"),
    ]


@pytest.mark.parametrize(
    "given",
    [
        {"n": 0},
        {"n": 1, "places": False, "origin": False},
        {"n": 3, "abstained": range(3)},
        {"n": 12, "prefix": "NODALSTATION0000", "abstained": [3], "labels": [f"class number {k}" for k in range(11)]},
        {"n": 30, "abstained": [4, 5], "places": False},
    ],
)
def test_texts_neither_overlap_nor_leave_the_figure(given: dict) -> None:
    decision, views = made_event(**given)
    long = "smi:local/" + 30 * "identifier-" + "$a$ and $b$"
    decision = replace(decision, event=long, weights=5 * "Model/weights, version 2 (sha256 e533ca697698) ")
    if decision.label:
        decision = replace(decision, label=None, reason="earthquake leads by 0.04, less than 0.2")
    figure = event_panel(decision, views, PREPROCESSING)
    check_texts(figure)
    assert figure.get_suptitle().startswith("undecided: ")


def test_far_arrivals_are_aligned_and_stations_beyond_the_most_left_out() -> None:
    decision, views = made_event(6, apart=120.0, abstained=[0, 1])
    figure = event_panel(decision, views, PREPROCESSING, max_rows=5, with_map=False)
    records, _ = figure.axes
    assert all(line.get_xdata()[0] == 0 for line in records.get_lines() if len(line.get_xdata()) == 2)
    assert records.get_xlabel().startswith("Seconds after P ")
    left = [text.get_text().split("\n")[0] for text in records.get_yticklabels()]
    order = [f"{view.decision.station}Z" for view in views]
    assert left == [name for name in order if name != [n for n in order if n in ("XX.S00..HHZ", "XX.S01..HHZ")][-1]]
    assert records.get_title(loc="left") == "5 of 6 stations; 1 are left out"
    with pytest.raises(ConfigurationError, match="max_rows must be a whole number"):
        event_panel(decision, views, PREPROCESSING, max_rows=0)


def test_odd_records_are_drawn_or_say_why_not() -> None:
    decision, views = made_event(5, places=False)
    gap, dead, none, broken, slow = views
    start = gap.window[0]
    dead.stream.select(component="Z")[0].data[:] = 7.0
    broken.stream[0].data[:] = np.nan
    odd = [
        replace(gap, stream=gap.stream.slice(None, start + 5) + gap.stream.slice(start + 9, None)),
        dead,
        replace(none, stream=obspy.Stream(), reason="archive.mseed: damaged $1 of $2"),
        replace(broken, stream=broken.stream[:1]),
        replace(slow, stream=slow.stream.copy().decimate(5, no_filter=True)),  # 20 Hz is too little for 18 Hz
    ]
    figure = event_panel(decision, odd, PREPROCESSING)
    check_texts(figure)
    records = figure.axes[0]
    names = [text.get_text().split("\n")[0] for text in records.get_yticklabels()]
    stations = [view.decision.station for view in views]
    assert names == [f"{stations[0]}Z", f"{stations[1]}N", stations[2], stations[3], f"{stations[4]}Z"]
    lines = [np.mean(line.get_ydata()).round() for line in records.get_lines() if len(line.get_xdata()) > 2]
    assert lines == [0, 0, 1, 4]
    texts = [text.get_text() for text in records.texts]
    assert texts == [r"archive.mseed: damaged \$1 of \$2", "no samples to draw"]
