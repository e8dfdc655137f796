"""Families among rows, and how far each reaches."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn import cluster

from seisbench_lcl.heads.kmeans import few_threads

Selection = Literal["eom", "leaf"]

NO_FAMILY = -1


def find_families(
    rows: NDArray[np.float64], min_cluster_size: int, min_samples: int, selection: Selection
) -> NDArray[np.int64]:
    """Assign rows (N, d) to families: 0 is the largest; of equal ones, that of the earlier row. −1 is in none."""
    search = cluster.HDBSCAN(
        min_cluster_size=min_cluster_size, min_samples=min_samples, cluster_selection_method=selection, copy=True
    )
    with few_threads(rows):
        found = search.fit(rows).labels_
    names, first, sizes = np.unique(found[found >= 0], return_index=True, return_counts=True)
    rank = np.full(len(names) + 1, NO_FAMILY)  # the last is that of the label −1
    rank[names[np.lexsort((first, -sizes))]] = np.arange(len(names))
    return rank[found]


def best_reach(members: NDArray[np.float64], others: NDArray[np.float64]) -> Any:
    """Return the distance within which most members are, without rows that are in no family.

    Of the distances of members, the one that maximises the number of members minus that of others within it: as a
    limit, no distance classifies more of these rows as the clustering did.

    Parameters
    ----------
    members, others : (n,) and (m,) ndarray
        Distances to the family of its members, each to the nearest other one, and of the rows in no family.
    """
    limits = np.sort(members)
    gain = np.arange(1, len(limits) + 1) - np.searchsorted(np.sort(others), limits, side="right")
    return limits[gain.argmax()]
