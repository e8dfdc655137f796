import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from seisbench_lcl.errors import ConfigurationError, NotFittedError, TrainingError
from seisbench_lcl.extractors.pca import PCA


def rows(n, n_features, seed=0):
    """Rows whose variances along oblique directions fall off slowly."""
    rng = np.random.default_rng(seed)
    n_directions = min(n_features, 12)
    directions = rng.normal(size=(n_directions, n_features)) / np.sqrt(n_features)
    x = rng.normal(size=(n, n_directions)) * 3 * 0.7 ** np.arange(n_directions)
    return torch.from_numpy((x @ directions + rng.normal(size=n_features)).astype(np.float32))


@pytest.mark.parametrize(("n", "n_features", "n_components"), [(30, 12, 12), (200, 12, 3), (40, 600, 5), (12, 40, 11)])
def test_components_are_the_leading_right_singular_vectors(n, n_features, n_components):
    x = rows(n, n_features)  # the shapes select different solvers
    pca = PCA(n_features, n_components).fit(x)
    centred = x.double().numpy() - x.double().numpy().mean(axis=0)
    _, singular, vectors = np.linalg.svd(centred, full_matrices=False)
    for k in range(min(n_components, 6)):
        component = pca.components[k].double().numpy()
        expected = vectors[k]
        assert abs(component @ expected) == pytest.approx(1, abs=1e-4)
        assert component[np.abs(component).argmax()] > 0
        assert pca(x)[:, k].var().item() == pytest.approx(singular[k] ** 2 / (n - 1), rel=1e-4)
    torch.testing.assert_close(pca(x).mean(dim=0), torch.zeros(n_components), atol=1e-5, rtol=0)


@given(n=st.integers(6, 60), n_features=st.integers(4, 80), seed=st.integers(0, 1000))
def test_projection_does_not_depend_on_batches_or_the_order_of_training_rows(n, n_features, seed):
    x = rows(n, n_features, seed)
    before = x.clone()
    pca = PCA(n_features, 2).fit(x)
    projected = pca(x)
    assert projected.dtype == torch.float32
    torch.testing.assert_close(torch.cat([pca(row[None]) for row in x]), projected, atol=1e-4, rtol=1e-4)
    assert torch.equal(copy.deepcopy(pca).fit(x)(x), projected)
    mixed = PCA(n_features, 2).fit(x.flip(0))
    torch.testing.assert_close(mixed(x), projected, atol=1e-2, rtol=1e-2)
    assert torch.equal(x, before)


@pytest.mark.parametrize(("n", "n_features"), [(200, 10), (60, 10), (80, 900)])
def test_a_large_mean_costs_no_more_than_the_rounding_of_the_rows(n, n_features):
    x = rows(n, n_features)
    offset = 4096.0
    shifted = PCA(n_features, 2).fit(x + offset)(x + offset)
    torch.testing.assert_close(shifted, PCA(n_features, 2).fit(x)(x), atol=2e-2, rtol=0)


def test_a_fitted_projection_travels(tmp_path):
    x = rows(50, 8)
    pca = PCA(8, 3).fit(x)
    save_file(pca.state_dict(), tmp_path / "pca.safetensors")
    loaded = PCA(8, 3)
    loaded.load_state_dict(load_file(tmp_path / "pca.safetensors"))
    assert torch.equal(loaded(x), pca(x))


@pytest.mark.parametrize("n_components", [0, 9])
def test_components_are_at_least_one_and_no_more_than_features(n_components):
    with pytest.raises(ConfigurationError, match=f"between 1 and 8, the number of features, but is {n_components}"):
        PCA(8, n_components)


def test_invalid_input_is_refused():
    pca = PCA(8, 3)
    with pytest.raises(NotFittedError, match=r"PCA is not fitted: call fit\(rows\) first"):
        pca(torch.zeros(2, 8))
    with pytest.raises(TrainingError, match=r"3 principal components need at least 3 windows, but fit got 2: lower"):
        pca.fit(rows(2, 8))
    with pytest.raises(TrainingError, match="all 5 are equal"):
        pca.fit(torch.ones(5, 8))
