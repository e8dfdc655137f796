"""Intervals for scores, from resampling whole events."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.evaluation.metrics import (
    Floats,
    check_groups,
    check_predictions,
    mean_by_event,
    read_tally,
    tally,
)


@dataclass(frozen=True)
class Interval:
    """A score and its interval, ``0.951 [0.902, 0.988]``.

    Attributes
    ----------
    value : float
        The score on all rows; NaN where it is not defined.
    low, high : float
        Ends of the interval; NaN where no resample defines the score.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return the value and its interval to three decimals, "n/a" for what is not defined."""
        if np.isnan(self.value):
            return "n/a"
        if np.isnan(self.low):
            return f"{self.value:.3f} [n/a]"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def bootstrap_intervals(
    probabilities: ArrayLike,
    truth: ArrayLike,
    groups: ArrayLike,
    labels: Sequence[str],
    *,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    by_event: bool = False,
) -> dict[str, Interval]:
    """Score predictions, with a percentile interval from resampling whole events with replacement.

    The stations of an event record one source and err together: resampling them one by one would make the
    intervals too narrow.

    Parameters
    ----------
    probabilities : array_like of shape (n, K)
        One row per station's window; rows sum to 1.
    truth : array_like of int, shape (n,)
        Index into `labels` of each row's true class.
    groups : array_like of shape (n,)
        Event that each row belongs to.
    labels : sequence of str, length K
        The classes, in the order of the columns.
    n_resamples : int
        Number of resamples, each of as many events as there are.
    confidence : float
        Coverage of the interval, between 0 and 1.
    seed : int
        Seed of the resampling. The order of the rows does not matter.
    by_event : bool
        Score the events' mean probabilities (`mean_by_event`) instead of the rows.

    Returns
    -------
    dict of str to Interval
        The keys of `score`.

    Raises
    ------
    DatasetError
        If the arrays are empty, do not fit each other, or do not hold probabilities and class indices.
    ConfigurationError
        If `n_resamples` or `confidence` is out of range.

    Notes
    -----
    A resample that lacks a class says nothing of its recall and is left out of that interval. With one event
    only there is nothing to resample, and the ends are NaN. A score without a single error in its events, or
    the recall of a class seen in one event, gets an interval of no width: read it together with the number of
    events. The calibration error of resamples is larger on average than that of the data, most of all with
    few events, so the interval of ``ece`` may lie above its value.

    References
    ----------
    Efron 1979, Bootstrap methods: another look at the jackknife, Ann. Statist. 7.
    Field & Welsh 2007, Bootstrapping clustered data, J. R. Stat. Soc. B 69.
    """
    if n_resamples < 1 or not 0 < confidence < 1:
        raise ConfigurationError(
            "a bootstrap needs n_resamples >= 1 and 0 < confidence < 1, but found "
            f"{n_resamples} and {confidence}; 1000 and 0.95 are usual"
        )
    p, y = check_predictions(probabilities, truth, labels)
    codes, events = check_groups(groups, len(y))
    n_events = len(events)
    if by_event:
        p, y, _ = mean_by_event(p, y, groups)
        codes = np.arange(n_events)

    tallies = tally(p, y, codes, n_events)
    values = read_tally(tallies.sum(axis=0), labels)
    draws = read_tally(resample_tallies(tallies, n_resamples, seed), labels)
    tails = [50 * (1 - confidence), 50 * (1 + confidence)]
    return {name: Interval(float(value), *ends(draws[name], tails)) for name, value in values.items()}


def resample_tallies(tallies: Floats, n_resamples: int, seed: int) -> Floats:
    """Sum the tallies (E, M) of the events drawn in each resample, (n_resamples, M); none from one event."""
    n_events = len(tallies)
    rng = np.random.default_rng(seed)
    sums = np.empty((n_resamples if n_events > 1 else 0, tallies.shape[1]))
    for row in sums:
        times_drawn = np.bincount(rng.integers(n_events, size=n_events), minlength=n_events)
        row[:] = times_drawn @ tallies
    return sums


def ends(draws: Floats, tails: list[float]) -> tuple[float, float]:
    """Return two percentiles of the draws that are defined, NaN if none is."""
    defined = draws[~np.isnan(draws)]
    if not defined.size:
        return float("nan"), float("nan")
    low, high = np.percentile(defined, tails)
    return float(low), float(high)
