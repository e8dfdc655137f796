"""What time and place alone say about an event: hour, weekday, and distance to quarries, learnt from a catalogue.

Networks lean on such context, and it is also how catalogues deceive themselves: where analysts called every shallow
event at noon a blast, context learns to call every shallow event at noon a blast, and nobody sees the first earthquake
at noon. So it is always shown apart from the waveforms, and mixed in only if asked (`EventContext.mixed`).
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timezone
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from obspy.geodetics import locations2degrees

from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.events.calibration import EventCalibration
from seisbench_lcl.models.decision import EventDecision, elect
from seisbench_lcl.models.event import Event, Origin

_DISTANCES = (2.0, 5.0, 15.0)  # km to the nearest quarry, between which counts are made
_KERNEL = (0.25, 0.5, 0.25)  # over neighbouring hours
_PARTS = 5  # of the events, of which each is held out once
_KM = 111.19  # per degree
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Quarry:
    """A place where blasts are fired: degrees, hours of work in local time, and the days of work from 0, Monday."""

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


@dataclass(frozen=True)
class Beside:
    """Probabilities of an event by waveforms, by context alone, and by both."""

    waveforms: Mapping[str, float]
    context: Mapping[str, float]
    together: Mapping[str, float]

    def __str__(self) -> str:
        label = max(self.waveforms, key=self.waveforms.__getitem__)
        return (
            f"waveforms say {self.waveforms[label]:.2f} {label}; context alone says {self.context[label]:.2f}; "
            f"together {self.together[label]:.2f}"
        )


@dataclass(frozen=True)
class EventContext:
    """How often events of each class occur by hour, by weekday, and near quarries at work.

    The three are taken as independent given the class (naive Bayes); one more event of each class is spread evenly over
    all cells, so that nothing is impossible. Hours are smoothed with their neighbours. They are not independent, so the
    log probabilities are divided by a temperature, fitted to events held out.

    Attributes
    ----------
    labels : tuple of str
    timezone : str
        Such as "America/Los_Angeles"; hours and weekdays are local.
    quarries : tuple of Quarry
    hours, days, places : (K, 24), (K, 7), (K, 5) tuples
        Fractions of each class. Places are within 2, 5 and 15 km of the nearest quarry at work, farther, or unknown.
    prior : (K,) tuple
        Fraction of the events that each class has.
    temperature : float
    """

    labels: tuple[str, ...]
    timezone: str
    quarries: tuple[Quarry, ...]
    hours: tuple[tuple[float, ...], ...]
    days: tuple[tuple[float, ...], ...]
    places: tuple[tuple[float, ...], ...]
    prior: tuple[float, ...]
    temperature: float = 1.0

    @classmethod
    def fit(
        cls,
        origins: Sequence[Origin],
        labels: Sequence[str],
        *,
        known: Sequence[str] | None = None,
        quarries: Iterable[Quarry] = (),
        timezone: str = "UTC",
    ) -> "EventContext":
        """Learn from the labelled events of a catalogue.

        Parameters
        ----------
        origins : sequence of Origin
        labels : sequence of str
        known : sequence of str, optional
            Classes, such as ``model.labels``; by default those of the events.
        quarries : iterable of Quarry
        timezone : str

        Raises
        ------
        DatasetError
            If there are no events, lengths differ, or a label is not known.
        ConfigurationError
            If the time zone is unknown.
        """
        names = tuple(known or sorted(set(labels)))
        if not labels or len(labels) != len(origins):
            raise DatasetError(f"{len(origins)} origins came with {len(labels)} labels: pass one label for each event")
        if strange := sorted(set(labels) - set(names)):
            raise DatasetError(f"labels {strange} are not among the classes {list(names)}")
        blank = cls(names, timezone, tuple(quarries), (), (), (), ())
        cells = np.array([blank._cells(origin) for origin in origins])
        codes = np.array([names.index(label) for label in labels])
        whole = blank._counted(cells, codes)
        parts = min(_PARTS, len(codes))
        part = np.random.default_rng(0).permutation(len(codes)) % parts
        held_out = np.empty((len(codes), len(names)))
        for k in range(parts):
            others = blank._counted(cells[part != k], codes[part != k])
            held_out[part == k] = [others._probabilities(row) for row in cells[part == k]]
        ones = np.ones(len(codes), dtype=int)
        return replace(whole, temperature=EventCalibration.fit(held_out, codes, ones, "context").temperature)

    def _counted(self, cells: NDArray[np.int64], codes: NDArray[np.int64]) -> "EventContext":
        """Return the context of events with these cells (E, 3) and classes (E,)."""
        hours, days, places = (self._table(cells[:, i], codes, n) for i, n in enumerate((24, 7, len(_DISTANCES) + 2)))
        prior = np.bincount(codes, minlength=len(self.labels)) + 1.0
        return replace(self, hours=hours, days=days, places=places, prior=tuple((prior / prior.sum()).tolist()))

    def _table(self, cells: NDArray[np.int64], codes: NDArray[np.int64], size: int) -> tuple[tuple[float, ...], ...]:
        counts = np.zeros((len(self.labels), size))
        np.add.at(counts, (codes, cells), 1)
        if size == 24:
            before, same, after = _KERNEL
            counts = before * np.roll(counts, -1, axis=1) + same * counts + after * np.roll(counts, 1, axis=1)
        counts += 1 / size
        return tuple(map(tuple, (counts / counts.sum(axis=1, keepdims=True)).tolist()))

    def alone(self, origin: Origin) -> dict[str, float]:
        """Return the probability of each class by time and place alone, with the rates of the catalogue."""
        return dict(zip(self.labels, self._probabilities(self._cells(origin)), strict=True))

    def _probabilities(self, cells: Sequence[int] | NDArray[np.int64]) -> list[float]:
        logs = np.log(self.prior)
        for table, cell in zip((self.hours, self.days, self.places), cells, strict=True):
            logs = logs + np.log([row[cell] for row in table])
        return _normalised(logs / self.temperature)

    def beside(self, decision: EventDecision, origin: Origin) -> Beside:
        """Return what waveforms, context, and both say of an event.

        Both together: the product, because models are trained as if all classes were equally frequent.

        Raises
        ------
        ConfigurationError
            If the event has no probabilities, or the model has other labels.
        """
        if set(decision.probabilities) != set(self.labels):
            raise ConfigurationError(
                f"the context knows {list(self.labels)}, but event {decision.event} has probabilities of "
                f"{list(decision.probabilities)}"
            )
        context = self.alone(origin)
        logs = np.log([max(decision.probabilities[label], 1e-6) * context[label] for label in self.labels])
        return Beside(dict(decision.probabilities), context, dict(zip(self.labels, _normalised(logs), strict=True)))

    def mixed(self, decision: EventDecision, origin: Origin, event_types: Mapping[str, str | None]) -> EventDecision:
        """Return a decision by waveforms and context together, for those who ask for it; its rule says so.

        An event that was undecided stays undecided.
        """
        if decision.label is None:
            return decision
        together = self.beside(decision, origin).together
        return elect(
            Event(decision.event, decision.origin),
            decision.stations,
            np.array([together[label] for label in self.labels]),
            self.labels,
            event_types,
            rule=f"{decision.rule} and context",
            weights=decision.weights,
        )

    def _cells(self, origin: Origin) -> tuple[int, int, int]:
        """Return hour, weekday and place of an origin, as columns of the tables."""
        local = origin.time.datetime.replace(tzinfo=timezone.utc).astimezone(self._zone)
        hour, day = local.hour + local.minute / 60, local.weekday()
        if origin.latitude is None or origin.longitude is None:
            return local.hour, day, len(_DISTANCES) + 1
        near = [
            _KM * locations2degrees(origin.latitude, origin.longitude, quarry.latitude, quarry.longitude)
            for quarry in self.quarries
            if quarry.works(hour, day)
        ]
        return local.hour, day, int(np.searchsorted(_DISTANCES, min(near, default=math.inf)))

    @cached_property
    def _zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ConfigurationError(
                f"{self.timezone!r} is no time zone: name one such as 'Europe/Berlin' or 'UTC'"
            ) from error


def _normalised(logs: Floats) -> list[float]:
    weights = np.exp(logs - logs.max())
    return (weights / weights.sum()).tolist()
