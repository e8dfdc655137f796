"""Analytic Morlet wavelets of constant quality, and banks of them that cover a band."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Morlet:
    """A Morlet wavelet: a Gaussian around its centre frequency, corrected to zero mean.

    Parameters
    ----------
    frequency : float
        Centre frequency in Hz.
    quality : float
        Centre frequency divided by bandwidth.
    """

    frequency: float
    quality: float

    @property
    def bandwidth(self) -> float:
        """Full width in Hz at half power (−3 dB)."""
        return self.frequency / self.quality

    @property
    def deviation(self) -> float:
        """Standard deviation of the Gaussian in Hz."""
        return self.bandwidth / (2 * math.sqrt(math.log(2)))

    @property
    def duration(self) -> float:
        """Duration in seconds of one standard deviation of the envelope to either side, with 84 % of the energy."""
        return 1 / (math.pi * self.deviation)

    def response(self, frequencies: Tensor) -> Tensor:
        """Return the response at frequencies in Hz: 0 up to zero, 2 at the centre.

        The analytic signal has only positive frequencies with doubled amplitude, so a sine of amplitude A at the centre
        has the constant modulus A.
        """
        at_zero = math.exp(-((self.frequency / self.deviation) ** 2) / 2)
        peak = 1 - at_zero**2
        gaussian = torch.exp(-(((frequencies - self.frequency) / self.deviation) ** 2) / 2)
        gaussian -= at_zero * torch.exp(-((frequencies / self.deviation) ** 2) / 2)
        return torch.where(frequencies > 0, 2 / peak * gaussian, 0)


def quality(resolution: int) -> float:
    """Return the quality of wavelets, `resolution` per octave, that meet their neighbours at half power."""
    ratio = 2 ** (-1 / resolution)
    return (1 + ratio) / (1 - ratio) / 2


def bank(highest: float, resolution: int, count: int) -> list[Morlet]:
    """Return `count` wavelets from a highest centre frequency in Hz downwards, `resolution` per octave."""
    return [Morlet(highest * 2 ** (-k / resolution), quality(resolution)) for k in range(count)]


def count_down_to(lowest: float, highest: float, resolution: int) -> int:
    """Return the number of wavelets from the highest centre frequency down to the lowest."""
    if highest < lowest:
        return 0
    return math.floor(resolution * math.log2(highest / lowest) + 1e-9) + 1


def lowest_within(seconds: float, resolution: int) -> float:
    """Return the lowest centre frequency in Hz of wavelets that are not longer than a duration in seconds."""
    return Morlet(1.0, quality(resolution)).duration / seconds
