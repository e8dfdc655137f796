"""Events of a network: those that may change, those that are final, and what is said of them."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from obspy import UTCDateTime

from seisbench_lcl.live.changes import Kind
from seisbench_lcl.models.decision import EventDecision
from seisbench_lcl.models.detections import LabelledDetection

Site = tuple[str, str]
"""Network and station."""


class News(NamedTuple):
    """A change of an event.

    Attributes
    ----------
    kind : str
    id : str
        That stays the same.
    decision : EventDecision
    last : UTCDateTime
        Time after the last sample that was used.
    """

    kind: Kind
    id: str
    decision: EventDecision
    last: UTCDateTime


class Front(NamedTuple):
    """How far the decisions of a station are.

    Attributes
    ----------
    time : int
        P position of the next window, in ns since 1970: no detection can begin before it, except those that are open.
    first_open : int or None
        P position of the first hit whose detections may still change.
    """

    time: int
    first_open: int | None


@dataclass
class OpenEvent:
    """An event that may change.

    Attributes
    ----------
    id : str
    told : bool
        Whether anybody knows of it.
    members : dict from site to (start, end)
        Time span of the detection of each station, in ns since 1970.
    plain : dict
        The last decision, as JSON types.
    changed : float
        When it changed last, in s of the clock of arrivals.
    decision, last
        As in `News`; None for an event of an earlier process, until it is decided again.
    """

    id: str
    told: bool
    members: dict[Site, tuple[int, int]]
    plain: dict[str, Any]
    changed: float
    decision: EventDecision | None = None
    last: UTCDateTime | None = None


@dataclass
class PastEvent:
    """A final event: what belongs to it changes nothing any more.

    Attributes
    ----------
    start, closes : int
        From the start of its first detection to the last time at which another can begin, in ns since 1970.
    members : dict from site to (start, end)
    """

    start: int
    closes: int
    members: dict[Site, tuple[int, int]]

    def has(self, found: LabelledDetection) -> bool:
        """Whether a detection is that of a member, or by another of its instruments at the time."""
        site, start, end = found.station.site, found.start_time.ns, found.end_time.ns
        first, last = self.members.get(site, (end + 1, start - 1))
        if not (first <= end and start <= last):
            return False
        self.members[site] = min(first, start), max(last, end)
        return True

    def would_have(self, found: LabelledDetection) -> bool:
        """Whether a detection would be of this event, had it come before the event was final."""
        return found.station.site not in self.members and self.start <= found.start_time.ns <= self.closes
