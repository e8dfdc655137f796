"""The learning curve so far: how good the model is after the first labels, the next, and all."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest
from torch import Tensor

from seisbench_lcl.errors import DatasetError, check_arguments, is_whole
from seisbench_lcl.evaluation.bootstrap import CONFIDENCE, Interval
from seisbench_lcl.evaluation.metrics import mean_by_event, score
from seisbench_lcl.heads import Head
from seisbench_lcl.review.learning import Fold, Indices, held_out

_FIRST = 10  # labels of the second point; the first has none
_POINTS = 8
_ENOUGH = 10  # events drawn at random that are worth a curve of their own


@dataclass(frozen=True)
class CurvePoint:
    """What a model is worth after a number of labels.

    Attributes
    ----------
    labels : int
        Events that it learnt from, those of the fold that is predicted among them.
    accuracy : Interval
        Per event, with its exact 95 % interval.
    macro_f1 : float

    Examples
    --------
    >>> CurvePoint(20, Interval(0.9, 0.8, 0.97), macro_f1=0.88).labels
    20
    """

    labels: int
    accuracy: Interval
    macro_f1: float


@dataclass(frozen=True)
class LearningCurve:
    """What a model is worth after more and more labels.

    Attributes
    ----------
    points : tuple of CurvePoint
        The first without labels: the weights as they are.
    scored : int
        Number of events that all points are scored on.
    at_random : bool
        Whether these were drawn at random. Otherwise they are all reviewed events, doubtful ones for the most part, on
        which a model looks worse than it is.

    Examples
    --------
    >>> points = (CurvePoint(0, Interval(0.7, 0.6, 0.8), 0.65), CurvePoint(20, Interval(0.9, 0.8, 0.97), 0.88))
    >>> LearningCurve(points, scored=40, at_random=True).to_dataframe()["accuracy"].tolist()
    [0.7, 0.9]
    """

    points: tuple[CurvePoint, ...]
    scored: int
    at_random: bool

    def to_dataframe(self) -> pd.DataFrame:
        """Return one row a point: labels, accuracy, low and high end of its interval, macro_f1."""
        return pd.DataFrame(
            [
                (point.labels, point.accuracy.value, point.accuracy.low, point.accuracy.high, point.macro_f1)
                for point in self.points
            ],
            columns=["labels", "accuracy", "low", "high", "macro_f1"],
        )


def learning_curve(
    head: Head,
    features: Tensor,
    y: Indices,
    events: NDArray[np.str_],
    reviewed: Sequence[str],
    sample: Collection[str] = (),
    *,
    sizes: Sequence[int] | None = None,
    folds: int = 5,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> LearningCurve:
    """Fine-tune a head with the first n reviewed events, and score it on events that it did not learn from.

    Events are predicted in folds, each by a head that learnt from the first n without those of the fold. If at least
    ten events were drawn at random, they alone are scored, else all reviewed ones.

    Parameters
    ----------
    head : Head
        Fitted to other events; it stays as it is.
    features : (N, F) Tensor
        Of the windows of reviewed events.
    y : (N,) int64 ndarray
        Class of each window.
    events : (N,) ndarray of str
        Its event.
    reviewed : sequence of str
        Events in the order in which they were labelled. Those without a window are left out.
    sample : collection of str, optional
        Events drawn at random: `ReviewOrder.sample`.
    sizes : sequence of int, optional
        Numbers of labels; by default 0, and at most eight from 10 to all.
    folds : int
    progress : callable
        Wraps the sizes, for a progress bar.

    Returns
    -------
    LearningCurve

    Raises
    ------
    ConfigurationError
        If the head cannot be fine-tuned, there are fewer than two folds, or a size is negative.
    DatasetError
        If arrays differ in length, no reviewed event has a window, or an event has windows of two classes.
    """
    if not len(features) == len(y) == len(events):
        raise DatasetError(f"{len(features)} rows of features came with {len(y)} classes and {len(events)} events")
    there = set(events.tolist())
    known = [event for event in dict.fromkeys(reviewed) if event in there]
    if not known:
        raise DatasetError(f"none of the {len(reviewed)} reviewed events has a window: a curve needs some")
    check_arguments(
        "learning_curve",
        ("folds must be 2 or more", is_whole(folds, 2), folds),
        ("sizes must be 0 or more", sizes is None or all(is_whole(n, 0) for n in sizes), sizes),
    )
    drawn = [event for event in known if event in set(sample)]
    at_random = len(drawn) >= _ENOUGH
    scored = drawn if at_random else known
    fold_of = dict(zip(scored, (np.random.default_rng(0).permutation(len(scored)) % folds).tolist(), strict=True))
    fold = np.array([fold_of.get(event, -1) for event in events.tolist()])
    rank_of = {event: rank for rank, event in enumerate(known)}
    rank = np.array([rank_of.get(event, len(known)) for event in events.tolist()])
    codes = np.unique(events, return_inverse=True)[1].astype(np.int64)
    chosen = sorted({min(n, len(known)) for n in (_sizes(len(known)) if sizes is None else sizes)})
    points = []
    for n in progress(chosen):
        found = held_out(head, features, y, codes, _folds(rank < n, fold))
        points.append(_point(n, found[fold >= 0], y[fold >= 0], codes[fold >= 0], head.n_classes))
    return LearningCurve(tuple(points), len(scored), at_random)


def _sizes(n: int) -> list[int]:
    """Return 0, and whole numbers from 10 to n with about equal ratios."""
    return [0, *np.unique(np.geomspace(min(_FIRST, n), n, _POINTS).round().astype(int)).tolist()]


def _folds(learnt: NDArray[np.bool_], fold: Indices) -> Iterator[Fold]:
    for k in np.unique(fold[fold >= 0]):
        yield np.flatnonzero(learnt & (fold != k)), np.flatnonzero(fold == k)


def _point(n: int, probabilities: NDArray[np.float64], y: Indices, codes: Indices, n_classes: int) -> CurvePoint:
    p, truth, _ = mean_by_event(probabilities, y, codes)
    right = int((p.argmax(axis=1) == truth).sum())
    exact = binomtest(right, len(truth)).proportion_ci(CONFIDENCE)
    f1 = score(p, truth, [str(k) for k in range(n_classes)])["macro_f1"]
    return CurvePoint(n, Interval(right / len(truth), float(exact.low), float(exact.high)), float(f1))
