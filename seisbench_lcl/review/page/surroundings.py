"""What time and place say about an event, apart from its waveforms: local hour, weekday, quarries nearby."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from obspy.geodetics import degrees2kilometers, locations2degrees

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.events import EventDecision
from seisbench_lcl.events.context import EventContext
from seisbench_lcl.events.quarries import Quarry


@dataclass(frozen=True)
class Surroundings:
    """Time and place beside the decisions.

    Parameters
    ----------
    timezone : str
        Such as "Europe/Berlin".
    quarries : tuple of Quarry
    context : EventContext, optional
        Learnt from a labelled catalogue; its time zone and quarries count then.

    Raises
    ------
    ConfigurationError
        If the time zone is unknown.

    Examples
    --------
    >>> Surroundings("Europe/Berlin").timezone
    'Europe/Berlin'
    """

    timezone: str = "UTC"
    quarries: tuple[Quarry, ...] = ()
    context: EventContext | None = None

    def __post_init__(self) -> None:
        if self.context is not None:
            object.__setattr__(self, "timezone", self.context.timezone)
            object.__setattr__(self, "quarries", self.context.quarries)
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ConfigurationError(
                f"{self.timezone!r} is no time zone: name one such as 'Europe/Berlin' or 'UTC'"
            ) from error

    def lines(self, decision: EventDecision) -> list[str]:
        """Return what is known of an event, one fact to a line."""
        if decision.time is None:
            return []
        local = decision.time.datetime.replace(tzinfo=timezone.utc).astimezone(ZoneInfo(self.timezone))
        facts = [f"{local:%A, %H:%M} {self.timezone}"]
        origin = decision.origin
        if self.quarries and origin and origin.latitude is not None and origin.longitude is not None:
            distance, quarry = self._nearest(origin.latitude, origin.longitude, self.quarries)
            works = quarry.works(local.hour + local.minute / 60, local.weekday())
            name = f" {quarry.name}" if quarry.name else ""
            facts.append(f"quarry{name} at {distance:.1f} km, {'at work' if works else 'not at work'} at this time")
        alone = decision.context
        if self.context is not None and origin is not None:
            alone = self.context.alone(origin)
        if alone:
            label = max(alone, key=alone.__getitem__)
            facts.append(f"time and place alone: {alone[label]:.2f} {label}")
        return facts

    def _nearest(self, latitude: float, longitude: float, quarries: Iterable[Quarry]) -> tuple[float, Quarry]:
        distances = [
            (float(degrees2kilometers(locations2degrees(latitude, longitude, q.latitude, q.longitude))), q)
            for q in quarries
        ]
        return min(distances, key=lambda pair: pair[0])
