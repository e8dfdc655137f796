import itertools
import pickle
import re

import numpy as np
import obspy
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obspy import UTCDateTime

from seisbench_lcl.models._tables import plain
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
    station = station if isinstance(station, StationId) else StationId(*station.split("."))
    return StationWindows(station, T0 + start, step, length, probabilities, coverage, reasons)


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


def slow_runs(windows, threshold, ignore):
    """Follow the events of each station window by window."""
    found = []
    for station in {b.station for b in windows.blocks}:
        blocks = [b for b in windows.blocks if b.station == station and b.decided.any()]
        left = sorted(
            (b.start - T0 + i * b.step, LABELS[int(np.argmax(row))], dict(zip(LABELS, row, strict=True)))
            for b in blocks
            for i, row in enumerate(b.probabilities.tolist())
            if not np.isnan(row[0]) and max(row) >= threshold and LABELS[int(np.argmax(row))] not in ignore
        )
        decided = [b.start - T0 + i * b.step for b in blocks for i in np.flatnonzero(b.decided)]
        length, step = (max((getattr(b, name) for b in blocks), default=0) for name in ("length", "step"))
        after = length - windows.before
        while left:
            first = left[0][0]
            near = [w for w in left if w[0] - first <= after + 1e-6]
            deciding = [w for w in near if w[0] - first >= 0.75 * after - 1e-6] or near[-1:]
            if windows.at_arrivals:
                near = [w for w in left if w[0] - first < length - 1e-6]
                deciding = [max(near, key=lambda w: max(w[2].values()))]
            mean = {label: sum(w[2][label] for w in deciding) / len(deciding) for label in LABELS}
            label = max((name for name in LABELS if name not in ignore), key=mean.__getitem__)
            last = near[-1][0]
            for start, own, _ in left:
                if own == label and last < start <= last + max(length, step) + 1e-6:
                    last = start
            earlier = [start for start in decided if first - after - 1e-6 <= start < first - 1e-6]
            onset = max(deciding if earlier or windows.at_arrivals else near, key=lambda w: w[2][label])[0]
            inside = [w[2][label] for w in left if w[0] <= last]
            found.append((str(station), first, last, onset, mean[label], label, sum(inside) / len(inside), len(inside)))
            left = [w for w in left if w[0] > last and w[0] >= last + length - 1e-6]
    return found


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
        columns = "station onset start_time end_time label probability mean_probability n_windows"
        assert list(detections.to_dataframe()) == columns.split()


def test_text_leads_with_counts_and_says_why_the_model_abstained(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    windows = WindowList(LABELS, [block([EQ] * 9), block([None] * 3 + [NOISE], "XX.BBB..HH"), block([SLIDE] * 9)])
    text = str(windows)
    assert repr(windows) == text
    lines = text.splitlines()
    assert lines[0] == "22 windows of 2 stations: 9 earthquake, 9 slide, 3 abstained, 1 noise"
    assert [line.split() for line in lines[1:4]] == [
        ["station", "windows", *LABELS, "abstained"],
        ["XX.AAA..HH", "18", "9", "-", "9", "-"],
        ["XX.BBB..HH", "4", "-", "1", "-", "3"],
    ]
    assert lines[6] == "        3  component Z incomplete  XX.BBB..HH"
    assert lines[8].split() == ["start", "2021-03-04", "station", "label", "prob.", "reason"]
    assert [line.split()[:4] for line in lines[9:12]] == [
        ["05:06:07.1", "XX.AAA..HH", "earthquake", "0.70"],
        ["05:06:07.1", "XX.AAA..HH", "slide", "0.60"],
        ["05:06:07.1", "XX.BBB..HH", "abstained", "-"],
    ]
    assert lines[11].endswith("component Z incomplete")
    assert len(lines) == 9 + 10 + 1
    assert lines[-1] == "... 12 more"


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("n_labels", [2, 16])
def test_text_fits_the_terminal(monkeypatch, columns, n_labels):
    monkeypatch.setenv("COLUMNS", str(columns))
    labels = [f"event of kind {k}" for k in range(n_labels)]
    n = 40
    probabilities = np.random.default_rng(0).dirichlet(np.ones(n_labels) / 5, n).astype(np.float32)
    probabilities[::3] = np.nan
    reason = "unlike the training data (novelty 1.23, limit 1)"
    reasons = np.where(np.isnan(probabilities[:, 0]), reason, "").astype(object)
    novelty = {"novelty": np.full(n, 0.5, np.float32)}
    blocks = [
        StationWindows(
            StationId("XX", f"STA{i:02}", "00", "HH"), T0, 1.0, 20.0, probabilities, np.ones(n), reasons, novelty
        )
        for i in range(30)
    ]
    windows = WindowList(labels, blocks)
    text = str(windows)
    assert max(map(len, text.splitlines())) <= columns
    assert "... 10 more" in text  # stations
    assert "unlike training data" in text.replace("\n", " ")
    assert ("(novelty 1.23, limit 1)" in text) == (columns == 120)
    assert max(map(len, plain(windows.detections(0.3)).splitlines())) <= columns


def test_square_brackets_are_shown_as_they_are():
    rows = np.float32([[0.9, 0.1]])
    odd = StationWindows(StationId("XX", "A[b]", "", "HH"), T0, 1.0, 20.0, rows, np.ones(1), np.array([""], object))
    windows = WindowList(["[red]", "noise"], [odd])
    assert str(windows).count("[red]") == 3
    assert plain(windows.detections(0.5)).count("A[b]") == 1


# Detections --------------------------------------------------------------------------------------------------------


@given(
    window_lists(),
    st.sampled_from([0.0, 0.5, 0.65, 0.7, 0.9, 1.0]),
    st.sampled_from([(), ("noise",)]),
    st.sampled_from([0.0, 2.0]),
    st.booleans(),
)
def test_detections_agree_with_a_slow_search(windows, threshold, ignore, before, at_arrivals):
    threshold = float(np.float32(threshold))
    windows = WindowList(LABELS, windows.blocks, before=before, at_arrivals=at_arrivals)
    found = windows.detections(threshold, ignore)
    slow = [
        (station, T0 + first + before, T0 + onset + before, label, n, pytest.approx([probability, mean], rel=1e-6))
        for station, first, _, onset, probability, label, mean, n in slow_runs(windows, threshold, ignore)
    ]
    rows = [
        (d.trace_id, d.start_time, d.onset, d.label, d.n_windows, [d.probability, d.mean_probability]) for d in found
    ]
    assert rows == sorted(slow, key=lambda row: (row[1], row[0]))
    assert not any(d.label in ignore for d in found)
    for d in found:
        assert d.probability == d.probabilities[d.label] == max(d.probabilities[x] for x in LABELS if x not in ignore)
        assert sum(d.probabilities.values()) == pytest.approx(1, abs=1e-6)
        assert d.start_time <= d.onset < d.end_time
    for station in ("XX.AAA..HH", "XX.BBB.00.HN"):
        spans = [(d.start_time, d.end_time) for d in found if d.trace_id == station]
        assert all(end <= start + 1e-6 for (_, end), (start, _) in itertools.pairwise(spans))


def test_the_windows_at_the_onset_decide_on_an_event():
    """Windows that end soon after the onset, and those of the coda, have another label, and are surer."""
    sure = [0.02, 0.03, 0.95]
    rows = [NOISE] * 10 + [sure] * 12 + [EQ] * 8 + [SURE] * 2 + [EQ] + [SLIDE] * 15 + [NOISE] * 20 + [SLIDE] * 3
    windows = WindowList(LABELS, [block(rows, step=1.0)], before=2.0)
    quake, slide = windows.detections(0.5, ["noise"])
    assert (quake.label, slide.label) == ("earthquake", "slide")
    assert [t - T0 for t in (quake.start_time, quake.onset, quake.end_time)] == [12, 26, 35]
    # From 13.5 to 18 s after the first window.
    assert quake.probabilities == pytest.approx(dict(zip(LABELS, EQ, strict=True)))
    assert (quake.probability, quake.n_windows) == (pytest.approx(0.7), 23)
    assert quake.mean_probability == pytest.approx((12 * 0.02 + 9 * 0.7 + 2 * 0.9) / 23)
    assert [t - T0 for t in (slide.start_time, slide.end_time)] == [70, 73]


def test_the_most_probable_of_windows_at_arrivals_decides():
    at = [block([row], start=start, step=1.0) for start, row in ((0, SLIDE), (6, SURE), (15, EQ), (36, SLIDE))]
    quake, slide = WindowList(LABELS, at, before=2.0, at_arrivals=True).detections(0.5, ["noise"])
    assert (quake.label, quake.onset - T0, quake.n_windows) == ("earthquake", 8, 3)
    assert (slide.label, slide.onset - T0, slide.n_windows) == ("slide", 38, 1)
    assert slide.start_time - T0 == 38


def test_the_end_is_within_the_last_window():
    (found,) = WindowList(LABELS, [block([EQ], step=60.0)], before=2.0).detections(0.5)
    assert (found.start_time - T0, found.end_time - T0) == (2, 20)


def test_what_follows_the_coda_of_an_event_is_a_detection_of_its_own():
    windows = WindowList(LABELS, [block([EQ] * 30 + [SLIDE] * 30, step=1.0)])
    found = windows.detections(0.5)
    assert [(d.label, d.start_time - T0, d.end_time - T0) for d in found] == [("earthquake", 0, 30), ("slide", 49, 60)]


def test_abstention_breaks_a_run_unless_the_windows_around_it_overlap():
    for gap, expected in ((2, [(0, 20)]), (3, [(0, 25)]), (4, [(0, 5), (25, 30)])):
        found = WindowList(LABELS, [block([EQ] + [None] * gap + [SURE])]).detections(0.5)
        assert [(d.start_time - T0, d.end_time - T0) for d in found] == expected


@pytest.mark.timeout(20)
def test_a_day_of_changing_labels_is_searched_fast():
    rows = np.random.default_rng(0).dirichlet([0.1] * 3, size=86_400)
    found = WindowList(LABELS, [block(rows.tolist(), step=1.0)]).detections(0.5)
    assert len(found) > 2


@pytest.fixture
def detections():
    rows = [EQ, SURE, NOISE, NOISE] + [None] * 4 + [SLIDE]
    weights = "Model/mine.v1 0123456789ab"
    blocks = [block(rows), block(rows[::-1], StationId("XX", "B.B", "10", "HN"))]
    return WindowList(LABELS, blocks, before=2.0, weights=weights).detections(0.5, ["noise"])


def test_selection_keeps_the_type(detections):
    assert len(detections) == 4
    slides = detections.select(label="slide")
    assert isinstance(slides, LabelledDetectionList)
    assert [d.label for d in slides] == ["slide", "slide"]
    assert [d.trace_id for d in detections.select(r"XX\.B\.B.*", min_confidence=0.65)] == ["XX.B.B.10.HN"]
    assert list(detections.select()) == list(detections)


def test_table_and_text_of_detections(detections):
    table = detections.to_dataframe()
    assert table.iloc[0].to_dict() == {
        "station": "XX.AAA..HH",
        "onset": pd.Timestamp((T0 + 7).datetime),
        "start_time": pd.Timestamp((T0 + 2).datetime),
        "end_time": pd.Timestamp((T0 + 12).datetime),
        "label": "earthquake",
        "probability": pytest.approx(0.9),
        "mean_probability": pytest.approx(0.8),
        "n_windows": 2,
    }
    line = "XX.AAA..HH\t2021-03-04T05:06:14.120000Z\tearthquake\t0.900\t2 windows"
    assert str(detections[0]) == line
    assert repr(detections[0]) == f"<LabelledDetection {' '.join(line.split())}>"
    assert line in str(detections)
    assert repr(detections) == str(detections)
    assert str(detections).startswith("LabelledDetectionList with 4 entries")


def test_a_catalogue_of_detections_is_valid_quakeml_and_always_the_same(detections, tmp_path):
    catalog = detections.to_catalog()
    assert [event.event_type for event in catalog] == [d.event_type for d in detections]
    for name in ("a.xml", "b.xml"):
        detections.to_catalog().write(str(tmp_path / name), "QUAKEML", validate=True)
    assert (tmp_path / "a.xml").read_bytes() == (tmp_path / "b.xml").read_bytes()
    quake = obspy.read_events(str(tmp_path / "a.xml"))[0]
    assert quake.event_type_certainty == "suspected"
    (pick,) = quake.picks
    assert (pick.time, pick.phase_hint, pick.evaluation_mode) == (T0 + 7, "P", "automatic")
    assert pick.waveform_id.get_seed_string() == "XX.AAA..HHZ"
    assert [comment.text for comment in quake.comments] == [
        "label: earthquake",
        "probability: 0.9000",
        "weights: Model/mine.v1 0123456789ab",
    ]
    ids = {(pick.waveform_id.station_code, pick.waveform_id.location_code) for e in catalog for pick in e.picks}
    assert ids == {("AAA", ""), ("B.B", "10")}


def test_labels_without_event_type_are_not_in_the_catalogue():
    types = {"earthquake": "induced or triggered event", "noise": None, "slide": None}
    found = WindowList(LABELS, [block([EQ, *[None] * 9, SLIDE])], event_types=types, component="E").detections(0.5)
    (event,) = found.to_catalog()
    assert event.event_type == "induced or triggered event"
    assert event.picks[0].waveform_id.channel_code == "HHE"
    assert len(found) == 2
    assert len(LabelledDetectionList().to_catalog()) == 0


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


@pytest.mark.parametrize(("format", "columns"), [("MSEED", 3), ("GSE2", 3)])
def test_annotations_are_written_with_codes_and_keep_their_names(tmp_path, format, columns):
    blocks = [block([EQ, SURE, None, NOISE], f"XX.{code}") for code in ("AAA..HH", "AAA..HN", "BBB.00.HH")]
    stream = WindowList(LABELS, blocks).to_stream("SomeModelWithALongName", 2.0)
    names = [trace.id for trace in stream]
    codes = stream.codes()
    if format == "GSE2":
        for trace in stream:
            trace.data = (1000 * trace.data).astype(np.int32)
    stream.write(tmp_path / "a", format)
    read = obspy.read(str(tmp_path / "a"))
    assert [trace.id for trace in stream] == names
    assert len(read) == len(stream)
    for trace in stream:
        (other,) = (
            other
            for other in read.select(station=trace.stats.station, channel=codes[trace.stats.channel])
            if abs(other.stats.starttime - trace.stats.starttime) < 1e-3
        )
        assert len(other.stats.channel) <= columns
        np.testing.assert_allclose(other.data, trace.data, rtol=1e-5)
        assert trace.stats.seisbench_lcl.model == "SomeModelWithALongName"
        assert trace.stats.channel.endswith(f"SomeModelWithALongName_{trace.stats.seisbench_lcl.label}")
    assert len({trace.id for trace in read}) == len({trace.id for trace in stream})


def test_codes_follow_from_the_names_alone_unless_two_agree(monkeypatch, tmp_path):
    stream = WindowList(LABELS, [block([EQ])]).to_stream("M", 0.0)
    codes = stream.codes()
    assert codes == {**stream[1:].codes(), **stream.select(channel="M_earthquake").codes()}
    assert len(set(codes.values())) == 3
    assert all(re.fullmatch("[A-Z][A-Z0-9]{2}", code) for code in codes.values())
    stream[0].write(tmp_path / "one.mseed")
    assert obspy.read(str(tmp_path / "one.mseed"))[0].stats.channel == codes["M_earthquake"]
    monkeypatch.setattr("seisbench_lcl.models.annotations._CODES", 3)
    assert sorted(stream.codes().values()) == ["AAA", "AAB", "AAC"]


def test_annotations_do_not_share_memory_with_the_windows():
    windows = WindowList(LABELS, [block([EQ, EQ])])
    windows.to_stream("Model", 0.0)[0].data[:] = 9
    assert windows[0].probabilities["earthquake"] == pytest.approx(0.7)
