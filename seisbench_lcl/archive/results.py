"""What is in a folder of results: progress by station, detections, and events of several stations."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import obspy
import pandas as pd
from obspy import UTCDateTime

from seisbench_lcl.archive.manifest import Entry, Manifest
from seisbench_lcl.archive.run import read_head
from seisbench_lcl.archive.tables import check_pyarrow
from seisbench_lcl.errors import ArchiveError
from seisbench_lcl.models.decision import EventDecision
from seisbench_lcl.models.decision_list import PROBABILITY, DecisionList
from seisbench_lcl.models.detected_events import detected_events
from seisbench_lcl.models.detections import LabelledDetection
from seisbench_lcl.waveforms.network import TRAVEL_TIME, travel_time_across
from seisbench_lcl.waveforms.station import StationId


@dataclass
class StationStatus:
    """What became of the days of a station.

    Attributes
    ----------
    station : str
    first, last : str
        Days.
    statuses : Counter of str
        Number of days by what became of them.
    windows, decided, detections : int
    coverage : float or None
        Mean fraction of the days with complete windows; None at picks.

    Examples
    --------
    >>> days = [Entry("NZ.WEL", f"2024-03-0{day}", "", "done", windows=86400, decided=86000) for day in (1, 2)]
    >>> [found] = by_station(days)
    >>> found.first, found.last, found.windows
    ('2024-03-01', '2024-03-02', 172800)
    """

    station: str
    first: str
    last: str
    statuses: Counter[str] = field(default_factory=Counter)
    windows: int = 0
    decided: int = 0
    detections: int = 0
    coverage: float | None = None


def status(folder: str | Path) -> tuple[list[StationStatus], list[Entry]]:
    """Return what became of each station, and the days that failed; a run may be going on.

    Raises
    ------
    ArchiveError
        If the folder has no results, or the manifest is damaged.
    """
    entries = station_days(folder)
    return by_station(entries), [entry for entry in entries if entry.status == "failed"]


def station_days(folder: str | Path) -> list[Entry]:
    """Return what became of each day of each station, with the reason; a run may be going on.

    Raises
    ------
    ArchiveError
        As `status`.
    """
    read_head(Path(folder))
    return Manifest(Path(folder)).entries


def by_station(entries: Iterable[Entry]) -> list[StationStatus]:
    """Return what became of each station."""
    found: dict[str, StationStatus] = {}
    covered: dict[str, list[float]] = {}
    for entry in entries:
        one = found.setdefault(entry.station, StationStatus(entry.station, entry.day, entry.day))
        one.first, one.last = min(one.first, entry.day), max(one.last, entry.day)
        one.statuses[entry.status] += 1
        one.windows += entry.windows
        one.decided += entry.decided
        one.detections += entry.detections
        if entry.coverage is not None:
            covered.setdefault(entry.station, []).append(entry.coverage)
    for station, fractions in covered.items():
        found[station].coverage = sum(fractions) / len(fractions)
    return [found[station] for station in sorted(found)]


def read_detections(
    folder: str | Path, start: UTCDateTime | None = None, end: UTCDateTime | None = None
) -> Iterator[LabelledDetection]:
    """Yield the detections of a folder of results in order of time, month by month.

    Parameters
    ----------
    folder : path
    start, end : UTCDateTime, optional
        Of the start of a detection: from `start` to before `end`.

    Raises
    ------
    ArchiveError
        If the folder has no results, or a file of them is damaged.
    """
    check_pyarrow()
    folder = Path(folder)
    head = read_head(folder)
    weights = head["settings"]["weights"]
    line = f"{weights['name']}.v{weights['version']} {weights['digest'][:12]}"
    months: dict[tuple[int, int], list[Path]] = {}
    for path in sorted((folder / "detections").glob("*/*/*/[!.]*.parquet")):
        year, month = (int(part.partition("=")[2]) for part in path.parts[-3:-1])
        months.setdefault((year, month), []).append(path)
    for when, paths in sorted(months.items()):
        if start is not None and when < (start.year, start.month):
            continue
        if end is not None and when > (end.year, end.month):
            continue
        found = [one for path in paths for one in _of_file(path, head, line)]
        for one in sorted(found, key=lambda one: (one.start_time, one.trace_id)):
            if (start is None or one.start_time >= start) and (end is None or one.start_time < end):
                yield one


def _of_file(path: Path, head: dict[str, Any], weights: str) -> Iterator[LabelledDetection]:
    parquet = import_module("pyarrow.parquet")
    try:
        table: pd.DataFrame = parquet.ParquetFile(path).read().to_pandas()
    except PermissionError as error:
        raise ArchiveError(f"cannot read {path}: {error.strerror}") from error
    except (OSError, ValueError) as error:
        raise ArchiveError(f"{path} is damaged ({error}): remove it, and run again") from error
    network = unquote(path.parts[-4].partition("=")[2])
    network = "" if network == "__HIVE_DEFAULT_PARTITION__" else network
    for row in table.to_dict("records"):
        yield LabelledDetection(
            StationId(network, row["code"], row["location"], row["instrument"]),
            UTCDateTime(row["start_time"]),
            UTCDateTime(row["end_time"]),
            row["probability"],
            row["label"],
            onset=UTCDateTime(row["onset"]),
            mean_probability=row["mean_probability"],
            n_windows=row["n_windows"],
            probabilities={label: row[PROBABILITY.format(label)] for label in head["labels"]},
            coverage=row["coverage"],
            novelty=row["novelty"],
            event_type=head["event_types"][row["label"]],
            component=head["component"],
            weights=weights,
        )


def network_events(
    folder: str | Path,
    *,
    start: UTCDateTime | None = None,
    end: UTCDateTime | None = None,
    travel_time: float | None = None,
    inventory: obspy.Inventory | None = None,
    min_stations: int = 1,
) -> DecisionList:
    """Join detections of several stations into events, each decided by the mean of the stations' probabilities.

    Parameters
    ----------
    folder : path
    start, end : UTCDateTime, optional
        Of the start of detections.
    travel_time : float, optional
        Longest time in s that P takes from one station to another; by default that across the `inventory`, or else
        20 s.
    inventory : obspy.Inventory, optional
    min_stations : int
        Events with fewer stations are left out.

    Raises
    ------
    ArchiveError
        As `read_detections`.
    """
    within = travel_time or (travel_time_across(inventory) if inventory else TRAVEL_TIME)
    head = read_head(Path(folder))
    found: list[EventDecision] = []
    for group in _apart(read_detections(folder, start, end), within):
        found += detected_events(group, head["labels"], head["event_types"], within, group[0].weights)
    return DecisionList(decision for decision in found if len(decision.stations) >= min_stations)


def _apart(detections: Iterable[LabelledDetection], within: float) -> Iterator[list[LabelledDetection]]:
    """Yield groups of detections between which no event can be: a year does not fit into memory as objects."""
    group: list[LabelledDetection] = []
    end: UTCDateTime | None = None
    for one in detections:
        if end is not None and one.start_time - end > within:
            yield group
            group, end = [], None
        group.append(one)
        end = one.end_time if end is None else max(end, one.end_time)
    if group:
        yield group
