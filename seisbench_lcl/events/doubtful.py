"""Which events an analyst should look at: undecided ones, close votes, and stations that disagree."""

from collections.abc import Sequence
from itertools import chain, zip_longest
from math import isnan

from seisbench_lcl.models.decision import EventDecision


def doubtful_events(decisions: Sequence[EventDecision], most: int) -> list[EventDecision]:
    """Return the most doubtful of some decisions.

    Three orders take turns, so that no kind of doubt hides another: undecided events, those with the smallest margin
    first; decided events by their margin; and events by how much their stations disagree. Events without any station
    have nothing to show and are left out.

    Parameters
    ----------
    decisions : sequence of EventDecision
    most : int
        Number of events to return at most.
    """
    shown = [decision for decision in decisions if decision.stations]
    undecided = sorted((d for d in shown if d.label is None), key=lambda d: (not d.probabilities, _or_last(d.margin)))
    close = sorted((d for d in shown if d.label is not None), key=lambda d: _or_last(d.margin))
    split = sorted((d for d in shown if d.disagreement > 0), key=lambda d: -d.disagreement)
    turns = chain.from_iterable(zip_longest(undecided, close, split))
    return list({decision.event: decision for decision in turns if decision is not None}.values())[:most]


def _or_last(value: float) -> float:
    return float("inf") if isnan(value) else value
