"""A U-Net of spectrograms with a bottleneck of nine numbers."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seisbench_lcl.extractors._reconstruction import Reconstruction
from seisbench_lcl.extractors._spectrogram import N_FREQUENCIES, N_TIMES

_CHANNELS = (4, 8, 16, 32)
_MID_CHANNELS = 64
_DROPOUT = 0.1


class SpectrogramUNet(Reconstruction):
    """Latent of a U-Net that reconstructs spectrograms.

    Four reductions, each of two convolutions with ReLU, 2 × 2 max-pooling and dropout, reduce the spectrograms of all
    components (C × 87 × 100) to 32 × 5 × 6. Two more convolutions with ReLU and a linear layer with ReLU give the
    latent. Four expansions lead back, each of a transpose convolution, dropout, concatenation with the output of the
    reduction of the same size before its pooling, and two convolutions with ReLU; a 1 × 1 convolution makes the image.

    The skip connections carry the image past the latent, so the error says nothing about the latent: after training on
    921 windows of three components, exchanging the latents of different windows raised it by less than 0.1 %. The
    features may be useful, but unlike those of `SpectrogramAutoencoder` they need not describe the whole image.

    The published settings are a learning rate of 0.0001 and one epoch of 300,000 spectrograms in batches of 512, some
    600 steps. The defaults here suit about a thousand windows: some 300 steps at a higher rate.

    Parameters
    ----------
    in_channels, in_samples : int
        Components and samples of a window.
    sampling_rate : float
        Sampling rate of the windows in Hz.
    n_latent : int
        Length of the latent and number of features.
    frequency_range : (float, float)
        Lowest and highest frequency of the spectrograms in Hz; the highest is capped at half the sampling rate.
    epochs, batch_size : int
        By default 6 and 16.
    learning_rate : float
        By default 0.002.
    seed : int
        Seed of the initial weights, the dropout, the held-out windows and the batches.

    Attributes
    ----------
    spectrogram : Spectrogram
        Computes the images; holds their frequencies, times and frames.
    epochs_trained : scalar float32 buffer
        NaN until fitted.

    Raises
    ------
    ConfigurationError
        If the latent is empty, or windows are too short for a spectrogram of this frequency range.

    References
    ----------
    Ronneberger, Fischer and Brox (2015), U-Net: convolutional networks for biomedical image segmentation, MICCAI.
    O'Boyle, Lewis and Huntley (2021), Embedded clustering of seismic data, University of California San Diego,
    section 4.3.

    Examples
    --------
    >>> windows = torch.randn(8, 1, 300, generator=torch.Generator().manual_seed(0))
    >>> SpectrogramUNet(1, 300, 50.0, epochs=1).fit(windows)(windows).shape
    torch.Size([8, 9])
    """

    name = "spectrogram_unet"
    default_epochs = 6
    default_batch_size = 16
    default_learning_rate = 2e-3

    def build(self) -> None:  # noqa: D102
        self._reductions, self._ups, self._expansions = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        height, width = N_FREQUENCIES, N_TIMES
        for before, channels, below in zip(
            (self.in_channels, *_CHANNELS), _CHANNELS, (*_CHANNELS[1:], _MID_CHANNELS), strict=False
        ):
            self._reductions.append(_two_convolutions(before, channels))
            parity = height % 2, width % 2  # pooling drops the last row of an odd size
            up = nn.ConvTranspose2d(below, channels, 2, stride=2, output_padding=parity)
            self._ups.insert(0, up)
            self._expansions.insert(0, _two_convolutions(2 * channels, channels))
            height, width = height // 2, width // 2
        shape = (_MID_CHANNELS, height, width)
        self._mid = _two_convolutions(_CHANNELS[-1], _MID_CHANNELS)
        self._to_latent = nn.Sequential(nn.Flatten(), _Awake(math.prod(shape), self.n_latent), nn.ReLU())
        self._from_latent = nn.Sequential(nn.Linear(self.n_latent, math.prod(shape)), nn.ReLU(), nn.Unflatten(1, shape))
        self._image = nn.Conv2d(_CHANNELS[0], self.in_channels, 1)

    def encode(self, images: Tensor) -> Tensor:  # noqa: D102
        return self._descend(images)[0]

    def reconstruct(self, images: Tensor) -> tuple[Tensor, Tensor]:  # noqa: D102
        latents, skips = self._descend(images)
        return latents, self._ascend(latents, skips)

    def _descend(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        x, skips = images, []
        for reduction in self._reductions:
            x = reduction(x)
            skips.append(x)
            x = self._drop(F.max_pool2d(x, 2))
        return self._to_latent(self._mid(x)), skips

    def _ascend(self, latents: Tensor, skips: list[Tensor]) -> Tensor:
        x = self._from_latent(latents)
        for up, expansion, skip in zip(self._ups, self._expansions, reversed(skips), strict=True):
            x = expansion(torch.cat([self._drop(up(x)), skip], dim=1))
        image: Tensor = self._image(x)
        return image

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, _DROPOUT, self.training)


class _Awake(nn.Linear):
    """Starts with a bias of 1: at 0, half of the ReLUs after it would start, and stay, without gradient."""

    def reset_parameters(self) -> None:
        super().reset_parameters()
        nn.init.ones_(self.bias)


def _two_convolutions(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.Conv2d(after, after, 3, padding=1), nn.ReLU()
    )
