import logging

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.evaluation import cluster_number
from seisbench_lcl.evaluation.cluster_number import cluster_numbers


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Run scikit-learn on one thread; its matrices are small here."""
    with threadpool_limits(1):
        yield


def clouds(counts, n_features=3, distance=6.0, seed=0):
    """Round clouds of features around the corners of a simplex."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(counts)), counts)
    return distance * np.eye(len(counts), n_features)[y] + rng.normal(size=(len(y), n_features))


def on_principal_axes(x):
    """Rotate rows; the entry of largest magnitude of each axis is positive."""
    x = x - x.mean(axis=0)
    axes = np.linalg.svd(x, full_matrices=False)[2]
    return x @ np.stack([axis * np.sign(axis[np.abs(axis).argmax()]) for axis in axes]).T


def within(rows, k, seed):
    """Sum of squared distances to the centroids of k-means, pooled in a loop: W_k of Tibshirani et al. 2001, eq. 2."""
    found = KMeans(k, n_init=5, random_state=seed).fit(rows)
    total = 0.0
    for row, label in zip(rows, found.labels_, strict=True):
        total += ((row - rows[found.labels_ == label].mean(axis=0)) ** 2).sum()
    return total, found.labels_


def slow_gap(rows, numbers, n_references, seed):
    rng, low, high = np.random.default_rng(seed), rows.min(axis=0), rows.max(axis=0)
    references = []
    for _ in range(n_references):
        references.append(low + (high - low) * rng.random(rows.shape))
    gap, error = [], []
    for k in numbers:
        logs = [np.log(within(reference, k, seed)[0]) for reference in references]
        mean = sum(logs) / n_references
        gap.append(mean - np.log(within(rows, k, seed)[0]))
        deviation = np.sqrt(sum((log - mean) ** 2 for log in logs) / n_references)
        error.append(deviation * np.sqrt(1 + 1 / n_references))
    return gap, error


def slow_silhouette(rows, labels):
    """Rousseeuw 1987: (b − a) / max(a, b) of each row, 0 for a row alone in its cluster."""
    values = []
    for i, row in enumerate(rows):
        distances = np.sqrt(((rows - row) ** 2).sum(axis=1))
        same = (labels == labels[i]) & (np.arange(len(rows)) != i)
        if not same.any():
            values.append(0)
            continue
        a = distances[same].mean()
        b = min(distances[labels == other].mean() for other in set(labels) - {labels[i]})
        values.append((b - a) / max(a, b))
    return np.mean(values)


def test_criteria_agree_with_loops_written_out():
    x = clouds((20, 15, 25), distance=3.0)
    numbers = [1, 2, 3, 4, 6]
    frame = cluster_numbers(x, numbers, n_references=3, seed=5)
    rows = on_principal_axes(x)
    gap, error = slow_gap(rows, numbers, 3, seed=5)
    np.testing.assert_allclose(frame["gap"], gap, atol=1e-4)
    np.testing.assert_allclose(frame["gap_error"], error, atol=1e-4)
    assert list(frame["clusters"]) == numbers
    assert np.isnan(frame["silhouette"][0])
    for row, k in enumerate(numbers):
        inertia, labels = within(rows, k, seed=5)
        assert frame["inertia"][row] == pytest.approx(inertia, rel=1e-4)
        if k > 1:
            assert frame["silhouette"][row] == pytest.approx(slow_silhouette(rows, labels), abs=1e-4)
        mixture = GaussianMixture(k, n_init=5, max_iter=200, random_state=5).fit(rows / rows[:, 0].std())
        n_parameters = (k - 1) + 3 * k + 6 * k  # weights, means, covariances
        log_likelihood = mixture.score_samples(rows / rows[:, 0].std()).sum()
        assert frame["bic"][row] == pytest.approx(n_parameters * np.log(60) - 2 * log_likelihood, rel=1e-3)


@pytest.mark.parametrize(("n_each", "n_features"), [(50, 4), (150, 60)])
def test_clouds_are_counted(n_each, n_features):
    x = clouds((n_each,) * 4, n_features, distance=12.0)
    frame = cluster_numbers(x, range(2, 7), n_references=3)
    assert frame.attrs["suggested"] == {"silhouette": 4, "bic": 4, "gap": 4}


def test_one_cloud_is_one_cluster_by_bic_and_gap():
    suggested = cluster_numbers(clouds((150,)), [3, 2, 1, 2], n_references=3).attrs["suggested"]
    assert suggested["bic"] == suggested["gap"] == 1
    assert cluster_numbers(clouds((50,)), [1], n_references=2).attrs["suggested"] == {"bic": 1, "gap": 1}


def test_the_gap_suggests_the_first_number_within_an_error_of_the_next_or_else_the_last():
    frame = pd.DataFrame({"clusters": [2, 3, 5], "bic": [1, 0, 2], "silhouette": [0.1, 0.2, 0.3], "gap_error": 0.1})
    for gap, expected in (([0.0, 0.5, 0.55], 3), ([0.0, 0.09, 5.0], 2), ([0.0, 0.5, 1.0], 5)):
        assert cluster_number._suggested(frame.assign(gap=gap)) == {"bic": 3, "gap": expected, "silhouette": 5}


def test_rows_are_drawn_and_seeds_repeat():
    x = clouds((300, 300))
    few = cluster_numbers(x, [1, 2, 3], max_rows=100, n_references=2, seed=1)
    drawn = x[np.sort(np.random.default_rng(1).choice(600, 100, replace=False))]
    assert few["inertia"][0] == pytest.approx(((drawn - drawn.mean(axis=0)) ** 2).sum(), rel=1e-4)
    assert few.equals(cluster_numbers(x, [1, 2, 3], max_rows=100, n_references=2, seed=1))
    assert not few.equals(cluster_numbers(x, [1, 2, 3], max_rows=100, n_references=2, seed=2))


def test_unit_and_origin_of_features_change_only_the_inertia():
    x = (64 * clouds((40, 30))).round()
    one, other = (cluster_numbers(y, [1, 2, 3], n_references=2) for y in (x, x / 2**20 + 1 / 4))
    np.testing.assert_allclose(other["inertia"], one["inertia"] / 2**40, rtol=1e-3)
    for column in ("silhouette", "bic", "gap", "gap_error"):
        np.testing.assert_allclose(other[column], one[column], atol=1e-2, rtol=1e-3)


def test_mixtures_that_do_not_converge_are_logged(caplog, monkeypatch):
    monkeypatch.setattr(cluster_number, "_MAX_ITERATIONS", 1)
    with caplog.at_level(logging.WARNING, logger="seisbench"):
        cluster_numbers(clouds((60,)), [1, 3], n_references=2)
    assert "the mixtures of [1, 3] clusters did not converge" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"numbers": []}, r"cluster_numbers: numbers must hold one or more numbers of at least 1, but is \[\]"),
        ({"numbers": [0, 2]}, r"numbers of at least 1, but is \[0, 2\]"),
        ({"n_references": 1}, "n_references must be a whole number of at least 2, but is 1"),
        ({"max_rows": 1}, "max_rows must be a whole number of at least 2, but is 1"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        cluster_numbers(clouds((9, 9)), **({"numbers": [2]} | arguments))


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.zeros(9), r"a matrix \(n, F\) of finite numbers, but have shape \(9,\)"),
        (np.full((9, 2), np.nan), "hold NaN or infinity"),
        (np.repeat(np.eye(4), 3, axis=0), "4 clusters need more distinct rows of features than 4 of 12: lower"),
        (np.zeros((0, 2)), "more distinct rows of features than 0 of 0"),
    ],
)
def test_features_that_cannot_be_clustered_are_refused(features, message):
    with pytest.raises(DatasetError, match=message):
        cluster_numbers(features, [2, 4])
