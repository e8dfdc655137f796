"""A run that is interrupted, or meets files that change, ends with the rows of an undisturbed one."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import obspy
import pandas as pd
import pytest
from sds_archive import MIDNIGHT, WEIGHTS, assert_same_rows, recorded, rows, sds_name, write_sds

from seisbench_lcl import archive
from seisbench_lcl.archive import deciding, manifest, worker
from seisbench_lcl.archive.manifest import Manifest
from seisbench_lcl.errors import ArchiveError, ConfigurationError, OutputError, WaveformError

SPAN = {"start": MIDNIGHT - 90, "end": MIDNIGHT + 90}
STATIONS = ("ABC", "DEF")


def decided(root: Path, out: Path, **more: Any) -> archive.Report:
    return archive.run(root, WEIGHTS, out, **(SPAN | {"workers": 0, "windows": "top"} | more))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An archive of two stations, and the results of an undisturbed run."""
    folder = tmp_path_factory.mktemp("archive")
    root = write_sds(folder / "sds", recorded(1.5, STATIONS, events=(-50, -4, 40)))
    assert decided(root, folder / "out").progress.statuses == {"gaps": 4}  # the ends of the record
    return root, folder / "out"


@pytest.fixture
def root(made: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the archive that a test may change."""
    copied = tmp_path / "sds"
    for file in made[0].rglob("*.D.*"):
        target = copied / file.relative_to(made[0])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
        os.utime(target, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    return copied


def test_columns_name_the_model_and_each_batch_has_one_file(made: tuple[Path, Path]) -> None:
    found = rows(made[1])
    assert [*found["station"].unique()] == ["XX.ABC..HH", "XX.DEF..HH"]
    expected = ["station", "day", "onset", "start_time", "end_time", "label", "probability", "mean_probability"]
    assert [*found.columns[:9]] == [*expected, "n_windows"]
    assert [*found.columns[-9:-3]] == ["code", "location", "instrument", "model", "version", "digest"]
    assert {*found["model"]} == {WEIGHTS}
    names = sorted(str(file.relative_to(made[1])) for file in made[1].rglob("*.parquet"))
    months = ("year=2024/month=2/XX.{}.2024-02-25", "year=2024/month=3/XX.{}.2024-03-01")
    assert names == sorted(
        f"{table}/network=XX/{month.format(station)}.parquet"
        for table in ("detections", "windows")
        for month in months
        for station in STATIONS
    )


def test_what_is_done_is_not_done_again_and_what_changed_is(
    made: tuple[Path, Path], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    only = decided(root, out, stations=["XX.A*"])
    assert only.progress.done == 2
    asked: list[tuple[str, str]] = []
    real = worker.decide
    monkeypatch.setattr(worker, "decide", lambda unit, *a: asked.append((str(unit.site), unit.day)) or real(unit, *a))
    whole = decided(root, out)
    assert (whole.progress.before, whole.progress.done) == (2, 2)
    assert {station for station, _ in asked} == {"XX.DEF"}
    assert_same_rows(out, made[1], "detections", "windows")
    asked.clear()
    changed = root / sds_name("XX", "ABC", "HHZ", MIDNIGHT)
    os.utime(changed, ns=(0, 0))
    decided(root, out)
    assert asked == [("XX.ABC", "2024-02-29"), ("XX.ABC", "2024-03-01")]  # whose margin reaches into it
    asked.clear()
    next(out.glob("detections/*/*/month=3/XX.DEF.*")).write_bytes(b"PAR1")  # cut off by somebody
    decided(root, out)
    assert asked == [("XX.DEF", "2024-03-01")]
    asked.clear()
    with (out / "manifest.jsonl").open("ab") as file:
        file.write(b'{"batch": "netw')  # as a killed process leaves it
    decided(root, out)
    assert asked == []
    assert decided(root, out, threshold=0.6, stations=["XX.ABC"]).progress.done == 2
    asked.clear()
    decided(root, out)
    assert [station for station, _ in asked] == ["XX.ABC"] * 2
    next(out.glob("windows/*/*/month=2/XX.ABC.*")).unlink()
    decided(root, out)
    assert_same_rows(out, made[1], "detections", "windows")


def test_days_of_a_batch_are_done_apart_and_share_its_file(root: Path, tmp_path: Path) -> None:
    stream = recorded(1, events=(-30,))
    for trace in stream:
        trace.stats.starttime += 86400
    write_sds(root, stream)
    span = {"start": MIDNIGHT, "end": MIDNIGHT + 86460}
    together, apart = tmp_path / "together", tmp_path / "apart"
    decided(root, together, **span, stations=["XX.ABC"])
    decided(root, apart, **span | {"end": MIDNIGHT + 86400}, stations=["XX.ABC"])
    last = decided(root, apart, **span, stations=["XX.ABC"])
    assert (last.progress.before, last.progress.done) == (1, 1)
    assert len([*apart.rglob("*.parquet")]) == 2
    assert_same_rows(apart, together, "detections", "windows")


def test_a_file_that_changes_while_it_is_read_is_read_again(
    made: tuple[Path, Path], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = root / sds_name("XX", "ABC", "HHZ", MIDNIGHT)
    content, stamp = file.read_bytes(), file.stat().st_mtime_ns
    file.write_bytes(content[: len(content) // 2])
    real, reads = deciding.read_span, []

    def grows(unit: Any, *rest: Any) -> Any:
        found = real(unit, *rest)
        if not reads and unit.day == "2024-03-01":
            reads.append(unit)
            file.write_bytes(content)
            os.utime(file, ns=(stamp, stamp))
        return found

    monkeypatch.setattr(deciding, "read_span", grows)
    decided(root, tmp_path / "out")
    assert len(reads) == 1
    decided(root, tmp_path / "out")  # the day before, whose margin saw half of it
    assert_same_rows(tmp_path / "out", made[1], "detections", "windows")


def test_damaged_files_cost_what_is_damaged_and_a_day_that_fails_stops_no_other(
    made: tuple[Path, Path], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = root / sds_name("XX", "ABC", "HHZ", MIDNIGHT)
    content = bytearray(file.read_bytes())
    content[10 * 512 : 10 * 512 + 64] = b"\xff" * 64
    file.write_bytes(content[:-100])
    (root / sds_name("XX", "ABC", "HHN", MIDNIGHT)).with_name("notes.txt").write_text("foreign")
    (root / sds_name("XX", "DEF", "HHE", MIDNIGHT - 1)).write_bytes(b"")
    real, tried = worker.decide, []

    def fails(unit: Any, *rest: Any) -> Any:
        if (unit.site.station, unit.day) == ("DEF", "2024-03-01"):
            tried.append(unit)
            raise MemoryError("no room")
        return real(unit, *rest)

    monkeypatch.setattr(worker, "decide", fails)
    out = tmp_path / "out"
    report = decided(root, out)
    assert len(tried) == 3
    assert [(entry.station, entry.reason) for entry in report.failed] == [("XX.DEF", "MemoryError: no room")]
    assert report.ignored == 1
    told = {(entry.station, entry.day): entry for entry in Manifest(out).entries}
    assert "damaged records" in told["XX.ABC", "2024-03-01"].reason
    assert told["XX.ABC", "2024-03-01"].status == "gaps"
    assert told["XX.DEF", "2024-02-29"].status == "gaps"  # of the component, before the next day
    assert "is empty" in told["XX.DEF", "2024-02-29"].reason
    monkeypatch.setattr(worker, "decide", real)
    for name in ("ABC", "DEF"):
        for component in "ZNE":
            for day in (MIDNIGHT - 1, MIDNIGHT):
                path = sds_name("XX", name, f"HH{component}", day)
                (root / path).write_bytes((made[0] / path).read_bytes())
    assert decided(root, out).failed == []
    assert_same_rows(out, made[1], "detections", "windows")


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Let no file grow beyond a size, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_ends_the_run_and_leaves_nothing_half_written(
    made: tuple[Path, Path], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with files_up_to(3000), pytest.raises(OutputError, match=r"cannot write .*parquet"):
        decided(root, out)
    assert [*out.rglob(".*.parquet")] == []

    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(manifest, "os", SimpleNamespace(fsync=full))
    with pytest.raises(OutputError, match=r"manifest.*No space left.*run again"):
        decided(root, out)
    monkeypatch.setattr(manifest, "os", os)
    decided(root, out)
    assert_same_rows(out, made[1], "detections", "windows")


def test_other_models_other_folders_and_a_second_writer_are_refused(made: tuple[Path, Path], tmp_path: Path) -> None:
    root, out = made
    with pytest.raises(ArchiveError, match=r"results of MiniRocketRidge/mixed-3c-fast.*not of .*mixed-3c, version"):
        archive.run(root, "MiniRocketRidge/mixed-3c", out, **SPAN, workers=0)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "letter.txt").write_text("dear reader")
    with pytest.raises(ArchiveError, match=r"other files \(letter.txt\)"):
        decided(root, tmp_path / "letters")
    with Manifest.locked(out), pytest.raises(ArchiveError, match="another run"):
        decided(root, out)
    (tmp_path / "sds").mkdir()
    with pytest.raises(WaveformError, match="the folder has no files"):
        decided(tmp_path / "sds", tmp_path / "new")
    with pytest.raises(WaveformError, match="no waveforms of YY"):
        decided(root, tmp_path / "new", stations=["YY.*"])
    for wrong, words in (
        ({"end": MIDNIGHT - 90}, "start must be before end"),
        ({"windows": "some"}, "windows must be one of"),
        ({"threshold": 0}, "threshold"),
        ({"stride": 0.001}, "stride"),
        ({"picks": "picks.csv", "picker": "PhaseNet/original"}, "leave one out"),
        ({"limits": {"max_novelty": -1}}, "max_novelty must be"),
        ({"limits": {"max_novlty": 1}}, "did you mean 'max_novelty'"),
        ({"dask": "tcp://127.0.0.1:1"}, "leave one out"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            decided(root, tmp_path / "new", **wrong)


def test_files_in_any_folder_are_indexed_once(
    made: tuple[Path, Path], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = obspy.Stream()
    for file in sorted(root.rglob("*.D.*")):
        stream += obspy.read(str(file))
    folder = tmp_path / "files"
    folder.mkdir()
    for number, trace in enumerate(stream):
        trace.write(str(folder / f"{number}.mseed"), "MSEED")
    (folder / "notes.txt").write_text("nothing")
    out = tmp_path / "out"
    report = decided(folder, out)
    assert report.ignored == 1
    assert_same_rows(out, made[1], "detections", "windows")
    monkeypatch.setattr("seisbench_lcl.archive.listing.contents_of", lambda path: pytest.fail("read again"))
    assert decided(folder, out).progress.done == 0


def test_decisions_at_the_picks_of_a_table(made: tuple[Path, Path], tmp_path: Path) -> None:
    root, sliding = made
    table = pd.DataFrame(
        {
            "time": [str(MIDNIGHT - 0.5), str(MIDNIGHT + 48), str(MIDNIGHT + 88), str(MIDNIGHT + 10)],
            "station": ["ABC", "DEF", "ABC", "ABC"],
            "network": ["XX", "", "XX", "XX"],
            "phase": ["P", "Pg", "P", "S"],
        }
    )
    table.to_csv(tmp_path / "picks.csv", index=False)
    out = tmp_path / "out"
    report = decided(root, out, picks=tmp_path / "picks.csv")
    assert report.progress.statuses == {"done": 2, "empty": 1}
    found = pd.read_parquet(out / "windows").sort_values("start_time", ignore_index=True)
    assert list(found["start_time"]) == [(MIDNIGHT + s).datetime for s in (-2.5, 46, 86)]
    assert found["reason"].iloc[2].startswith("no window fits")
    same = rows(sliding, "windows").set_index(["station", "start_time"])["probability"]
    at = ("XX.DEF..HH", (MIDNIGHT + 46).datetime)
    assert found["probability"].iloc[1] == pytest.approx(same[at], abs=1e-3)
    assert len(pd.read_parquet(out / "detections")) == 2


def test_decisions_at_the_picks_of_a_picker(made: tuple[Path, Path], backbones: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = decided(made[0], out, picker="PhaseNet/original", stations=["XX.ABC"])
    assert report.progress.parts["picking"] > 0
    found = pd.read_parquet(out / "windows").sort_values("start_time", ignore_index=True)
    onsets = [(start - pd.Timestamp(MIDNIGHT.datetime)).total_seconds() + 2 for start in found["start_time"]]
    assert len(onsets) >= 3
    assert all(any(abs(onset - event - 4.7) < 1 for onset in onsets) for event in (-50, -4, 40))
    assert {*pd.read_parquet(out / "detections")["label"]} == {"earthquake"}
