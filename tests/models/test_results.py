import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obspy import UTCDateTime

from seisbench_lcl.models.results import LabelledDetection, LabelledDetectionList, StationWindows, WindowList
from seisbench_lcl.waveforms import StationId

T0 = UTCDateTime(2021, 3, 4, 5, 6, 7, 120000)
LABELS = ["earthquake", "noise", "slide"]


def block(rows, station="XX.AAA..HH", start=0.0, step=5.0, length=20.0):
    """Windows of one station from rows of probabilities, None for an abstention."""
    n = len(rows)
    probabilities = np.array([row or [np.nan] * len(LABELS) for row in rows], np.float32).reshape(n, len(LABELS))
    reasons = np.array(["" if row else "50% of component Z present" for row in rows], dtype=object)
    coverage = np.where(reasons == "", 1, 0.5).astype(np.float32)
    return StationWindows(StationId(*station.split(".")), T0 + start, step, length, probabilities, coverage, reasons)


EQ, SURE, NOISE, SLIDE = [0.7, 0.2, 0.1], [0.9, 0.1, 0.0], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]


@st.composite
def window_lists(draw):
    """Blocks of two stations in any order; blocks of one station follow each other in time, like records."""
    blocks = []
    for station in ("XX.AAA..HH", "XX.BBB.00.HN"):
        start = 0.0
        for _ in range(draw(st.integers(0, 3))):
            rows = draw(st.lists(st.sampled_from([EQ, SURE, NOISE, SLIDE, None]), max_size=8))
            step, length = draw(st.sampled_from([1.25, 5.0, 30.0])), draw(st.sampled_from([5.0, 20.0]))
            blocks.append(block(rows, station, start, step, length))
            start += len(rows) * step + length + draw(st.sampled_from([0.0, 1.0, 50.0]))
    return WindowList(LABELS, draw(st.permutations(blocks)))


def slow_detections(windows, threshold, ignore):
    """Merge window by window: the next one of a run, or one that overlaps or touches in time, joins."""
    found = []
    for station in sorted({b.station for b in windows.blocks}):
        for label in set(LABELS) - set(ignore):
            current = None
            for b in sorted((b for b in windows.blocks if b.station == station), key=lambda b: b.start):
                inside = False
                for i, row in enumerate(b.probabilities.tolist()):
                    hit = not np.isnan(row[0]) and LABELS[int(np.argmax(row))] == label and max(row) >= threshold
                    if hit:
                        start, end = b.start + i * b.step, b.start + i * b.step + b.length
                        if current and (inside or start <= current[2]):
                            current[2:4] = [end, max(current[3], max(row))]
                        else:
                            current = [str(station), start, end, max(row), label]
                            found.append(current)
                    inside = hit
    return sorted(found)


# Windows -----------------------------------------------------------------------------------------------------------


@given(window_lists())
def test_sequence_and_table_agree_row_by_row(windows):
    table = windows.to_dataframe()
    assert list(table.columns) == ["station", "start_time", "end_time", *LABELS, "label", "reason", "coverage"]
    assert len(table) == len(windows) == len(list(windows)) == sum(map(len, windows.blocks))
    for window, row in zip(windows, table.to_dict("records"), strict=True):
        assert (window.station, window.reason, window.coverage) == (row["station"], row["reason"], row["coverage"])
        assert (window.start_time.ns, window.end_time.ns) == (row["start_time"].value, row["end_time"].value)
        np.testing.assert_array_equal(list(window.probabilities.values()), [row[label] for label in LABELS])
        if window.reason:
            assert window.label is row["label"] is None
        else:
            assert window.label == row["label"] == max(LABELS, key=window.probabilities.__getitem__)


def test_times_keep_microseconds_at_odd_strides():
    windows = WindowList(LABELS, [block([EQ] * 4000, step=1 / 3, length=20.01)])
    table = windows.to_dataframe()
    for i in (1, 2, 3999):
        assert abs(windows[i].start_time.ns - table["start_time"][i].value) < 1000
        assert abs(windows[i].start_time - (T0 + i / 3)) < 1e-8


def test_list_is_a_sequence():
    windows = WindowList(LABELS, [block([EQ, None]), block([]), block([NOISE, SLIDE], "XX.BBB..HH")])
    assert len(windows) == 4
    assert windows[-1] == windows[3] == windows[np.int64(3)]
    assert windows[-1].label == "slide"
    assert [w.label for w in windows[::-1]] == ["slide", "noise", None, "earthquake"]
    assert [w.label for w in reversed(windows)] == ["slide", "noise", None, "earthquake"]
    assert windows[2] in windows
    for index in (4, -5):
        with pytest.raises(IndexError):
            windows[index]


@pytest.mark.timeout(30)
def test_day_of_windows_is_walked_in_linear_time():
    windows = WindowList(LABELS, [block([EQ, None] * 43_200, step=1.0)])
    assert sum(w.label == "earthquake" for w in windows) == 43_200


def test_empty_lists_keep_their_columns():
    for windows in (WindowList(LABELS, []), WindowList(LABELS, [block([])])):
        assert len(windows) == 0
        assert list(windows) == []
        assert str(windows) == "WindowList: empty"
        assert {*LABELS, "label", "coverage"} < set(windows.to_dataframe().columns)
        assert len(windows.to_dataframe()) == len(windows.to_stream("Model", 2.0)) == 0
        detections = windows.detections(0.5)
        assert list(detections) == []
        assert str(detections).startswith("LabelledDetectionList with 0 entries")
        assert list(detections.to_dataframe()) == ["station", "start_time", "end_time", "label", "probability"]


def test_text_counts_what_it_does_not_show():
    windows = WindowList(LABELS, [block([EQ] * 9), block([None] * 3 + [NOISE], "XX.BBB..HH"), block([SLIDE] * 9)])
    text = str(windows)
    assert repr(windows) == text
    lines = text.splitlines()
    assert lines[0] == "WindowList: 22 windows of 2 stations: 9 earthquake, 9 slide, 3 abstained, 1 noise"
    assert lines[1].split()[:3] == ["station", "start_time", "end_time"]
    assert len(lines) == 1 + 1 + 10 + 1
    assert lines[-1] == "... 12 more"
    assert "0.700" in lines[2]
    assert "50% of component Z present" in lines[11]


# Detections --------------------------------------------------------------------------------------------------------


@given(window_lists(), st.sampled_from([0.0, 0.5, 0.65, 0.7, 0.9, 1.0]), st.sampled_from([(), ("noise",)]))
def test_detections_agree_with_a_plain_merge(windows, threshold, ignore):
    threshold = float(np.float32(threshold))
    found = windows.detections(threshold, ignore)
    rows = [[d.trace_id, d.start_time, d.end_time, d.probability, d.label] for d in found]
    assert sorted(rows) == slow_detections(windows, threshold, ignore)
    assert rows == sorted(rows, key=lambda row: (row[1], row[0]))
    assert not any(d.label in ignore for d in found)


def test_abstention_breaks_a_run_unless_the_windows_around_it_overlap():
    for gap, expected in ((2, [(0, 35)]), (3, [(0, 40)]), (4, [(0, 20), (25, 45)])):
        found = WindowList(LABELS, [block([EQ] + [None] * gap + [SURE])]).detections(0.5)
        assert [(d.start_time - T0, d.end_time - T0) for d in found] == expected


@pytest.fixture
def detections():
    rows = [EQ, SURE, NOISE, NOISE, SLIDE, None]
    return WindowList(LABELS, [block(rows), block(rows[::-1], "XX.BBB..HN")]).detections(0.5, ["noise"])


def test_selection_keeps_the_type(detections):
    assert len(detections) == 4
    slides = detections.select(label="slide")
    assert isinstance(slides, LabelledDetectionList)
    assert [d.label for d in slides] == ["slide", "slide"]
    assert [d.trace_id for d in detections.select(r"XX\.BBB.*", min_confidence=0.8)] == ["XX.BBB..HN"]
    assert list(detections.select()) == list(detections)


def test_table_and_text_of_detections(detections):
    table = detections.to_dataframe()
    assert table.iloc[0].to_dict() == {
        "station": "XX.AAA..HH",
        "start_time": pd.Timestamp(T0.datetime),
        "end_time": pd.Timestamp((T0 + 25).datetime),
        "label": "earthquake",
        "probability": pytest.approx(0.9),
    }
    assert "XX.AAA..HH\t2021-03-04T05:06:07.120000Z\t2021-03-04T05:06:32.120000Z\tearthquake\t0.900" in str(detections)
    assert repr(detections) == str(detections)
    assert str(detections).startswith("LabelledDetectionList with 4 entries")


def test_results_survive_pickling(detections):
    windows = WindowList(LABELS, [block([EQ, None])])
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(windows)).to_dataframe(), windows.to_dataframe())
    again = pickle.loads(pickle.dumps(detections))
    assert type(again) is LabelledDetectionList
    assert type(again[0]) is LabelledDetection
    pd.testing.assert_frame_equal(again.to_dataframe(), detections.to_dataframe())


# Annotations -------------------------------------------------------------------------------------------------------


def test_annotations_end_at_abstentions_and_hold_the_probabilities_at_their_time():
    rows = [None, EQ, SURE, None, None, NOISE]
    stream = WindowList(LABELS, [block(rows, "XX.AAA.00.HH")]).to_stream("Model", 2.0)
    assert {trace.id for trace in stream} == {f"XX.AAA.00.Model_{label}" for label in LABELS}
    one, two = stream.select(channel="Model_noise")
    assert (one.stats.starttime, two.stats.starttime) == (T0 + 5 + 2, T0 + 25 + 2)
    assert one.stats.sampling_rate == 0.2
    np.testing.assert_array_equal(one.data, np.float32([0.2, 0.1]))
    np.testing.assert_array_equal(two.data, np.float32([0.8]))


def test_annotations_tell_two_instruments_of_a_site_apart():
    blocks = [block([EQ], f"XX.{code}") for code in ("AAA..HH", "AAA..HN", "BBB..HH", "AAA.10.HH")]
    blocks.append(block([None], "XX.BBB..LO"))  # gives no trace, so nothing to tell apart from
    stream = WindowList(LABELS, blocks).to_stream("Model", 0.0)
    assert {trace.id for trace in stream.select(channel="*slide")} == {
        "XX.AAA..HH_Model_slide",
        "XX.AAA..HN_Model_slide",
        "XX.BBB..Model_slide",
        "XX.AAA.10.Model_slide",
    }


def test_annotations_do_not_share_memory_with_the_windows():
    windows = WindowList(LABELS, [block([EQ, EQ])])
    windows.to_stream("Model", 0.0)[0].data[:] = 9
    assert windows[0].probabilities["earthquake"] == pytest.approx(0.7)
