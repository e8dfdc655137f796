"""A convolutional autoencoder of spectrograms: nine numbers from which the image can be drawn again."""

import math
from itertools import pairwise

from torch import Tensor, nn

from seisbench_lcl.extractors._reconstruction import Reconstruction
from seisbench_lcl.extractors._spectrogram import N_FREQUENCIES, N_TIMES

_CHANNELS = (8, 16, 32, 64, 96)


class SpectrogramAutoencoder(Reconstruction):
    """Latent of a convolutional autoencoder of spectrograms.

    Five convolutions with stride 2 and ReLU take the spectrograms of all components (C × 87 × 100) to 96 × 3 × 4, and a
    linear layer takes these 1152 numbers to the latent. A linear layer with ReLU and five transpose convolutions, the
    last without ReLU, mirror them.

    Published settings are a learning rate of 0.001 and 10 epochs of 300,000 spectrograms in batches of 512, some 6,000
    steps. The defaults here are for about a thousand windows: smaller batches and more epochs.

    Parameters
    ----------
    in_channels, in_samples : int
        Components and samples of a window.
    sampling_rate : float
        In Hz.
    n_latent : int
        Length of the latent, and number of features.
    frequency_range : (float, float)
        Of the spectrograms, in Hz; the highest is lowered to half the sampling rate.
    epochs, batch_size : int
    learning_rate : float
    seed : int
        Of the weights, the held-out windows and the order of the others.

    Attributes
    ----------
    spectrogram : Spectrogram
        Makes the images; knows their frequencies, times and frames.
    epochs_trained : scalar float32 buffer
        NaN until fitted.

    Raises
    ------
    ConfigurationError
        For an empty latent, or windows too short for a spectrogram of the frequency range.

    References
    ----------
    Jenkins, Gerstoft, Bianco and Bromirski (2021), Unsupervised deep clustering of seismic data: monitoring the Ross
    Ice Shelf, Antarctica, JGR Solid Earth 126, doi:10.1029/2021JB021716. O'Boyle, Lewis and Huntley (2021), Embedded
    clustering of seismic data, University of California San Diego, section 4.2.
    """

    name = "spectrogram_autoencoder"

    def __init__(
        self,
        in_channels: int = 3,
        in_samples: int = 2000,
        sampling_rate: float = 100.0,
        *,
        n_latent: int = 9,
        frequency_range: tuple[float, float] = (1.0, 18.0),
        epochs: int = 20,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        seed: int = 0,
    ) -> None:
        super().__init__(
            in_channels,
            in_samples,
            sampling_rate,
            n_latent=n_latent,
            frequency_range=frequency_range,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            seed=seed,
        )
        channels = [in_channels, *_CHANNELS]
        sizes = [(N_FREQUENCIES, N_TIMES)]
        encoder: list[nn.Module] = []
        decoder: list[nn.Module] = []
        for fine, coarse in pairwise(channels):
            height, width = sizes[-1]
            sizes.append(((height + 1) // 2, (width + 1) // 2))
            encoder += [nn.Conv2d(fine, coarse, 3, stride=2, padding=1), nn.ReLU()]
            parity = (1 - height % 2, 1 - width % 2)  # a stride of 2 takes even and odd sizes to the same half
            up = nn.ConvTranspose2d(coarse, fine, 3, stride=2, padding=1, output_padding=parity)
            decoder = [nn.ReLU(), up, *decoder]
        shape = (channels[-1], *sizes[-1])
        self._encoder = nn.Sequential(*encoder, nn.Flatten(), nn.Linear(math.prod(shape), n_latent))
        self._decoder = nn.Sequential(nn.Linear(n_latent, math.prod(shape)), nn.Unflatten(1, shape), *decoder)
        self.eval()  # only `fit` trains

    def encode(self, images: Tensor) -> Tensor:  # noqa: D102
        latents: Tensor = self._encoder(images)
        return latents

    def reconstruct(self, images: Tensor) -> tuple[Tensor, Tensor]:  # noqa: D102
        latents = self.encode(images)
        return latents, self._decoder(latents)
