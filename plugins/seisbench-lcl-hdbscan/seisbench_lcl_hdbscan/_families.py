"""Find families among rows, and the reach of each family."""

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
    """Assign rows (N, d) to families, by size from 0 (ties by first row); −1 marks rows in no family."""
    search = cluster.HDBSCAN(
        min_cluster_size=min_cluster_size, min_samples=min_samples, cluster_selection_method=selection, copy=True
    )
    with few_threads(rows):
        found = search.fit(rows).labels_
    names, first, sizes = np.unique(found[found >= 0], return_index=True, return_counts=True)
    rank = np.full(len(names) + 1, NO_FAMILY)  # the last element belongs to the label −1
    rank[names[np.lexsort((first, -sizes))]] = np.arange(len(names))
    return rank[found]


def best_reach(members: NDArray[np.float64], others: NDArray[np.float64]) -> Any:
    """Return the distance that best separates members of a family from rows in no family.

    It maximises the number of members minus the number of other rows within it, among the distances of members. As a
    threshold, no other distance reproduces more assignments of the clustering.

    Parameters
    ----------
    members, others : (n,) and (m,) ndarray
        Distances of members to the nearest other member, and of rows in no family to the nearest member.
    """
    limits = np.sort(members)
    gain = np.arange(1, len(limits) + 1) - np.searchsorted(np.sort(others), limits, side="right")
    return limits[gain.argmax()]
