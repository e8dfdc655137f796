"""Intervals for scores, from resampling whole events."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from seisbench_lcl.errors import check_arguments, is_whole
from seisbench_lcl.evaluation.arrays import Floats, check_groups, check_predictions
from seisbench_lcl.evaluation.metrics import mean_by_event, read_tally, tally

CONFIDENCE = 0.95
"""Coverage of every interval in a report."""

_DRAWS = 1 << 20  # events drawn at a time: arrays of 8 MB, whatever the number of resamples


@dataclass(frozen=True)
class Interval:
    """A score with its interval.

    Attributes
    ----------
    value : float
        Score of all rows; NaN where it is not defined.
    low, high : float
        Ends of the interval; NaN where no resample defines the score.

    Examples
    --------
    >>> print(Interval(0.951, 0.902, 0.988))
    0.951 [0.902, 0.988]
    """

    value: float
    low: float
    high: float

    @classmethod
    def from_draws(cls, value: float, draws: Floats, confidence: float = CONFIDENCE) -> "Interval":
        """Make a percentile interval from the scores of resamples; NaN draws are ignored.

        Examples
        --------
        >>> Interval.from_draws(5.0, np.arange(9.0), confidence=0.5)
        Interval(value=5.0, low=2.0, high=6.0)
        """
        defined = draws[~np.isnan(draws)]
        if not defined.size:
            return cls(float(value), float("nan"), float("nan"))
        low, high = np.percentile(defined, [50 * (1 - confidence), 50 * (1 + confidence)])
        return cls(float(value), float(low), float(high))

    def __str__(self) -> str:
        """Return the value and the interval to three decimals, "n/a" where they are not defined."""
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
    confidence: float = CONFIDENCE,
    seed: int = 0,
    by_event: bool = False,
) -> dict[str, Interval]:
    """Score predictions, with a percentile interval from resampling whole events with replacement.

    The stations of an event record the same source, so their errors are correlated. Resampling them one by one would
    make the intervals too narrow.

    Parameters
    ----------
    probabilities : array_like of shape (n, K)
        One row per station's window; rows sum to 1.
    truth : array_like of int, shape (n,)
        Index into `labels` of each row's true class.
    groups : array_like of shape (n,)
        Event of each row, text or number.
    labels : sequence of str, length K
        The classes, in the order of the columns.
    n_resamples : int
        Number of resamples.
    confidence : float
        Coverage of the interval, between 0 and 1.
    seed : int
        Seed of the resampling. The order of the rows does not matter.
    by_event : bool
        Score the mean probabilities of the events (`mean_by_event`) instead of the rows.

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
    A resample without a class does not define its recall, and is left out of that interval. A single event cannot be
    resampled, and the ends are NaN. A score without a single error, or the recall of a class seen in one event, gets an
    interval of zero width: read it together with the number of events. The calibration error of resamples is larger on
    average than that of the data, above all with few events, so the interval of ``ece`` may lie above its value.

    References
    ----------
    Efron 1979, Bootstrap methods: another look at the jackknife, Ann. Statist. 7.
    Field & Welsh 2007, Bootstrapping clustered data, J. R. Stat. Soc. B 69.
    """
    check_arguments(
        "",
        ("n_resamples must be a whole number of 1 or more, such as 1000", is_whole(n_resamples, 1), n_resamples),
        ("confidence must lie between 0 and 1, such as 0.95", 0 < confidence < 1, confidence),
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
    return {name: Interval.from_draws(float(value), draws[name], confidence) for name, value in values.items()}


def resample_tallies(tallies: Floats, n_resamples: int, seed: int) -> Floats:
    """Sum the tallies (E, M) of the events in each resample: (n_resamples, M), or (0, M) for a single event."""
    n_events = len(tallies)
    rng = np.random.default_rng(seed)
    sums = np.empty((n_resamples if n_events > 1 else 0, tallies.shape[1]))
    size = max(1, _DRAWS // n_events)
    for start in range(0, len(sums), size):
        block = sums[start : start + size]
        drawn = rng.integers(n_events, size=(len(block), n_events))
        cells = drawn + n_events * np.arange(len(block))[:, None]
        times_drawn = np.bincount(cells.ravel(), minlength=cells.size).reshape(cells.shape)
        block[:] = times_drawn @ tallies
    return sums
