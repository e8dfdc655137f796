"""What time and place alone say about an event: hour, weekday, and distance to quarries, learnt from a catalogue.

Networks lean on such context, and it is also how catalogues deceive themselves: where analysts called every shallow
event at noon a blast, context learns to call every shallow event at noon a blast, and nobody sees the first earthquake
at noon. So it is always shown apart from the waveforms, and mixed in only if asked (`EventContext.mixed`).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timezone
from functools import cached_property
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray
from obspy.geodetics import locations2degrees

from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.evaluation.event_calibration import EventCalibration
from seisbench_lcl.events.files.marks import AUTHOR
from seisbench_lcl.events.quarries import Quarry
from seisbench_lcl.models.decision import EventDecision, elect
from seisbench_lcl.models.event import Event, Origin
from seisbench_lcl.models.model import Model
from seisbench_lcl.wording import listed

_DISTANCES = (2.0, 5.0, 15.0)  # km to the nearest quarry, between which counts are made
_KERNEL = (0.25, 0.5, 0.25)  # over neighbouring hours
_PARTS = 5  # of the events, of which each is held out once
_KM = 111.19  # per degree

_BLASTS = (
    *("explosion", "quarry blast", "mining explosion", "industrial explosion", "controlled explosion"),
    *("chemical explosion", "accidental explosion", "experimental explosion", "road cut", "blasting levee"),
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Beside:
    """Probabilities of an event by waveforms, by context alone, and by both.

    Examples
    --------
    >>> print(Beside({"blast": 0.6, "quake": 0.4}, {"blast": 0.9, "quake": 0.1}, {"blast": 0.93, "quake": 0.07}))
    waveforms say 0.60 blast; context alone says 0.90; together 0.93
    """

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

    Examples
    --------
    >>> from obspy import UTCDateTime
    >>> origins = [Origin("", UTCDateTime(2024, 3, 1 + day, hour)) for day in range(20) for hour in (3, 12)]
    >>> context = EventContext.fit(origins, ["quake", "blast"] * 20)
    >>> noon = context.alone(Origin("", UTCDateTime(2024, 4, 2, 12)))
    >>> noon["blast"] > noon["quake"]
    True
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

    @classmethod
    def learnt(
        cls, events: Iterable[Event], model: Model, *, quarries: Iterable[Quarry] = (), timezone: str = "UTC"
    ) -> "EventContext":
        """Learn from the types that persons and other programs gave to the events of a catalogue.

        Types that this package set do not count, nor do events without an origin or with a type that the model does
        not know. Any kind of blast, such as "quarry blast" or "mining explosion", counts for the one label of the model
        that is a blast.

        Parameters
        ----------
        events : iterable of Event
            Such as a `seisbench_lcl.events.files.CatalogReader`.
        model : Discriminator or DiscriminatorEnsemble
            For its labels and their QuakeML types.
        quarries, timezone
            As in `fit`.

        Raises
        ------
        DatasetError
            If no event counts.
        ConfigurationError
            If the time zone is unknown.
        """
        labels = {str(kind): label for label, kind in model.event_types.items() if kind is not None}
        if len(blasts := [label for kind, label in labels.items() if kind in _BLASTS]) == 1:
            labels = dict.fromkeys(_BLASTS, blasts[0]) | labels
        known = [
            (event.origin, labels[event.type])
            for event in events
            if event.origin and event.type in labels and event.type_author != AUTHOR
        ]
        if not known:
            raise DatasetError(
                "no event has an origin and a type that the model knows, set by somebody else: context needs a "
                f"catalogue of {listed([*labels])}"
            )
        origins, names = zip(*known, strict=True)
        return cls.fit(origins, names, known=model.labels, quarries=quarries, timezone=timezone)

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
        mixed = elect(
            Event(decision.event, decision.origin),
            decision.stations,
            np.array([together[label] for label in self.labels]),
            self.labels,
            event_types,
            rule=f"{decision.rule} and context",
            weights=decision.weights,
        )
        return replace(mixed, context=decision.context)

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
