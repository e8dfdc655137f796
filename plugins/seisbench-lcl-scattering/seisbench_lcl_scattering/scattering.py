"""Wavelet scattering features: how strong each frequency is, and how strongly and how fast it is modulated."""

import math
from collections.abc import Sequence
from typing import Any, get_args

import torch
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError, WindowError
from seisbench_lcl.extractors import FeatureExtractor
from seisbench_lcl.waveforms.resampling import PASSED
from seisbench_lcl_scattering.cascade import Cascade, Pooling
from seisbench_lcl_scattering.wavelets import Morlet, bank, count_down_to, lowest_within, quality

_BLOCK = 2**18  # samples transformed at a time


class Scattering(FeatureExtractor):
    """Scattering coefficients of first and second order, pooled over the window, component by component.

    Of the first order is S1(f1), the mean of ``|x ⋆ ψ1|``: the amplitude around f1, in units of the window; a sine of
    amplitude A gives A. Of the second order is S2(f1, f2) / S1(f1), with S2 the mean of ``||x ⋆ ψ1| ⋆ ψ2|``: how deeply
    the amplitude around f1 is modulated at f2; an amplitude ``1 + m cos 2πf2t`` gives m. An impulsive P, a coda, the
    beating of a tremor and stationary noise of one and the same spectrum differ in it.

    The wavelets ψ are analytic Morlet wavelets of zero mean and constant quality, which meet their neighbours at half
    power. A path (f1, f2) is there if f2 is at most the bandwidth of ψ1: an envelope has next to nothing above. A
    window is continued by its mirror image, so that its ends look like no onset. Nothing is fitted.

    If a window is multiplied by a, the logarithms of the first order grow by log(a), and those of the second order
    stay. An S1 below the first `floor` times the largest S1 of the window counts as that, and a modulation below the
    second `floor` as none: as that floor. A window without any motion has the logarithms of the two floors. So all
    features are finite.

    Parameters
    ----------
    in_channels, in_samples, sampling_rate
        As in `seisbench_lcl.extractors.FeatureExtractor`.
    octaves : (int or None, int or None)
        Octaves of first and second order, downwards from the highest centre frequency. None for as many as lie in the
        frequency range (of the first) and whose wavelets are no longer than the window, as `Morlet.duration` has it. Of
        the second order there may be none, for short windows.
    resolution : (int, int)
        Wavelets an octave, of first and second order.
    pooling : {"mean", "max", "median"}
        Over the window. The maximum looks for the strongest moment; the median passes over transients.
    order : {1, 2}
        The highest.
    log : bool
        Whether to take logarithms.
    floor : (float, float)
        Of first and second order, between 0 and 1. What lies below is leakage of the filters and rounding.
    frequency_range : (float, float), optional
        Of the windows, in Hz. By default all up to half the sampling rate.
    component_order : str, optional
        Code of each component, for `feature_names`.

    Attributes
    ----------
    frequencies, modulations : list of float
        Centre frequencies of first and second order in Hz, falling.
    paths : list of (float, float)
        f1 and f2 of the coefficients of second order in Hz.
    feature_names : list of str
        Component after component: frequencies, then paths.

    Raises
    ------
    ConfigurationError
        For a choice that there is not, or a frequency range that is none or reaches above half the sampling rate.
    WindowError
        If the window is too short for its wavelets.

    References
    ----------
    Andén and Mallat (2014), Deep scattering spectrum, doi:10.1109/TSP.2014.2326991. Seydoux et al. (2020), Nature
    Communications 11:3972, doi:10.1038/s41467-020-17841-x. Steinmann et al. (2022), JGR Solid Earth 127,
    doi:10.1029/2021JB022455.

    Examples
    --------
    >>> import torch
    >>> scattering = Scattering(in_channels=3, in_samples=2000, sampling_rate=100, frequency_range=(1, 18))
    >>> scattering(torch.randn(8, 3, 2000, generator=torch.Generator().manual_seed(0))).shape
    torch.Size([8, 219])
    >>> scattering.feature_names[0], scattering.feature_names[15]
    ('component 0, 14.1 Hz', 'component 0, 14.1 Hz modulated at 2.4 Hz')
    """

    name = "scattering"

    def __init__(
        self,
        in_channels: int = 3,
        in_samples: int = 2000,
        sampling_rate: float = 100.0,
        *,
        octaves: Sequence[int | None] = (None, None),
        resolution: Sequence[int] = (4, 1),
        pooling: Pooling = "mean",
        order: int = 2,
        log: bool = True,
        floor: Sequence[float] = (1e-4, 1e-2),
        frequency_range: Sequence[float] | None = None,
        component_order: str | None = None,
    ) -> None:
        super().__init__(in_channels, in_samples, sampling_rate)
        if pooling not in get_args(Pooling):
            raise ConfigurationError(f"pooling must be one of {', '.join(get_args(Pooling))}, but is {pooling!r}")
        if order not in (1, 2):
            raise ConfigurationError(f"order must be 1 or 2, but is {order!r}")
        self.floor = [float(value) for value in floor]
        if len(self.floor) != 2 or not all(0 < value < 1 for value in self.floor):
            raise ConfigurationError(
                f"floor must be two numbers between 0 and 1, for first and second order, but is {self.floor}"
            )
        if component_order is not None and len(component_order) != in_channels:
            raise ConfigurationError(f"component_order {component_order!r} does not name {in_channels} components")
        self.octaves = list(octaves)
        self.resolution = list(resolution)
        _check_layers(self.octaves, self.resolution)
        self.pooling: Pooling = pooling
        self.order = order
        self.log = log
        self.frequency_range = None if frequency_range is None else [float(f) for f in frequency_range]
        self.component_order = component_order
        first = self._first_order()
        second = self._second_order(first[0].bandwidth) if order == 2 else []
        pairs = [(j, i) for j, a in enumerate(first) for i, b in enumerate(second) if b.frequency <= a.bandwidth]
        self._parents = [j for j, _ in pairs]
        self._cascade = Cascade(in_samples, sampling_rate, first, second, pairs, pooling)
        self.frequencies = [wavelet.frequency for wavelet in first]
        self.modulations = [wavelet.frequency for wavelet in second]
        self.paths = [(self.frequencies[j], self.modulations[i]) for j, i in pairs]
        self.feature_names = self._names()
        self.n_features = len(self.feature_names)

    def config(self) -> dict[str, Any]:  # noqa: D102
        return {
            "octaves": self.octaves,
            "resolution": self.resolution,
            "pooling": self.pooling,
            "order": self.order,
            "log": self.log,
            "floor": self.floor,
            "frequency_range": self.frequency_range,
            "component_order": self.component_order,
        }

    def _fit(self, windows: Tensor, labels: Tensor | None, groups: Tensor | None) -> None:
        pass

    def _extract(self, windows: Tensor) -> Tensor:
        if not len(windows):  # which Fourier transforms refuse
            return windows.new_zeros(0, self.n_features)
        # In blocks: the moduli are many times as large as the windows.
        blocks = windows.split(max(1, _BLOCK // (self.in_channels * self.in_samples)))
        return torch.cat([self._coefficients(block) for block in blocks])

    def _coefficients(self, windows: Tensor) -> Tensor:
        # In double precision, so that a constant leaves nothing; by a power of two, so that no digit is lost.
        windows = windows.double()
        windows = windows - windows.mean(dim=-1, keepdim=True)
        peak = windows.abs().amax(dim=(1, 2))
        scale = torch.where(peak > 0, torch.exp2(peak.log2().floor()), 1)[:, None, None]
        first, second = self._cascade((windows / scale).float().flatten(0, 1))
        first, second = (moduli.double().unflatten(0, windows.shape[:2]) for moduli in (first, second))
        largest = first.amax(dim=(1, 2), keepdim=True)
        audible = first.clamp_min(self.floor[0] * torch.where(largest > 0, largest, 1))
        second = second / audible[..., self._parents]
        if self.log:
            first, second = (audible * scale).log(), second.clamp_min(self.floor[1]).log()
        else:
            first = first * scale
        return torch.cat([first, second], dim=-1).flatten(1).float()

    def _first_order(self) -> list[Morlet]:
        lowest, highest = self._range()
        octaves, resolution = self.octaves[0], self.resolution[0]
        half = 1 / (2 * quality(resolution))
        top = highest / (1 + half)  # whose upper end is the highest frequency
        within = self._lowest_within(resolution)
        if octaves is None:
            count = count_down_to(max(lowest / (1 - half), within), top, resolution)
            if not count:
                reason = "the window" if within > top else f"{lowest:g} to {highest:g} Hz"
                raise (WindowError if within > top else ConfigurationError)(
                    f"no wavelet of {resolution} an octave fits {reason}: window of "
                    f"{self.in_samples / self.sampling_rate:g} s, frequencies from {lowest:g} to {highest:g} Hz; take "
                    "longer windows, a wider frequency_range, or fewer wavelets an octave"
                )
            return bank(top, resolution, count)
        return self._asked(top, octaves, resolution, within)

    def _second_order(self, top: float) -> list[Morlet]:
        octaves, resolution = self.octaves[1], self.resolution[1]
        within = self._lowest_within(resolution)
        if octaves is None:
            return bank(top, resolution, count_down_to(within, top, resolution))
        return self._asked(top, octaves, resolution, within)

    def _asked(self, top: float, octaves: int, resolution: int, within: float) -> list[Morlet]:
        found = bank(top, resolution, octaves * resolution)
        if found[-1].frequency < within:
            raise WindowError(
                f"{octaves} octaves below {top:.3g} Hz, {resolution} wavelets each, reach down to "
                f"{found[-1].frequency:.3g} Hz, but windows of {self.in_samples / self.sampling_rate:g} s hold "
                f"wavelets from {within:.3g} Hz on: take longer windows, or fewer octaves or wavelets an octave"
            )
        return found

    def _lowest_within(self, resolution: int) -> float:
        return lowest_within(self.in_samples / self.sampling_rate, resolution)

    def _range(self) -> tuple[float, float]:
        nyquist = self.sampling_rate / 2
        if self.frequency_range is None:
            return 0.0, PASSED * nyquist
        lowest, highest = self.frequency_range if len(self.frequency_range) == 2 else (math.nan, math.nan)
        if not 0 <= lowest < highest <= nyquist * (1 + 1e-6):
            raise ConfigurationError(
                f"frequency_range must be two frequencies 0 <= lowest < highest <= {nyquist:g} Hz, half the sampling "
                f"rate, but is {self.frequency_range}"
            )
        return lowest, PASSED * highest  # above, the resampling has taken away

    def _names(self) -> list[str]:
        codes = self.component_order or [f"component {row}" for row in range(self.in_channels)]
        alone = [f"{f1:.3g} Hz" for f1 in self.frequencies]
        pairs = [f"{f1:.3g} Hz modulated at {f2:.2g} Hz" for f1, f2 in self.paths]
        return [f"{code}, {name}" for code in codes for name in alone + pairs]


def _check_layers(octaves: list[int | None], resolution: list[int]) -> None:
    whole = all(isinstance(n, int) and n > 0 for n in [*resolution, *(n for n in octaves if n is not None)])
    if not whole or len(octaves) != 2 or len(resolution) != 2:
        raise ConfigurationError(
            "octaves and resolution must be two positive whole numbers each, of first and second order (octaves may be "
            f"None), but are {octaves} and {resolution}"
        )
