"""A convolutional autoencoder of spectrograms: nine numbers from which the image can be reconstructed."""

import math
from itertools import pairwise

from torch import Tensor, nn

from seisbench_lcl.extractors._reconstruction import Reconstruction
from seisbench_lcl.extractors._spectrogram import N_FREQUENCIES, N_TIMES

_CHANNELS = (8, 16, 32, 64, 96)


class SpectrogramAutoencoder(Reconstruction):
    """Latent of a convolutional autoencoder of spectrograms.

    Five convolutions with stride 2 and ReLU reduce the spectrograms of all components (C × 87 × 100) to 96 × 3 × 4, and
    a linear layer reduces these 1152 numbers to the latent. The decoder mirrors them: a linear layer with ReLU and five
    transpose convolutions, the last without ReLU.

    The published settings are a learning rate of 0.001 and 10 epochs of 300,000 spectrograms in batches of 512, some
    6,000 steps. The defaults here suit about a thousand windows: smaller batches and more epochs.

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
        By default 20 and 32.
    learning_rate : float
        By default 0.001.
    seed : int
        Seed of the initial weights, the held-out windows and the batches.

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
    Jenkins, Gerstoft, Bianco and Bromirski (2021), Unsupervised deep clustering of seismic data: monitoring the Ross
    Ice Shelf, Antarctica, JGR Solid Earth 126, doi:10.1029/2021JB021716. O'Boyle, Lewis and Huntley (2021), Embedded
    clustering of seismic data, University of California San Diego, section 4.2.

    Examples
    --------
    >>> import torch
    >>> windows = torch.randn(8, 1, 300, generator=torch.Generator().manual_seed(0))
    >>> SpectrogramAutoencoder(1, 300, 50.0, epochs=1).fit(windows)(windows).shape
    torch.Size([8, 9])
    """

    name = "spectrogram_autoencoder"
    default_epochs = 20
    default_batch_size = 32
    default_learning_rate = 1e-3

    def build(self) -> None:  # noqa: D102
        channels = [self.in_channels, *_CHANNELS]
        sizes = [(N_FREQUENCIES, N_TIMES)]
        encoder: list[nn.Module] = []
        decoder: list[nn.Module] = []
        for fine, coarse in pairwise(channels):
            height, width = sizes[-1]
            sizes.append(((height + 1) // 2, (width + 1) // 2))
            encoder += [nn.Conv2d(fine, coarse, 3, stride=2, padding=1), nn.ReLU()]
            parity = (1 - height % 2, 1 - width % 2)  # a stride of 2 maps even and odd sizes to the same half
            up = nn.ConvTranspose2d(coarse, fine, 3, stride=2, padding=1, output_padding=parity)
            decoder = [nn.ReLU(), up, *decoder]
        shape = (channels[-1], *sizes[-1])
        self._encoder = nn.Sequential(*encoder, nn.Flatten(), nn.Linear(math.prod(shape), self.n_latent))
        self._decoder = nn.Sequential(nn.Linear(self.n_latent, math.prod(shape)), nn.Unflatten(1, shape), *decoder)

    def encode(self, images: Tensor) -> Tensor:  # noqa: D102
        latents: Tensor = self._encoder(images)
        return latents

    def reconstruct(self, images: Tensor) -> tuple[Tensor, Tensor]:  # noqa: D102
        latents = self.encode(images)
        return latents, self._decoder(latents)
