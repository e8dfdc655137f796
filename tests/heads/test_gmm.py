import copy
import json
import logging

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from seisbench_lcl.errors import ConfigurationError, NotFittedError, TrainingError
from seisbench_lcl.heads import gmm
from seisbench_lcl.heads.gmm import GMM

COVARIANCES = ["full", "diag", "tied"]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """The problems are too small for the threads of scikit-learn to help."""
    with threadpool_limits(1):
        yield


def clouds(counts, n_features=4, distance=2.0, seed=0):
    """Oblique Gaussian clouds of float32 features in mixed order, and the cloud of each row."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    centres = distance * rng.normal(size=(len(counts), n_features))
    shapes = np.eye(n_features) + 0.3 * rng.normal(size=(len(counts), n_features, n_features))
    x = centres[y] + np.einsum("nij,nj->ni", shapes[y], rng.normal(size=(len(y), n_features)))
    return torch.from_numpy(x.astype(np.float32)), torch.from_numpy(y)


def standardise(x):
    x = x.double().numpy()
    return (x - x.mean(axis=0)) / x.std(axis=0)


def slow_posterior(rows, weights, means, covariances):
    """Bayes' rule with the densities written out, row by row and component by component."""
    posterior = []
    for x in rows:
        log_joint = []
        for weight, mean, covariance in zip(weights, means, covariances, strict=True):
            mahalanobis = (x - mean) @ np.linalg.inv(covariance) @ (x - mean)
            log_norm = len(x) * np.log(2 * np.pi) + np.log(np.linalg.det(covariance))
            log_joint.append(np.log(weight) - (log_norm + mahalanobis) / 2)
        joint = np.exp(np.array(log_joint) - max(log_joint))
        posterior.append(joint / joint.sum())
    return np.array(posterior)


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("distance", [0.5, 3.0])
def test_the_posterior_is_that_of_scikit_learn(covariance, distance):
    x, _ = clouds((80, 60, 40), distance=distance)
    head = GMM(4, 3, covariance=covariance).fit(x)
    z = standardise(x)
    theirs = GaussianMixture(3, covariance_type=covariance, n_init=5, max_iter=200, random_state=0).fit(z)
    order = np.argsort(-theirs.weights_)
    np.testing.assert_allclose(head(x).numpy(), theirs.predict_proba(z)[:, order], atol=2e-3)
    np.testing.assert_allclose(head.log_weights.exp(), theirs.weights_[order], atol=1e-3)


@given(
    covariance=st.sampled_from(COVARIANCES),
    counts=st.lists(st.integers(15, 40), min_size=2, max_size=3),
    n_features=st.integers(1, 6),
    seed=st.integers(0, 1000),
)
def test_the_posterior_is_the_density_written_out(covariance, counts, n_features, seed):
    x, _ = clouds(counts, n_features, seed=seed)
    before, k = x.clone(), len(counts)
    head = GMM(n_features, k, covariance=covariance, n_init=1).fit(x)
    a = head.precision_cholesky.double()
    a = {"full": a, "diag": torch.diag_embed(a), "tied": a.expand(k, -1, -1)}[covariance].numpy()
    covariances = [np.linalg.inv(factor @ factor.T) for factor in a]
    z = (x.double() - head.mean) / head.scale
    expected = slow_posterior(
        z.numpy(), head.log_weights.double().exp().numpy(), head.means.double().numpy(), covariances
    )
    probabilities = head(x)
    assert probabilities.dtype == torch.float32
    np.testing.assert_allclose(probabilities.numpy(), expected, atol=1e-3)
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(len(x)))
    torch.testing.assert_close(torch.cat([head(row[None]) for row in x]), probabilities, atol=1e-4, rtol=1e-3)
    assert (head.log_weights.diff() <= 0).all()
    assert torch.equal(x, before)


def test_principal_components_come_from_raw_features_and_are_then_standardised():
    x, _ = clouds((80, 60), 12)
    head = GMM(12, 2, n_components=3).fit(x)
    centred = x.double() - x.double().mean(dim=0)
    scores = standardise(centred @ torch.linalg.svd(centred, full_matrices=False)[2][:3].T)
    theirs = GaussianMixture(2, n_init=5, max_iter=200, random_state=0).fit(scores)
    order = np.argsort(-theirs.weights_)
    np.testing.assert_allclose(head(x).numpy(), theirs.predict_proba(scores)[:, order], atol=2e-3)
    assert head.means.shape == (2, 3)


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_units_and_origins_of_features_do_not_matter_nor_does_a_constant_one(covariance):
    x, _ = clouds((80, 60))
    x = (64 * x).round()
    scale = torch.tensor([2.0**-30, 1.0, 2.0**10, 2.0**20])
    other = torch.cat([(x + 512) * scale, torch.full((140, 1), 0.1)], dim=1)
    expected, found = (GMM(y.shape[1], 2, covariance=covariance).fit(y)(y) for y in (x, other))
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=0)


def test_a_projection_keeps_the_directions_of_largest_variance():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(500, 20)).astype(np.float32), rng.integers(2, size=500)
    x[:, 7] += 6 * y
    assigned = GMM(20, 2, n_components=3).fit(torch.from_numpy(x))(torch.from_numpy(x)).argmax(dim=1).numpy()
    assert max((assigned == y).mean(), (assigned != y).mean()) > 0.98


def test_principal_components_beyond_the_rank_have_no_influence():
    x, _ = clouds((80, 60))
    flat = torch.cat([x, x], dim=1)
    exact, more = (GMM(8, 2, n_components=n).fit(flat) for n in (4, 7))
    other = flat + torch.randn(140, 8, generator=torch.Generator().manual_seed(0)) * torch.tensor([0.0] * 7 + [1.0])
    for rows in (flat, other):
        torch.testing.assert_close(more(rows), exact(rows), atol=2e-3, rtol=0)


def test_clusters_are_ordered_by_weight_whatever_the_seed_and_the_order_of_rows():
    x, y = clouds((70, 50, 30), distance=5.0)
    first = GMM(4, 3).fit(x)
    np.testing.assert_array_equal(first(x).argmax(dim=1), y)
    for seed in range(1, 4):
        torch.testing.assert_close(GMM(4, 3, seed=seed).fit(x.flip(0))(x), first(x), atol=1e-3, rtol=0)


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_probabilities_are_finite_even_far_away(covariance):
    x, _ = clouds((30, 40, 20))
    x[:10] = x[0]  # which draws a component onto one point
    head = GMM(4, 3, covariance=covariance).fit(x)
    for probabilities in (head(1e6 * x), head(torch.zeros(1, 4)), head(x)):
        torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(len(probabilities)))
        assert (probabilities >= 0).all()


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("n_components", [None, 3])
def test_a_fitted_head_survives_saving(tmp_path, covariance, n_components):
    x, _ = clouds((30, 40))
    head = GMM(4, 2, covariance=covariance, n_components=n_components, n_init=2, seed=7, reg_covar=1e-4).fit(x)
    config = json.loads(json.dumps(head.config()))
    save_file(head.state_dict(), tmp_path / "head.safetensors")
    loaded = GMM(4, 2, **config)
    assert loaded.config() == head.config()
    loaded.load_state_dict(load_file(tmp_path / "head.safetensors"))
    for other in (loaded, copy.deepcopy(head), loaded.fit(x), GMM(4, 2, **config).fit(x, torch.arange(70))):
        assert torch.equal(other(x), head(x))


def test_a_mixture_that_does_not_converge_is_logged_and_used(caplog, monkeypatch):
    monkeypatch.setattr(gmm, "_MAX_ITERATIONS", 1)
    x, _ = clouds((80, 60), distance=0.5)
    with caplog.at_level(logging.WARNING, logger="seisbench"):
        head = GMM(4, 2).fit(x)
    assert "GMM did not converge within 1 iterations" in caplog.text
    assert torch.isfinite(head(x)).all()


def test_what_cannot_be_clustered_is_refused():
    x, _ = clouds((5, 6))
    head = GMM(4, 4)
    with pytest.raises(NotFittedError, match=r"GMM is not fitted: call fit\(features\) first"):
        head(x)
    with pytest.raises(TrainingError, match=r"4 clusters need at least as many windows .* given 3; use more windows"):
        head.fit(x[:3])
    with pytest.raises(TrainingError, match=r"4 clusters need .* given 2; .* or fewer clusters"):
        head.fit(x[:2].repeat(5, 1))
    with pytest.raises(TrainingError, match=r"singular with reg_covar=1e-300: raise it, or lower"):
        GMM(5, 2, reg_covar=1e-300).fit(torch.cat([x, x[:, :1]], dim=1))
    with pytest.raises(NotFittedError):  # none of these left a partial fit
        head(x)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"covariance": "spherical"}, "GMM: covariance must be one of full, diag, tied, but is 'spherical'"),
        ({"n_init": 0}, "GMM: n_init must be a whole number of 1 or more, but is 0"),
        ({"reg_covar": 0.0}, r"GMM: reg_covar must be positive and finite, but is 0\.0"),
        ({"n_components": 5}, "n_components must be between 1 and .*4.*features"),
    ],
)
def test_invalid_arguments_are_refused(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        GMM(4, 2, **arguments)
