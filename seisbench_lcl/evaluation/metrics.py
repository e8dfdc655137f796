"""Scores of class probabilities against the truth, all computed from one additive tally.

Every score is a function of three sums over rows: the confusion matrix, the squared error, and the gap between
confidence and correctness in each confidence bin. `tally` makes these sums per event and `read_tally` turns sums into
scores. A bootstrap over events is therefore a weighted sum of tallies, and reads each row only once.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.evaluation.arrays import (
    Floats,
    Indices,
    check_groups,
    check_indices,
    check_predictions,
    ratio,
)

N_BINS = 10


def score(probabilities: ArrayLike, truth: ArrayLike, labels: Sequence[str]) -> dict[str, float]:
    """Score class probabilities against the truth.

    Parameters
    ----------
    probabilities : array_like of shape (n, K)
        One row per window, finite and not negative; every row sums to 1. The predicted class is the most probable
        one, in a tie the first.
    truth : array_like of int, shape (n,)
        Index into `labels` of each row's true class.
    labels : sequence of str, length K
        The classes, in the order of the columns.

    Returns
    -------
    dict of str to float
        ``accuracy``, ``balanced_accuracy``; ``precision``, ``recall`` and ``f1``, each with the prefix ``macro_`` and
        ``weighted_``; ``recall[<label>]`` for every class; ``brier`` and ``ece``.

    Raises
    ------
    DatasetError
        If the arrays are empty, differ in shape, or do not hold probabilities and class indices.

    Notes
    -----
    A class absent from `truth` has recall NaN and is left out of every average; rows wrongly assigned to it still
    count as misses of their own class. The balanced accuracy is therefore the macro recall, and the weighted recall is
    the accuracy. A class present in `truth` but never predicted has precision 0.

    ``brier`` is the multi-class form of Brier (1950): the mean over rows of the sum over classes of the squared
    difference between probability and one-hot truth. It ranges from 0 to 2; for K = 2 it is twice the usual binary
    form.

    ``ece`` is the expected calibration error of the top label: ``Σ_b (n_b / n) |accuracy_b - confidence_b|`` over
    10 bins of equal width, each open to the left.

    References
    ----------
    Brier 1950, Verification of forecasts expressed in terms of probability, Mon. Weather Rev. 78.
    Naeini, Cooper & Hauskrecht 2015, Obtaining well calibrated probabilities using Bayesian binning, AAAI.
    Guo, Pleiss, Sun & Weinberger 2017, On calibration of modern neural networks, ICML.

    Examples
    --------
    >>> scores = score([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]], [0, 1, 1], ["earthquake", "quarry blast"])
    >>> round(scores["accuracy"], 3), scores["recall[quarry blast]"]
    (0.667, 0.5)
    """
    p, y = check_predictions(probabilities, truth, labels)
    total = tally(p, y, np.zeros(len(y), dtype=np.int64), 1)[0]
    return {name: float(value) for name, value in read_tally(total, labels).items()}


def confusion(truth: ArrayLike, predicted: ArrayLike, n_classes: int) -> Indices:
    """Count how often each true class was predicted as each class.

    Parameters
    ----------
    truth, predicted : array_like of int, shape (n,)
        Class indices from 0 to ``n_classes - 1``.
    n_classes : int
        Number of classes, K.

    Returns
    -------
    ndarray of int, shape (K, K)
        Rows are the truth, columns the prediction.

    Raises
    ------
    DatasetError
        If the two differ in shape or do not hold class indices.
    """
    y, z = check_indices("truth", truth, n_classes), check_indices("predicted", predicted, n_classes)
    if len(y) != len(z):
        raise DatasetError(f"truth has {len(y)} rows but predicted has {len(z)}; pass one of each per window")
    return np.bincount(y * n_classes + z, minlength=n_classes**2).reshape(n_classes, n_classes)


def mean_by_event(
    probabilities: ArrayLike, truth: ArrayLike, groups: ArrayLike
) -> tuple[Floats, Indices, NDArray[Any]]:
    """Average the probabilities of the stations of each event.

    Parameters
    ----------
    probabilities : array_like of shape (n, K)
        One row per station's window.
    truth : array_like of int, shape (n,)
        Class index of each row.
    groups : array_like of shape (n,)
        Identifier, text or number, of the event that each row belongs to.

    Returns
    -------
    probabilities : ndarray of shape (E, K)
        One row per event; rows sum to 1.
    truth : ndarray of int, shape (E,)
        Class index of each event.
    events : ndarray of shape (E,)
        Identifiers of the events, sorted.

    Raises
    ------
    DatasetError
        If the rows of one event carry different truth, or the arrays do not fit each other.
    """
    p, y = check_predictions(probabilities, truth)
    codes, events = check_groups(groups, len(y))
    y_event = np.empty(len(events), dtype=np.int64)
    y_event[codes] = y
    mixed = codes[y_event[codes] != y]
    if mixed.size:
        found = np.unique(y[codes == mixed[0]]).tolist()
        raise DatasetError(
            f"event {events[mixed[0]]!s} has more than one class, indices {found}; give all its "
            "rows the same class, or split it into separate events"
        )
    sums = np.zeros((len(events), p.shape[1]))
    np.add.at(sums, codes, p)
    return sums / np.bincount(codes)[:, None], y_event, events


def tally(probabilities: Floats, truth: Indices, codes: Indices, n_events: int) -> Floats:
    """Sum the quantities that the scores need over the rows of each event. The input is not checked.

    Parameters
    ----------
    probabilities : ndarray of shape (n, K)
    truth : ndarray of int, shape (n,)
    codes : ndarray of int, shape (n,)
        Event of each row, from 0 to ``n_events - 1``.
    n_events : int
        Number of events, E.

    Returns
    -------
    ndarray of shape (E, K² + 1 + 10)
        The K² cells of the confusion matrix, the sum of squared errors, and for each confidence bin the sum of
        confidence minus correctness.
    """
    k = probabilities.shape[1]
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    squared = np.square(probabilities - np.eye(k)[truth]).sum(axis=1)
    bins = np.digitize(confidence, np.arange(1, N_BINS) / N_BINS, right=True)
    cells = np.bincount((codes * k + truth) * k + predicted, minlength=n_events * k * k)
    errors = np.bincount(codes, squared, n_events)
    gaps = np.bincount(codes * N_BINS + bins, confidence - (predicted == truth), n_events * N_BINS)
    return np.hstack([cells.reshape(n_events, -1), errors[:, None], gaps.reshape(n_events, -1)])


def read_tally(tallies: Floats, labels: Sequence[str]) -> dict[str, Floats]:
    """Turn tallies into the scores of `score`.

    Parameters
    ----------
    tallies : ndarray of shape (..., K² + 1 + 10)
        Sums of rows of `tally`, each of at least one window.
    labels : sequence of str, length K

    Returns
    -------
    dict of str to ndarray of shape (...)
    """
    k = len(labels)
    cells, squared, gaps = np.split(tallies, [k * k, k * k + 1], axis=-1)
    matrix = cells.reshape(*tallies.shape[:-1], k, k)
    hits = np.diagonal(matrix, axis1=-2, axis2=-1)
    support, guessed = matrix.sum(axis=-1), matrix.sum(axis=-2)
    n, present = support.sum(axis=-1), support > 0

    recall = ratio(hits, support, empty=np.nan)
    by_class = {
        "precision": ratio(hits, guessed, empty=0.0),
        "recall": recall,
        "f1": ratio(2 * hits, support + guessed, empty=0.0),
    }
    macro = {f"macro_{name}": x.mean(axis=-1, where=present) for name, x in by_class.items()}
    weighted = {f"weighted_{name}": (support * x).sum(axis=-1, where=present) / n for name, x in by_class.items()}
    return {
        "accuracy": hits.sum(axis=-1) / n,
        "balanced_accuracy": macro["macro_recall"],
        **macro,
        **weighted,
        **{f"recall[{label}]": recall[..., i] for i, label in enumerate(labels)},
        "brier": squared[..., 0] / n,
        "ece": np.abs(gaps).sum(axis=-1) / n,
    }
