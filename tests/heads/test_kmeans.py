import copy
import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from sklearn import cluster

from seisbench_lcl.errors import ConfigurationError, NotFittedError, TrainingError
from seisbench_lcl.heads.kmeans import KMeans


def clouds(counts, n_features=6, distance=2.0, seed=0):
    """Gaussian clouds of float32 features in mixed order, and the cloud of each row."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    centres = distance * rng.normal(size=(len(counts), n_features))
    x = centres[y] + rng.normal(size=(len(y), n_features))
    return torch.from_numpy(x.astype(np.float32)), torch.from_numpy(y)


def slow_posterior(features, centroids, scale):
    """Bayes' rule with Gaussians of equal weight and spherical variance, row by row and in double precision."""
    rows = []
    for x in features.double().numpy():
        log_densities = []
        for centroid in centroids.double().numpy():
            distance = sum((a - b) ** 2 for a, b in zip(x, centroid, strict=True)) ** 0.5
            log_densities.append(-(distance**2) / (2 * float(scale) ** 2))
        densities = np.exp(np.array(log_densities) - max(log_densities))
        rows.append(densities / densities.sum())
    return np.array(rows)


def slow_scale(features, centroids):
    """RMS deviation from the nearest centroid along each of the directions that the centroids span (Gram-Schmidt)."""
    basis = []
    for centroid in centroids[1:] - centroids[0]:
        for direction in basis:
            centroid = centroid - (centroid @ direction) * direction
        basis.append(centroid / np.linalg.norm(centroid))
    squares = []
    for x in features:
        residual = x - min(centroids, key=lambda centroid: np.linalg.norm(x - centroid))
        squares += [(residual @ direction) ** 2 for direction in basis]
    return np.mean(squares) ** 0.5


@given(
    counts=st.lists(st.integers(4, 25), min_size=2, max_size=4),
    n_features=st.integers(3, 30),
    distance=st.floats(0.2, 4),
    seed=st.integers(0, 1000),
)
def test_assignments_are_the_posterior_written_out_and_the_highest_is_the_nearest(counts, n_features, distance, seed):
    x, _ = clouds(counts, n_features, distance, seed)
    before = x.clone()
    head = KMeans(n_features, len(counts)).fit(x)
    centroids = head.centroids.double().numpy()
    assert head.scale.item() == pytest.approx(slow_scale(x.double().numpy(), centroids), rel=1e-3)
    probabilities = head(x)
    assert probabilities.dtype == torch.float32
    np.testing.assert_allclose(probabilities.numpy(), slow_posterior(x, head.centroids, head.scale), atol=1e-4)
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(len(x)))
    torch.testing.assert_close(torch.cat([head(row[None]) for row in x]), probabilities, atol=1e-5, rtol=1e-4)

    # A fixed point of Lloyd's algorithm: each centroid is the mean of the rows nearest to it.
    nearest = np.linalg.norm(x.double().numpy()[:, None] - centroids, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(probabilities.argmax(dim=1).numpy(), nearest)
    for k, centroid in enumerate(centroids):
        np.testing.assert_allclose(x.double().numpy()[nearest == k].mean(axis=0), centroid, atol=1e-5)
    sizes = np.bincount(nearest)
    assert (sizes[:-1] >= sizes[1:]).all()
    assert torch.equal(x, before)


def test_the_partition_is_as_good_as_that_of_scikit_learn():
    x, _ = clouds((60, 50, 40, 30), distance=1.0)
    head = KMeans(6, 4).fit(x)
    inertia = torch.cdist(x, head.centroids).amin(dim=1).square().sum().item()
    theirs = cluster.KMeans(4, n_init=10, random_state=0).fit(x.numpy()).inertia_
    assert inertia == pytest.approx(theirs, rel=0.005)


def test_clusters_are_ordered_by_size_whatever_the_seed():
    x, y = clouds((70, 50, 30), distance=4.0)
    first = KMeans(6, 3, seed=0).fit(x)
    np.testing.assert_array_equal(first(x).argmax(dim=1), y)
    for seed in range(1, 5):
        torch.testing.assert_close(KMeans(6, 3, seed=seed).fit(x)(x), first(x))
    even, _ = clouds((40, 40), distance=4.0)  # of equal size: the cluster of the first row comes first
    for seed in range(5):
        assert KMeans(6, 2, seed=seed).fit(even)(even)[0].argmax() == 0


@pytest.mark.parametrize("n_features", [20, 5000])
def test_rows_halfway_between_clusters_remain_uncertain_with_many_features(n_features):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, n_features)).astype(np.float32)
    x[:, 0] += np.repeat([-3, 3], 200)
    head = KMeans(n_features, 2).fit(torch.from_numpy(x))
    halfway = head.centroids.mean(dim=0, keepdim=True)
    direction = (head.centroids[0] - head.centroids[1]) / (head.centroids[0] - head.centroids[1]).norm()
    at = torch.tensor([[-1.0], [0.0], [1.0]]) * head.scale / 2
    noise = torch.from_numpy(rng.normal(size=(3, n_features)).astype(np.float32))
    noise -= (noise @ direction)[:, None] * direction
    low, even, high = head(halfway + noise + at * direction)[:, 0].tolist()
    assert even == pytest.approx(0.5, abs=1e-3)
    assert 0 < low < 0.5 < high < 1
    assert low + high == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("offset", [1e3, -1e5])
def test_a_large_mean_costs_no_more_than_the_rounding_of_the_features(offset):
    x, _ = clouds((40, 30, 20), 50)
    x = (x * 64).round()  # so that adding the offset rounds nothing
    torch.testing.assert_close(
        KMeans(50, 3).fit(x + offset)(x + offset), KMeans(50, 3).fit(x)(x), atol=2e-3 * abs(offset) / 1e5 + 1e-4, rtol=0
    )


@pytest.mark.parametrize("factor", [1e-12, 1e9])
def test_the_unit_of_the_features_does_not_matter(factor):
    x, _ = clouds((40, 30, 20))
    torch.testing.assert_close(KMeans(6, 3).fit(factor * x)(factor * x), KMeans(6, 3).fit(x)(x), atol=1e-4, rtol=0)


def test_rows_on_their_centroids_are_certain():
    x = torch.tensor([[0.0, 1.0], [5.0, 2.0], [9.0, 9.0]])
    probabilities = KMeans(2, 3).fit(x.repeat_interleave(torch.tensor([3, 2, 1]), dim=0))(x)
    torch.testing.assert_close(probabilities, torch.eye(3))


def test_a_fitted_head_survives_saving(tmp_path):
    x, _ = clouds((30, 40))
    head = KMeans(6, 2, n_init=3, seed=7).fit(x)
    config = json.loads(json.dumps(head.config()))
    assert config == {"n_init": 3, "seed": 7}
    save_file(head.state_dict(), tmp_path / "head.safetensors")
    loaded = KMeans(6, 2, **config)
    loaded.load_state_dict(load_file(tmp_path / "head.safetensors"))
    for other in (loaded, copy.deepcopy(head), loaded.fit(x), KMeans(6, 2, **config).fit(x, torch.arange(70))):
        assert torch.equal(other(x), head(x))


def test_what_cannot_be_clustered_is_refused():
    x, _ = clouds((5, 6))
    head = KMeans(6, 4)
    with pytest.raises(NotFittedError, match=r"KMeans is not fitted: call fit\(features\) first"):
        head(x)
    with pytest.raises(TrainingError, match=r"4 clusters need at least as many windows .* given 3; use more windows"):
        head.fit(x[:3])
    with pytest.raises(TrainingError, match=r"4 clusters need .* given 2; .* or fewer clusters"):
        head.fit(x[:2].repeat(5, 1))
    with pytest.raises(NotFittedError):  # none of these left a partial fit
        head(x)
    with pytest.raises(ConfigurationError, match="KMeans: n_init must be a whole number of 1 or more, but is 0"):
        KMeans(6, 4, n_init=0)
