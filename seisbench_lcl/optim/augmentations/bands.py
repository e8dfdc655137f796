"""Augmentations that keep or remove a random frequency band."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.optim.augmentations.base import Augmentation, uniform

_EDGE = 0.5  # octaves from full gain to zero
_USABLE = 0.4  # highest frequency of a band as a fraction of the sampling rate


@dataclass(frozen=True, kw_only=True)
class _Band(Augmentation):
    """An augmentation with a random band: its width is uniform in octaves, its position log-uniform."""

    frequencies: tuple[float, float] = (1.0, 18.0)
    octaves: tuple[float, float]

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set_range("frequencies", 1e-6)
        self._set_range("octaves", 1e-3)

    def check(self, in_channels: int, in_samples: int, sampling_rate: float) -> None:
        low, high = self._limits(sampling_rate)
        if high - low < self.octaves[1]:
            raise ConfigurationError(
                f"{self.name} draws bands of up to {self.octaves[1]:g} octaves, but the range from "
                f"{self.frequencies[0]:g} Hz to {2**high:g} Hz (at most {_USABLE} of the sampling rate of "
                f"{sampling_rate:g} Hz) has {max(high - low, 0):.2f}: lower the frequencies or the octaves"
            )

    def _gains(self, windows: Tensor, sampling_rate: float) -> Tensor:
        """Draw a band for each window: 1 inside, 0 outside, a raised cosine between, (B, 1, n_samples + 1)."""
        low, high = self._limits(sampling_rate)
        width = uniform(windows, (len(windows), 1, 1), self.octaves)
        lower = low + (high - low - width) * torch.rand_like(width)
        # For twice the length of the window, so that its end does not wrap around to its start.
        frequencies = torch.fft.rfftfreq(2 * windows.shape[-1], 1 / sampling_rate, device=windows.device)
        octave = frequencies.to(windows.dtype).log2()  # −infinity at 0 Hz is outside
        outside = torch.maximum(lower - octave, octave - (lower + width)) / _EDGE
        return (1 + torch.cos(torch.pi * outside.clamp(0, 1))) / 2

    def _limits(self, sampling_rate: float) -> tuple[float, float]:
        return math.log2(self.frequencies[0]), math.log2(min(self.frequencies[1], _USABLE * sampling_rate))

    def _augment(self, windows: Tensor, sampling_rate: float) -> Tensor:
        n_samples = windows.shape[-1]
        gains = self._gains(windows, sampling_rate)  # real, so no phase shift
        return torch.fft.irfft(torch.fft.rfft(windows, n=2 * n_samples) * gains, n=2 * n_samples)[..., :n_samples]


@dataclass(frozen=True, kw_only=True)
class BandPass(_Band):
    """Keep a random frequency band of each window.

    The band is the same for all components. Its edges fall off over half an octave, without phase shift.

    Parameters
    ----------
    frequencies : (float, float)
        Bounds of the bands in Hz; the upper bound is limited to 0.4 of the sampling rate. The bounds should be inside
        the band of the preprocessing, because windows have no energy beyond it; the defaults agree.
    octaves : (float, float)
        Smallest and largest width of a band.
    probability : float
        Fraction of the windows that are changed.

    Raises
    ------
    ConfigurationError
        If a range descends or is not positive; from `check`, if the widest band does not fit between the frequencies.

    Examples
    --------
    >>> BandPass(octaves=(2, 2), probability=1)(torch.randn(8, 3, 500), sampling_rate=100).shape
    torch.Size([8, 3, 500])
    """

    name: ClassVar[str] = "band_pass"
    octaves: tuple[float, float] = (1.5, 3.0)


@dataclass(frozen=True, kw_only=True)
class BandStop(_Band):
    """Remove a random frequency band from each window.

    Parameters, edges and errors are those of `BandPass`; the default bands are 0.25 to 1 octave wide.

    Examples
    --------
    >>> BandStop(frequencies=(2, 10))(torch.randn(8, 3, 500), sampling_rate=100).shape
    torch.Size([8, 3, 500])
    """

    name: ClassVar[str] = "band_stop"
    octaves: tuple[float, float] = (0.25, 1.0)

    def _gains(self, windows: Tensor, sampling_rate: float) -> Tensor:
        return 1 - super()._gains(windows, sampling_rate)
