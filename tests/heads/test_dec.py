import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

from seisbench_lcl.errors import ConfigurationError, NotFittedError, TrainingError
from seisbench_lcl.extractors import FeatureExtractor
from seisbench_lcl.extractors.spectrogram_autoencoder import SpectrogramAutoencoder
from seisbench_lcl.heads.dec import DECHead, divergence, sharpen, soft_assignment


class Linear(FeatureExtractor):
    """A linear autoencoder of the windows: the smallest extractor that reconstructs."""

    name = "linear"

    def __init__(self, in_channels, in_samples, sampling_rate, n_features=2):
        super().__init__(in_channels, in_samples, sampling_rate)
        self.n_features = n_features
        self.down = nn.Linear(in_samples, n_features)
        self.up = nn.Linear(n_features, in_samples)
        with torch.no_grad():
            for i, parameter in enumerate(self.parameters()):
                parameter.normal_(std=0.3, generator=torch.Generator().manual_seed(i))

    def config(self):
        return {}

    def images(self, windows):
        return windows.mean(dim=1)

    def reconstruct(self, images):
        latents = self.down(images)
        return latents, self.up(latents)

    def _fit(self, windows, labels, groups):
        pass

    def _extract(self, windows):
        return self.down(self.images(windows))


def two_kinds(n=60, n_samples=10):
    """Two overlapping clouds of windows."""
    generator = torch.Generator().manual_seed(0)
    kinds = torch.arange(n) % 2
    windows = torch.randn(n, 1, n_samples, generator=generator)
    windows[:, :, :3] += 3 * kinds[:, None, None]
    return windows, kinds


def slow(latents, centroids):
    """Assignment, target and divergence of Xie et al., equations 1 to 3, in loops."""
    n, k = len(latents), len(centroids)
    q, p = np.empty((n, k)), np.empty((n, k))
    for i in range(n):
        for j in range(k):
            q[i, j] = 1 / (1 + ((latents[i] - centroids[j]) ** 2).sum())
        q[i] /= q[i].sum()
    for i in range(n):
        for j in range(k):
            p[i, j] = q[i, j] ** 2 / sum(q[m, j] for m in range(n))
        p[i] /= p[i].sum()
    kl = sum(p[i, j] * np.log(p[i, j] / q[i, j]) for i in range(n) for j in range(k)) / n
    return q, p, kl


@given(n=st.integers(1, 8), k=st.integers(2, 5), f=st.integers(1, 4), scale=st.sampled_from([0.1, 1.0, 30.0]))
def test_assignment_target_and_divergence_equal_the_loops(n, k, f, scale):
    generator = torch.Generator().manual_seed(0)
    latents, centroids = (scale * torch.randn(rows, f, generator=generator) for rows in (n, k))
    q, p, kl = slow(latents.double().numpy(), centroids.double().numpy())
    soft = soft_assignment(latents, centroids)
    np.testing.assert_allclose(soft.numpy(), q, atol=1e-6)
    np.testing.assert_allclose(sharpen(soft).numpy(), p, atol=1e-5)
    assert divergence(sharpen(soft), soft).item() == pytest.approx(kl, abs=1e-5)


def test_joint_training_reconstructs_separates_and_sharpens():
    windows, kinds = two_kinds()
    extractor, head = Linear(1, 10, 1.0), DECHead(2, 2, epochs=25, gamma=0.5, learning_rate=0.02)
    with torch.no_grad():
        before = head.fit(extractor(windows))(extractor(windows))
    assert head.fit_with(extractor, windows) is head
    with torch.no_grad():
        after = head(extractor(windows))
    assert head.histories[0].train[-1] < 0.8 * head.histories[0].train[0]
    assert head.histories[0].best_epoch == 24  # the last, whatever its loss
    assert head.changed == 0
    assert after.amax(dim=1).mean() > before.amax(dim=1).mean()
    agreement = (after.argmax(dim=1) == kinds).float().mean().item()
    assert max(agreement, 1 - agreement) > 0.95


def test_the_loss_is_reconstruction_plus_gamma_times_divergence():
    windows, _ = two_kinds()
    extractor = Linear(1, 10, 1.0)
    head = DECHead(2, 3, gamma=0.7, epochs=1, batch_size=60, learning_rate=1e-9)
    head.fit_with(extractor, windows)
    with torch.no_grad():
        latents, reconstruction = extractor.reconstruct(extractor.images(windows))
    _, _, kl = slow(latents.double().numpy(), head.centroids.detach().double().numpy())
    expected = F.mse_loss(reconstruction, windows[:, 0]).item() + 0.7 * kl
    assert head.histories[0].train == [pytest.approx(expected, rel=1e-4)]


def test_it_trains_the_spectrogram_autoencoder():
    generator = torch.Generator().manual_seed(0)
    windows = torch.randn(12, 1, 200, generator=generator)
    extractor = SpectrogramAutoencoder(1, 200, 40.0, n_latent=2, epochs=1)
    head = DECHead(2, 2, epochs=2)
    before = extractor.fit(windows)(windows).detach()
    head.fit_with(extractor, windows)
    assert not torch.equal(extractor(windows), before)
    assert head(extractor(windows)).shape == (12, 2)


def test_equal_seeds_give_equal_clusters_and_windows_are_not_changed():
    windows, _ = two_kinds()
    copy = windows.clone()
    a, b, c = (Linear(1, 10, 1.0) for _ in range(3))
    first, second, other = (
        DECHead(2, 3, epochs=2, seed=1),
        DECHead(2, 3, epochs=2, seed=1),
        DECHead(2, 3, epochs=2, seed=2),
    )
    first.fit_with(a, windows), second.fit_with(b, windows), other.fit_with(c, windows)
    assert torch.equal(first.centroids, second.centroids)
    assert torch.equal(a(windows), b(windows))
    assert not torch.equal(a(windows), c(windows))
    assert torch.equal(windows, copy)


def test_fit_uses_the_centroids_of_k_means_and_can_be_repeated():
    windows, _ = two_kinds()
    features = windows[:, 0]
    head = DECHead(10, 2).fit(features, labels=None)
    means = torch.stack([features[head(features).argmax(dim=1) == k].mean(dim=0) for k in (0, 1)])
    torch.testing.assert_close(head.centroids.detach(), means)
    once = head.centroids.clone()
    assert torch.equal(head.fit(features).centroids, once)


def test_a_fitted_head_survives_saving(tmp_path):
    windows, _ = two_kinds()
    head = DECHead(10, 3, gamma=0.2, epochs=3, batch_size=7, learning_rate=0.01, seed=4).fit(windows[:, 0])
    save_file(head.state_dict(), tmp_path / "head.safetensors")
    loaded = DECHead(10, 3, **json.loads(json.dumps(head.config())))
    assert loaded.config() == head.config()
    loaded.load_state_dict(load_file(tmp_path / "head.safetensors"))
    far = torch.cat([windows[:, 0], 1e6 * windows[:, 0]])
    assert torch.equal(loaded(far), head(far))
    torch.testing.assert_close(loaded(far).sum(dim=1), torch.ones(len(far)))
    torch.testing.assert_close(torch.cat([loaded(row[None]) for row in far]), loaded(far))


class Mean(FeatureExtractor):
    name = "mean"
    n_features = 1

    def config(self):
        return {}

    def _fit(self, windows, labels, groups):
        pass

    def _extract(self, windows):
        return windows.mean(dim=(1, 2))[:, None]


def test_what_cannot_be_clustered_is_refused():
    windows, _ = two_kinds()
    with pytest.raises(ConfigurationError, match=r"reconstruct\(images\), but Mean lacks them: use spectrogram_auto"):
        DECHead(1, 2).fit_with(Mean(1, 10, 1.0), windows)
    with pytest.raises(NotFittedError, match=r"DECHead is not fitted: call fit_with\(extractor, windows\) first"):
        DECHead(2, 2)(torch.zeros(1, 2))
    with pytest.raises(TrainingError, match=r"3 clusters need .* fit was given 2"):
        DECHead(1, 3).fit(torch.arange(10)[:, None] % 2)
    for gamma in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigurationError, match="DECHead: gamma must be positive and finite, but is"):
            DECHead(1, 2, gamma=gamma)
