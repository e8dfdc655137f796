"""Wavelet scattering features: the strength of each frequency, and the depth and rate of its modulation."""

import math
from collections.abc import Sequence
from typing import Any, get_args

import torch
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError, WindowError, check_arguments, is_whole
from seisbench_lcl.extractors import FeatureExtractor
from seisbench_lcl.waveforms.resampling import PASSED
from seisbench_lcl_scattering.cascade import Cascade, Pooling
from seisbench_lcl_scattering.wavelets import Morlet, bank, count_down_to, lowest_within, quality

_BLOCK = 2**18  # samples transformed at a time


class Scattering(FeatureExtractor):
    """Scattering coefficients of first and second order, pooled over the window, for each component.

    The first order is S1(f1), the mean of ``|x ⋆ ψ1|``: the amplitude around f1 in units of the window; a sine of
    amplitude A gives A. The second order is S2(f1, f2) / S1(f1), where S2 is the mean of ``||x ⋆ ψ1| ⋆ ψ2|``: the depth
    of the modulation of f1 at f2; an amplitude ``1 + m cos 2πf2t`` gives m. It separates an impulsive P, a coda, the
    beating of a tremor and stationary noise even if their spectra are equal.

    The wavelets ψ are analytic Morlet wavelets of zero mean and constant quality, which meet their neighbours at half
    power. Paths (f1, f2) have f2 up to the bandwidth of ψ1, because an envelope has almost no energy above. A window is
    extended by its mirror image, so that its ends do not look like onsets. Nothing is fitted.

    Multiplying a window by a adds log(a) to the logarithms of the first order, and does not change the second order.
    S1 is raised to at least the first `floor` times the largest S1 of the window, and the modulation to at least the
    second `floor`. A window without motion has the logarithms of the two floors. So all features are finite.

    Parameters
    ----------
    in_channels, in_samples, sampling_rate
        As in `seisbench_lcl.extractors.FeatureExtractor`.
    octaves : (int or None, int or None)
        Octaves of first and second order, downwards from the highest centre frequency. None uses all octaves in the
        frequency range (first order) whose wavelets are not longer than the window (see `Morlet.duration`). Short
        windows may have no second order.
    resolution : (int, int)
        Wavelets per octave, of first and second order.
    pooling : {"mean", "max", "median"}
        Pooling over the window. The maximum selects the strongest moment; the median ignores transients.
    order : {1, 2}
        Highest order.
    log : bool
        Whether to return logarithms.
    floor : (float, float)
        Floors of first and second order, between 0 and 1. Smaller values are leakage of the filters and rounding.
    frequency_range : (float, float), optional
        Frequency range of the windows in Hz. By default all frequencies up to half the sampling rate.
    component_order : str, optional
        Code of each component, for `feature_names`.

    Attributes
    ----------
    frequencies, modulations : list of float
        Centre frequencies of first and second order in Hz, descending.
    paths : list of (float, float)
        f1 and f2 of the coefficients of second order in Hz.
    feature_names : list of str
        Frequencies, then paths, for one component after the other.

    Raises
    ------
    ConfigurationError
        If an argument is not one of its choices, or the frequency range is empty or above half the sampling rate.
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
        self.floor = [float(value) for value in floor]
        are_floors = len(self.floor) == 2 and all(0 < value < 1 for value in self.floor)
        are_octaves = len(octaves) == 2 and all(n is None or is_whole(n, 1) for n in octaves)
        are_resolutions = len(resolution) == 2 and all(is_whole(n, 1) for n in resolution)
        are_named = component_order is None or len(component_order) == in_channels
        check_arguments(
            "Scattering",
            (f"pooling must be one of {', '.join(get_args(Pooling))}", pooling in get_args(Pooling), pooling),
            ("order must be 1 or 2", order in (1, 2), order),
            ("floor must be two numbers between 0 and 1, for first and second order", are_floors, self.floor),
            (f"component_order must have {in_channels} letters", are_named, component_order),
            ("octaves must be two positive whole numbers, or None", are_octaves, octaves),
            ("resolution must be two positive whole numbers", are_resolutions, resolution),
        )
        self.octaves = [None if n is None else int(n) for n in octaves]
        self.resolution = [int(n) for n in resolution]
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
        if not len(windows):  # Fourier transforms refuse empty batches
            return windows.new_zeros(0, self.n_features)
        # In blocks, because the moduli are many times larger than the windows.
        blocks = windows.split(max(1, _BLOCK // (self.in_channels * self.in_samples)))
        return torch.cat([self._coefficients(block) for block in blocks])

    def _coefficients(self, windows: Tensor) -> Tensor:
        # Double precision removes constants completely, and a scale of a power of two loses no digits.
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
        top = highest / (1 + half)  # the upper end of this wavelet is the highest frequency
        within = self._lowest_within(resolution)
        if octaves is None:
            count = count_down_to(max(lowest / (1 - half), within), top, resolution)
            if not count:
                reason = "the window" if within > top else f"{lowest:g} to {highest:g} Hz"
                raise (WindowError if within > top else ConfigurationError)(
                    f"with {resolution} wavelets per octave, none fits {reason}: windows of "
                    f"{self.in_samples / self.sampling_rate:g} s, frequencies from {lowest:g} to {highest:g} Hz; use "
                    "longer windows, a wider frequency_range, or fewer wavelets per octave"
                )
            return bank(top, resolution, count)
        return self._bank(top, octaves, resolution, within)

    def _second_order(self, top: float) -> list[Morlet]:
        octaves, resolution = self.octaves[1], self.resolution[1]
        within = self._lowest_within(resolution)
        if octaves is None:
            return bank(top, resolution, count_down_to(within, top, resolution))
        return self._bank(top, octaves, resolution, within)

    def _bank(self, top: float, octaves: int, resolution: int, within: float) -> list[Morlet]:
        found = bank(top, resolution, octaves * resolution)
        if found[-1].frequency < within:
            raise WindowError(
                f"{octaves} octaves below {top:.3g} Hz reach down to {found[-1].frequency:.3g} Hz, but windows of "
                f"{self.in_samples / self.sampling_rate:g} s hold only wavelets above {within:.3g} Hz: use longer "
                "windows, fewer octaves, or fewer wavelets per octave"
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
        return lowest, PASSED * highest  # the resampling removes higher frequencies

    def _names(self) -> list[str]:
        codes = self.component_order or [f"component {row}" for row in range(self.in_channels)]
        alone = [f"{f1:.3g} Hz" for f1 in self.frequencies]
        pairs = [f"{f1:.3g} Hz modulated at {f2:.2g} Hz" for f1, f2 in self.paths]
        return [f"{code}, {name}" for code in codes for name in alone + pairs]
