"""Days and blocks are cut so that nobody sees where: windows and detections are those of an unbroken record."""

from pathlib import Path

import numpy as np
import obspy
import pandas as pd
import pytest
from sds_archive import MIDNIGHT, WEIGHTS, assert_same_rows, recorded, sds_name, write_sds

import seisbench_lcl as lcl
from seisbench_lcl import archive
from seisbench_lcl.archive import deciding
from seisbench_lcl.archive.manifest import Manifest
from seisbench_lcl.archive.units import SECOND

KEY = ["station", "start_time"]


def unbroken(stream: obspy.Stream) -> tuple[pd.DataFrame, pd.DataFrame]:
    out = lcl.from_pretrained(WEIGHTS).classify(stream, aligned=True)
    detections = out.detections.to_dataframe().sort_values(KEY, ignore_index=True)
    return out.windows.to_dataframe().sort_values(KEY, ignore_index=True), detections


def damaged(stream: obspy.Stream) -> obspy.Stream:
    """Return a record with a short and a long gap, and one where a component begins late."""
    short = stream.copy().cutout(MIDNIGHT - 42, MIDNIGHT - 38)
    long = stream.copy().cutout(MIDNIGHT + 20, MIDNIGHT + 60)
    late = stream.copy()
    late[1].trim(MIDNIGHT + 31)
    for number, part in enumerate((short, long, late)):
        for trace in part:
            trace.stats.station = f"S{number}"
    return short + long + late


@pytest.mark.parametrize("block", [4 * 3600, 97])
def test_windows_and_detections_are_those_of_the_unbroken_record(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "_BLOCK", block * SECOND)
    stream = damaged(recorded(3, events=(-130, -9, 80)))
    root, out = write_sds(tmp_path / "sds", stream), tmp_path / "out"
    span = {"start": MIDNIGHT - 180, "end": MIDNIGHT + 180}
    report = archive.run(root, WEIGHTS, out, **span, windows="all", workers=0)
    assert report.progress.statuses == {"gaps": 5, "empty": 1}
    windows, detections = unbroken(stream)
    found = pd.read_parquet(out / "windows").sort_values(KEY, ignore_index=True).astype({"station": str})
    assert found.duplicated(KEY).sum() == 0
    # A block without any sample of a component is one row, not a window every second.
    found, whole = (table[table["coverage"] > 0].reset_index() for table in (found, windows))
    assert len(whole) > 700
    assert list(found["start_time"]) == list(whole["start_time"])
    assert list(found["station"]) == list(whole["station"])
    assert set(found["day"].map(str)) == {"2024-02-29", "2024-03-01"}
    position = found["start_time"] + np.timedelta64(2, "s")
    assert (position.dt.date == found["day"]).all()
    for label in ("earthquake", "noise", "surface event"):
        # Rounded to float16; MiniRocket counts samples above a bias, and filters round differently.
        np.testing.assert_allclose(found[label].astype(float), whole[label].astype(float), atol=4e-3)
    assert list(found["reason"].astype(str).str[:20]) == list(whole["reason"].astype(str).str[:20])
    own = pd.read_parquet(out / "detections").sort_values(KEY, ignore_index=True)
    columns = ["onset", "start_time", "end_time", "n_windows"]
    assert len(own) >= 5
    pd.testing.assert_frame_equal(own[columns], detections[columns], check_dtype=False)


def test_a_missing_component_is_one_row_for_each_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "_BLOCK", 60 * SECOND)
    root = write_sds(tmp_path / "sds", obspy.Stream(recorded(3)[:2]))
    span = {"start": MIDNIGHT - 180, "end": MIDNIGHT + 180}
    report = archive.run(root, WEIGHTS, tmp_path / "out", **span, windows="top", workers=0)
    assert report.progress.statuses == {"empty": 2}
    found = pd.read_parquet(tmp_path / "out" / "windows").sort_values("start_time")
    assert list(found["reason"].str[:19]) == ["component E missing"] * 2
    assert list(found["start_time"]) == [(MIDNIGHT - 180).datetime, (MIDNIGHT - 2).datetime]
    assert list(found["end_time"]) == [(MIDNIGHT - 2).datetime, (MIDNIGHT + 178).datetime]


def test_a_day_that_lacks_a_file_of_the_day_before_says_so(tmp_path: Path) -> None:
    root = write_sds(tmp_path / "sds", recorded(1))
    (root / sds_name("XX", "ABC", "HHZ", MIDNIGHT)).unlink()
    archive.run(root, WEIGHTS, tmp_path / "out", start=MIDNIGHT, end=MIDNIGHT + 60, workers=0)
    (entry,) = Manifest(tmp_path / "out").entries
    assert (entry.status, entry.decided) == ("gaps", 0)
    assert entry.reason.startswith("0% of 0.01667 h complete: 0% of component Z present (gap)")


def renamed(stream: obspy.Stream, overlap: float) -> obspy.Stream:
    """Return a record whose horizontal components have other names from midnight on, and both for some seconds."""
    found = obspy.Stream()
    for trace in stream:
        old, new = trace.slice(endtime=MIDNIGHT + overlap - 0.005), trace.slice(MIDNIGHT)
        new.stats.channel = trace.stats.channel.replace("N", "1").replace("E", "2")
        found += obspy.Stream([trace] if trace.id == new.id else [old, new])
    return found


def test_a_change_of_names_costs_nothing_but_two_pairs_at_a_time_are_refused(tmp_path: Path) -> None:
    stream, span = recorded(2, events=(-50, -4, 40)), {"start": MIDNIGHT - 120, "end": MIDNIGHT + 120}
    for name, overlap in (("same", None), ("changed", 0), ("overlap", 10), ("both", 90)):
        given = stream if overlap is None else renamed(stream, overlap)
        root = write_sds(tmp_path / name / "sds", given)
        archive.run(root, WEIGHTS, tmp_path / name / "out", **span, windows="top", workers=0)
    for name in ("changed", "overlap"):
        assert_same_rows(tmp_path / name / "out", tmp_path / "same" / "out", "detections", "windows")
    found = Manifest(tmp_path / "both" / "out").entries
    assert [entry.status for entry in found] == ["empty", "empty"]
    assert all("HH1, HH2, HHE, HHN, HHZ, two of which are equivalent" in entry.reason for entry in found)
