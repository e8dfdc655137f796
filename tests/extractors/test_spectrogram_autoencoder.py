import json
import logging

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from seisbench_lcl.errors import ConfigurationError, NotFittedError, TrainingError
from seisbench_lcl.extractors.spectrogram_autoencoder import SpectrogramAutoencoder

SHAPE = (2, 300, 50.0)  # components, samples, rate


def two_kinds(n=24):
    """Bursts at 4 Hz and at 14 Hz, in noise."""
    generator = torch.Generator().manual_seed(0)
    kinds = torch.arange(n) % 2
    t = torch.arange(300) / 50
    frequency = torch.tensor([4.0, 14.0])[kinds]
    bursts = torch.sin(2 * torch.pi * frequency[:, None] * t) * torch.exp(-((t - 3) ** 2))
    return 3 * bursts[:, None] + 0.3 * torch.randn(n, 2, 300, generator=generator), kinds


@pytest.fixture(scope="module")
def fitted():
    return SpectrogramAutoencoder(*SHAPE, n_latent=3, epochs=12, batch_size=6).fit(two_kinds()[0])


def error(extractor, windows):
    images = extractor.images(windows)
    return F.mse_loss(extractor.reconstruct(images)[1], images).item()


def test_training_keeps_the_epoch_of_the_least_held_out_error(fitted):
    history = fitted.histories[0]
    assert len(history.train) == len(history.held_out) == fitted.epochs_trained == 12
    assert min(history.held_out) == history.held_out[history.best_epoch] < 0.9 * history.held_out[0]
    held_out = torch.randperm(24, generator=torch.Generator().manual_seed(0))[:3]
    assert error(fitted, two_kinds()[0][held_out]) == pytest.approx(min(history.held_out), rel=1e-4)


def test_latents_separate_two_kinds_of_windows(fitted):
    windows, kinds = two_kinds()
    latents = fitted(windows).detach()
    assert latents.shape == (24, 3)
    a, b = latents[kinds == 0], latents[kinds == 1]
    within = torch.cat([a - a.mean(dim=0), b - b.mean(dim=0)]).norm(dim=1).mean()
    assert (a.mean(dim=0) - b.mean(dim=0)).norm() > 3 * within


def test_a_batch_is_its_windows_one_by_one_and_features_are_the_latents_that_reconstruct(fitted):
    windows, _ = two_kinds()
    copy = windows.clone()
    features = fitted(windows)
    torch.testing.assert_close(torch.cat([fitted(window[None]) for window in windows]), features, rtol=1e-4, atol=1e-4)
    latents, reconstruction = fitted.reconstruct(fitted.images(windows))
    torch.testing.assert_close(latents, features)
    assert reconstruction.shape == (24, 2, 87, 100)
    assert torch.equal(windows, copy)
    assert fitted(windows[:0]).shape == (0, 3)


def test_equal_seeds_give_equal_weights_and_fitting_twice_is_fitting_once():
    windows = two_kinds(8)[0]
    torch.manual_seed(1)
    first = SpectrogramAutoencoder(*SHAPE, epochs=1, batch_size=4, seed=5).fit(windows)
    once = {name: tensor.clone() for name, tensor in first.state_dict().items()}
    again = first.fit(windows).state_dict()
    second = SpectrogramAutoencoder(*SHAPE, epochs=1, batch_size=4, seed=5).fit(windows).state_dict()
    other = SpectrogramAutoencoder(*SHAPE, epochs=1, batch_size=4, seed=6).fit(windows).state_dict()
    for name, tensor in once.items():
        assert torch.equal(again[name], tensor)
        assert torch.equal(second[name], tensor)
        assert not tensor.ndim or not torch.equal(other[name], tensor)


def test_a_fitted_extractor_is_restored_from_its_state(fitted, tmp_path):
    windows, _ = two_kinds()
    save_file(fitted.state_dict(), tmp_path / "weights.safetensors")
    loaded = SpectrogramAutoencoder(*SHAPE, **json.loads(json.dumps(fitted.config())))
    with pytest.raises(NotFittedError, match=r"SpectrogramAutoencoder is not fitted: call fit\(windows\) first"):
        loaded(windows)
    loaded.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert torch.equal(loaded(windows), fitted(windows))
    assert loaded.config() == fitted.config()
    assert set(loaded.config()) == {
        "n_latent", "frequency_range", "epochs", "batch_size", "learning_rate", "seed",
    }  # fmt: skip


@pytest.mark.parametrize("shape", [(1, 100, 20.0), (4, 1001, 200.0)])
def test_other_windows_keep_the_size_of_the_latent(shape):
    extractor = SpectrogramAutoencoder(*shape)
    images = extractor.images(torch.randn(2, *shape[:2]))
    latents, reconstruction = extractor.reconstruct(images)
    assert latents.shape == (2, extractor.n_features) == (2, 9)
    assert reconstruction.shape == images.shape
    assert torch.equal(latents, extractor.encode(images))


def test_what_cannot_be_built_or_learnt_from_is_refused():
    with pytest.raises(ConfigurationError, match="n_latent must be 1 or more, but is 0"):
        SpectrogramAutoencoder(*SHAPE, n_latent=0)
    with pytest.raises(ConfigurationError, match="windows of at least two frames"):
        SpectrogramAutoencoder(1, 90, 50.0)
    with pytest.raises(ConfigurationError, match="epochs must be a whole number of 1 or more"):
        SpectrogramAutoencoder(*SHAPE, epochs=0).fit(two_kinds(8)[0])


class Numb(SpectrogramAutoencoder):
    """Some of its latents are dead."""

    dead = 1

    def encode(self, images):
        return super().encode(images) * (torch.arange(self.n_latent) >= self.dead)


def test_dead_latents_are_noticed(caplog):
    windows = two_kinds(8)[0]
    with caplog.at_level(logging.WARNING, logger="seisbench"):
        Numb(*SHAPE, epochs=1).fit(windows)
    assert (
        "Numb: 1 of 9 latents are the same for all windows; if the other features are too few, try another seed"
        in caplog.text
    )
    numb = Numb(*SHAPE, epochs=1)
    numb.dead = 9
    with pytest.raises(TrainingError, match="9 of 9 latents are the same for all windows, so the features carry no"):
        numb.fit(windows)
    with pytest.raises(NotFittedError):
        numb(windows)
