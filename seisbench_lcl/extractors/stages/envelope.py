"""Windows to the logarithm of their envelopes in several frequency bands."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.extractors.stages.bands import BandPower, in_range, running_mean
from seisbench_lcl.extractors.stages.base import Stage

DYNAMIC_RANGE = 8.0  # decades of power below the largest of a channel; silence would be −∞
_ROUNDING = 1e-13  # of a component's largest squared sample: what the transform leaves where a band holds nothing


class Envelope(Stage):
    """Band-wise log envelopes: how the power of each band of each component rises and falls.

    ``y = log10(max(m, 10⁻⁸ of its largest)) − mean of y``, with m the mean over `width` of the squared amplitude of the
    band's analytic signal (`BandPower`). The bands become channels: component 1 in all bands, component 2 in all bands,
    and so on. Where a band holds nothing but rounding errors of single precision, y is zero.

    The mean over the window is taken off each channel, so neither units, nor the spectrum of source, path and site, nor
    the ratio of components remain: only the shape in time of each band. A model that has learnt the spectrum of its
    training network does not recognise another network's events; arrivals and coda have the same shape in both.

    Parameters
    ----------
    in_channels, in_samples, sampling_rate
        As in `Stage`.
    bands : sequence of (float, float), optional
        Lowest and highest frequency of each band in Hz, below half the sampling rate of all records of the training
        data: above that of a record, its channel would hold what the resampling leaves. By default four of equal width
        in octaves over `frequency_range`.
    rate : float
        Of the envelopes, in Hz: the sampling rate is divided by a whole number that leaves at least as much, and as
        much as the widest band needs.
    width : float
        Length of the running mean in seconds; one of less than a sample of the envelopes takes no mean.
    frequency_range : (float, float)
        Lowest and highest frequency of the windows in Hz, for the default bands.

    Raises
    ------
    ConfigurationError
        If a band is not 0 < lowest < highest <= half the sampling rate, or there is none; if `rate` is not positive or
        above the sampling rate, or `width` not positive.
    WindowError
        If the window is not longer than two periods of the lowest frequency.

    References
    ----------
    Envelopes of bands as the input of classifiers of events: Joswig (1990), Pattern recognition for earthquake
    detection, BSSA 80.
    """

    name = "envelope"

    def __init__(
        self,
        in_channels: int = 3,
        in_samples: int = 2000,
        sampling_rate: float = 100.0,
        *,
        bands: Sequence[Sequence[float]] | None = None,
        rate: float = 20.0,
        width: float = 0.5,
        frequency_range: Sequence[float] = (1.0, 18.0),
    ) -> None:
        super().__init__(in_channels, in_samples, sampling_rate)
        self.power = BandPower(in_samples, sampling_rate, bands, rate, frequency_range)
        if absent := self.power.undefined:
            raise ConfigurationError(
                f"the highest frequency of a band must not exceed {sampling_rate / 2:g} Hz, half the sampling rate of "
                f"the windows, but bands are {absent}"
            )
        if not 0 < width < math.inf:
            raise ConfigurationError(f"width must be a positive number of seconds, but is {width!r}")
        self.width = float(width)
        self.out_channels = in_channels * len(self.power.bands)
        self.out_samples = self.power.out_samples
        self.out_rate = self.power.out_rate

    def config(self) -> dict[str, Any]:
        """Return bands, rate and width."""
        return {"bands": [list(band) for band in self.power.bands], "rate": self.power.rate, "width": self.width}

    def forward(self, windows: Tensor) -> Tensor:
        """Return log envelopes (B, C × bands, T'), each of mean zero; zero throughout where a component is dead."""
        power = self.power(in_range(windows, over=(-1,)))
        power = running_mean(power, max(1, round(self.width * self.out_rate)))
        floor = (power.amax(dim=-1, keepdim=True) * 10**-DYNAMIC_RANGE).clamp_min(_ROUNDING)
        logarithm = torch.maximum(power, floor).log10()
        return (logarithm - logarithm.mean(dim=-1, keepdim=True)).flatten(1, 2)
