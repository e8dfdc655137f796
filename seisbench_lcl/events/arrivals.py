"""Events from what is at hand: an ObsPy catalogue, picks of a picker, tables of picks or of origins."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd
from obspy import UTCDateTime
from obspy.core.event import Catalog
from obspy.core.event import Event as CatalogEvent

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.events.files import CatalogReader
from seisbench_lcl.events.windows import is_p
from seisbench_lcl.models.event import Event, Origin, Pick, event_id
from seisbench_lcl.waveforms.network import TRAVEL_TIME, arriving_together
from seisbench_lcl.wording import listed, suggestion

_AGAIN = 2.0  # s

_PICKS = {"time", "station"}
_ORIGINS = {"event", "time", "latitude", "longitude"}
_OPTIONAL = (
    "event",
    "network",
    "location",
    "channel",
    "phase",
    "id",
    "probability",
    "latitude",
    "longitude",
    "depth_km",
)


def picks_of(picks: Iterable[Any]) -> list[Pick]:
    """Return the picks of a SeisBench `PickList`.

    Raises
    ------
    DatasetError
        If an element is not a pick of SeisBench.
    """
    found = []
    for pick in picks:
        try:
            network, station, location = [*pick.trace_id.split("."), "", ""][:3]
            time = pick.peak_time or pick.start_time
            found.append(Pick("", time, network, station, location, "", pick.phase or "", probability=pick.peak_value))
        except AttributeError as error:
            raise DatasetError(f"expected picks of SeisBench, such as PhaseNet's, but found {pick!r}") from error
    return found


def group_picks(picks: Iterable[Pick], travel_time: float = TRAVEL_TIME, min_stations: int = 1) -> list[Event]:
    """Form events of the P picks that follow each other within the travel time through the network.

    A pick joins the earliest event that began no longer ago and lacks its station; otherwise it begins another event.
    Pickers sometimes pick one P twice, so a pick within 2 s after another of its station is left out. This is no
    location: two events at once in a large network become one, and a false pick may join.

    Parameters
    ----------
    picks : iterable of Pick
        Those of other phases are left out.
    travel_time : float
        Longest time between the first and the last P of an event, in s.
    min_stations : int
        Events with fewer stations are left out.
    """
    latest: dict[tuple[str, str], UTCDateTime] = {}
    once = []
    for pick in sorted((pick for pick in picks if is_p(pick.phase)), key=lambda pick: pick.time):
        site = _site(pick)
        if site not in latest or pick.time - latest[site] >= _AGAIN:
            latest[site] = pick.time
            once.append(pick)
    groups = arriving_together(once, travel_time, site=_site, start=_onset, end=_onset)
    kept = [tuple(group) for group in groups if len(group) >= min_stations]
    return [Event(event_id(group[0].time, *_site(group[0])), picks=group) for group in kept]


def _site(pick: Pick) -> tuple[str, str]:
    return pick.network, pick.station


def _onset(pick: Pick) -> UTCDateTime:
    return pick.time


def read_arrivals(path: str | Path, travel_time: float = TRAVEL_TIME) -> list[Event]:
    """Read a CSV table of picks or of origins.

    Picks have the columns ``time`` (ISO, UTC) and ``station``, and may have ``event``, ``network``, ``location``,
    ``channel``, ``phase``, ``id`` and ``probability``; without an ``event``, `group_picks` forms events. Origins have
    ``event``, ``time``, ``latitude`` and ``longitude`` (degrees), and may have ``depth_km``. Other columns do not
    count.

    Raises
    ------
    DatasetError
        If the file cannot be read, columns are missing, a value cannot be read, or two origins have one event.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise DatasetError(f"cannot read {path} as a CSV table: {error}") from error
    table.columns = [str(name).strip() for name in table.columns]
    columns = set(table.columns)
    if columns >= _PICKS:
        return _picked_events(table, path, travel_time)
    if columns >= _ORIGINS:
        return _located_events(table, path)
    missing = sorted((_ORIGINS if "event" in columns and "station" not in columns else _PICKS) - columns)
    hints = "; ".join(f"{name!r}: {suggestion(name, table.columns, what='the table has')}" for name in missing[:1])
    raise DatasetError(
        f"{path} has neither the columns of picks ({', '.join(sorted(_PICKS))}) nor of origins "
        f"({', '.join(sorted(_ORIGINS))}): no {listed(missing)}; {hints}"
    )


def _picked_events(table: pd.DataFrame, path: str | Path, travel_time: float) -> list[Event]:
    named: dict[str, list[Pick]] = {}
    for row, cells in _rows(table):
        probability = cells["probability"]
        pick = Pick(
            cells["id"],
            _value(_time, cells["time"], "time", row, path),
            cells["network"],
            cells["station"],
            "" if cells["location"] == "--" else cells["location"],
            cells["channel"],
            cells["phase"],
            probability=_value(float, probability, "probability", row, path) if probability else None,
        )
        named.setdefault(cells["event"], []).append(pick)
    alone = named.pop("", [])
    return [Event(event, picks=tuple(picks)) for event, picks in named.items()] + group_picks(alone, travel_time)


def _located_events(table: pd.DataFrame, path: str | Path) -> list[Event]:
    events: dict[str, Event] = {}
    for row, cells in _rows(table):
        name = cells["event"]
        if not name or name in events:
            raise DatasetError(f"{path}, row {row}: " + (f"event {name} again" if name else "the event has no id"))
        latitude, longitude = (_value(float, cells[axis], axis, row, path) for axis in ("latitude", "longitude"))
        if not (abs(latitude) <= 90 and abs(longitude) <= 360):
            raise DatasetError(f"{path}, row {row}: {latitude}, {longitude} is no place in degrees")
        depth = _value(float, cells["depth_km"], "depth_km", row, path) * 1000 if cells["depth_km"] else None
        time = _value(_time, cells["time"], "time", row, path)
        events[name] = Event(name, Origin("", time, latitude, longitude, depth))
    return list(events.values())


def _rows(table: pd.DataFrame) -> Iterable[tuple[int, dict[str, str]]]:
    """Yield the number of each line in the file, and its cells without blanks; columns that are missing are empty."""
    empty = dict.fromkeys((*_OPTIONAL, "time", "station"), "")
    for row, cells in enumerate(table.to_dict("records"), start=2):
        yield row, empty | {str(name): str(cell).strip() for name, cell in cells.items()}


def _time(text: str) -> UTCDateTime:
    return UTCDateTime(text.replace(" ", "T"), iso8601=True)


def _value(kind: Callable[[str], Any], text: str, column: str, row: int, path: str | Path) -> Any:
    try:
        return kind(text)
    except (TypeError, ValueError) as error:
        raise DatasetError(f"{path}, row {row}: {column} is {text!r}, which cannot be read") from error


def arrivals_of(given: Any, travel_time: float = TRAVEL_TIME) -> Iterable[Event]:
    """Return events from a catalogue, a SeisBench `PickList`, a CSV table, or events as they are.

    Parameters
    ----------
    given : obspy.Catalog, obspy Event, PickList, sequence of Event or of Pick, or path
        A path with the suffix .csv is that of a table (`read_arrivals`), any other that of a catalogue
        (`seisbench_lcl.events.files.CatalogReader`).
    travel_time : float
        Longest time between the first and the last P of picks without events, in s.

    Raises
    ------
    DatasetError
        If it is something else, or a file that cannot be read.
    """
    if isinstance(given, str | Path):
        table = Path(given).suffix.lower() == ".csv"
        return read_arrivals(given, travel_time) if table else CatalogReader(given)
    if isinstance(given, CatalogEvent):
        given = [given]
    items = list(given)
    if all(isinstance(item, Event) for item in items):
        return items
    if all(isinstance(item, CatalogEvent) for item in items):
        return CatalogReader(Catalog(items))
    return group_picks(items if all(isinstance(item, Pick) for item in items) else picks_of(items), travel_time)
