from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import obspy
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from obspy import UTCDateTime
from scipy.signal import butter, lfilter

from seisbench_lcl.datasets._triggers import StaLta
from seisbench_lcl.datasets.detection import DetectionSummary, detect_windows, read_archive
from seisbench_lcl.datasets.windows import open_dataset, read_windows
from seisbench_lcl.errors import ConfigurationError, DatasetError, OutputError, WaveformError
from seisbench_lcl.waveforms.preprocessing import Preprocessing

START = UTCDateTime(2024, 3, 1, 23, 50)


def record(
    onsets: tuple[float, ...] = (100.0,),
    station: str = "XX.AAA..HH",
    codes: str = "ZNE",
    seconds: float = 200,
    rate: float = 100,
    start: UTCDateTime = START,
) -> obspy.Stream:
    """Noise in counts on an offset, with a burst of 5 Hz for 3 s after each onset; channels differ."""
    rng = np.random.default_rng([*station.encode(), *codes.encode()])
    time = np.arange(round(seconds * rate)) / rate
    network, code, location, instrument = station.split(".")
    traces = []
    for component in codes:
        data = 70_000 + rng.normal(0, 100, len(time))
        for onset in onsets:
            inside = (time >= onset) & (time < onset + 3)
            data[inside] += 3000 * np.sin(10 * np.pi * (time[inside] - onset) + rng.uniform(0, 1))
        header = {"network": network, "station": code, "location": location, "channel": instrument + component}
        traces.append(obspy.Trace(data.astype(np.int32), header | {"sampling_rate": rate, "starttime": start}))
    return obspy.Stream(traces)


def onsets_of(folder: Path) -> pd.Series:
    """Return the onsets in seconds after the start."""
    metadata = pd.read_csv(folder / "metadata.csv")
    start = pd.to_datetime(metadata["trace_start_time"]) - pd.Timestamp(str(START))
    return start.dt.total_seconds() + metadata["trace_p_arrival_sample"] / metadata["trace_sampling_rate_hz"]


def test_the_ratio_is_that_of_two_averages_corrected_for_their_start() -> None:
    method = StaLta(0.1, 1, 3, 1.5, (2, 15), 0)
    data = np.random.default_rng(0).normal(50, 1, 1500)
    data[900:1000] *= 5
    data[1300:] *= 4
    filtered = lfilter(*butter(4, (2, 15), "bandpass", fs=100), data - data[0])
    short = long = weight = 0.0
    triggers, on = [], False
    for i in range(251, 1500):  # five periods of 2 Hz; ObsPy leaves out the first sample
        short = 0.9 * short + 0.1 * filtered[i] ** 2
        long = 0.99 * long + 0.01 * filtered[i] ** 2
        weight = 0.99 * weight + 0.01
        if i < 350:
            continue
        ratio = short / (long / weight)
        if not on and ratio >= 3:
            triggers.append([i, ratio])
            on = True
        elif ratio < 1.5:
            on = False
        if on:
            triggers[-1][1] = max(triggers[-1][1], ratio)
    assert len(triggers) >= 2
    found = list(method.onsets(data, 100))
    assert [first for first, _, _ in found] == [first for first, _ in triggers]
    np.testing.assert_allclose([ratio for _, ratio, _ in found], [ratio for _, ratio in triggers], rtol=1e-6)
    assert not any(was_on for _, _, was_on in found)


def test_raw_samples_around_the_onset_become_a_training_dataset(tmp_path: Path) -> None:
    stream = record((100, 150)) + record((101.5,), "XX.BBB.00.EH", "Z12", rate=40)
    untouched = stream.copy()
    summary = detect_windows(stream, tmp_path / "set")
    assert stream == untouched
    assert (summary.windows, summary.events) == (3, 2)
    assert summary.stations == {"XX.AAA..HH": 2, "XX.BBB.00.EH": 1}
    assert summary.notes == {}
    np.testing.assert_allclose(onsets_of(tmp_path / "set"), [100.1, 101.6, 150.1], atol=0.15)
    dataset = open_dataset(tmp_path / "set")
    assert dataset.metadata["source_id"].tolist() == [f"{START + onset!s}" for onset in onsets_of_events(dataset)]
    assert dataset.metadata["trace_native_components"].tolist() == ["ZNE", "Z12", "ZNE"]
    assert dataset.metadata["trace_detection_ratio"].min() > 3.5
    first = round((onsets_of(tmp_path / "set")[1] - 10) * 40)
    expected = [trace.data[first : first + 1600] for trace in stream[3:]]
    np.testing.assert_array_equal(dataset.get_waveforms(1), expected)
    dataset.metadata["source_type"] = "unknown"
    windows = read_windows(dataset, Preprocessing())
    assert windows.windows.shape == (3, 3, 2000)
    assert windows.notes == {}
    assert windows.groups[0] == windows.groups[1] != windows.groups[2]
    assert np.abs(windows.windows[..., :150]).max() < 600 < np.abs(windows.windows[..., 200:400]).max(axis=2).min()


def onsets_of_events(dataset: object) -> list[float]:
    metadata = dataset.metadata  # type: ignore[attr-defined]
    return [UTCDateTime(event) - START for event in metadata["source_id"]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    borders=st.lists(st.floats(200, 990), min_size=1, max_size=3, unique_by=round),
    overlap=st.sampled_from([0, 5, 150]),
)
@example(borders=[999.996, 1000.0], overlap=0)  # a stream of one sample, which the stream before it ends with
def test_consecutive_streams_give_the_same_dataset_as_one(
    tmp_path_factory: pytest.TempPathFactory, borders: list[float], overlap: float
) -> None:
    folder = tmp_path_factory.mktemp("sets")
    times = 95, 250, 300, 500.5, 610, 660, 710, 900
    stream = record(times, seconds=1200)
    stream += record([time + 3 for time in times[::2]], "XX.BBB..HH", seconds=1190)
    stream[1].data[57_000:60_000] = 0
    stream.traces.append(stream[0].slice(START + 700))
    stream[0].trim(endtime=START + 650)
    whole = detect_windows(stream, folder / "whole", coincidence=2)
    edges = [0, *sorted(borders), 2000]
    parts = detect_windows(
        (stream.slice(START + first - overlap, START + last).copy() for first, last in pairwise(edges)),
        folder / "parts",
        coincidence=2,
    )
    assert parts.notes == whole.notes
    assert parts.notes["triggers left out: fewer than 2 stations"] >= 3
    one, other = open_dataset(folder / "whole"), open_dataset(folder / "parts")
    assert len(one) > 3
    columns = ["source_id", "station_code", "trace_start_time", "trace_p_arrival_sample"]
    pd.testing.assert_frame_equal(one.metadata[columns], other.metadata[columns])
    for row in range(len(one)):
        np.testing.assert_array_equal(one.get_waveforms(row), other.get_waveforms(row))


def seconds(trace: obspy.Trace, first: float, last: float) -> slice:
    return slice(round(first * trace.stats.sampling_rate), round(last * trace.stats.sampling_rate))


def change(stream: obspy.Stream, kind: str) -> None:
    """Spoil the event at 100 s, but not the event at 300 s."""
    z, n, _ = stream
    if kind == "gap":
        stream.traces.append(n.slice(START + 110))
        n.trim(endtime=START + 105)
    elif kind == "masked":
        z.data = np.ma.masked_array(z.data, mask=False)
        z.data[seconds(z, 95, 98)] = np.ma.masked
    elif kind == "nan":
        z.data = z.data.astype(np.float32)
        z.data[seconds(z, 95, 98)] = np.nan
    elif kind == "dead":
        n.data[seconds(n, 120, 125)] = 0
    elif kind == "dead vertical":
        z.data[seconds(z, 60, 98)] = 0
    elif kind == "on at once":
        z.data[seconds(z, 60, 88)] = 0
    elif kind == "conflict":
        other = z.slice(START + 80, START + 103).copy()
        other.data += 9
        stream.append(other)
    elif kind == "rates":
        n.decimate(2, no_filter=True)
        stream.traces.append(stream[0].copy())  # a duplicate does no harm


@pytest.mark.parametrize(
    ("kind", "windows", "notes"),
    [
        ("gap", 1, {"triggers left out: gap, dead channel or end of the record in the window": 1}),
        ("masked", 1, {}),
        ("nan", 1, {}),
        ("dead", 1, {"triggers left out: gap, dead channel or end of the record in the window": 1}),
        ("dead vertical", 1, {"stretches left out: dead channel": 1}),
        (
            "on at once",
            1,
            {"stretches left out: dead channel": 1, "triggers left out: on before the averages had settled": 1},
        ),
        ("conflict", 1, {"overlaps of conflicting traces, treated as gaps": 1}),
        ("rates", 0, {"triggers left out: components of different sampling rates": 2}),
    ],
)
def test_spoilt_windows_are_left_out_and_counted(
    tmp_path: Path, kind: str, windows: int, notes: dict[str, int]
) -> None:
    stream = record((100, 300), seconds=400)
    change(stream, kind)
    if not windows:
        with pytest.raises(DatasetError, match=r"found no window: .*components of different sampling rates"):
            detect_windows(stream, tmp_path / "set")
        return
    summary = detect_windows(stream, tmp_path / "set")
    np.testing.assert_allclose(onsets_of(tmp_path / "set"), [300.1], atol=0.15)
    assert summary.notes == notes


def test_unusable_stations_are_counted(tmp_path: Path) -> None:
    stream = record() + record(station="XX.SLO..BH", rate=20) + record(station="XX.HOR..HH", codes="NE")
    stream += record(station="XX.TWO..HH", codes="ZNE1") + record(station="XX.VER..HH", codes="Z")
    stream += record((3,), "XX.SHO..HH", seconds=12) + record(station="XX.LOG..LO", codes="Z")
    stream[-1].data = np.frombuffer(b"text", dtype="S1")
    summary = detect_windows(stream, tmp_path / "set")
    assert summary.stations == {"XX.AAA..HH": 1}
    assert summary.notes == {
        "stations left out: samples are not numbers": 1,
        "stations left out: sampled at 20 Hz, too slowly for the trigger's band": 1,
        "stations left out: two sets of components, 1, E, N, Z": 1,
        "stations without component Z, at least temporarily": 1,
        "stretches left out: shorter than 12.5 s, in which the averages settle": 1,
        "triggers left out: only components Z": 1,
    }
    assert str(summary).splitlines()[:2] == ["1 window (1 train) of 1 event at 1 station", "XX.AAA..HH: 1 window"]
    assert detect_windows(stream.select(component="Z"), tmp_path / "z", component_order="Z").windows == 3


def test_nothing_triggers_while_filter_and_averages_settle(tmp_path: Path) -> None:
    """Noise that starts on an offset, and the same noise after a hundred gaps."""
    stream = record((), seconds=2000)
    for gap in range(100):
        for trace in stream:
            trace.data = np.ma.masked_array(trace.data, mask=np.ma.getmaskarray(trace.data))
            trace.data[2000 * gap : 2000 * gap + 10] = np.ma.masked
    with pytest.raises(DatasetError, match="found no window: no triggers"):
        detect_windows(stream, tmp_path / "set")


def test_an_offset_is_not_a_step_for_the_filter(tmp_path: Path) -> None:
    stream = record((15,))
    for trace in stream:
        trace.data += 2 * 10**9
    assert detect_windows(stream, tmp_path / "set").windows == 1


def test_components_sampled_at_different_times(tmp_path: Path) -> None:
    stream = record()
    stream[1].stats.starttime += 0.003
    summary = detect_windows(stream, tmp_path / "set")
    assert summary.notes == {
        "windows with components sampled 0.1 to 0.5 samples apart, aligned to the nearest sample": 1
    }


def test_sample_types_are_kept(tmp_path: Path) -> None:
    """One file holds integers beyond the precision of float32, and floats."""
    stream = record() + record((130,), "XX.BBB..HH")
    for trace in stream[:3]:
        trace.data += 2**30
    for trace in stream[3:]:
        trace.data = trace.data.astype(np.float32) / 7
    detect_windows(stream, tmp_path / "set")
    dataset = open_dataset(tmp_path / "set")
    for row, trace in enumerate((stream[0], stream[3])):
        found = dataset.get_waveforms(row)[0]
        first = round((onsets_of(tmp_path / "set")[row] - 10) * 100)
        np.testing.assert_array_equal(found, trace.data[first : first + 4000])


def test_coincidence_counts_sites_and_keeps_instruments(tmp_path: Path) -> None:
    stream = (
        record((60, 100)) + record((60, 100, 150), "XX.AAA..HN") + record((105, 150.5, 190), "XX.BBB..HH", seconds=300)
    )
    stream += record((99.5, 113, 270), "XX.CCC..HH", seconds=400)
    summary = detect_windows(stream, tmp_path / "set", coincidence=2, interval=12)
    assert summary.events == 2
    assert summary.stations == {"XX.AAA..HH": 1, "XX.AAA..HN": 2, "XX.BBB..HH": 2, "XX.CCC..HH": 1}
    assert summary.notes == {"triggers left out: fewer than 2 stations": 5}
    assert detect_windows(stream, tmp_path / "three", coincidence=3).events == 1
    assert detect_windows(stream, tmp_path / "one").events == 5


def test_a_single_onset_shortly_before_an_event_does_not_affect_it(tmp_path: Path) -> None:
    stream = obspy.Stream()
    for code, onset in {"AAA": 100, "BBB": 108, "CCC": 112, "DDD": 114}.items():
        stream += record((onset,), f"XX.{code}..HH")
    summary = detect_windows(stream, tmp_path / "set", coincidence=3)
    assert list(summary.stations) == ["XX.BBB..HH", "XX.CCC..HH", "XX.DDD..HH"]
    assert summary.notes == {"triggers left out: fewer than 3 stations": 1}


def test_onsets_of_a_station_keep_their_distance(tmp_path: Path) -> None:
    summary = detect_windows(record((60, 75, 90, 105), seconds=200), tmp_path / "set", interval=20)
    np.testing.assert_allclose(onsets_of(tmp_path / "set"), [60.2, 90.2], atol=0.2)
    assert summary.notes == {"triggers left out: less than 20 s after the previous one": 2}


def test_the_last_events_are_dev_and_share_no_samples_with_train(tmp_path: Path) -> None:
    stream = record((100, 200, 300, 325, 350, 450, 550), seconds=600)
    assert detect_windows(stream, tmp_path / "a", dev=0.3).splits == {"train": 5, "dev": 2}
    assert detect_windows(stream, tmp_path / "b", dev=0.5).splits == {"train": 5, "dev": 2}
    splits = pd.read_csv(tmp_path / "b" / "metadata.csv")["split"].tolist()
    assert splits == ["train"] * 5 + ["dev"] * 2
    crowd = detect_windows(record((60, 85, 110), seconds=200), tmp_path / "c", dev=0.5)
    assert crowd.splits == {"train": 3}
    assert crowd.notes == {"no border between events without overlap: all windows are in split train": 1}


def failing() -> Iterator[obspy.Stream]:
    yield record(seconds=300)
    raise RuntimeError("the disk is gone")


def test_no_partial_dataset_remains(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(RuntimeError, match="the disk is gone"):
        detect_windows(failing(), tmp_path / "set")
    with pytest.raises(DatasetError, match="no triggers"):
        detect_windows([obspy.Stream()], tmp_path / "set")
    with pytest.raises(WaveformError, match=r"must be in order of time.*follows one from 2024-03-01T23:50"):
        detect_windows([record(), record()], tmp_path / "set")
    assert list(tmp_path.iterdir()) == []
    assert caplog.records == []
    (tmp_path / "set").mkdir()
    with pytest.raises(OutputError, match="set exists already: choose another folder, or remove it"):
        detect_windows(record(), tmp_path / "set")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        detect_windows(record(), tmp_path / "file" / "set")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "set"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sta": 10}, r"0 < sta < lta, but is \(10, 10\.0\)"),
        ({"off": 0.5}, r"1 <= off <= on, as noise has a ratio of 1, but is \(0\.5, 3\.5\)"),
        ({"on": np.nan}, "1 <= off <= on"),
        ({"band": (5, 2)}, "0 < lowest < highest"),
        ({"interval": np.inf}, "interval must be finite and not negative, but is inf"),
        ({"within": 20}, "within must be at least 0 and below the interval of 20 s, but is 20"),
        ({"before": -1}, "before must be finite and not negative, but is -1"),
        ({"after": 0}, "after must be positive and finite, but is 0"),
        ({"coincidence": 0}, "coincidence must be 1 station or more, but is 0"),
        ({"dev": 1}, "dev must be a fraction of at least 0 and below 1, but is 1"),
        ({"component_order": "ZZ"}, "must name each component once"),
    ],
)
def test_invalid_parameters_are_refused(tmp_path: Path, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        detect_windows(record(), tmp_path / "set", **arguments)
    assert list(tmp_path.iterdir()) == []


def write_archive(stream: obspy.Stream, root: Path) -> None:
    """Write day files of an archive, with a few seconds after midnight in the file of the previous day."""
    midnight = UTCDateTime(2024, 3, 2)
    for trace in stream:
        for day, part in ((61, trace.slice(endtime=midnight + 4)), (62, trace.slice(midnight + 4.01))):
            if not part.stats.npts:
                continue
            stats = trace.stats
            folder = root / "2024" / stats.network / stats.station / f"{stats.channel}.D"
            folder.mkdir(parents=True, exist_ok=True)
            part.write(str(folder / f"{trace.id}.D.2024.{day:03}"), "MSEED")


def test_an_archive_day_by_day(tmp_path: Path) -> None:
    stream = record((100, 585, 800), seconds=1000) + record((101, 590, 801), "XX.BBB..HH", seconds=1000)
    write_archive(stream, tmp_path / "sds")
    span = START - 300, START + 3600
    whole = detect_windows(stream, tmp_path / "whole")
    for name, seconds_at_once in (("days", 86400), ("quarters", 900), ("weeks", 7 * 86400)):
        spans = read_archive(tmp_path / "sds", ["XX.*"], *span, span=seconds_at_once)
        summary = detect_windows(spans, tmp_path / name)
        assert summary.__dict__ | {"path": 0} == whole.__dict__ | {"path": 0}
        pd.testing.assert_series_equal(onsets_of(tmp_path / name), onsets_of(tmp_path / "whole"))


def test_a_broken_file_of_an_archive_affects_its_channel_only(tmp_path: Path) -> None:
    write_archive(record() + record((100, 150), "XX.BBB..HH"), tmp_path)
    broken = tmp_path / "2024" / "XX" / "AAA" / "HHN.D" / "XX.AAA..HHN.D.2024.061"
    broken.write_bytes(b"\x00no seismogram" * 100)
    span = START, START + 1000
    messages: list[str] = []
    summary: DetectionSummary = detect_windows(
        read_archive(tmp_path, ["XX.AAA", "XX.BBB..HH?"], *span, on_error=messages.append), tmp_path / "set"
    )
    assert summary.stations == {"XX.BBB..HH": 2}
    assert len(messages) == 1
    assert messages[0].startswith(f"cannot read {broken}: ")
    with pytest.raises(WaveformError, match=r"cannot read .*XX\.AAA\.\.HHN\.D\.2024\.061"):
        list(read_archive(tmp_path, ["XX.AAA"], *span))


def test_an_archive_with_brackets_in_its_name_and_a_damaged_or_malicious_file(tmp_path: Path) -> None:
    root = tmp_path / "sds[1]"
    write_archive(record(), root)
    write_archive(record(station="XX.WRONG..HH"), tmp_path / "sds1")
    span = START, START + 150
    (whole,) = read_archive(root, ["XX.*"], *span)
    assert {trace.id for trace in whole} == {f"XX.AAA..HH{code}" for code in "ZNE"}
    damaged, pickled = (root / "2024/XX/AAA" / f"HH{c}.D" / f"XX.AAA..HH{c}.D.2024.061" for c in "NE")
    damaged.write_bytes(damaged.read_bytes()[:-100])
    record()[2:].write(str(pickled), "PICKLE")
    messages: list[str] = []
    list(read_archive(root, ["XX.*"], *span, on_error=messages.append))
    assert sorted(message.split(":")[0] for message in messages) == [
        f"cannot read {pickled}",
        f"read {damaged} in part",
    ]
    pickled.unlink()
    with pytest.warns(UserWarning, match=r"HHN.D.2024.061 in part: damaged records: 1 of"):
        list(read_archive(root, ["XX.*"], *span))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("absent", ["XX.AAA"], START, START + 1), "absent is not a folder"),
        ((".", ["XX"], START, START + 1), "NET.STA or NET.STA.LOC.CHA, but is XX"),
        ((".", ["XX.AAA"], START, START), "start must be before end"),
        ((".", ["XX.AAA"], START, START + 1), "has no files for XX.AAA"),
    ],
)
def test_invalid_archives_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[object, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=message):
        list(read_archive(*arguments))
