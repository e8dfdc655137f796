import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from seisbench_lcl.errors import NotFittedError
from seisbench_lcl.extractors.spectrogram_unet import SpectrogramUNet

SHAPE = (2, 300, 50.0)  # components, samples, rate


def windows_of_two_kinds(n=16):
    """Bursts at 4 Hz and at 14 Hz, in noise."""
    generator = torch.Generator().manual_seed(0)
    t = torch.arange(300) / 50
    frequency = torch.tensor([4.0, 14.0])[torch.arange(n) % 2]
    bursts = torch.sin(2 * torch.pi * frequency[:, None] * t) * torch.exp(-((t - 3) ** 2))
    return 3 * bursts[:, None] + 0.3 * torch.randn(n, 2, 300, generator=generator)


@pytest.fixture(scope="module")
def fitted():
    return SpectrogramUNet(*SHAPE, epochs=4, batch_size=4).fit(windows_of_two_kinds())


def test_training_reduces_the_error_and_leaves_every_latent_awake(fitted):
    assert fitted.histories[0].held_out[-1] < fitted.histories[0].held_out[0]
    assert fitted.epochs_trained == 4
    latents = fitted(windows_of_two_kinds()).detach()
    assert (latents.std(dim=0) > 0).all()


def test_features_are_the_rectified_latents_and_a_batch_is_its_windows_one_by_one(fitted):
    windows = windows_of_two_kinds()
    features = fitted(windows)
    assert features.shape == (16, 9)
    assert (features >= 0).all()
    torch.testing.assert_close(torch.cat([fitted(window[None]) for window in windows]), features, rtol=1e-4, atol=1e-4)
    latents, reconstruction = fitted.reconstruct(fitted.images(windows))
    torch.testing.assert_close(latents, features)
    assert reconstruction.shape == (16, 2, 87, 100)


def test_the_image_is_made_from_the_latent_and_from_the_skips(fitted):
    images = fitted.images(windows_of_two_kinds(2))
    latents, skips = fitted._descend(images)
    assert [tuple(skip.shape[2:]) for skip in skips] == [(87, 100), (43, 50), (21, 25), (10, 12)]
    made = fitted._ascend(latents, skips)
    assert not torch.equal(fitted._ascend(latents + 1, skips), made)
    for i in range(4):
        others = [skip.flip(0) if i == j else skip for j, skip in enumerate(skips)]
        assert not torch.equal(fitted._ascend(latents, others), made)


def test_dropout_is_for_training_only():
    extractor = SpectrogramUNet(*SHAPE)
    images = extractor.images(windows_of_two_kinds(2))
    assert torch.equal(extractor.reconstruct(images)[1], extractor.reconstruct(images)[1])
    extractor.train()
    assert not torch.equal(extractor.reconstruct(images)[1], extractor.reconstruct(images)[1])


def test_equal_seeds_give_equal_weights_and_a_fitted_extractor_is_restored(fitted, tmp_path):
    windows = windows_of_two_kinds()
    save_file(fitted.state_dict(), tmp_path / "weights.safetensors")
    loaded = SpectrogramUNet(*SHAPE, **json.loads(json.dumps(fitted.config())))
    assert loaded.config() == fitted.config()
    with pytest.raises(NotFittedError, match=r"SpectrogramUNet is not fitted: call fit\(windows\) first"):
        loaded(windows)
    loaded.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert torch.equal(loaded(windows), fitted(windows))
    assert torch.equal(loaded.fit(windows)(windows), fitted(windows))


@pytest.mark.parametrize("shape", [(1, 100, 20.0), (4, 1001, 200.0)])
def test_other_windows_keep_the_size_of_the_latent(shape):
    extractor = SpectrogramUNet(*shape)
    images = extractor.images(torch.randn(2, *shape[:2]))
    latents, reconstruction = extractor.reconstruct(images)
    assert latents.shape == (2, extractor.n_features) == (2, 9)
    assert reconstruction.shape == images.shape
