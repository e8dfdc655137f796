"""What is known of a window from where it comes alone, and what a model can know that never saw the place."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.evaluation.metrics import Floats, Indices, check_groups

Mask = NDArray[np.bool_]


def known_elsewhere(
    truth: ArrayLike, provenance: ArrayLike, events: ArrayLike, *, n_classes: int, learn: Mask | None = None
) -> Mask:
    """Return which classes a model can know that never saw the group of a row, nor any event of that group.

    Parameters
    ----------
    truth : array_like of int, shape (n,)
        Class of each row.
    provenance : array_like of shape (n,)
        Group that each row comes from, such as its repository.
    events : array_like of shape (n,)
    n_classes : int
    learn : (n,) ndarray of bool, optional
        Rows that models learn from; all by default.

    Returns
    -------
    ndarray of bool, shape (n, n_classes)

    Raises
    ------
    DatasetError
        If no row's class is known without its group: then nothing can be said of a group held out.
    """
    y = np.asarray(truth)
    codes, _ = check_groups(events, len(y))
    names, group = np.unique(np.asarray(provenance, dtype=str), return_inverse=True)
    able = np.ones(len(y), dtype=bool) if learn is None else learn
    known = np.zeros((len(names), n_classes), dtype=bool)
    for g in range(len(names)):
        rest = able & ~np.isin(codes, codes[group == g])
        known[g, y[rest]] = True
    if not known[group, y].any():
        raise DatasetError(
            f"no class occurs in two of the groups {', '.join(names)} with events of their own: a model that "
            "never saw a group cannot know any class in it, and class and group cannot be told apart; group by another "
            "column, or add data"
        )
    return known[group]


def group_alone(truth: ArrayLike, provenance: ArrayLike, events: ArrayLike, *, n_classes: int) -> Floats:
    """Predict each row from nothing but the group that it comes from.

    Parameters
    ----------
    truth : array_like of int, shape (n,)
        Class of each row.
    provenance : array_like of shape (n,)
        Group that each row comes from.
    events : array_like of shape (n,)
        A row's own event, in whatever group, says nothing of it.
    n_classes : int

    Returns
    -------
    (n, n_classes) float64 ndarray
        Shares of the classes among the other events of the group, each class counted relative to its number in all
        groups; equal ones where the group has no other event.

    Notes
    -----
    Leaving a row out makes its own class the rarer one by a hair. Where groups are alike to within an event, the score
    of these predictions therefore lies below that of a guess.
    """
    y = np.asarray(truth)
    codes, names = check_groups(events, len(y))
    _, group = np.unique(np.asarray(provenance, dtype=str), return_inverse=True)
    one_hot = np.eye(n_classes)[y]
    _, pairs = np.unique(group * len(names) + codes, return_inverse=True)

    def sums(of: Indices) -> Floats:
        total = np.zeros((of.max() + 1, n_classes))
        np.add.at(total, of, one_hot)
        return total[of]

    counted = shares(sums(group) - sums(pairs), one_hot.sum(axis=0) - sums(codes))
    total = counted.sum(axis=1, keepdims=True)
    return np.where(total > 0, shares(counted, total), 1 / n_classes)


def shares(part: Floats, whole: Floats) -> Floats:
    """Divide, with 0 where there is no whole."""
    whole = np.broadcast_to(whole, part.shape)
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)
