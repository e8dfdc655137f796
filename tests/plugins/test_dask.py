"""Models go to the workers of a real cluster, with what plugins brought to them."""

import numpy as np
import pytest
from distributed import Client, LocalCluster

import seisbench_lcl as lcl

# An extractor that learns, so that its state must travel, too.
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


@pytest.fixture
def client(install, tmp_path, monkeypatch):
    install("lcl-test-centred", PLUGIN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))  # as if it were installed where the workers are
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.mark.filterwarnings("ignore")  # of the cluster's own threads and sockets as it closes
def test_a_worker_says_what_this_process_says(client, tmp_path):
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
