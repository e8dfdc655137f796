"""Classical source discriminants: amplitude ratios, spectra, cepstrum, shape of the envelope."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError, WindowError, check_is_fitted
from seisbench_lcl.extractors import discriminants
from seisbench_lcl.extractors._arrivals import Arrivals
from seisbench_lcl.extractors.base import FeatureExtractor
from seisbench_lcl.extractors.stages.bands import BandPower
from seisbench_lcl.extractors.stages.base import BLOCK
from seisbench_lcl.waveforms.onset import aic_onset
from seisbench_lcl.waveforms.resampling import PASSED

GROUPS = tuple(discriminants.groups(1.0, 2.0))
DEFAULT_GROUPS = tuple(name for name in GROUPS if name != "signal_to_noise")

_POWER_RATE = 20.0  # Hz


class Physical(FeatureExtractor):
    """Physical discriminants: a few dozen numbers that mean the same in every region.

    `seisbench_lcl.extractors.discriminants` documents the formula, units and reference of each group of features. A
    feature that is undefined for a window is replaced by the median of the training windows, and its indicator is 1
    (otherwise 0), so features are finite for any window.

    P is expected `before` seconds after the start of a window, or searched for around that time. S is the pick passed
    to `forward` or `measure`, or else the time of the largest energy after P.

    Parameters
    ----------
    in_channels, in_samples, sampling_rate
        As in `FeatureExtractor`.
    before : float
        Time of P in seconds after the first sample.
    component_order : str, optional
        Code of each component. H/V needs "Z" and two other components. By default "ZNE" for three components; a single
        component counts as vertical.
    bands : sequence of (float, float), optional
        Bands of the amplitude ratios in Hz. Bands that reach above half the sampling rate are undefined. By default
        four bands of equal width in octaves over `frequency_range`.
    groups : sequence of str
        Groups of features; by default all except "signal_to_noise", which separates stations rather than classes.
    least_s_minus_p : float
        Start of the search for S, in seconds after P.
    p_length, s_length : float
        Lengths of the P and S windows in seconds, at least one sample of the power (0.05 s or less).
    refine : float
        If positive, P is the onset on the vertical component by the Akaike information criterion, at most `refine`
        seconds away from `before`.
    frequency_range : (float, float)
        Lowest and highest frequency of the windows in Hz.

    Attributes
    ----------
    feature_names : list of str
        Names of the first half of the features; the second half are their indicators, in the same order.
    medians : (n_features / 2,) float32 buffer
        Medians of the training windows, 0 for a feature that is undefined in all. NaN until fitted.

    Raises
    ------
    ConfigurationError
        If a group is unknown, bands or frequency range are invalid, a length is too short, or `component_order` does
        not match the components.
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
                f"P must be inside the window of {in_samples / sampling_rate:g} s, but before is {before!r} s"
            )
        if component_order is None:
            component_order = "ZNE" if in_channels == 3 else "?" * in_channels
        if len(component_order) != in_channels:
            raise ConfigurationError(f"component_order must name {in_channels} components, but is {component_order!r}")
        self.component_order = component_order
        self.frequency_range = [float(f) for f in frequency_range]
        if len(self.frequency_range) != 2 or not 0 < self.frequency_range[0] < self.frequency_range[1] < math.inf:
            raise ConfigurationError(
                f"frequency_range must be two frequencies 0 < lowest < highest in Hz, but is {self.frequency_range}"
            )
        self.groups = list(groups)
        unknown = [name for name in self.groups if name not in GROUPS]
        if unknown or not self.groups:
            raise ConfigurationError(f"groups must be from {', '.join(GROUPS)}, but are {unknown or 'none'}")
        self.power = BandPower(in_samples, sampling_rate, bands, min(_POWER_RATE, sampling_rate), frequency_range)
        if min(self.p_length, self.s_length) * self.power.out_rate < 1:
            raise ConfigurationError(
                f"p_length and s_length must be at least {1 / self.power.out_rate:g} s, one sample of the power, but "
                f"are {p_length!r} and {s_length!r} s"
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
        """Return the features by name, (B,) float64 each, NaN where undefined.

        Parameters
        ----------
        windows : (B, C, T) float32 Tensor
        s_arrivals : (B,) Tensor, optional
            S picks in seconds after the first sample; S is estimated where the pick is NaN. All features of S are
            undefined if the pick is not after P, and all except S − P if it is after the end of the window.

        Raises
        ------
        WindowError
            If the windows have the wrong shape or hold NaN or infinite values, or the number of picks differs.
        """
        windows = self.checked(windows)
        return self._measure(windows, self._picks(windows, s_arrivals))

    @staticmethod
    def _picks(windows: Tensor, s_arrivals: Tensor | None) -> Tensor:
        if s_arrivals is None:
            return windows.new_full((len(windows),), torch.nan)
        if s_arrivals.shape != (len(windows),):
            raise WindowError(
                f"s_arrivals must hold one time for each of {len(windows)} windows, NaN without a pick, but has shape "
                f"{tuple(s_arrivals.shape)}"
            )
        return s_arrivals

    def _measure(self, windows: Tensor, s_arrivals: Tensor) -> dict[str, Tensor]:
        power, windows = self.power.of_windows(windows.detach())
        vertical = max(self.component_order.find("Z"), 0)
        three = self.in_channels == 3 and "Z" in self.component_order
        arrivals = Arrivals(
            windows=windows,
            sampling_rate=self.sampling_rate,
            power=power,
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
        check_is_fitted(self, self.medians, "fit(windows)")
        values = self._values(windows, self._picks(windows, s_arrivals)).to(self.medians)
        known = torch.isfinite(values)
        return torch.cat([torch.where(known, values, self.medians), (~known).to(values)], dim=1).float()

    def _values(self, windows: Tensor, s_arrivals: Tensor) -> Tensor:
        if not len(windows):  # Fourier transforms refuse empty batches
            return windows.new_zeros(0, len(self.feature_names))
        # In blocks, because intermediate results are many times as large as the windows.
        blocks = zip(windows.split(BLOCK), s_arrivals.split(BLOCK), strict=True)
        parts = [list(self._measure(block, s).values()) for block, s in blocks]
        return torch.cat([torch.stack(columns, dim=1) for columns in parts])
