"""Where windows come from: predictions from the group alone, and the classes that a model can learn without it."""

import numpy as np
from numpy.typing import ArrayLike

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.evaluation.arrays import Floats, Indices, Mask, check_groups, check_indices, ratio, rows_to_one

_ENOUGH = 2  # events per class in training: penalties and temperatures are chosen with each event held out once
_ENOUGH_IN_ALL = 3  # so that two are left when one is tested


def known_without(truth: Indices, group: Indices, codes: Indices, n_classes: int, learn: Mask) -> Mask:
    """Find the classes with two or more training events outside each group, (G, n_classes).

    Events that a group shares with others count as inside it.

    Parameters
    ----------
    truth, group, codes : (n,) ndarray of int
        Class, group and event of each row; groups from 0 to G - 1.
    n_classes : int
    learn : (n,) ndarray of bool
        Rows that may be used for training.
    """
    pairs = np.unique(np.column_stack([truth, codes])[learn], axis=0)
    known = np.zeros((group.max() + 1, n_classes), dtype=bool)
    for g in range(len(known)):
        rest = ~np.isin(pairs[:, 1], codes[group == g])
        known[g] = np.bincount(pairs[rest, 0], minlength=n_classes) >= _ENOUGH
    return known


def of_known_classes(labels: ArrayLike, events: ArrayLike, learn: Mask) -> Mask:
    """Find the training rows whose class has three or more events in them, so that two are left when one is tested.

    Parameters
    ----------
    labels, events : array_like of shape (n,)
    learn : (n,) ndarray of bool
        Rows that may be used for training.

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
    """Find the classes that a model can learn without the group of each row and without any event of that group.

    These are the classes with two or more events elsewhere.

    Parameters
    ----------
    truth : array_like of int, shape (n,)
        Class of each row.
    provenance : array_like of shape (n,)
        Group of each row, such as its repository.
    events : array_like of shape (n,)
    n_classes : int
    learn : (n,) ndarray of bool, optional
        Rows used for training; all by default.

    Returns
    -------
    ndarray of bool, shape (n, n_classes)

    Raises
    ------
    DatasetError
        If no row's class can be learnt without its group, so that holding out groups is meaningless.
    """
    y = check_indices("truth", truth, n_classes)
    codes, _ = check_groups(events, len(y))
    names, group = np.unique(np.asarray(provenance, dtype=str), return_inverse=True)
    able = np.ones(len(y), dtype=bool) if learn is None else learn
    known = known_without(y, group, codes, n_classes, able)
    if not known[group, y].any():
        raise DatasetError(
            f"no class occurs in two of the groups {', '.join(names)} with {_ENOUGH} or more separate events, "
            "so no model can learn the classes of a group without it: group by another column, or add data"
        )
    return known[group]


def group_alone(truth: ArrayLike, provenance: ArrayLike, events: ArrayLike, *, n_classes: int) -> Floats:
    """Predict each row from its group alone, without its waveform.

    Parameters
    ----------
    truth : array_like of int, shape (n,)
        Class of each row.
    provenance : array_like of shape (n,)
        Group of each row.
    events : array_like of shape (n,)
        A row's own event is not used to predict it, whatever its group.
    n_classes : int

    Returns
    -------
    (n, n_classes) float64 ndarray
        Fractions of the classes among the other events of the group, each class weighted by the inverse of its number
        in all groups; equal fractions where the group has no other event.

    Notes
    -----
    Leaving out a row makes its own class slightly rarer. Where the groups differ by no more than one event, these
    predictions therefore score below a guess.

    Examples
    --------
    >>> group_alone([0, 0, 0, 1], ["a", "a", "b", "b"], ["1", "2", "3", "4"], n_classes=2).tolist()
    [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    """
    y = check_indices("truth", truth, n_classes)
    codes, names = check_groups(events, len(y))
    _, group = np.unique(np.asarray(provenance, dtype=str), return_inverse=True)
    one_hot = np.eye(n_classes)[y]
    _, pairs = np.unique(group * len(names) + codes, return_inverse=True)

    def sums(of: Indices) -> Floats:
        total = np.zeros((of.max() + 1, n_classes))
        np.add.at(total, of, one_hot)
        return total[of]

    weights = ratio(sums(group) - sums(pairs), one_hot.sum(axis=0) - sums(codes), empty=0.0)
    return rows_to_one(weights, 1 / n_classes)
