"""Results are read back as what was written: status by station, detections, and events of the network."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sds_archive import MIDNIGHT, WEIGHTS, recorded, write_sds

import seisbench_lcl as lcl
from seisbench_lcl import archive
from seisbench_lcl.archive import results
from seisbench_lcl.errors import ArchiveError
from seisbench_lcl.models.detected_events import detected_events
from seisbench_lcl.models.detections import LabelledDetection
from seisbench_lcl.waveforms.station import StationId

STATIONS = ("ABC", "DEF")
TYPES = {"earthquake": "earthquake", "noise": None}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    root = write_sds(folder / "sds", recorded(1, STATIONS, events=(-4,)))
    archive.run(root, WEIGHTS, folder / "out", start=MIDNIGHT - 60, end=MIDNIGHT + 60, workers=0)
    return folder / "out"


def test_events_are_those_of_classify_on_all_stations(out: Path) -> None:
    expected = lcl.from_pretrained(WEIGHTS).classify(recorded(1, STATIONS, events=(-4,)), aligned=True).events
    found = archive.network_events(out)
    assert len(found) == len(expected) == 1
    assert found[0].event == expected[0].event
    assert (found[0].label, found[0].n_for, found[0].weights) == ("earthquake", 2, expected[0].weights)
    assert found[0].probability == pytest.approx(expected[0].probability, abs=1e-3)
    assert archive.network_events(out, min_stations=3) == []
    assert archive.network_events(out, start=MIDNIGHT + 3600) == []
    assert len(archive.network_events(out, start=MIDNIGHT - 60, end=MIDNIGHT)) == 1


def test_status_counts_days_by_station(out: Path, tmp_path: Path) -> None:
    found, failed = archive.status(out)
    assert [one.station for one in found] == ["XX.ABC", "XX.DEF"]
    assert [(one.first, one.last, one.statuses["gaps"]) for one in found] == [("2024-02-29", "2024-03-01", 2)] * 2
    assert [one.detections for one in found] == [1, 1]
    assert failed == []
    reasons = {one.reason.partition(":")[0] for one in archive.station_days(out)}
    assert reasons == {"71.67% of 0.01667 h complete", "96.67% of 0.01667 h complete"}
    with pytest.raises(ArchiveError, match="has no results"):
        archive.status(tmp_path)


@pytest.mark.parametrize(("head", "told"), [("[]", "is damaged"), ("{}", "is damaged"), ('{"format": 9}', "format 9")])
def test_a_head_of_something_else_is_refused(head: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "archive.json").write_text(head)
    with pytest.raises(ArchiveError, match=told):
        archive.status(tmp_path)


def detection(start: float, length: float, station: str) -> LabelledDetection:
    times = {"start_time": MIDNIGHT + start, "end_time": MIDNIGHT + start + length}
    more = {"onset": MIDNIGHT + start, "mean_probability": 0.9, "n_windows": 3}
    probabilities = {"earthquake": 0.9, "noise": 0.1}
    return LabelledDetection(
        StationId("XX", station, "", "HH"),
        peak_value=0.9,
        label="earthquake",
        probabilities=probabilities,
        **times,
        **more,
    )


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 40), st.sampled_from("ABC")), max_size=12))
def test_events_do_not_depend_on_where_the_detections_are_parted(found: list[tuple[int, int, str]]) -> None:
    detections = [detection(*one) for one in sorted(found)]
    together = detected_events(detections, [*TYPES], TYPES, 10.0, "")
    parts = [*results._apart(iter(detections), 10.0)]
    apart = [event for part in parts for event in detected_events(part, [*TYPES], TYPES, 10.0, "")]
    assert [(e.event, e.stations) for e in apart] == [(e.event, e.stations) for e in together]
    assert sum(map(len, parts)) == len(detections)


def test_a_damaged_file_of_results_is_named(out: Path, tmp_path: Path) -> None:
    copied = tmp_path / "out"
    for file in (file for file in out.rglob("*") if file.is_file()):
        target = copied / file.relative_to(out)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    next(copied.glob("detections/*/*/month=2/*.parquet")).write_bytes(b"PAR1")
    with pytest.raises(ArchiveError, match=r"2024-02-25\.parquet is damaged"):
        archive.network_events(copied)
    (copied / "manifest.jsonl").write_text("{}\n" + (out / "manifest.jsonl").read_text())
    with pytest.raises(ArchiveError, match="line 1, is damaged"):
        archive.status(copied)
