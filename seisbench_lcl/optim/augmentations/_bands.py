"""Frequency bands drawn at random, and their smooth gains."""

import math

import torch
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.optim.augmentations.base import Augmentation, uniform

_EDGE = 0.5  # octaves from full gain to none
_USABLE = 0.4  # share of the sampling rate up to which bands are drawn


class Banded(Augmentation):
    """An augmentation with a random band: its width is uniform in octaves, its place log-uniform."""

    frequencies: tuple[float, float]
    octaves: tuple[float, float]

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set_range("frequencies", 1e-6)
        self._set_range("octaves", 1e-3)

    def check(self, in_channels: int, in_samples: int, sampling_rate: float) -> None:
        low, high = self._limits(sampling_rate)
        if high - low < self.octaves[1]:
            raise ConfigurationError(
                f"{self.name} draws bands of up to {self.octaves[1]:g} octaves, but between "
                f"{self.frequencies[0]:g} Hz and {2**high:g} Hz (at most {_USABLE} of the sampling rate of "
                f"{sampling_rate:g} Hz) there are {max(high - low, 0):.2f}: lower its frequencies or its octaves"
            )

    def _gains(self, windows: Tensor, sampling_rate: float) -> Tensor:
        """Draw a band for each window: 1 inside, 0 outside, a raised cosine between, (B, 1, n_samples + 1)."""
        low, high = self._limits(sampling_rate)
        width = uniform(windows, (len(windows), 1, 1), self.octaves)
        lower = low + (high - low - width) * torch.rand_like(width)
        # Twice as many samples as the window has: none of it is carried round from its end to its beginning.
        frequencies = torch.fft.rfftfreq(2 * windows.shape[-1], 1 / sampling_rate, device=windows.device)
        octave = frequencies.to(windows.dtype).log2()  # −infinity at 0 Hz is outside
        outside = torch.maximum(lower - octave, octave - (lower + width)) / _EDGE
        return (1 + torch.cos(torch.pi * outside.clamp(0, 1))) / 2

    def _limits(self, sampling_rate: float) -> tuple[float, float]:
        return math.log2(self.frequencies[0]), math.log2(min(self.frequencies[1], _USABLE * sampling_rate))


def filtered(windows: Tensor, gains: Tensor) -> Tensor:
    """Multiply the spectra of windows, padded with as many zeros, by real gains: no phase is moved."""
    n_samples = windows.shape[-1]
    return torch.fft.irfft(torch.fft.rfft(windows, n=2 * n_samples) * gains, n=2 * n_samples)[..., :n_samples]
