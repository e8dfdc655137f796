"""How doubtful the decision on an event is, from 0 to 2, and whether a label would teach anything."""

import math

from seisbench_lcl.models.decision import EventDecision

_UNLIKE = 0.5  # weight of the share of unlike stations: as much as the largest disagreement


def doubt(decision: EventDecision) -> float:
    """Return how doubtful a decision is: 1 − margin + disagreement + half the share of stations unlike the training.

    The margin is the difference between the two highest probabilities (Scheffer et al. 2001), 0 if no station was
    decided; disagreement is the standard deviation over the stations of the probability of the label, at most .5; a
    station is unlike the training data if its novelty is above 1.

    Parameters
    ----------
    decision : EventDecision

    Returns
    -------
    float
        From 0, certain, to 2.

    References
    ----------
    Scheffer, Decomain and Wrobel (2001), Active hidden Markov models for information extraction, IDA.

    Examples
    --------
    >>> certain = EventDecision("e1", "slide", None, {"slide": 0.9, "noise": 0.1}, 0.8, 0.1, 3, 0, "", "mean", "w")
    >>> round(doubt(certain), 3)
    0.3
    """
    known = [station.novelty for station in decision.stations if not math.isnan(station.novelty)]
    unlike = sum(novelty > 1 for novelty in known) / len(known) if known else 0.0
    return 1 - _or_zero(decision.margin) + _or_zero(decision.disagreement) + _UNLIKE * unlike


def has_window(decision: EventDecision) -> bool:
    """Return whether a station has a window that a model could learn from: it was decided, or its novelty is known."""
    return bool(decision.probabilities) or any(
        station.probabilities or not math.isnan(station.novelty) for station in decision.stations
    )


def _or_zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value
