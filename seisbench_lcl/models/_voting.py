"""The vote of members that know different classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from seisbench_lcl.errors import ConfigurationError

_Array = NDArray[np.float64]
_DOUBT = 1e-6  # share of a vote for all classes alike, which decides only where the members say nothing


class Outcome(NamedTuple):
    """What a vote gives.

    Attributes
    ----------
    probabilities : (N, K) ndarray
        As `combine` returns them.
    spread : (N,) ndarray
        Standard deviation of the voters' probabilities of the most probable class; NaN where fewer than two know it.
    voters : (M, N) bool ndarray
    """

    probabilities: _Array
    spread: _Array
    voters: NDArray[np.bool_]


@dataclass(frozen=True)
class Vote:
    """Weight and temperature of each member's vote.

    Attributes
    ----------
    known : (M, K) bool ndarray
        Which of M members knows which class.
    weights : (M,) ndarray
        Their sum is 1. A member of weight 0 has no vote.
    temperatures : (M,) ndarray
    """

    known: NDArray[np.bool_]
    weights: _Array
    temperatures: _Array

    @classmethod
    def of(
        cls, known: NDArray[np.bool_], weights: Sequence[float] | None, temperatures: Sequence[float] | None
    ) -> Self:
        """Check weights and temperatures; by default, weights are equal and temperatures 1.

        Raises
        ------
        ConfigurationError
        """
        n = len(known)
        w = np.ones(n) if weights is None else _numbers("weights", weights, n)
        t = np.ones(n) if temperatures is None else _numbers("temperatures", temperatures, n)
        if (w < 0).any() or not w.any():
            raise ConfigurationError(f"weights must not be negative, and not all 0, but are {weights!r}")
        if (t <= 0).any():
            raise ConfigurationError(f"temperatures must be above 0, but are {temperatures!r}")
        return cls(known, w / w.sum(), t)

    def on(self, votes: _Array) -> Outcome:
        """Vote: the (M, N, K) probabilities of the members, 0 for unknown classes, NaN where a member abstains."""
        votes = temper(votes, self.known, self.temperatures)
        probabilities = combine(votes, self.known, self.weights)
        doubt = spread(votes, self.known, self.weights, probabilities)
        return Outcome(probabilities, doubt, voting(votes, self.weights))


def _numbers(what: str, values: Sequence[float], n: int) -> _Array:
    try:
        numbers = np.array(values, dtype=float)
    except (TypeError, ValueError):
        numbers = np.empty(0)
    if numbers.shape != (n,) or not np.isfinite(numbers).all():
        raise ConfigurationError(f"{what} must be one number for each of {n} members, but are {values!r}")
    return numbers


def combine(votes: _Array, known: NDArray[np.bool_], weights: _Array) -> _Array:
    """Return the probabilities (N, K) on which members agree who know different classes.

    A member's probabilities are read as conditional: given that the truth is one of the classes K_i that it knows. They
    say nothing about how probable these classes are together, so the ensemble completes the vote of each member by its
    own probabilities p: q_i(k) P(K_i) for a class that the member knows, with P(K_i) the sum of p over K_i, and p(k)
    for one that it does not. The result is the p that equals the weighted mean of these completed votes::

        p(k) = sum of w_i q_i(k) P(K_i) / sum of w_i,    over the members i that know k

    It is the stationary distribution of a Markov chain, so K linear equations give it. Where all voters know the same
    classes, it is their weighted mean. Where two classes have no voter in common, their ratio follows from the classes
    in between, as for a model of blasts and earthquakes beside one of earthquakes and noise. If voters have no class in
    common, or probabilities below 1e-6 alone connect them, each class has about an equal share.

    Parameters
    ----------
    votes : (M, N, K) ndarray
        Probabilities of M members, 0 for classes that a member does not know; NaN where it abstains.
    known : (M, K) bool ndarray
    weights : (M,) ndarray
        A member of weight 0 has no vote.

    Returns
    -------
    (N, K) ndarray
        Rows sum to 1; 0 for a class that no voter knows; NaN where nobody votes.

    References
    ----------
    Wu, Lin and Weng (2004), Probability estimates for multi-class classification by pairwise coupling, J. Mach. Learn.
    Res. 5, first approach, here for members that know any number of classes instead of two.

    Examples
    --------
    Of blasts, the first member knows nothing; whatever it calls them, it cannot outvote the second.

    >>> known = np.array([[True, True, False], [True, True, True]])  # earthquake, noise, blast
    >>> votes = np.array([[[0.1, 0.9, 0.0]], [[0.06, 0.04, 0.9]]])
    >>> combine(votes, known, np.ones(2)).round(3).tolist()
    [[0.035, 0.065, 0.9]]
    """
    result = np.full(votes.shape[1:], np.nan)
    patterns, pattern = np.unique(voting(votes, weights), axis=1, return_inverse=True)
    for j, who in enumerate(patterns.T):
        if who.any():
            rows = pattern.ravel() == j
            result[rows] = _agreement(votes[who][:, rows], known[who], weights[who] / weights[who].sum())
    return result


def voting(votes: _Array, weights: _Array) -> NDArray[np.bool_]:
    """Return which member votes where, (M, N)."""
    return ~np.isnan(votes[..., 0]) & (weights[:, None] > 0)


def _agreement(votes: _Array, known: NDArray[np.bool_], weights: _Array) -> _Array:
    there: NDArray[np.bool_] = np.asarray(known.any(axis=0))
    if known[:, there].all():
        return np.asarray(np.tensordot(weights, votes, axes=1))
    n = int(there.sum())
    votes, known = votes[..., there], known[:, there]
    chain: _Array = np.einsum("i,ink,ij->nkj", weights, votes, known) + np.diag(weights @ ~known)  # from j to k
    agreed = np.linalg.solve(np.eye(n) - (1 - _DOUBT) * chain, np.full((1, n, 1), _DOUBT / n))[..., 0]
    result = np.zeros((len(agreed), len(there)))
    result[:, there] = agreed / agreed.sum(axis=1, keepdims=True)
    return result


def spread(votes: _Array, known: NDArray[np.bool_], weights: _Array, probabilities: _Array) -> _Array:
    """Return the standard deviation (N,) of the voters' probabilities of the most probable class.

    NaN where fewer than two voters know it. Arguments are those of `combine`, and its result.
    """
    best = np.nan_to_num(probabilities).argmax(axis=1)
    able = voting(votes, weights) & known[:, best]
    chosen = np.where(able, np.take_along_axis(votes, best[None, :, None], axis=2)[..., 0], 0.0)
    n = np.maximum(able.sum(axis=0), 1)
    variance = np.where(able, chosen - chosen.sum(axis=0) / n, 0.0) ** 2
    return np.where(able.sum(axis=0) > 1, np.sqrt(variance.sum(axis=0) / n), np.nan)


def temper(votes: _Array, known: NDArray[np.bool_], temperatures: _Array) -> _Array:
    """Return votes (M, N, K) with each member's log probabilities divided by its temperature."""
    with np.errstate(divide="ignore"):
        logs = np.where(known[:, None], np.log(votes), -np.inf) / temperatures[:, None, None]
    scaled = np.exp(logs - logs.max(axis=2, keepdims=True))
    tempered = scaled / scaled.sum(axis=2, keepdims=True)
    return np.where(temperatures[:, None, None] == 1, votes, tempered)
