"""Quarries and mines: where blasts are fired, and when."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from seisbench_lcl.errors import DatasetError

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class Quarry:
    """A place where blasts are fired: degrees, hours of work in local time, and the days of work from 0, Monday.

    Examples
    --------
    >>> quarry = Quarry("Steinbruch", 50.1, 11.9, opens=7, closes=16, days=frozenset(range(5)))
    >>> 5 in quarry.days
    False
    """

    name: str
    latitude: float
    longitude: float
    opens: float = 0.0
    closes: float = 24.0
    days: frozenset[int] = frozenset(range(7))

    def works(self, hour: float, day: int) -> bool:
        """Return whether it works at an hour of a weekday; hours may run across midnight."""
        if self.opens <= self.closes:
            return day in self.days and self.opens <= hour < self.closes
        return (day in self.days and hour >= self.opens) or ((day - 1) % 7 in self.days and hour < self.closes)


def read_quarries(path: str | Path) -> list[Quarry]:
    """Read a CSV table or a GeoJSON file of places.

    A table has the columns ``latitude`` and ``longitude`` (degrees), and may have ``name``, ``opens`` and ``closes``
    (local hours, such as 6.5) and ``days`` (such as "Mon Tue Wed"). A GeoJSON file has points with these properties.

    Raises
    ------
    DatasetError
        If the file cannot be read, or a value in it.
    """
    try:
        if Path(path).suffix.lower() in (".json", ".geojson"):
            rows = [_point(feature) for feature in json.loads(Path(path).read_text())["features"]]
        else:
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
            rows = [{str(k).strip(): v for k, v in row.items() if v} for row in table.to_dict("records")]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"cannot read {path} as a table or GeoJSON file of quarries: {error!r}") from error
    found = []
    for number, row in enumerate(rows, start=1):
        try:
            found.append(_quarry(row))
        except (KeyError, TypeError, ValueError) as error:
            raise DatasetError(
                f"{path}, place {number}: {error!r}: expected latitude and longitude in degrees, opens and closes in "
                "hours from 0 to 24, and days such as 'Mon Tue'"
            ) from error
    return found


def _point(feature: Mapping[str, object]) -> dict[str, object]:
    longitude, latitude = feature["geometry"]["coordinates"][:2]  # type: ignore[index]
    return {**(feature.get("properties") or {}), "latitude": latitude, "longitude": longitude}  # type: ignore[dict-item]


def _quarry(row: Mapping[str, object]) -> Quarry:
    latitude, longitude = (float(str(row[name])) for name in ("latitude", "longitude"))
    opens, closes = (float(str(row.get(name, usual))) for name, usual in (("opens", 0), ("closes", 24)))
    if not (abs(latitude) <= 90 and abs(longitude) <= 360 and 0 <= opens <= 24 and 0 <= closes <= 24):
        raise ValueError(f"{latitude}, {longitude}, {opens}, {closes} are out of range")
    days = row.get("days")
    names = str(days).replace(",", " ").split() if days else _DAYS
    numbers = frozenset(_DAYS.index(name[:3].title()) for name in names)
    return Quarry(str(row.get("name", "")), latitude, longitude, opens, closes, numbers)
