from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.heads.matching import contingency, match_clusters


@st.composite
def rows(draw, unlabelled=True):
    """Clusters, truth, and the numbers of clusters and classes."""
    n_clusters, n_classes, n = draw(st.integers(1, 5)), draw(st.integers(1, 4)), draw(st.integers(1, 40))
    clusters = draw(st.lists(st.integers(0, n_clusters - 1), min_size=n, max_size=n))
    truth = draw(st.lists(st.integers(-1 if unlabelled else 0, n_classes - 1), min_size=n, max_size=n))
    return clusters, truth, n_clusters, n_classes


def count(clusters, truth, k, c):
    return sum(1 for cluster, label in zip(clusters, truth, strict=True) if cluster == k and label == c)


@given(rows())
def test_counts_and_matches_equal_an_exhaustive_search(case):
    clusters, truth, n_clusters, n_classes = case
    table = [[count(clusters, truth, k, c) for c in range(n_classes)] for k in range(n_clusters)]
    assert contingency(*case).tolist() == table
    found = match_clusters(*case)
    assert found.shape == (n_clusters,)
    assert [k == -1 for k in found] == [sum(row) == 0 for row in table]
    agreeing = sum(table[k][found[k]] for k in range(n_clusters) if found[k] >= 0)
    if n_clusters == n_classes:
        matched = [k for k in found if k >= 0]
        assert len(set(matched)) == len(matched)
        assert agreeing == max(
            sum(table[k][c] for k, c in enumerate(order)) for order in permutations(range(n_classes))
        )
    else:
        for k, row in enumerate(table):
            assert found[k] == (row.index(max(row)) if sum(row) else -1)


@given(rows(), st.randoms())
def test_the_order_of_rows_does_not_matter(case, random):
    clusters, truth, n_clusters, n_classes = case
    order = random.sample(range(len(truth)), len(truth))
    shuffled = match_clusters([clusters[i] for i in order], [truth[i] for i in order], n_clusters, n_classes)
    np.testing.assert_array_equal(shuffled, match_clusters(*case))


def test_one_to_one_is_not_the_majority():
    clusters, truth = [0] * 10 + [1] * 7, [0] * 10 + [0] * 4 + [1] * 3
    assert match_clusters(clusters, truth, 2, 2).tolist() == [0, 1]  # most of cluster 1 are of class 0
    assert match_clusters(clusters, truth, 3, 2).tolist() == [0, 0, -1]


def test_invalid_clusters_and_truth_are_refused():
    sizes = {"n_clusters": 2, "n_classes": 2}
    with pytest.raises(DatasetError, match="clusters must be between 0 and 1, but found 2"):
        contingency([0, 2], [0, 1], **sizes)
    with pytest.raises(DatasetError, match="truth must be between -1 and 1, but found 3"):
        match_clusters([0, 1], [0, 3], **sizes)
    with pytest.raises(DatasetError, match=r"clusters must be integers of shape \(n,\), but found float64"):
        contingency([0.0, 1.0], [0, 1], **sizes)
    with pytest.raises(DatasetError, match="clusters have 2 rows but truth has 3"):
        contingency([0, 1], [0, 1, 1], **sizes)
