"""Recall of each class in each group that a model never saw."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from seisbench_lcl.evaluation.arrays import Indices, Mask, check_groups


@dataclass(frozen=True)
class GroupRecall:
    """Number of windows of one class in one group that were predicted correctly without the group.

    Attributes
    ----------
    label, group : str
    n_windows, n_events, n_right : int
    known : bool
        Whether the class can be learnt without the group.

    Examples
    --------
    >>> print(GroupRecall("noise", "north", n_windows=40, n_events=20, n_right=30, known=True))
    0.750 (40 / 20)
    """

    label: str
    group: str
    n_windows: int
    n_events: int
    n_right: int
    known: bool

    def __str__(self) -> str:
        """Return the recall or "unknown", with the numbers of windows and events in brackets."""
        recall = f"{self.n_right / self.n_windows:.3f}" if self.known else "unknown"
        return f"{recall} ({self.n_windows} / {self.n_events})"


def group_recalls(
    right: Mask, known: Mask, truth: Indices, provenance: ArrayLike, events: ArrayLike, labels: Sequence[str]
) -> tuple[GroupRecall, ...]:
    """Count the correct predictions of each class in each group.

    Parameters
    ----------
    right : (n,) ndarray of bool
        Whether each row was predicted correctly without its group.
    known : (n,) ndarray of bool
        Whether the class of each row can be learnt without its group.
    truth : (n,) ndarray of int
    provenance, events : array_like of shape (n,)
        Group and event of each row.
    labels : sequence of str

    Returns
    -------
    tuple of GroupRecall
        In the order of the labels, then of the groups, for the pairs that occur.
    """
    names, group = np.unique(np.asarray(provenance, dtype=str), return_inverse=True)
    codes, _ = check_groups(events, len(truth))
    cells = []
    for k, label in enumerate(labels):
        for g, name in enumerate(names.tolist()):
            rows = (truth == k) & (group == g)
            if n := int(rows.sum()):
                n_events, n_right = len(np.unique(codes[rows])), int(right[rows].sum())
                cells.append(GroupRecall(label, name, n, n_events, n_right, bool(known[rows].all())))
    return tuple(cells)
