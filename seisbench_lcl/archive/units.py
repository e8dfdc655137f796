"""The parts of an archive: station-days, and the batches whose results share a file."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from seisbench_lcl.events.source import Site

SECOND = 10**9
DAY = 86400 * SECOND
"""Nanoseconds, as all times here: they compare and pickle exactly."""

_SLOT = 8  # days of a month that share a file of results


class SourceFile(NamedTuple):
    """A file of recordings.

    Attributes
    ----------
    path : str
    size : int
        In bytes.
    modified : int
        In ns since 1970.
    start, end : int
        What it holds, at most, in ns since 1970.
    """

    path: str
    size: int
    modified: int
    start: int
    end: int

    @property
    def now(self) -> "SourceFile":
        """The file as it is now; of size −1 if it has gone."""
        try:
            found = Path(self.path).stat()
        except OSError:
            return self._replace(size=-1, modified=0)
        return self._replace(size=found.st_size, modified=found.st_mtime_ns)


@dataclass(frozen=True)
class Unit:
    """A day of a station.

    Attributes
    ----------
    site : Site
    start, end : int
        In ns since 1970: decisions with P from `start` to before `end` belong to it.
    files : tuple of SourceFile
        All that touch the day or its margins; none of a web service.
    arrivals : tuple of int or None
        P arrivals to decide at, in ns since 1970; None decides every stride.
    """

    site: Site
    start: int
    end: int
    files: tuple[SourceFile, ...] = ()
    arrivals: tuple[int, ...] | None = None

    @property
    def day(self) -> str:
        """Such as 2024-03-01."""
        return str(_date(self.start))

    def key(self, settings: str) -> str:
        """Return a digest of all that the results depend on.

        Parameters
        ----------
        settings : str
            Digest of the model and the settings.
        """
        files = [(Path(file.path).name, file.size, file.modified) for file in self.files]
        known = [self.site, self.start, self.end, files, self.arrivals, settings]
        return sha256(json.dumps(known).encode()).hexdigest()[:24]

    def renewed(self) -> "Unit":
        """Return the unit with its files as they are now."""
        return Unit(self.site, self.start, self.end, tuple(file.now for file in self.files), self.arrivals)


@dataclass(frozen=True)
class Batch:
    """Days of a station whose results share a file: up to eight of a month.

    Attributes
    ----------
    name : str
        Path of its files below the folder of a table, without suffix.
    units : tuple of Unit
        In order of time.
    """

    name: str
    units: tuple[Unit, ...]


def batches(units: Iterable[Unit]) -> list[Batch]:
    """Return the batches of units, in order of time and station."""
    found: dict[tuple[date, Site], list[Unit]] = {}
    for unit in units:
        day = _date(unit.start)
        first = day.replace(day=min((day.day - 1) // _SLOT, 3) * _SLOT + 1)
        found.setdefault((first, unit.site), []).append(unit)
    return [
        Batch(_name(site, first), tuple(sorted(own, key=lambda unit: unit.start)))
        for (first, site), own in sorted(found.items())
    ]


def _name(site: Site, first: date) -> str:
    network, station = (quote(code, safe="") for code in site)
    folder = f"network={network or '__HIVE_DEFAULT_PARTITION__'}/year={first.year}/month={first.month}"
    return f"{folder}/{network}.{station}.{first}"


def days(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of a time span that lie in one UTC day each, in ns since 1970."""
    first = start
    while first < end:
        last = min((first // DAY + 1) * DAY, end)
        yield first, last
        first = last


def midnight(year: int, day: int) -> int:
    """Return the beginning of a day of a year, in ns since 1970."""
    begin = datetime(year, 1, 1, tzinfo=timezone.utc) + timedelta(days=day - 1)
    return int(begin.timestamp()) * SECOND


def _date(ns: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=ns // SECOND)).date()
