"""Recordings from files: the named file, safe formats, and what was lost."""

import gzip
import pickle
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
import obspy
import pytest
from conftest import START

from seisbench_lcl.errors import WaveformError
from seisbench_lcl.waveforms.reading import FORMATS, Recording, matching_files, read_recording

SAMPLES = 3000


@pytest.fixture
def stream() -> obspy.Stream:
    steps = np.random.default_rng(0).normal(0, 20, (3, SAMPLES))
    header = {"network": "XX", "station": "A", "sampling_rate": 100, "starttime": START}
    traces = zip("ZNE", np.cumsum(steps, axis=1).astype(np.int32), strict=True)
    return obspy.Stream([obspy.Trace(data, header | {"channel": f"HH{code}"}) for code, data in traces])


def content(stream: obspy.Stream, format: str = "MSEED", **options: object) -> bytes:
    with warnings.catch_warnings(), NamedTemporaryFile() as file:
        warnings.simplefilter("ignore")
        stream.write(file.name, format, **options)
        return Path(file.name).read_bytes()


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], Recording]:
    def call(data: bytes) -> Recording:
        (tmp_path / "file").write_bytes(data)
        return read_recording(tmp_path / "file")

    return call


def test_a_name_is_a_pattern_only_if_no_file_has_it(tmp_path: Path) -> None:
    for name in ("day[1].mseed", "day1.mseed", "day2.mseed", "a?b", "acb"):
        (tmp_path / name).touch()
    for literal in ("day[1].mseed", "a?b"):
        assert matching_files(tmp_path / literal) == [tmp_path / literal]
    assert matching_files(str(tmp_path / "day[12].mseed")) == [tmp_path / "day1.mseed", tmp_path / "day2.mseed"]
    for absent in ("day3.mseed", "day[34].mseed"):
        with pytest.raises(WaveformError, match="no such file"):
            matching_files(tmp_path / absent)


def test_brackets_in_folders(stream: obspy.Stream, tmp_path: Path) -> None:
    (tmp_path / "a[1]").mkdir()
    (tmp_path / "a1").mkdir()
    (tmp_path / "a[1]" / "x*.mseed").write_bytes(content(stream[:1]))
    (tmp_path / "a1" / "x.mseed").write_bytes(content(stream))
    assert len(read_recording(tmp_path / "a[1]" / "x*.mseed").stream) == 1


@pytest.mark.parametrize("format", ["MSEED", "SAC", "GSE2", "SLIST", "TSPAIR", "SH_ASC", "SEGY", "SU", "AH"])
def test_undamaged_files_are_read_as_obspy_reads_them(
    stream: obspy.Stream, read: Callable[[bytes], Recording], tmp_path: Path, format: str
) -> None:
    if format in ("SAC", "AH"):
        stream = stream[:1]
    if format in ("SEGY", "SU"):
        for trace in stream:
            trace.data = trace.data.astype(np.float32)
    found = read(content(stream, format))
    assert found.losses == []
    expected = obspy.read(tmp_path / "file")
    assert [trace.id for trace in found.stream] == [trace.id for trace in expected]
    for one, other in zip(found.stream, expected, strict=True):
        np.testing.assert_array_equal(one.data, other.data)


class Evil:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return Path.touch, (Path("ran"),)  # type: ignore[return-value]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_are_refused_without_running_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: int
) -> None:
    monkeypatch.chdir(tmp_path)
    data = pickle.dumps(Evil(), protocol)
    Path("plain.mseed").write_bytes(data)
    Path("packed.gz").write_bytes(gzip.compress(data))
    with zipfile.ZipFile("packed.zip", "w") as archive:
        archive.writestr("inside", data)
    with tarfile.open("packed.tar", "w") as tar:
        tar.add("plain.mseed")
    for name in ("plain.mseed", "packed.gz", "packed.zip", "packed.tar"):
        with pytest.raises(WaveformError, match="is a Python pickle, which can run code"):
            read_recording(name)
    assert not Path("ran").exists()
    assert "PICKLE" not in FORMATS


def test_pickled_streams_are_refused(stream: obspy.Stream, read: Callable[[bytes], Recording]) -> None:
    with pytest.raises(WaveformError, match="read it with ObsPy if you trust it"):
        read(content(stream, "PICKLE"))


def test_archives_keep_their_good_members(stream: obspy.Stream, tmp_path: Path) -> None:
    good = content(stream)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("bad.sac", b"nothing known" * 100)
        archive.writestr("good.mseed", good)
    found = read_recording(tmp_path / "a.zip")
    assert len(found.stream) == 3
    assert [loss.split(":")[0] for loss in found.losses] == ["bad.sac"]
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        (tmp_path / "good").write_bytes(good)
        tar.add(tmp_path / "good", "one")
        tar.add(tmp_path / "good", "two")
    assert len(read_recording(tmp_path / "a.tar").stream) == 6
    data = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(data[: data.rindex(good) + 1000])
    found = read_recording(tmp_path / "cut.tar")
    assert len(found.stream) == 3
    assert len(found.losses) == 1
    (tmp_path / "cut.gz").write_bytes(gzip.compress(good)[:-100])
    with pytest.raises(WaveformError, match="EOFError"):
        read_recording(tmp_path / "cut.gz")


@pytest.mark.parametrize("format", ["SLIST", "TSPAIR", "SH_ASC", "SAC", "GSE2"])
@pytest.mark.parametrize("kept", [0.4, 0.75, 0.95])
def test_a_cut_file_of_another_format_is_not_complete(
    stream: obspy.Stream, read: Callable[[bytes], Recording], format: str, kept: float
) -> None:
    data = content(stream[:1] if format == "SAC" else stream, format)
    end = int(kept * len(data))
    for cut in (end, data.find(b"\n", end) + 1):  # within a line, and after one
        with suppress(WaveformError):
            assert read(data[:cut]).losses


def test_traces_without_samples_and_log_channels_are_left_out(
    stream: obspy.Stream, read: Callable[[bytes], Recording]
) -> None:
    length = 512
    data = bytearray(content(stream, reclen=length))
    data[30:32] = bytes(2)  # number of samples of the first record
    found = read(bytes(data))
    assert all(len(trace) for trace in found.stream)
    assert found.remarks == ["left out traces without samples: 1"]
    assert {trace.id[-1] for trace in found.stream} == set("ZNE")
    log = obspy.Trace(np.frombuffer(b"clock locked" * 9, "S1"), stream[0].stats)
    log.stats.channel = "LOG"
    found = read(content(obspy.Stream([log, *stream])))
    assert len(found.stream) == 3
    assert found.remarks == ["left out log channels: XX.A..LOG"]
    with pytest.raises(WaveformError, match="log channels"):
        read(content(obspy.Stream([log])))


@pytest.mark.parametrize("data", [b"", b"\0" * 5000, b"no seismogram" * 400, b"000001D " + b"x" * 600])
def test_files_without_a_seismogram(read: Callable[[bytes], Recording], data: bytes) -> None:
    with pytest.raises(WaveformError):
        read(data)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WaveformError, match="is a folder"):
        read_recording(tmp_path)
