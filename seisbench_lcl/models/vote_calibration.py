"""Weights and temperatures of a vote, fitted to labelled events and tried on held-out ones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import softmax

from seisbench_lcl.errors import TrainingError
from seisbench_lcl.labels import encode
from seisbench_lcl.models._voting import Vote
from seisbench_lcl.optim.folds import assign_folds
from seisbench_lcl.wording import counted, listed

_FOLDS = 10
_LEAST = 1e-6  # probability below which a loss does not grow
_BOUND = 4.0  # of logarithms

_Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class VoteCalibration:
    """The vote that was fitted, and what it gains on events that it was not fitted to.

    Attributes
    ----------
    vote : Vote
        The fitted one, or the plain mean if that has the smaller loss.
    held_out : (N, K) float32 ndarray
        Probabilities of each window by a vote that was fitted without its event; NaN for windows that were left out.
    plain_loss, fitted_loss : float
        Mean log loss of the plain mean and of `held_out`, in nats. Classes count alike, and so do events of a class.
    n_events : int
        Number of events.
    n_left_out : int
        Windows whose class no voter knows.
    absent : list of str
        Classes without windows: the fit may learn that they never occur.

    Examples
    --------
    >>> held_out = np.zeros((0, 2), np.float32)
    >>> calibration = VoteCalibration(None, held_out, 0.52, 0.47, n_events=30, n_left_out=0, absent=[])
    >>> calibration.fitted_loss < calibration.plain_loss
    True
    """

    vote: Vote
    held_out: NDArray[np.float32]
    plain_loss: float
    fitted_loss: float
    n_events: int
    n_left_out: int
    absent: list[str]

    @property
    def kept(self) -> bool:
        """Whether the fit is better than the plain mean."""
        return self.fitted_loss < self.plain_loss

    def __str__(self) -> str:
        what = "calibrated" if self.kept else "the plain mean stays, as the fit is no better"
        parts = [
            f"log loss of {counted(self.n_events, 'held-out event')}: plain mean {self.plain_loss:.3f}, fitted "
            f"{self.fitted_loss:.3f}: {what}"
        ]
        if self.n_left_out:
            parts.append(f"left out {counted(self.n_left_out, 'window')} whose class no voter knows")
        if self.absent:
            parts.append(f"no window shows {listed(self.absent)}: the fit may learn that this never occurs")
        return "; ".join(parts)


def calibrate(
    votes: _Array,
    known: NDArray[np.bool_],
    classes: Sequence[str],
    labels: Iterable[str],
    groups: Iterable[Any] | None,
) -> VoteCalibration:
    """Fit weights and temperatures to labelled votes, and keep them if they help on held-out events.

    The fit minimises the log loss, with a normal prior of standard deviation 1 for the logarithm of each weight and
    temperature, so few events move them little. Ten folds of whole events, or one per event of fewer, decide whether
    it is kept.

    Parameters
    ----------
    votes : (M, N, K) ndarray
        As for `Vote.on`.
    known : (M, K) bool ndarray
    classes : sequence of K str
    labels : iterable of N str
    groups : iterable of N hashables, optional

    Returns
    -------
    VoteCalibration

    Raises
    ------
    TrainingError
        If a label is unknown, an event has windows of two labels, a class has a single event, or fewer than two classes
        have windows of which a voter knows the class.
    """
    y, events = (None if one is None else one.numpy() for one in encode(labels, groups, classes, votes.shape[1], False))
    assert y is not None
    events = np.arange(len(y)) if events is None else events
    rows = np.flatnonzero((known[:, y] & ~np.isnan(votes[..., 0])).any(axis=0))
    if len(np.unique(y[rows])) < 2:
        raise TrainingError(
            "a vote is fitted to windows of two or more classes that the members know, but these are of "
            f"{', '.join(classes[k] for k in np.unique(y[rows])) or 'none'}"
        )
    own, truth, events = votes[:, rows], y[rows], events[rows]
    importance = _importance(truth, events)
    n_events = len(np.unique(events))
    folds = events if n_events <= _FOLDS else assign_folds(truth, events, _FOLDS, _shuffled)
    plain, held_out = Vote.of(known, None, None), np.full(votes.shape[1:], np.nan)
    for fold in np.unique(folds):
        test = folds == fold
        vote = _fit(own[:, ~test], truth[~test], events[~test], known)
        held_out[rows[test]] = vote.on(own[:, test]).probabilities
    plain_loss = _loss(plain.on(own).probabilities, truth, importance)
    fitted_loss = _loss(held_out[rows], truth, importance)
    better = fitted_loss < plain_loss
    if not better:
        held_out[rows] = plain.on(own).probabilities
    return VoteCalibration(
        _fit(own, truth, events, known) if better else plain,
        held_out.astype(np.float32),
        plain_loss,
        fitted_loss,
        n_events,
        len(y) - len(rows),
        [label for k, label in enumerate(classes) if k not in truth],
    )


def _fit(votes: _Array, truth: NDArray[np.int64], events: NDArray[np.int64], known: NDArray[np.bool_]) -> Vote:
    n, importance = len(votes), _importance(truth, events)

    def vote(x: _Array) -> Vote:
        return Vote(known, softmax(x[:n]), np.exp(x[n:]))

    def loss(x: _Array) -> float:
        data = importance.sum() * _loss(vote(x).on(votes).probabilities, truth, importance)
        return data + 0.5 * float(x @ x)

    return vote(minimize(loss, np.zeros(2 * n), bounds=[(-_BOUND, _BOUND)] * (2 * n), method="L-BFGS-B").x)


def _loss(probabilities: _Array, truth: NDArray[np.int64], importance: _Array) -> float:
    chosen = np.maximum(probabilities[np.arange(len(truth)), truth], _LEAST)
    return float(-(importance @ np.log(chosen)) / importance.sum())


def _importance(truth: NDArray[np.int64], events: NDArray[np.int64]) -> _Array:
    """Return how much each window counts: classes alike, events of a class alike; the sum is the number of events."""
    _, event, size = np.unique(events, return_inverse=True, return_counts=True)
    share = 1.0 / size[event]
    of_class = np.bincount(truth, share)
    n = len(size)
    return share * n / (of_class[truth] * np.count_nonzero(of_class))


def _shuffled(k: int, events: NDArray[np.generic]) -> NDArray[np.int64]:
    return np.random.default_rng(k).permutation(len(events))
