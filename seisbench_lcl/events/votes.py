"""Rules by which the stations of an event vote: from probabilities (n, K) to those of the event (K,)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.wording import suggestion

Floats = NDArray[np.float64]

_LEAST = 1e-6  # probability: one station that is quite sure, and wrong, must not decide alone
_LEAST_SNR, _MOST_SNR = 1.0, 30.0  # dB: a station in noise still has a small say, and a loud one not all of it


@dataclass(frozen=True)
class Ballot:
    """What the stations of an event say, in order of their P arrivals.

    Attributes
    ----------
    probabilities : (n, K) float64 ndarray
        Rows sum to 1; n is 1 or more.
    snr : (n,) float64 ndarray
        In dB; NaN if unknown.
    stations : tuple of str
        NET.STA.LOC.CH.

    Examples
    --------
    >>> ballot = Ballot(np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([20.0, 3.0]), ("XX.AAA..HH", "XX.BBB..HH"))
    >>> mean(ballot).tolist(), by_snr(ballot).round(2).tolist()
    ([0.65, 0.35], [0.83, 0.17])
    """

    probabilities: Floats
    snr: Floats
    stations: tuple[str, ...]


Rule = Callable[[Ballot], Floats]
"""A function from a `Ballot` to probabilities (K,) that sum to 1."""


def mean(ballot: Ballot) -> Floats:
    """Return the mean of the probabilities."""
    return ballot.probabilities.mean(axis=0)


def log_odds(ballot: Ballot) -> Floats:
    """Return the normalised geometric mean of the probabilities.

    Its label is that of the product of the odds, by which independent stations would be combined (naive Bayes). The
    stations of an event are not independent, and their product is far too certain: the mean leaves it to the
    calibration how much certainty grows with the number of stations.
    """
    logs = np.log(np.clip(ballot.probabilities, _LEAST, None)).mean(axis=0)
    return _normalised(np.exp(logs - logs.max()))


def majority(ballot: Ballot) -> Floats:
    """Return the share of stations whose most probable label each label is; the mean counts as one more station.

    So labels with equal votes differ by the mean of the probabilities.
    """
    n, classes = ballot.probabilities.shape
    votes = np.bincount(ballot.probabilities.argmax(axis=1), minlength=classes)
    return (votes + mean(ballot)) / (n + 1)


def median(ballot: Ballot) -> Floats:
    """Return the median of each label's probabilities, scaled to sum to 1; the mean if all medians are 0."""
    medians = np.median(ballot.probabilities, axis=0)
    return _normalised(medians) if medians.sum() else mean(ballot)


def by_snr(ballot: Ballot) -> Floats:
    """Return the mean weighted by the signal-to-noise ratio in dB, from 1 to 30.

    A station of unknown ratio gets the mean weight of the others.
    """
    weights = np.clip(ballot.snr, _LEAST_SNR, _MOST_SNR)
    known = ~np.isnan(weights)
    weights[~known] = weights[known].mean() if known.any() else 1.0
    return _weighted(ballot.probabilities, weights)


def earliest(ballot: Ballot, n: int = 3) -> Floats:
    """Return the mean of the n stations with the earliest P arrivals: the nearest, with the simplest paths."""
    return ballot.probabilities[:n].mean(axis=0)


def by_record(ballot: Ballot, right: Mapping[str, float], otherwise: float) -> Floats:
    """Return the mean weighted by how often each station was right before.

    Parameters
    ----------
    ballot : Ballot
    right : mapping from NET.STA to float
        Fraction of events on which the station was right; its weight is the log-odds of that, 0 below one half.
    otherwise : float
        Fraction for other stations.
    """
    fractions = [right.get(".".join(name.split(".")[:2]), otherwise) for name in ballot.stations]
    weights = np.log(np.clip(fractions, 0.5, 0.99) / (1 - np.clip(fractions, 0.5, 0.99)))
    return _weighted(ballot.probabilities, weights) if weights.sum() else mean(ballot)


RULES: dict[str, Rule] = {
    "mean": mean,
    "log-odds": log_odds,
    "majority": majority,
    "median": median,
    "snr": by_snr,
}
"""Rules by name; "earliest:3" is another."""


def rule_of(name: str) -> Rule:
    """Return a rule by its name.

    Raises
    ------
    ConfigurationError
        If there is no such rule, or the number of stations of "earliest:n" is not 1 or more.
    """
    kind, colon, number = name.partition(":")
    if kind == "earliest" and (number if colon else "3").isdigit() and int(number or 3) > 0:
        return partial(earliest, n=int(number or 3))
    if name not in RULES:
        raise ConfigurationError(f"no rule is called {name!r}: {suggestion(name, [*RULES, 'earliest:3'])}")
    return RULES[name]


def _weighted(probabilities: Floats, weights: Floats) -> Floats:
    return weights @ probabilities / weights.sum()


def _normalised(values: Floats) -> Floats:
    return values / values.sum()
