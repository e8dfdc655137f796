"""Decisions on events: windows of all stations, one pass of the model, one vote."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from typing import Any, Literal

import obspy
from seisbench.models import WaveformModel

from seisbench_lcl.errors import ConfigurationError, check_arguments
from seisbench_lcl.events.arrivals import arrivals_of, group_picks, picks_of
from seisbench_lcl.events.association import associate, can_associate
from seisbench_lcl.events.deciding import vote
from seisbench_lcl.events.predicted import predicted_picks
from seisbench_lcl.events.predicting import station_decisions
from seisbench_lcl.events.rules import EventRules
from seisbench_lcl.events.sources import Waveforms, WaveformSource, open_waveforms
from seisbench_lcl.events.windows import Member, StationWindow, cut_windows, first_arrivals
from seisbench_lcl.models.decision import EventDecision, StationDecision
from seisbench_lcl.models.decision_list import DecisionList
from seisbench_lcl.models.event import Event, Pick
from seisbench_lcl.models.model import Model
from seisbench_lcl.waveforms.network import TRAVEL_TIME, travel_time_across
from seisbench_lcl.wording import suggestion

_BATCH = 64  # stations that pass through the model at once
_WAITING = 16  # events that may wait for their batch to fill


def classify_events(model: Model, events: Iterable[Event], waveforms: Waveforms, **rules: Any) -> DecisionList:
    """Decide on events; see `decide_events`.

    Parameters
    ----------
    model : Discriminator, DiscriminatorEnsemble or MixedEnsemble
    events : iterable of Event
    waveforms : WaveformSource, obspy.Stream, or name
        As in `seisbench_lcl.events.sources.open_waveforms`.
    **rules
        Those of `seisbench_lcl.events.rules.EventRules`, such as ``rule="median"``.

    Raises
    ------
    ConfigurationError, WaveformError
        As `decide_events`.
    """
    return DecisionList(decide_events(model, events, waveforms, _rules(rules)))


def classify_catalog(
    model: Model, catalog: Any, waveforms: Waveforms, *, travel_time: float | None = None, **rules: Any
) -> DecisionList:
    """Decide on the events of a catalogue.

    Parameters
    ----------
    model : Discriminator, DiscriminatorEnsemble or MixedEnsemble
    catalog : obspy.Catalog, PickList, path, or sequence of Event
        A path is that of a catalogue, or of a CSV table (`seisbench_lcl.events.arrivals.arrivals_of`). Picks without
        events are grouped (`seisbench_lcl.events.arrivals.group_picks`).
    waveforms, **rules
        As in `classify_events`. Events without P picks need ``inventory``.
    travel_time : float, optional
        Longest time in s between the first and the last P of picks without events; by default through the
        ``inventory``, or else 20 s.

    Raises
    ------
    DatasetError
        If the catalogue is something else, or its file cannot be read.
    ConfigurationError, WaveformError
        As `decide_events`.

    Examples
    --------
    >>> import obspy, seisbench_lcl as lcl
    >>> from seisbench_lcl.events import Event, Pick, classify_catalog
    >>> stream = obspy.read()
    >>> event = Event("e1", picks=(Pick("", stream[0].stats.starttime + 4.3, "BW", "RJOB"),))
    >>> model = lcl.from_pretrained("MiniRocketRidge/mixed-3c")
    >>> [decision.label for decision in classify_catalog(model, [event], stream)]
    ['earthquake']
    """
    settings = _rules(rules)
    return DecisionList(decide_events(model, arrivals_of(catalog, _within(travel_time, settings)), waveforms, settings))


def classify_picks(
    model: Model,
    picker: WaveformModel,
    stream: obspy.Stream,
    *,
    travel_time: float | None = None,
    least_picks: int = 1,
    association: Literal["auto", "pyocto", "time"] = "auto",
    picker_args: Mapping[str, Any] | None = None,
    **rules: Any,
) -> DecisionList:
    """Pick P on a record, form events, and decide on them.

    Parameters
    ----------
    model : Discriminator, DiscriminatorEnsemble or MixedEnsemble
    picker : seisbench.models.WaveformModel
        Such as ``sbm.PhaseNet.from_pretrained("original")``.
    stream : obspy.Stream
        Not changed.
    travel_time : float, optional
        As in `classify_catalog`.
    least_picks : int
        Events with fewer P picks are left out; PyOcto takes 3 or more.
    association : {"auto", "pyocto", "time"}
        How picks become events: by PyOcto (`seisbench_lcl.events.association.associate`), or by time
        (`seisbench_lcl.events.arrivals.group_picks`). "auto" is PyOcto where it is installed and there is an
        ``inventory``.
    picker_args : mapping, optional
        Arguments of the picker's ``classify``, such as ``{"P_threshold": 0.2}``.
    **rules
        As in `classify_events`.

    Raises
    ------
    ConfigurationError
        If the model called a picker gives no picks, or PyOcto is wanted but not installed or without an inventory.
    WaveformError
        As `decide_events`.
    """
    settings = _rules(rules)
    check_arguments(
        "", ("association must be auto, pyocto or time", association in ("auto", "pyocto", "time"), association)
    )
    inventory = settings.inventory
    if association == "pyocto" and inventory is None:
        raise ConfigurationError("PyOcto needs the places of stations: pass inventory=, or association='time'")
    found = picker.classify(stream.copy(), **(picker_args or {}))
    if not hasattr(found, "picks"):
        raise ConfigurationError(f"{type(picker).__name__} does not pick phases: use a picker, such as PhaseNet")
    picks = picks_of(found.picks)
    if inventory is not None and (association == "pyocto" or (association == "auto" and can_associate())):
        events = associate(picks, inventory, min_stations=max(least_picks, 3))
    else:
        events = group_picks(picks, _within(travel_time, settings), least_picks)
    return DecisionList(decide_events(model, events, stream, settings))


def _rules(given: Mapping[str, Any]) -> EventRules:
    known = [one.name for one in fields(EventRules)]
    for name in given:
        if name not in known:
            raise ConfigurationError(f"no setting of events is called {name!r}: {suggestion(name, known)}")
    return EventRules(**given)


def _within(travel_time: float | None, rules: EventRules) -> float:
    check_arguments("", ("travel_time must be positive", travel_time is None or travel_time > 0, travel_time))
    if travel_time is not None:
        return travel_time
    return travel_time_across(rules.inventory) if rules.inventory else TRAVEL_TIME


def decide_events(
    model: Model, events: Iterable[Event], waveforms: Waveforms, rules: EventRules | None = None
) -> Iterator[EventDecision]:
    """Yield the decision on each event, in their order, as soon as it is made.

    Each station with a P pick gives one window, cut as the model was trained. The model sees the windows of several
    events at once. Every station is in the decision, with its probabilities or the reason why it has none.

    Parameters
    ----------
    model : Discriminator, DiscriminatorEnsemble or MixedEnsemble
    events : iterable of Event
        Read one after the other, a few ahead of the decisions.
    waveforms : WaveformSource, obspy.Stream, or name
        As in `seisbench_lcl.events.sources.open_waveforms`.
    rules : EventRules, optional

    Raises
    ------
    ConfigurationError
        If the picker does not fit the windows of the model.
    WaveformError
        If there are no waveforms, or their source has failed; what was decided before has been yielded.
    """
    rules = rules or EventRules()
    source, members = open_waveforms(waveforms), rules.members(model)
    seen: set[str] = set()
    waiting: list[_Draft] = []
    for event in events:
        if event.id in seen:
            waiting.append(_Draft(event, [], f"another event before has the id {event.id}"))
        else:
            seen.add(event.id)
            try:
                waiting.append(_draft(event, source, members, rules))
            except Exception:
                yield from _decided(model, waiting, rules)
                raise
        if sum(len(draft.stations) for draft in waiting) >= _BATCH or len(waiting) >= _WAITING:
            yield from _decided(model, waiting, rules)
            waiting = []
    yield from _decided(model, waiting, rules)


@dataclass(frozen=True)
class _Draft:
    """An event before the vote: windows, and stations without one."""

    event: Event
    stations: list[list[StationWindow | StationDecision]]  # of each, what each member has
    reason: str = ""


def _draft(event: Event, source: WaveformSource, members: Sequence[Member], rules: EventRules) -> _Draft:
    picks: Sequence[Pick] = first_arrivals(event.picks)
    reason = ""
    if not picks:
        reason = "no P pick" if event.picks else "no picks"
        if rules.inventory is None:
            return _Draft(event, [], f"{reason}, and no stations to predict P at")
        if event.origin is None:
            return _Draft(event, [], f"{reason}, and no origin to predict P from")
        picks = predicted_picks(
            event.origin, rules.inventory, model=rules.velocity_model, max_distance=rules.max_distance
        )
        if not picks:
            where = f"no station within {rules.max_distance:g}°"
            placed = event.origin.latitude is not None and event.origin.longitude is not None
            return _Draft(event, [], f"{reason}, and {where if placed else 'an origin without a place'}")
    return _Draft(event, list(cut_windows(picks, source, members, rules.windows())))


def _decided(model: Model, drafts: list[_Draft], rules: EventRules) -> Iterator[EventDecision]:
    """Yield the decisions on some events, after one pass of the model over all their windows."""
    found = iter(station_decisions(model, [station for draft in drafts for station in draft.stations], rules))
    for draft in drafts:
        yield vote(draft.event, list(islice(found, len(draft.stations))), model, rules, draft.reason)
