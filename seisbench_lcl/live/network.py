"""Detections of several stations as events that are provisional, grow, and become final."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from obspy import UTCDateTime

from seisbench_lcl.live.changes import decision_from, plain_decision
from seisbench_lcl.live.grown_events import Front, News, OpenEvent, PastEvent, Site
from seisbench_lcl.live.hits import LONGEST, Rules
from seisbench_lcl.live.segment import SECOND
from seisbench_lcl.models.detected_events import by_one_instrument, decide_group, group_detections
from seisbench_lcl.models.detections import LabelledDetection
from seisbench_lcl.waveforms.station import StationId

logger = logging.getLogger(__name__)

_REMEMBERED = 86400 * SECOND  # of final events, for stations that are late
_MOST = 2000
_LONGEST_GROWTH = 900 * SECOND  # of an event that a station still sees


@dataclass
class Network:
    """The events of a network, by the rules of `seisbench_lcl.models.detected_events`.

    Attributes
    ----------
    rules : Rules
    travel_time, final_after : float
        In s, as in `WatchSettings`.
    min_stations : int
    closed : list of LabelledDetection
        Those that will not change, of events that may.
    open : list of OpenEvent
    past : list of PastEvent
    finished, late : int
        Final events that were told; detections that came after their event was final.
    """

    rules: Rules
    travel_time: float
    final_after: float
    min_stations: int = 1
    closed: list[LabelledDetection] = field(default_factory=list)
    open: list[OpenEvent] = field(default_factory=list)
    past: list[PastEvent] = field(default_factory=list)
    finished: int = 0
    late: int = 0

    def update(
        self,
        closed: Iterable[LabelledDetection],
        growing: Iterable[LabelledDetection],
        fronts: Mapping[StationId, Front],
        clock: float,
        ended: bool = False,
    ) -> list[News]:
        """Return what has changed.

        Parameters
        ----------
        closed : iterable of LabelledDetection
            New ones that no window can change any more.
        growing : iterable of LabelledDetection
            All others, as they are now.
        fronts : mapping from StationId to Front
            Of all stations that send.
        clock : float
            Time in s, of the clock by which packets arrive.
        ended : bool
            Whether nothing more will come: then all events are final.
        """
        self.closed += closed
        growing = list(growing)
        chosen = by_one_instrument([*self.closed, *growing])
        past = {id(one) for one in chosen if self._is_past(one)}
        groups = group_detections([one for one in chosen if id(one) not in past], self.travel_time)
        self.closed = [one for one in self.closed if id(one) not in past]
        news = self._matched(groups, clock)
        news += self._finals(groups, growing, fronts, clock, ended)
        slowest = min((front.time for front in fronts.values()), default=0)
        self.closed = [one for one in self.closed if one.end_time.ns > slowest - LONGEST]
        return news

    def _is_past(self, found: LabelledDetection) -> bool:
        if any(event.has(found) for event in self.past):
            return True
        for event in self.past:
            if event.would_have(found):
                event.members[found.station.site] = found.start_time.ns, found.end_time.ns
                self.late += 1
                logger.warning("%s detected an event at %s after it was final", found.trace_id, found.start_time)
                return True
        return False

    def _matched(self, groups: Sequence[Sequence[LabelledDetection]], clock: float) -> list[News]:
        """Give each group to the open event that it continues, and say what is new."""
        members = [{one.station.site: (one.start_time.ns, one.end_time.ns) for one in group} for group in groups]
        pairs = sorted(
            (-shared, place, i)
            for i, own in enumerate(members)
            for place, event in enumerate(self.open)
            if (shared := _shared(own, event.members))
        )
        partner: dict[int, OpenEvent] = {}
        taken: set[int] = set()
        for _, place, i in pairs:
            if i not in partner and place not in taken:
                partner[i] = self.open[place]
                taken.add(place)
        news = [
            News("withdrawn", event.id, event.decision, event.last)
            for place, event in enumerate(self.open)
            if place not in taken and event.told and event.decision and event.last
        ]
        known = {event.id for event in self.open}
        events = []
        for i, group in enumerate(groups):
            decision = decide_group(group, self.rules.labels, self.rules.event_types, self.rules.weights)
            last = max(self.rules.last_sample(one) for one in group)
            event = partner.get(i)
            if event is None:
                event = OpenEvent(_unused(decision.event, known), False, {}, {}, clock)
                known.add(event.id)
            plain = plain_decision(decision)
            event.decision, event.last = decision, last
            if event.members != members[i]:
                event.members, event.changed = members[i], clock
            if len(group) >= self.min_stations and plain != event.plain:
                news.append(News("updated" if event.told else "provisional", event.id, decision, last))
                event.told, event.plain = True, plain
            events.append(event)
        self.open = events
        return news

    def _finals(
        self,
        groups: Sequence[Sequence[LabelledDetection]],
        growing: Sequence[LabelledDetection],
        fronts: Mapping[StationId, Front],
        clock: float,
        ended: bool,
    ) -> list[News]:
        """Make final, in order, what nothing can change any more, and what has waited long enough."""
        news: list[News] = []
        remaining: list[OpenEvent] = []
        newest = max((front.time for front in fronts.values()), default=0)
        still = {id(one) for one in growing}
        everything = [*self.closed, *growing]
        for group, event in zip(groups, self.open, strict=True):
            closes = group[0].end_time.ns + round(self.travel_time * SECOND)
            grows = any(id(one) in still for one in group)
            # An instrument that is preferred may take the place of what began by then, as long as it lasts.
            last = max(one.end_time.ns for one in everything if one.start_time.ns <= closes)
            beyond = max(closes, last)
            settled = not grows and all(
                front.time > beyond and (front.first_open is None or front.first_open > beyond)
                for front in fronts.values()
            )
            limit = closes if not grows else group[0].start_time.ns + _LONGEST_GROWTH
            waited = newest >= limit + round(self.final_after * SECOND)
            lost = clock - event.changed >= self.final_after + self.travel_time
            # An earlier event that grows may take over detections of this one, unless that has waited long enough.
            if not (ended or waited or lost or (settled and not remaining)):
                remaining.append(event)
                continue
            self.past.append(PastEvent(group[0].start_time.ns, closes, dict(event.members)))
            if event.told and event.decision and event.last:
                self.finished += 1
                news.append(News("final", event.id, event.decision, event.last))
            gone = {id(one) for one in group}
            self.closed = [one for one in self.closed if id(one) not in gone]
        self.open = remaining
        self.past = [event for event in self.past if event.closes > newest - _REMEMBERED][-_MOST:]
        return news

    def to_dict(self) -> dict[str, Any]:
        """Return all that the next process must know, as JSON types."""
        return {
            "closed": [_plain_detection(one) for one in self.closed],
            "open": [
                {
                    "id": event.id,
                    "told": event.told,
                    "members": _plain_members(event.members),
                    "plain": event.plain,
                }
                for event in self.open
            ],
            "past": [[event.start, event.closes, _plain_members(event.members)] for event in self.past],
            "finished": self.finished,
            "late": self.late,
        }

    def resume(self, plain: Mapping[str, Any], clock: float) -> None:
        """Take over what another process knew, from `to_dict`."""
        self.closed = [_detection(one, self.rules) for one in plain["closed"]]
        self.open = [
            OpenEvent(
                one["id"],
                one["told"],
                _members(one["members"]),
                one["plain"],
                clock,
                decision_from(one["plain"]) if one["plain"] else None,
                UTCDateTime(ns=max(end for _, end in _members(one["members"]).values())),
            )
            for one in plain["open"]
        ]
        self.past = [PastEvent(start, closes, _members(members)) for start, closes, members in plain["past"]]
        self.finished, self.late = plain["finished"], plain["late"]


def _shared(one: Mapping[Site, tuple[int, int]], other: Mapping[Site, tuple[int, int]]) -> int:
    """Return how many stations have overlapping detections in both."""
    return sum(
        site in other and start <= other[site][1] and other[site][0] <= end for site, (start, end) in one.items()
    )


def _unused(name: str, known: set[str]) -> str:
    number, candidate = 1, name
    while candidate in known:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def _plain_members(members: Mapping[Site, tuple[int, int]]) -> list[list[Any]]:
    return [[*site, start, end] for site, (start, end) in members.items()]


def _members(plain: Iterable[Sequence[Any]]) -> dict[Site, tuple[int, int]]:
    return {(network, station): (start, end) for network, station, start, end in plain}


def _plain_detection(found: LabelledDetection) -> dict[str, Any]:
    return {
        "station": list(found.station),
        "start": found.start_time.ns,
        "end": found.end_time.ns,
        "peak": found.peak_value,
        "label": found.label,
        "onset": found.onset.ns,
        "mean": found.mean_probability,
        "windows": found.n_windows,
        "probabilities": found.probabilities,
        "coverage": found.coverage,
        "novelty": None if found.novelty != found.novelty else found.novelty,
    }


def _detection(plain: Mapping[str, Any], rules: Rules) -> LabelledDetection:
    return LabelledDetection(
        StationId(*plain["station"]),
        UTCDateTime(ns=plain["start"]),
        UTCDateTime(ns=plain["end"]),
        plain["peak"],
        plain["label"],
        onset=UTCDateTime(ns=plain["onset"]),
        mean_probability=plain["mean"],
        n_windows=plain["windows"],
        probabilities=plain["probabilities"],
        coverage=plain["coverage"],
        novelty=float("nan") if plain["novelty"] is None else plain["novelty"],
        event_type=rules.event_types[plain["label"]],
        component=rules.component,
        weights=rules.weights,
    )
