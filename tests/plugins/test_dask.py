"""Models with classes of a plugin on the workers of a real Dask cluster."""

import numpy as np
import pytest
from distributed import Client, LocalCluster

import seisbench_lcl as lcl

# An extractor that learns, so that its state must travel too.
PLUGIN = """
    import torch
    from seisbench_lcl import hookimpl
    from seisbench_lcl.extractors import FeatureExtractor

    class Centred(FeatureExtractor):
        name = "centred"

        def __init__(self, in_channels, in_samples, sampling_rate):
            super().__init__(in_channels, in_samples, sampling_rate)
            self.n_features = in_channels
            self.register_buffer("mean", torch.full((in_channels,), torch.nan))

        def config(self):
            return {}

        def _fit(self, windows, labels, groups):
            self.mean.copy_(windows.abs().mean(dim=(0, 2)))

        def _extract(self, windows):
            return windows.abs().mean(dim=2) - self.mean

    @hookimpl
    def register_feature_extractors():
        return [Centred]
"""


# The worker is a new process, which has imported nothing yet.
LAZY_IMPORT = """
import sys
import seisbench_lcl as lcl
assert "lcl_test_centred" not in sys.modules
lcl.Discriminator("centred", "ridge", labels=["a", "b"])
assert "lcl_test_centred" in sys.modules
"""


@pytest.fixture
def client(install, tmp_path, monkeypatch):
    install("lcl-test-centred", PLUGIN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))  # installs it for the workers
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.mark.slow  # starts processes
@pytest.mark.filterwarnings("ignore")  # threads and sockets of the cluster warn when it closes
def test_a_worker_imports_plugins_lazily_and_agrees_with_this_process(client, tmp_path):
    client.submit(exec, LAZY_IMPORT, {}).result(100)
    rng = np.random.default_rng(0)
    windows = rng.normal(0, 1, (24, 3, 400)).astype(np.float32)
    windows[::2, 1] *= 9
    model = lcl.Discriminator("centred", "kmeans", clusters=2, in_samples=400, before=1, normalisation="joint-std")
    model.fit(windows)
    expected = model.predict_proba(windows)
    np.testing.assert_allclose(client.submit(lcl.Discriminator.predict_proba, model, windows).result(100), expected)
    model.save(tmp_path / "weights" / "model")
    loaded = client.submit(lcl.Discriminator.load, tmp_path / "weights" / "model")
    found = client.submit(lcl.Discriminator.predict_proba, loaded, windows).result(100)
    np.testing.assert_allclose(found, expected)
