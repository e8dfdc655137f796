"""Tables of decisions in files, CSV or Parquet: one of events, one of stations."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from obspy import UTCDateTime

from seisbench_lcl.errors import DatasetError, OutputError
from seisbench_lcl.models.decision import EventDecision, StationDecision
from seisbench_lcl.models.decision_list import (
    CONTEXT,
    EVENT_COLUMNS,
    PROBABILITY,
    STATION_COLUMNS,
    DecisionList,
    event_table,
    station_table,
)
from seisbench_lcl.models.event import Origin
from seisbench_lcl.storage import write_file

_PARQUET = {".parquet", ".pq"}
_TIMES = "%Y-%m-%dT%H:%M:%S.%fZ"


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


def read_tables(path: str | Path) -> DecisionList:
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
                _by_label(row),
                row["reason"],
                *(_number(row[name]) for name in ("novelty", "coverage", "snr")),
            )
        )
    return DecisionList(
        EventDecision(
            row["event"],
            row["label"] or None,
            row["event_type"] or None,
            _by_label(row),
            _number(row["margin"]),
            _number(row["disagreement"]),
            int(row["n_for"]),
            int(row["n_against"]),
            row["reason"],
            row["rule"],
            row["weights"],
            tuple(of_event.get(row["event"], ()) if int(row["n_stations"]) else ()),
            _origin(row),
            _by_label(row, CONTEXT),
        )
        for row in _read(events, EVENT_COLUMNS)
    )


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


def _by_label(row: Mapping[str, Any], column: str = PROBABILITY) -> dict[str, float]:
    before, after = column.split("{}")
    found = {
        name.removeprefix(before).removesuffix(after): _number(value)
        for name, value in row.items()
        if name.startswith(before)
    }
    return {label: value for label, value in found.items() if not np.isnan(value)}


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
