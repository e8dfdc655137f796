"""Balanced accuracy with and without the groups of the windows, compared on the same resampled events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from seisbench_lcl.evaluation.arrays import Floats, Indices, Mask, check_groups, rows_to_one
from seisbench_lcl.evaluation.bootstrap import Interval, resample_tallies
from seisbench_lcl.evaluation.metrics import mean_by_event, read_tally, tally

LEVELS = ("per station", "per event")


@dataclass(frozen=True, eq=False)
class GroupScores:
    """Balanced accuracies of several predictions of the same windows.

    Attributes
    ----------
    scores : mapping of (str, str) to Interval
        By name of the prediction and level, "per station" or "per event".
    lost : mapping of str to Interval
        By level: "known" minus "held out", as a fraction of 1.
    guess : float
        Balanced accuracy per station of random guesses among the allowed classes.
    """

    scores: Mapping[tuple[str, str], Interval]
    lost: Mapping[str, Interval]
    guess: float


def group_scores(
    predictions: Mapping[str, Floats],
    truth: Indices,
    events: ArrayLike,
    allowed: Mask,
    labels: Sequence[str],
    n_resamples: int,
    seed: int,
) -> GroupScores:
    """Compare predictions, with the same resamples of whole events for all of them.

    Parameters
    ----------
    predictions : mapping of str to (n, K) ndarray
        Probabilities; "known" and "held out" are subtracted from each other.
    truth : (n,) ndarray of int
    events : array_like of shape (n,)
    allowed : (n, K) ndarray of bool
        Classes that each row may be assigned to; its own class is among them.
    labels : sequence of str, length K
    n_resamples, seed : int
    """
    scores: dict[tuple[str, str], Interval] = {}
    lost: dict[str, Interval] = {}
    equal = rows_to_one(allowed.astype(float), 0.0)
    for level in LEVELS:
        found = {}
        for name, probabilities in predictions.items():
            among = rows_to_one(np.where(allowed, probabilities, 0), equal)
            found[name] = _balanced(among, truth, events, labels, level == "per event", n_resamples, seed)
            scores[name, level] = Interval.from_draws(*found[name])
        (value, draws), (other, other_draws) = found["known"], found["held out"]
        lost[level] = Interval.from_draws(value - other, draws - other_draws)
    guess = float(np.mean([equal[truth == k, k].mean() for k in np.unique(truth)]))
    return GroupScores(scores, lost, guess)


def _balanced(
    probabilities: Floats,
    truth: Indices,
    events: ArrayLike,
    labels: Sequence[str],
    by_event: bool,
    n_resamples: int,
    seed: int,
) -> tuple[float, Floats]:
    """Return the balanced accuracy and its draws (n_resamples,); equal seeds draw the same events."""
    codes, names = check_groups(events, len(truth))
    if by_event:
        probabilities, truth, _ = mean_by_event(probabilities, truth, events)
        codes = np.arange(len(names))
    tallies = tally(probabilities, truth, codes, len(names))
    draws = resample_tallies(tallies, n_resamples, seed)
    value, drawn = (read_tally(sums, labels)["balanced_accuracy"] for sums in (tallies.sum(axis=0), draws))
    return float(value), drawn
