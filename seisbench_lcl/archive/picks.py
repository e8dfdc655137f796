"""P arrivals from a table, in place of a window every stride."""

from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.events.source import Site
from seisbench_lcl.events.windows import is_p
from seisbench_lcl.wording import suggestion

_NEEDED = ("time", "station")


def read_picks(path: str | Path) -> dict[Site, list[int]]:
    """Read the P picks of each station from a table, in ns since 1970.

    Parameters
    ----------
    path : path
        CSV or Parquet (.parquet, .pq) with the columns ``time`` (UTC) and ``station``; ``network`` and ``phase`` are
        optional. Picks of other phases are left out, others do not count.

    Raises
    ------
    DatasetError
        If the table cannot be read, lacks a column, or a time cannot be read.
    """
    path = Path(path)
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            table = pd.read_parquet(path, engine="pyarrow")
        else:
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError, ImportError) as error:
        raise DatasetError(f"cannot read {path} as a table of picks: {error}") from error
    table.columns = [str(name).strip() for name in table.columns]
    for name in _NEEDED:
        if name not in table:
            hint = suggestion(name, table.columns, what="the table has")
            raise DatasetError(f"{path} has no column {name!r}, which picks need: {hint}")
    times = pd.to_datetime(table["time"], utc=True, errors="coerce", format="ISO8601")
    if times.isna().any():
        row = int(times.isna().to_numpy().argmax())
        raise DatasetError(f"{path}, row {row + 2}: time is {table['time'].iloc[row]!r}, which cannot be read")
    nanoseconds = times.astype("datetime64[ns, UTC]").astype("int64")
    networks, phases = (table[name] if name in table else [""] * len(table) for name in ("network", "phase"))
    found: dict[Site, list[int]] = {}
    for network, station, phase, time in zip(networks, table["station"], phases, nanoseconds, strict=True):
        if is_p("" if pd.isna(phase) else str(phase)):
            site = Site("" if pd.isna(network) else str(network).strip(), str(station).strip())
            found.setdefault(site, []).append(int(time))
    return {site: sorted({*own}) for site, own in found.items()}


def picks_at(picks: dict[Site, list[int]], site: Site) -> list[int]:
    """Return the picks of a station; those without network are of every station of that name."""
    own, anywhere = picks.get(site, []), picks.get(Site("", site.station), [])
    return sorted({*own, *anywhere})


def within(times: Sequence[int], start: int, end: int) -> tuple[int, ...]:
    """Return the times from `start` to before `end`, of sorted ones."""
    return tuple(times[bisect_left(times, start) : bisect_left(times, end)])
