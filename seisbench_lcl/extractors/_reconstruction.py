"""What the extractors share that learn by reconstructing spectrograms through a narrow latent."""

import logging
from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from seisbench_lcl.errors import ConfigurationError, NotFittedError, TrainingError
from seisbench_lcl.extractors._spectrogram import Spectrogram
from seisbench_lcl.extractors.base import FeatureExtractor
from seisbench_lcl.optim.loop import initialise, optimise

_HELD_OUT = 0.1
_BATCH = 256  # windows encoded at a time: their images are four times their size

logger = logging.getLogger("seisbench")


class Reconstruction(FeatureExtractor):
    """Features are the latent of a network that is trained to reconstruct spectrograms.

    A subclass builds its layers in the constructor and implements `encode` and `reconstruct`. Training minimises the
    mean squared error; a tenth of the windows is held out, and the epoch that reconstructs them best is kept.

    Parameters
    ----------
    in_channels, in_samples, sampling_rate
        As in `FeatureExtractor`.
    n_latent : int
        Length of the latent.
    frequency_range : (float, float)
        Of the spectrograms, in Hz.
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
    """

    trained_in_epochs = True

    epochs_trained: Tensor

    def __init__(
        self,
        in_channels: int,
        in_samples: int,
        sampling_rate: float,
        *,
        n_latent: int,
        frequency_range: tuple[float, float],
        epochs: int,
        batch_size: int,
        learning_rate: float,
        seed: int,
    ) -> None:
        super().__init__(in_channels, in_samples, sampling_rate)
        if n_latent < 1:
            raise ConfigurationError(f"n_latent must be 1 or more, but is {n_latent}")
        self.n_features = self.n_latent = n_latent
        self.frequency_range = float(frequency_range[0]), float(frequency_range[1])
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.seed = seed
        self.spectrogram = Spectrogram(in_samples, sampling_rate, self.frequency_range)
        self.register_buffer("epochs_trained", torch.tensor(torch.nan))

    def config(self) -> dict[str, Any]:
        return {
            "n_latent": self.n_latent,
            "frequency_range": list(self.frequency_range),
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
            "seed": self.seed,
        }

    def images(self, windows: Tensor) -> Tensor:
        """Return the spectrograms (B, C, 87, 100) of windows (B, C, T)."""
        images: Tensor = self.spectrogram(windows.to(self.epochs_trained.dtype))
        return images

    @abstractmethod
    def encode(self, images: Tensor) -> Tensor:
        """Return the latents (B, n_latent) of images (B, C, 87, 100)."""

    @abstractmethod
    def reconstruct(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the latents (B, n_latent) of images (B, C, 87, 100), and the images made from them."""

    def _fit(self, windows: Tensor, labels: Tensor | None, groups: Tensor | None) -> None:
        initialise(self, self.seed)

        def loss(rows: Tensor) -> Tensor:
            images = self.images(windows[rows].to(self.epochs_trained.device))
            return F.mse_loss(self.reconstruct(images)[1], images)

        history = optimise(
            self.name,
            self,
            loss,
            len(windows),
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            seed=self.seed,
            held_out=_HELD_OUT,
        )
        self.histories = [history]
        self.epochs_trained.fill_(len(history.train))
        self._check_alive(windows)

    def _extract(self, windows: Tensor) -> Tensor:
        if torch.isnan(self.epochs_trained):
            raise NotFittedError(f"{type(self).__name__} is not trained yet: call fit(windows) first, or load weights")
        return torch.cat([self.encode(self.images(part)) for part in windows.split(_BATCH)]).float()

    def _check_alive(self, windows: Tensor) -> None:
        """Notice latents that are the same for all windows, as a ReLU that is never active leaves them."""
        with torch.no_grad():
            latents = self._extract(windows.to(self.epochs_trained.device))
        dead = int((latents.amax(dim=0) == latents.amin(dim=0)).sum())
        if dead == 0:
            return
        found = f"{type(self).__name__}: {dead} of {self.n_latent} latents are the same for all windows"
        mend = "take another seed, a smaller learning_rate, or a larger n_latent"
        if dead == self.n_latent:
            self.epochs_trained.fill_(torch.nan)
            raise TrainingError(f"{found}, so that the features tell nothing; {mend}")
        logger.warning("%s; %s if the features are too few", found, mend)
