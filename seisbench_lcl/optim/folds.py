"""Folds for cross-validation that keep events whole."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray


def assign_folds(
    classes: NDArray[np.int64],
    events: ArrayLike,
    n_folds: int,
    order: Callable[[int, NDArray[np.generic]], NDArray[np.int64]],
    *,
    keep_shared: bool = False,
) -> NDArray[np.int64]:
    """Deal the events of each class to the folds in turn, class after class.

    scikit-learn's StratifiedGroupKFold balances the windows of a class instead of its events, and StratifiedKFold over
    events needs a single class for each event.

    Parameters
    ----------
    classes : (n,) int64 ndarray
        Class index of each row.
    events : (n,) array_like
        Event of each row.
    n_folds : int
    order : callable
        Takes a class and its distinct, sorted events; returns their indices in the order of dealing, such as a random
        permutation.
    keep_shared : bool
        An event may have rows of several classes. By default the last class decides its fold; if true, the first class
        does, and the other events of the later classes even out the folds.

    Returns
    -------
    (n,) int64 ndarray
        Fold of each row, from 0.

    Examples
    --------
    >>> assign_folds(np.array([0, 0, 0, 1, 1]), ["a", "a", "b", "c", "d"], 2, lambda k, events: np.arange(len(events)))
    array([0, 0, 1, 0, 1])
    """
    names, codes = np.unique(np.asarray(events), return_inverse=True)
    fold = np.full(len(names), -1, dtype=np.int64)
    for k in np.unique(classes).tolist():
        own = np.unique(codes[classes == k])
        dealt = fold[own] >= 0
        if not keep_shared:
            dealt[:] = False
        filled = np.bincount(fold[own[dealt]], minlength=n_folds)
        rest = own[~dealt]
        for event in rest[order(k, names[rest])]:
            fold[event] = filled.argmin()
            filled[fold[event]] += 1
    return fold[codes]
