"""Shared code of the extractors that learn by reconstructing spectrograms through a narrow latent."""

import logging
from abc import abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from seisbench_lcl.errors import TrainingError, check_arguments, check_is_fitted, is_whole
from seisbench_lcl.extractors._spectrogram import Spectrogram
from seisbench_lcl.extractors.base import FeatureExtractor
from seisbench_lcl.optim.loop import initialise, optimise

_HELD_OUT = 0.1
_BATCH = 256  # windows encoded at a time: their images are four times their size

logger = logging.getLogger("seisbench")


class Reconstruction(FeatureExtractor):
    """Features are the latent of a network trained to reconstruct spectrograms.

    A subclass sets the three defaults and implements `build`, `encode` and `reconstruct`. Training minimises the mean
    squared error on nine tenths of the windows and keeps the epoch with the smallest error on the other tenth.

    Parameters
    ----------
    in_channels, in_samples, sampling_rate
        As in `FeatureExtractor`.
    n_latent : int
        Length of the latent and number of features.
    frequency_range : (float, float)
        Lowest and highest frequency of the spectrograms in Hz; the highest is capped at half the sampling rate.
    epochs, batch_size : int, optional
        By default `default_epochs` and `default_batch_size`.
    learning_rate : float, optional
        By default `default_learning_rate`.
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
    """

    trained_in_epochs = True
    default_epochs: ClassVar[int]
    default_batch_size: ClassVar[int]
    default_learning_rate: ClassVar[float]

    epochs_trained: Tensor

    def __init__(
        self,
        in_channels: int = 3,
        in_samples: int = 2000,
        sampling_rate: float = 100.0,
        *,
        n_latent: int = 9,
        frequency_range: tuple[float, float] = (1.0, 18.0),
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(in_channels, in_samples, sampling_rate)
        check_arguments(type(self).__name__, ("n_latent must be 1 or more", is_whole(n_latent, 1), n_latent))
        self.n_features = self.n_latent = n_latent
        self.frequency_range = float(frequency_range[0]), float(frequency_range[1])
        self.epochs = self.default_epochs if epochs is None else epochs
        self.batch_size = self.default_batch_size if batch_size is None else batch_size
        self.learning_rate = self.default_learning_rate if learning_rate is None else learning_rate
        self.seed = seed
        self.spectrogram = Spectrogram(in_samples, sampling_rate, self.frequency_range)
        self.register_buffer("epochs_trained", torch.tensor(torch.nan))
        self.build()
        self.eval()  # only `fit` trains

    @abstractmethod
    def build(self) -> None:
        """Make the layers, from `in_channels` images of 87 × 100 to `n_latent` numbers and back."""

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
        """Return the latents (B, n_latent) of images (B, C, 87, 100), and the reconstructed images."""

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
        check_is_fitted(self, self.epochs_trained, "fit(windows)")
        return torch.cat([self.encode(self.images(part)) for part in windows.split(_BATCH)]).float()

    def _check_alive(self, windows: Tensor) -> None:
        """Detect latents that are the same for all windows: the output of a ReLU that is never active."""
        with torch.no_grad():
            latents = self._extract(windows.to(self.epochs_trained.device))
        dead = int((latents.amax(dim=0) == latents.amin(dim=0)).sum())
        if dead == 0:
            return
        found = f"{type(self).__name__}: {dead} of {self.n_latent} latents are the same for all windows"
        fix = "try another seed, a smaller learning_rate or a larger n_latent"
        if dead == self.n_latent:
            self.epochs_trained.fill_(torch.nan)
            raise TrainingError(f"{found}, so the features carry no information; {fix}")
        logger.warning("%s; if the other features are too few, %s", found, fix)
