"""Learning from reviewed windows, and what it is worth on events and stations that it did not see."""

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from torch import Tensor

from seisbench_lcl.heads import Head
from seisbench_lcl.optim.folds import assign_folds

Indices = NDArray[np.int64]
Fold = tuple[Indices, Indices]
"""Rows to learn from, and rows to predict."""

_EXACT = 400  # windows up to which each event is left out alone; above that, tenths of the events are
_FOLDS = 10
_STATION_FOLDS = 5
_LEAST = 1e-6  # probability
_LOWEST = 20.0  # natural logarithm of the largest factor by which a class is lowered


def event_folds(y: Indices, events: Indices) -> Iterator[Fold]:
    """Yield folds that leave out each event, or a tenth of the events if there are many windows."""
    n_events = len(np.unique(events))
    fold = events if len(y) <= _EXACT or n_events <= _FOLDS else assign_folds(y, events, _FOLDS, _shuffled)
    for k in np.unique(fold):
        yield np.flatnonzero(fold != k), np.flatnonzero(fold == k)


def station_folds(y: Indices, events: Indices, stations: NDArray[np.str_]) -> Iterator[Fold]:
    """Yield folds that leave out stations together with the events that are predicted there.

    A station is new only if its events are new too: the others would show them. Of many stations, some are left out at
    a time.
    """
    _, site = np.unique(stations, return_inverse=True)
    part = np.random.default_rng(0).permutation(site.max() + 1)[site] % _FOLDS
    fold = assign_folds(y, events, min(_STATION_FOLDS, len(np.unique(events))), _shuffled)
    for p, k in product(np.unique(part), np.unique(fold)):
        test = np.flatnonzero((part == p) & (fold == k))
        if len(test):
            yield np.flatnonzero((part != p) & (fold != k)), test


def learnable(y: Indices, events: Indices, rows: Indices) -> Indices:
    """Return the rows whose class has two or more events among them; none if there are fewer than two such classes."""
    enough = [k for k in np.unique(y[rows]) if len(np.unique(events[rows][y[rows] == k])) > 1]
    return rows[np.isin(y[rows], enough)] if len(enough) > 1 else rows[:0]


def held_out(
    head: Head,
    features: Tensor,
    y: Indices,
    events: Indices,
    folds: Iterable[Fold],
    *,
    lower_absent: bool = True,
    progress: Callable[[Iterable[Fold]], Iterable[Fold]] = iter,
) -> NDArray[np.float64]:
    """Predict each row by a head that was fine-tuned without the rows that its fold leaves out.

    Penalty and temperature are chosen anew in each fold, so the figures owe nothing to the rows that they are about.

    Parameters
    ----------
    head : Head
        Fitted; it stays as it is.
    features : (N, F) Tensor
    y, events : (N,) int64 ndarray
        Class and event of each row.
    folds : iterable of Fold
        Together they predict every row once. Where they leave too little to learn from, the head is used as it is.
    lower_absent : bool
        As in `fine_tuned`.
    progress : callable
        Wraps the folds, for a progress bar.

    Returns
    -------
    (N, K) float64 ndarray
    """
    head, features = head.condensed(features)
    found = np.full((len(y), head.n_classes), np.nan)
    for learnt, test in progress(list(folds)):
        rows = learnable(y, events, learnt)
        tuned = fine_tuned(head, features, y, events, rows, lower_absent=lower_absent) if len(rows) else head
        found[test] = _predict(tuned, features[torch.from_numpy(test)])
    return found


def fine_tuned(
    head: Head, features: Tensor, y: Indices, events: Indices, rows: Indices, *, lower_absent: bool = True
) -> Head:
    """Return a copy of a head that learnt from some rows.

    Parameters
    ----------
    head : Head
        Fitted; it stays as it is.
    features : (N, F) Tensor
    y, events : (N,) int64 ndarray
    rows : (n,) int64 ndarray
        Those to learn from.
    lower_absent : bool
        Whether classes without an event among the rows are lowered to the probability that the rows give reason for
        (`absent_shift`); otherwise they stay as certain as they were before.

    Raises
    ------
    ConfigurationError
        If the head cannot be fine-tuned.
    """
    chosen = torch.from_numpy(rows)
    own, truth, groups = features[chosen], y[rows], events[rows]
    tuned = deepcopy(head).fine_tune(own, torch.from_numpy(truth), torch.from_numpy(groups))
    absent = np.setdiff1d(np.arange(head.n_classes), truth)
    if lower_absent and len(absent) and tuned.held_out is not None:
        shift = absent_shift(tuned.held_out, _predict(head, own), truth, groups)
        tuned.shift(torch.from_numpy(shift))
        logits = np.log(np.maximum(tuned.held_out, _LEAST)) + shift
        tuned.held_out = softmax(logits, axis=1).astype(np.float32)
    return tuned


def absent_shift(
    predicted: NDArray[np.floating], before: NDArray[np.floating], truth: Indices, events: Indices
) -> NDArray[np.float64]:
    """Find how far the logits of classes without an event are to be lowered.

    The shifts minimise the log loss of the held-out probabilities. Its targets are smoothed as for the temperature of
    `seisbench_lcl.heads.Ridge`: as if K more events had shown what the model believed before. So a class that is absent
    from a few events stays possible, and one that is absent from a hundred becomes rare; none is raised.

    Parameters
    ----------
    predicted, before : (N, K) ndarray
        Probabilities by heads that learnt without the event of each row, and those of the head before learning.
    truth, events : (N,) int64 ndarray

    Returns
    -------
    (K,) float64 ndarray
        0 for classes with events.
    """
    n_classes = predicted.shape[1]
    absent = np.setdiff1d(np.arange(n_classes), truth)
    logits = np.log(np.maximum(predicted, _LEAST)).astype(np.float64)
    n_events = len(np.unique(events))
    targets = before * n_classes / (n_events + n_classes)
    targets[np.arange(len(truth)), truth] += n_events / (n_events + n_classes)
    weights = (1 / np.bincount(truth, minlength=n_classes).clip(1))[truth]  # classes count alike
    weights /= weights.sum()

    def loss(lowered: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        shifted = logits.copy()
        shifted[:, absent] += lowered
        logs = log_softmax(shifted, axis=1)
        gradient = weights @ (np.exp(logs) - targets)[:, absent]
        return float(-(weights @ (targets * logs).sum(axis=1))), gradient

    found = np.zeros(n_classes)
    bounds = [(-_LOWEST, 0.0)] * len(absent)
    found[absent] = minimize(loss, np.zeros(len(absent)), jac=True, method="L-BFGS-B", bounds=bounds).x
    return found


def _predict(head: Head, features: Tensor) -> NDArray[np.float64]:
    with torch.no_grad():
        return head(features).double().cpu().numpy()


def _shuffled(k: int, events: NDArray[np.generic]) -> Indices:
    return np.random.default_rng(k).permutation(len(events))
