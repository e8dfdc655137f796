"""Names for clusters, from the labels of their windows."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from seisbench_lcl.errors import DatasetError, TrainingError
from seisbench_lcl.labels import check_spelling

UNKNOWN = -1  # truth of a row without label, and class of a cluster without labelled rows

Indices = NDArray[np.int64]


def contingency(clusters: ArrayLike, truth: ArrayLike, n_clusters: int, n_classes: int) -> Indices:
    """Count the rows of each class in each cluster.

    Parameters
    ----------
    clusters : array_like of int, shape (n,)
        Cluster of each row, from 0 to ``n_clusters - 1``.
    truth : array_like of int, shape (n,)
        Class of each row, from 0 to ``n_classes - 1``; −1 for a row without label, which does not count.
    n_clusters, n_classes : int

    Returns
    -------
    ndarray of int, shape (n_clusters, n_classes)

    Raises
    ------
    DatasetError
        If the shapes differ or a value is out of range.
    """
    found, y = check_clusters(clusters, truth, n_clusters, n_classes)
    known = y != UNKNOWN
    cells = np.bincount(found[known] * n_classes + y[known], minlength=n_clusters * n_classes)
    return cells.reshape(n_clusters, n_classes)


def match_clusters(
    clusters: ArrayLike, truth: ArrayLike, n_clusters: int, n_classes: int, open_ended: bool = False
) -> Indices:
    """Assign a class to each cluster.

    If the numbers of clusters and classes are equal, they are paired one to one so that most rows agree (Hungarian
    method). Otherwise each cluster gets its most frequent class, in a tie the first one.

    Parameters
    ----------
    clusters, truth, n_clusters, n_classes
        As in `contingency`.
    open_ended : bool
        Whether the last cluster holds the rows outside all clusters; it then gets no class.

    Returns
    -------
    ndarray of int, shape (n_clusters,)
        Class of each cluster; −1 without labelled rows or class. The order of rows does not matter.

    Raises
    ------
    DatasetError
        As `contingency`.

    References
    ----------
    Kuhn 1955, The Hungarian method for the assignment problem, Nav. Res. Logist. Q. 2.

    Examples
    --------
    >>> match_clusters([0, 0, 1, 1, 1], [1, 1, 0, 1, -1], n_clusters=2, n_classes=2)
    array([1, 0])
    """
    every = contingency(clusters, truth, n_clusters, n_classes)
    counts = every[: n_clusters - open_ended]
    if len(counts) == n_classes:
        classes = linear_sum_assignment(counts, maximize=True)[1]
    else:
        classes = counts.argmax(axis=1)
    matched = np.full(n_clusters, UNKNOWN)
    matched[: len(counts)] = np.where(counts.any(axis=1), classes, UNKNOWN)
    return matched


def name_by_labels(
    clusters: NDArray[np.int64], labels: Iterable[str | None], n_clusters: int, open_ended: bool = False
) -> dict[int, str]:
    """Assign a label to each cluster.

    Parameters
    ----------
    clusters : (N,) int64 ndarray
    labels : iterable of N str
        "", None or NaN if the label is unknown.
    n_clusters : int
    open_ended : bool
        As in `match_clusters`.

    Returns
    -------
    dict from cluster to label
        Clusters without labelled rows are missing.

    Raises
    ------
    TrainingError
        If the number of labels is wrong, fewer than two labels are known, or two differ only by capitals or blanks.
    """
    given = ["" if pd.isna(label) else str(label) for label in labels]
    if len(given) != len(clusters):
        raise TrainingError(f"{len(clusters)} windows came with {len(given)} labels")
    known = sorted(set(given) - {""})
    check_spelling(known, TrainingError)
    if len(known) < 2:
        raise TrainingError(f"naming clusters needs two labels or more, but the windows have {known}")
    truth = [known.index(label) if label else UNKNOWN for label in given]
    matched = match_clusters(clusters, truth, n_clusters, len(known), open_ended)
    return {k: known[c] for k, c in enumerate(matched.tolist()) if c != UNKNOWN}


def check_clusters(clusters: ArrayLike, truth: ArrayLike, n_clusters: int, n_classes: int) -> tuple[Indices, Indices]:
    """Check clusters (n,) and truth (n,), and return them as arrays.

    Raises
    ------
    DatasetError
        As `contingency`.
    """
    found = _checked_indices("clusters", clusters, 0, n_clusters)
    y = _checked_indices("truth", truth, UNKNOWN, n_classes)
    if len(found) != len(y):
        raise DatasetError(f"clusters have {len(found)} rows but truth has {len(y)}; pass one of each for every window")
    return found, y


def _checked_indices(name: str, values: ArrayLike, lowest: int, stop: int) -> Indices:
    indices = np.asarray(values)
    if indices.ndim != 1 or not np.issubdtype(indices.dtype, np.integer):
        raise DatasetError(f"{name} must be integers of shape (n,), but found {indices.dtype}, shape {indices.shape}")
    outside = indices[(indices < lowest) | (indices >= stop)]
    if outside.size:
        raise DatasetError(f"{name} must be between {lowest} and {stop - 1}, but found {outside[0]}")
    return indices.astype(np.int64)
