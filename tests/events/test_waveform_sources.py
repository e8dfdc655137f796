"""Every source gives what slicing the whole stream gives; files are found by content and decoded once."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import obspy
import pytest
from obspy import UTCDateTime

from seisbench_lcl.errors import ConfigurationError, WaveformError
from seisbench_lcl.events import open_waveforms, recordings
from seisbench_lcl.events.source import Site, WaveformSource
from seisbench_lcl.events.sources import FileSource, SdsSource, StreamSource

DAY = UTCDateTime(2024, 3, 1)
ALL = ("HH", "EH", "HN")
SITES = [Site("XX", "ABC"), Site("XX", "DEF")]


@pytest.fixture(scope="module")
def stream() -> obspy.Stream:
    """Seven hours of two stations from before midnight, one with a gap; and a third station."""
    rng = np.random.default_rng(0)
    traces = []
    for station, code, start, hours in (
        ("ABC", "HHZ", DAY - 3600, 7.0),
        ("ABC", "HHN", DAY - 3600, 7.0),
        ("DEF", "EHZ", DAY - 1800, 0.6),
        ("DEF", "EHZ", DAY + 1000.5, 2.0),
        ("GHI", "HHZ", DAY, 1.0),
    ):
        header = {"network": "XX", "station": station, "channel": code, "sampling_rate": 100.0, "starttime": start}
        traces.append(obspy.Trace(rng.integers(-900, 900, round(hours * 360_000), dtype=np.int32), header))
    return obspy.Stream(traces)


@pytest.fixture(scope="module")
def archive(stream: obspy.Stream, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stream as an SDS archive."""
    root = tmp_path_factory.mktemp("sds")
    for trace in stream:
        for day in (DAY - 86400, DAY):
            part = trace.slice(day, day + 86400 - 0.001)
            if not len(part):
                continue
            s = part.stats
            folder = root / f"{day.year}" / s.network / s.station / f"{s.channel}.D"
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / f"{s.network}.{s.station}..{s.channel}.D.{day.year}.{day.julday:03d}").open("ab") as file:
                part.write(file, "MSEED", encoding="STEIM2")
    return root


def samples(stream: obspy.Stream) -> dict[str, list[tuple[int, bytes]]]:
    """Joined samples of each channel, whatever the pieces they came in."""
    joined = stream.copy().merge(1).split()
    found: dict[str, list[tuple[int, bytes]]] = {}
    for trace in sorted(joined, key=lambda trace: (trace.id, trace.stats.starttime)):
        found.setdefault(trace.id, []).append(
            (trace.stats.starttime.ns, np.asarray(trace.data, dtype=np.int64).tobytes())
        )
    return found


SPANS = [
    (DAY + 100, DAY + 190),
    (DAY - 30, DAY + 40),  # across midnight
    (DAY + 3590, DAY + 3610),  # across two blocks
    (DAY + 300, DAY + 1100),  # with a gap at DEF
    (DAY - 9000, DAY - 8000),  # nothing
]


@pytest.mark.parametrize("kind", ["stream", "sds", "files", "folder without memory"])
def test_a_source_gives_what_slicing_gives(
    kind: str, stream: obspy.Stream, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "_LONG", 400_000)  # so that some files are read in blocks
    source: WaveformSource = {
        "stream": lambda: StreamSource(stream),
        "sds": lambda: SdsSource(archive),
        "files": lambda: FileSource([archive]),
        "folder without memory": lambda: FileSource([archive], memory=0),
    }[kind]()
    for start, end in SPANS:
        expected = obspy.Stream([t for t in stream if t.stats.station != "GHI"]).slice(start, end)
        found = source.read(SITES, start, end, ALL)
        assert samples(found.stream) == samples(expected)
        assert not found.problems


def test_a_network_that_is_unknown_means_any(stream: obspy.Stream, archive: Path) -> None:
    for where in (stream, archive, [archive]):
        found = open_waveforms(where).read([Site("", "GHI")], DAY, DAY + 10, ALL)
        assert {trace.id for trace in found.stream} == {"XX.GHI..HHZ"}
        assert not open_waveforms(where).read([Site("YY", "GHI")], DAY, DAY + 10, ALL).stream


def test_no_block_is_decoded_twice_and_memory_is_bounded(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "_LONG", 400_000)
    decoded: list[tuple[str, int | None]] = []
    block_of, read = recordings._block_of, recordings.read_recording
    monkeypatch.setattr(recordings, "_block_of", lambda path, b: decoded.append((path.name, b)) or block_of(path, b))
    monkeypatch.setattr(recordings, "read_recording", lambda path: decoded.append((path.name, None)) or read(path))
    source = FileSource([archive], memory=0.02)
    for minute in range(5, 290, 7):
        source.read(SITES, DAY + 60 * minute, DAY + 60 * minute + 90, ALL)
        assert source._used <= 0.02e9
    assert len(decoded) == len(set(decoded))
    assert {block for _, block in decoded if block is not None} == {DAY.timestamp // 3600 + hour for hour in range(5)}


def test_files_of_other_kinds_and_damaged_ones_do_not_stop_the_rest(
    tmp_path: Path, make_stream: Callable[..., obspy.Stream]
) -> None:
    for station in ("ABC", "DEF", "GHI"):
        make_stream(60, station=f"XX.{station}..HH").write(str(tmp_path / f"{station}.mseed"), "MSEED")
    (tmp_path / "notes.txt").write_text("a note")
    (tmp_path / "empty.mseed").write_text("")
    damaged = bytearray((tmp_path / "DEF.mseed").read_bytes())
    (tmp_path / "DEF.mseed").write_bytes(damaged[: len(damaged) * 2 // 3 - 100])
    (tmp_path / "GHI.mseed.gz").write_bytes(gzip.compress((tmp_path / "GHI.mseed").read_bytes()))
    (tmp_path / "GHI.mseed").unlink()
    start = make_stream()[0].stats.starttime
    source = FileSource([tmp_path])
    found = source.read([Site("XX", s) for s in ("ABC", "DEF", "GHI")], start, start + 30, ("HH",))
    assert {trace.stats.station for trace in found.stream} == {"ABC", "DEF", "GHI"}
    assert set(source.problems) == {tmp_path / "DEF.mseed", tmp_path / "empty.mseed"}
    assert set(found.problems) == {Site("XX", "DEF")}
    assert "DEF.mseed: damaged records: 1 of" in found.problems[Site("XX", "DEF")]


def test_a_file_that_vanishes_is_a_reason_not_an_error(
    tmp_path: Path, make_stream: Callable[..., obspy.Stream]
) -> None:
    stream = make_stream(60)
    stream.write(str(tmp_path / "a.mseed"), "MSEED")
    source = FileSource([tmp_path / "*.mseed"])
    (tmp_path / "a.mseed").unlink()
    found = source.read([Site("XX", "ABC")], stream[0].stats.starttime, stream[0].stats.endtime, ("HH",))
    assert not found.stream
    assert found.problems == {Site("XX", "ABC"): "a.mseed: no such file"}


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("a note")
    (tmp_path / "none").mkdir()
    for where, message in (
        (tmp_path, "none of 1 files is a recording"),
        (tmp_path / "none", "the folder has no files"),
        (tmp_path / "absent.mseed", "cannot read .*absent.mseed: no such file"),
        (f"sds:{tmp_path}", "is no SDS archive"),
    ):
        with pytest.raises(WaveformError, match=message):
            open_waveforms(where)
    with pytest.raises(ConfigurationError, match="timeout do not apply to a stream"):
        open_waveforms(obspy.read(), timeout=3)
    with pytest.raises(ConfigurationError, match="cache do not apply to files"):
        open_waveforms(tmp_path, cache=tmp_path)
