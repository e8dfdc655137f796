import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seisbench_lcl.errors import ConfigurationError, NotFittedError
from seisbench_lcl.extractors.raw import Raw


def windows(n, n_components=3, n_samples=20, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=(n, n_components, n_samples)).astype(np.float32))


@given(shape=st.tuples(st.integers(1, 8), st.integers(1, 4), st.integers(1, 30)), rate=st.floats(0.1, 1000))
def test_features_are_the_samples_component_after_component(shape, rate):
    x = windows(*shape)
    extractor = Raw(*shape[1:], rate)
    features = extractor.fit(x)(x)
    assert features.shape == (shape[0], extractor.n_features)
    assert not extractor.state_dict()
    for row, window in zip(features, x, strict=True):
        assert row.tolist() == [sample for component in window.tolist() for sample in component]


def test_principal_components_preserve_distances_as_far_as_they_go():
    x = windows(30, 3, 5)
    full, few = Raw(3, 5, 100, n_components=15).fit(x)(x), Raw(3, 5, 100, n_components=4).fit(x)(x)
    torch.testing.assert_close(torch.pdist(full), torch.pdist(x.flatten(1)), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(few, full[:, :4], atol=1e-3, rtol=1e-3)


def test_a_projection_needs_a_fit_and_is_restored_from_its_state():
    x = windows(30)
    extractor = Raw(3, 20, 100, n_components=4)
    with pytest.raises(NotFittedError, match=r"Raw is not fitted: call fit\(windows\) first"):
        extractor(x)
    expected = extractor.fit(x)(x)
    torch.testing.assert_close(torch.cat([extractor(window[None]) for window in x]), expected, atol=1e-5, rtol=1e-5)
    loaded = Raw(3, 20, 100, **json.loads(json.dumps(extractor.config())))
    loaded.load_state_dict(extractor.state_dict())
    assert torch.equal(loaded(x), expected)
    assert torch.equal(extractor.fit(x)(x), expected)


def test_overlapping_windows_are_those_of_forward():
    record = windows(1, 3, 60)[0]
    extractor = Raw(3, 20, 100, n_components=5).fit(windows(30))
    expected = extractor(torch.stack([record[:, i : i + 20] for i in range(0, 41, 10)]))
    torch.testing.assert_close(extractor.slide([record], 10), expected)


@pytest.mark.parametrize("n_components", [0, 61])
def test_components_are_no_more_than_samples(n_components):
    with pytest.raises(ConfigurationError, match="between 1 and 60, the number of features"):
        Raw(3, 20, 100, n_components=n_components)
