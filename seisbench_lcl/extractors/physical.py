"""Classical discriminants of the source: amplitude ratios, spectra, cepstrum, shape of the envelope."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError, NotFittedError, WindowError
from seisbench_lcl.extractors import discriminants
from seisbench_lcl.extractors._arrivals import Arrivals
from seisbench_lcl.extractors.base import FeatureExtractor
from seisbench_lcl.extractors.stages.bands import BandPower, in_range
from seisbench_lcl.waveforms.onset import aic_onset
from seisbench_lcl.waveforms.resampling import PASSED

GROUPS = tuple(discriminants.groups(1.0, 2.0))
DEFAULT_GROUPS = tuple(name for name in GROUPS if name != "signal_to_noise")

_POWER_RATE = 20.0  # Hz
_BLOCK = 64  # windows measured at a time


class Physical(FeatureExtractor):
    """Physical discriminants: a few dozen numbers that mean the same in every region.

    Each group of features has its formula, units and paper in `seisbench_lcl.extractors.discriminants`. A feature that
    is undefined for a window is replaced by the median of the training windows, and its indicator is 1 (else 0). So the
    features are finite whatever the window holds.

    P is expected `before` seconds after the start of a window, or is looked for around that time. S is where it was
    picked, if `forward` or `measure` is told, or where most energy follows P.

    Parameters
    ----------
    in_channels, in_samples, sampling_rate
        As in `FeatureExtractor`.
    before : float
        Time of P in seconds after the first sample.
    component_order : str, optional
        Code of each component. H/V is measured where a "Z" and two others are there. By default "ZNE" for three
        components; one component counts as vertical.
    bands : sequence of (float, float), optional
        Of the amplitude ratios, in Hz. A band that reaches above half the sampling rate is undefined. By default four
        of equal width in octaves over `frequency_range`.
    groups : sequence of str
        Groups of features. All by default but "signal_to_noise", which separates classes by station.
    least_s_minus_p : float
        Seconds after P from which on S is looked for.
    p_length, s_length : float
        Lengths of the P and S windows in seconds, at least one sample of the power (0.05 s or less).
    refine : float
        If positive, P is the onset on the vertical component within so many seconds of `before`, by the Akaike
        information criterion.
    frequency_range : (float, float)
        Of the windows, in Hz.

    Attributes
    ----------
    feature_names : list of str
        Of the first half of the features; the others are their indicators, in the same order.
    medians : (n_features / 2,) float32 buffer
        Of the training windows, 0 where undefined for all of them. NaN until fitted.

    Raises
    ------
    ConfigurationError
        For an unknown group, bands or a frequency range that are none, a length that is too short, or components that
        `component_order` does not name.
    WindowError
        If the window ends before P, or is too short for its lowest band.

    Examples
    --------
    >>> import torch
    >>> windows = torch.randn(8, 3, 2000, generator=torch.Generator().manual_seed(0))
    >>> extractor = Physical(in_channels=3, in_samples=2000, sampling_rate=100).fit(windows)
    >>> extractor.feature_names[:2], extractor(windows).shape
    (['P/S amplitude, band 1', 'P/S amplitude, band 2'], torch.Size([8, 38]))
    """

    name = "physical"
    enough = 4096

    medians: Tensor

    def __init__(
        self,
        in_channels: int = 3,
        in_samples: int = 2000,
        sampling_rate: float = 100.0,
        *,
        before: float = 2.0,
        component_order: str | None = None,
        bands: Sequence[Sequence[float]] | None = None,
        groups: Sequence[str] = DEFAULT_GROUPS,
        least_s_minus_p: float = 1.0,
        p_length: float = 2.0,
        s_length: float = 3.0,
        refine: float = 0.0,
        frequency_range: Sequence[float] = (1.0, 18.0),
    ) -> None:
        super().__init__(in_channels, in_samples, sampling_rate)
        self.before, self.least_s_minus_p = float(before), float(least_s_minus_p)
        self.p_length, self.s_length, self.refine = float(p_length), float(s_length), float(refine)
        times = self.least_s_minus_p, self.p_length, self.s_length, self.refine
        if not (min(times[:3]) > 0 and self.refine >= 0 and math.isfinite(sum(times))):
            raise ConfigurationError(
                "least_s_minus_p, p_length and s_length must be positive, and refine not negative, but are "
                f"{', '.join(map(repr, times))} s"
            )
        if not 0 <= self.before < in_samples / sampling_rate:
            raise WindowError(
                f"P must lie in the window of {in_samples / sampling_rate:g} s, but before is {before!r} s"
            )
        if component_order is None:
            component_order = "ZNE" if in_channels == 3 else "?" * in_channels
        if len(component_order) != in_channels:
            raise ConfigurationError(f"component_order {component_order!r} does not name {in_channels} components")
        self.component_order = component_order
        self.frequency_range = [float(f) for f in frequency_range]
        if len(self.frequency_range) != 2 or not 0 < self.frequency_range[0] < self.frequency_range[1] < math.inf:
            raise ConfigurationError(
                f"frequency_range must be two frequencies 0 < lowest < highest in Hz, but is {self.frequency_range}"
            )
        self.groups = list(groups)
        unknown = [name for name in self.groups if name not in GROUPS]
        if unknown or not self.groups:
            raise ConfigurationError(f"groups must be some of {', '.join(GROUPS)}, but are {unknown or 'none'}")
        self.power = BandPower(in_samples, sampling_rate, bands, min(_POWER_RATE, sampling_rate), frequency_range)
        if min(self.p_length, self.s_length) * self.power.out_rate < 1:
            raise ConfigurationError(
                f"p_length and s_length must be at least {1 / self.power.out_rate:g} s, a sample of the bands' power, "
                f"but are {p_length!r} and {s_length!r} s"
            )
        self.feature_names = list(self.measure(torch.zeros(1, in_channels, in_samples)))
        self.n_features = 2 * len(self.feature_names)
        self.register_buffer("medians", torch.full((len(self.feature_names),), torch.nan))

    def config(self) -> dict[str, Any]:  # noqa: D102
        return {
            "before": self.before,
            "component_order": self.component_order,
            "bands": [list(band) for band in self.power.bands],
            "groups": self.groups,
            "least_s_minus_p": self.least_s_minus_p,
            "p_length": self.p_length,
            "s_length": self.s_length,
            "refine": self.refine,
            "frequency_range": self.frequency_range,
        }

    def measure(self, windows: Tensor, s_arrivals: Tensor | None = None) -> dict[str, Tensor]:
        """Return the features by name, (B,) float64 each, NaN where one is undefined.

        Parameters
        ----------
        windows : (B, C, T) float32 Tensor
        s_arrivals : (B,) Tensor, optional
            Picks of S in seconds after the first sample; NaN where there is none, and it is estimated. What a pick
            leaves no samples for is undefined: all of S where it is not after P, all but S − P beyond the window.

        Raises
        ------
        WindowError
            If the windows have another shape or hold NaN or infinite values, or there is not one pick for each.
        """
        windows = self.checked(windows)
        return self._measure(windows, self._picks(windows, s_arrivals))

    @staticmethod
    def _picks(windows: Tensor, s_arrivals: Tensor | None) -> Tensor:
        if s_arrivals is None:
            return windows.new_full((len(windows),), torch.nan)
        if s_arrivals.shape != (len(windows),):
            raise WindowError(
                f"s_arrivals must be one time for each of {len(windows)} windows, NaN where there is no pick, but has "
                f"shape {tuple(s_arrivals.shape)}"
            )
        return s_arrivals

    def _measure(self, windows: Tensor, s_arrivals: Tensor) -> dict[str, Tensor]:
        windows = in_range(windows.detach(), over=(-2, -1))
        vertical = max(self.component_order.find("Z"), 0)
        three = self.in_channels == 3 and "Z" in self.component_order
        arrivals = Arrivals(
            windows=windows,
            sampling_rate=self.sampling_rate,
            power=self.power(windows),
            rate=self.power.out_rate,
            horizontals=[row for row in range(3) if row != vertical] if three else [],
            vertical=vertical,
            p=self._onsets(windows[:, vertical]),
            s=torch.full((len(windows),), torch.nan, dtype=torch.float64, device=windows.device),
            latest_p=self.before + self.refine,
            p_length=self.p_length,
            s_length=self.s_length,
        ).with_s(s_arrivals, self.least_s_minus_p)
        lowest, highest = self.frequency_range
        known = discriminants.groups(lowest, min(PASSED * highest, self.sampling_rate / 2))
        return {name: column.double() for group in self.groups for name, column in known[group](arrivals).items()}

    def _onsets(self, vertical: Tensor) -> Tensor:
        p = torch.full((len(vertical),), self.before, dtype=torch.float64, device=vertical.device)
        if self.refine:
            first = max(0, round((self.before - self.refine) * self.sampling_rate))
            last = round((self.before + self.refine) * self.sampling_rate) + 1
            p = (first + aic_onset(vertical[:, first:last]).double()) / self.sampling_rate
        return p

    def _fit(self, windows: Tensor, labels: Tensor | None, groups: Tensor | None) -> None:
        values = self._values(windows, self._picks(windows, None))
        self.medians.copy_(values.nanmedian(dim=0).values.nan_to_num(0))

    def _extract(self, windows: Tensor) -> Tensor:
        return self._extract_at(windows, None)

    def _extract_at(self, windows: Tensor, s_arrivals: Tensor | None) -> Tensor:
        if torch.isnan(self.medians).any():
            raise NotFittedError("Physical has no medians yet: call fit(windows) first, or load weights")
        values = self._values(windows, self._picks(windows, s_arrivals)).to(self.medians)
        known = torch.isfinite(values)
        return torch.cat([torch.where(known, values, self.medians), (~known).to(values)], dim=1).float()

    def _values(self, windows: Tensor, s_arrivals: Tensor) -> Tensor:
        if not len(windows):  # which Fourier transforms refuse
            return windows.new_zeros(0, len(self.feature_names))
        # In blocks: what is measured on the way is many times as large as the windows.
        blocks = zip(windows.split(_BLOCK), s_arrivals.split(_BLOCK), strict=True)
        parts = [list(self._measure(block, s).values()) for block, s in blocks]
        return torch.cat([torch.stack(columns, dim=1) for columns in parts])
