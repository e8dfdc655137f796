"""Log envelopes of windows in several frequency bands."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.extractors.stages.bands import BandPower, running_mean
from seisbench_lcl.extractors.stages.base import Stage

DYNAMIC_RANGE = 8.0  # decades of power below the maximum of a channel; silence would be −∞
_ROUNDING = 1e-13  # of a component's largest squared sample: rounding left by the transform in an empty band


class Envelope(Stage):
    """Band-wise log envelopes: the rise and fall of the power of each component in each band.

    ``y = log10(max(m, 10⁻⁸ max m))`` minus its mean over the window, where m is the running mean over `width` of the
    squared amplitude of the band's analytic signal (`BandPower`). The bands become channels: component 1 in all bands,
    component 2 in all bands, and so on. Where a band holds only rounding errors of single precision, y is zero.

    Removing the mean of each channel removes units, the spectrum of source, path and site, and the ratio of components;
    only the shape in time of each band remains. A model that has learned the spectrum of its training network does not
    recognise events of another network, but arrivals and coda have the same shape in both.

    Parameters
    ----------
    in_channels, in_samples, sampling_rate
        As in `Stage`.
    bands : sequence of (float, float), optional
        Lowest and highest frequency of each band in Hz, below half the sampling rate of all training records: above it,
        a channel would hold only residuals of the resampling. By default four bands of equal width in octaves over
        `frequency_range`.
    rate : float
        Minimum sampling rate of the envelopes in Hz. The actual rate is the sampling rate of the windows divided by a
        whole number, and high enough for the widest band.
    width : float
        Length of the running mean in seconds; below one sample of the envelopes there is no averaging.
    frequency_range : (float, float)
        Lowest and highest frequency of the windows in Hz, for the default bands.

    Raises
    ------
    ConfigurationError
        Unless there is a band and all have 0 < lowest < highest <= half the sampling rate; if `rate` is not positive or
        above the sampling rate, or `width` is not positive.
    WindowError
        If the window is not longer than two periods of the lowest frequency.

    References
    ----------
    Envelopes of bands as the input of classifiers of events: Joswig (1990), Pattern recognition for earthquake
    detection, BSSA 80.

    Examples
    --------
    >>> import torch
    >>> stage = Envelope(in_channels=3, in_samples=2000, sampling_rate=100.0)
    >>> stage(torch.randn(8, 3, 2000)).shape, stage.out_rate
    (torch.Size([8, 12, 400]), 20.0)
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
        """Return log envelopes (B, C × bands, out_samples), each of mean zero; all zero for a dead component."""
        power, _ = self.power.of_components(windows)
        power = running_mean(power, max(1, round(self.width * self.out_rate)))
        floor = (power.amax(dim=-1, keepdim=True) * 10**-DYNAMIC_RANGE).clamp_min(_ROUNDING)
        logarithm = torch.maximum(power, floor).log10()
        return (logarithm - logarithm.mean(dim=-1, keepdim=True)).flatten(1, 2)
