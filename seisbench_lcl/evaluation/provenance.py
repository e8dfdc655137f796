"""What is known of a window from where it comes alone, and what a model can know that never saw the place."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.evaluation.metrics import Floats, Indices, check_groups

Mask = NDArray[np.bool_]

_ENOUGH = 2  # events to learn a class from: each is held out once, which settles penalties and temperatures
_ENOUGH_IN_ALL = 3  # so that two are left when one is tested


def known_without(truth: Indices, group: Indices, codes: Indices, n_classes: int, learn: Mask) -> Mask:
    """Return which classes have two events or more to learn from beside all events of a group, (G, n_classes).

    Parameters
    ----------
    truth, group, codes : (n,) ndarray of int
        Class, group and event of each row; groups from 0 to G - 1.
    n_classes : int
    learn : (n,) ndarray of bool
        Rows that may be learnt from.
    """
    pairs = np.unique(np.column_stack([truth, codes])[learn], axis=0)
    known = np.zeros((group.max() + 1, n_classes), dtype=bool)
    for g in range(len(known)):
        rest = ~np.isin(pairs[:, 1], codes[group == g])
        known[g] = np.bincount(pairs[rest, 0], minlength=n_classes) >= _ENOUGH
    return known


def of_known_classes(labels: ArrayLike, events: ArrayLike, learn: Mask) -> Mask:
    """Return the rows to learn from whose class has three events of such rows: whichever is tested, two are left.

    Parameters
    ----------
    labels, events : array_like of shape (n,)
    learn : (n,) ndarray of bool
        Rows that may be learnt from.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    names, truth = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
    codes, _ = check_groups(events, len(truth))
    pairs = np.unique(np.column_stack([truth, codes])[learn], axis=0)
    return learn & (np.bincount(pairs[:, 0], minlength=len(names)) >= _ENOUGH_IN_ALL)[truth]


def known_elsewhere(
    truth: ArrayLike, provenance: ArrayLike, events: ArrayLike, *, n_classes: int, learn: Mask | None = None
) -> Mask:
    """Return which classes a model can know that never saw the group of a row, nor any event of that group.

    Those with two events or more to learn from.

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
    known = known_without(y, group, codes, n_classes, able)
    if not known[group, y].any():
        raise DatasetError(
            f"no class occurs in two of the groups {', '.join(names)} with {_ENOUGH} events of its own to learn from: "
            "a model that never saw a group cannot know any class in it, and class and group cannot be told apart; "
            "group by another column, or add data"
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
