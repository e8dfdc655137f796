"""Decisions as tables: one row an event, one row a station; as CSV or Parquet, and read back."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from obspy import UTCDateTime

from seisbench_lcl.errors import DatasetError, OutputError
from seisbench_lcl.events.decision import EventDecision, StationDecision
from seisbench_lcl.events.event import Origin
from seisbench_lcl.storage import write_file

_PARQUET = {".parquet", ".pq"}
_OPEN, _CLOSE = "probability[", "]"
_TIMES = "%Y-%m-%dT%H:%M:%S.%fZ"

EVENT_COLUMNS = (
    *("event", "origin", "origin_time", "latitude", "longitude", "depth_km", "label", "event_type", "probability"),
    *("certainty_word", "margin", "disagreement", "n_for", "n_against", "n_stations", "reason", "rule", "weights"),
)
"""Columns of the table of events; one ``probability[label]`` for each label follows."""

STATION_COLUMNS = ("event", "station", "p_time", "p_source", "label", "reason", "novelty", "coverage", "snr")
"""Columns of the table of stations; one ``probability[label]`` for each label follows."""


def event_table(decisions: Iterable[EventDecision]) -> pd.DataFrame:
    """Return one row for each event, with `EVENT_COLUMNS` and one column for each label.

    ``origin`` is an id, ``origin_time`` UTC; all five columns of the origin are empty for an event without one.
    ``label`` and ``event_type`` are empty for an undecided event, whose ``reason`` says why; ``n_for``, ``n_against``
    and ``n_stations`` count stations with the event's label, with others, and all.
    """
    decisions = list(decisions)
    rows = [
        {
            "event": d.event,
            **_place(d.origin),
            "label": d.label or "",
            "event_type": d.event_type or "",
            "probability": d.probability,
            "certainty_word": d.certainty_word,
            "margin": d.margin,
            "disagreement": d.disagreement,
            "n_for": d.n_for,
            "n_against": d.n_against,
            "n_stations": len(d.stations),
            "reason": d.reason,
            "rule": d.rule,
            "weights": d.weights,
            **_columns(d.probabilities),
        }
        for d in decisions
    ]
    table = _table(rows, EVENT_COLUMNS, [d.probabilities for d in decisions])
    table["origin_time"] = table["origin_time"].astype("datetime64[us]")
    return table


def station_table(decisions: Iterable[EventDecision]) -> pd.DataFrame:
    """Return one row for each station of each event, with `STATION_COLUMNS` and one column for each label.

    ``p_time`` is UTC; ``label`` is empty where the model abstained, and ``reason`` says why; ``snr`` is in dB.
    """
    found = [(decision.event, station) for decision in decisions for station in decision.stations]
    rows = [
        {
            "event": event,
            "station": s.station,
            "p_time": s.p_time.datetime,
            "p_source": s.p_source,
            "label": s.label or "",
            "reason": s.reason,
            "novelty": s.novelty,
            "coverage": s.coverage,
            "snr": s.snr,
            **_columns(s.probabilities),
        }
        for event, s in found
    ]
    table = _table(rows, STATION_COLUMNS, [station.probabilities for _, station in found])
    table["p_time"] = table["p_time"].astype("datetime64[us]")
    return table


def write_tables(decisions: Iterable[EventDecision], path: str | Path) -> list[Path]:
    """Write both tables: that of events as named, that of stations beside it, such as ``decisions_stations.csv``.

    Parameters
    ----------
    decisions : iterable of EventDecision
    path : path
        With the suffix .csv, or .parquet, which needs pyarrow.

    Returns
    -------
    list of Path
        The files of events and of stations.

    Raises
    ------
    OutputError
        If the suffix is another, pyarrow is missing, or a file cannot be written.
    """
    decisions, (events, stations) = list(decisions), check_tables(path)
    _write(station_table(decisions), stations)  # first: with the table of events, all is there
    _write(event_table(decisions), events)
    return [events, stations]


def check_tables(path: str | Path) -> tuple[Path, Path]:
    """Return the files of events and of stations, and refuse, before the work, what cannot be written.

    Raises
    ------
    OutputError
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix != ".csv" and suffix not in _PARQUET:
        raise OutputError(f"cannot write {path} as a table: use the suffix .csv or .parquet")
    if suffix in _PARQUET:
        _check_pyarrow(path)
    return path, path.with_name(f"{path.stem}_stations{path.suffix}")


def read_tables(path: str | Path) -> list[EventDecision]:
    """Read what `write_tables` wrote, both tables.

    Raises
    ------
    DatasetError
        If a table is missing or is not one of decisions.
    OutputError
        If it is Parquet, and pyarrow is missing.
    """
    events, stations = check_tables(path)
    of_event: dict[str, list[StationDecision]] = {}
    for row in _read(stations, STATION_COLUMNS):
        of_event.setdefault(row["event"], []).append(
            StationDecision(
                row["station"],
                UTCDateTime(row["p_time"]),
                row["p_source"],
                _probabilities(row),
                row["reason"],
                *(_number(row[name]) for name in ("novelty", "coverage", "snr")),
            )
        )
    return [
        EventDecision(
            row["event"],
            row["label"] or None,
            row["event_type"] or None,
            _probabilities(row),
            _number(row["margin"]),
            _number(row["disagreement"]),
            int(row["n_for"]),
            int(row["n_against"]),
            row["reason"],
            row["rule"],
            row["weights"],
            tuple(of_event.get(row["event"], ()) if int(row["n_stations"]) else ()),
            _origin(row),
        )
        for row in _read(events, EVENT_COLUMNS)
    ]


def _place(origin: Origin | None) -> dict[str, Any]:
    if origin is None:
        return {"origin": "", "origin_time": None}
    return {
        "origin": origin.id,
        "origin_time": origin.time.datetime,
        "latitude": origin.latitude,
        "longitude": origin.longitude,
        "depth_km": None if origin.depth is None else origin.depth / 1000,
    }


def _origin(row: Mapping[str, Any]) -> Origin | None:
    if row["origin_time"] == "" or pd.isna(row["origin_time"]):
        return None
    latitude, longitude, depth = (_known(row[name]) for name in ("latitude", "longitude", "depth_km"))
    return Origin(
        row["origin"],
        UTCDateTime(row["origin_time"]),
        latitude,
        longitude,
        # Millimetres: a catalogue's metres come back as they were.
        None if depth is None else round(depth * 1000, 3),
    )


def _known(cell: Any) -> float | None:
    value = float("nan") if cell is None else _number(cell)
    return None if np.isnan(value) else value


def _columns(probabilities: Mapping[str, float]) -> dict[str, float]:
    return {f"{_OPEN}{label}{_CLOSE}": value for label, value in probabilities.items()}


def _probabilities(row: Mapping[str, Any]) -> dict[str, float]:
    found = {
        name.removeprefix(_OPEN).removesuffix(_CLOSE): _number(value)
        for name, value in row.items()
        if name.startswith(_OPEN)
    }
    return {label: value for label, value in found.items() if not np.isnan(value)}


def _table(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], probabilities: Sequence[Mapping[str, float]]
) -> pd.DataFrame:
    labels = dict.fromkeys(label for own in probabilities for label in own)
    return pd.DataFrame(rows, columns=[*columns, *(f"{_OPEN}{label}{_CLOSE}" for label in labels)])


def _write(table: pd.DataFrame, path: Path) -> None:
    if path.suffix.lower() in _PARQUET:
        write_file(path, lambda file: table.to_parquet(file, index=False, engine="pyarrow"))
    else:
        write_file(path, lambda file: table.to_csv(file, index=False, date_format=_TIMES))


def _read(path: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
    try:
        if path.suffix.lower() in _PARQUET:
            table = pd.read_parquet(path, engine="pyarrow")
        else:
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise DatasetError(f"cannot read {path} as a table of decisions: {error}") from error
    if missing := [name for name in columns if name not in table]:
        raise DatasetError(f"{path} is no table of decisions: it lacks the columns {', '.join(missing)}")
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _number(cell: Any) -> float:
    return float(cell) if cell != "" else float("nan")


def _check_pyarrow(path: Path) -> None:
    if find_spec("pyarrow") is None:
        raise OutputError(
            f"{path} is Parquet, which needs pyarrow: install it (pip install 'seisbench-lcl[parquet]'), or use .csv"
        )
