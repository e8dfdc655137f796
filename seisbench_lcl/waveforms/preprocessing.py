"""Preprocessing of samples before the extractor: one code path for training, `annotate` and evaluation."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError, SamplingRateError, check_arguments
from seisbench_lcl.waveforms.channels import standard_codes
from seisbench_lcl.waveforms.resampling import high_pass, resample

Normalisation = Literal["component-std", "component-peak", "joint-std", "joint-peak"]

_EQUIVALENT = {"1": "N", "2": "E", "N": "1", "E": "2"}


@dataclass(frozen=True)
class Preprocessing:
    """The part of a model before its extractor; its values are saved with the weights.

    A record is demeaned in double precision, resampled and low-passed by one kernel for all native sampling rates
    (`seisbench_lcl.waveforms.resampling`), high-passed, and cast to float32. Windows are then normalised.

    Parameters
    ----------
    sampling_rate : float
        Sampling rate of the windows in Hz.
    in_samples : int
        Length of a window in samples.
    component_order : str
        Component codes, for example "ZNE" or "Z".
    band : (float, float)
        Lowest and highest frequency in Hz. Nothing above the highest remains, so records need a sampling rate of at
        least twice this frequency. A lowest frequency of 0 means no high-pass, only the mean of the record is removed:
        for a model that filters its windows itself, as it was trained.
    before : float
        Time from the start of a training window to the P arrival, in seconds.
    normalisation : {"component-std", "component-peak", "joint-std", "joint-peak"}
        Divide each component by its own standard deviation or peak amplitude, or all components by a common one, which
        keeps their amplitude ratios.

    Raises
    ------
    ConfigurationError
        If the band is not within 0 and half the sampling rate, the P arrival is outside the window, a component is
        named twice, or the normalisation is unknown.

    Examples
    --------
    >>> preprocessing = Preprocessing(sampling_rate=50.0, in_samples=500, component_order="Z")
    >>> preprocessing.seconds, preprocessing.condition(np.zeros(2000), rate=200.0).shape
    (10.0, (500,))
    """

    sampling_rate: float = 100.0
    in_samples: int = 2000
    component_order: str = "ZNE"
    band: tuple[float, float] = (1.0, 18.0)
    before: float = 2.0
    normalisation: Normalisation = "component-std"

    def __post_init__(self) -> None:
        if not (0 < self.sampling_rate < math.inf and isinstance(self.in_samples, int) and self.in_samples > 0):
            raise ConfigurationError(
                f"windows need a positive sampling rate and a positive whole number of samples, but have "
                f"{self.sampling_rate!r} Hz and {self.in_samples!r} samples"
            )
        try:
            lowest, highest = (float(f) for f in self.band)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"band must be two frequencies in Hz, but is {self.band!r}") from error
        object.__setattr__(self, "band", (lowest, highest))
        if not 0 <= lowest < highest <= self.sampling_rate / 2:
            raise ConfigurationError(
                f"band must satisfy 0 <= lowest < highest <= {self.sampling_rate / 2:g} Hz, half the sampling rate of "
                f"the windows, but is {lowest:g} to {highest:g} Hz"
            )
        if not 0 <= self.before < self.seconds:
            raise ConfigurationError(
                f"the P arrival must be inside the window of {self.seconds:g} s, but is {self.before:g} s after its "
                "start: change before or in_samples"
            )
        order, choices = self.component_order, get_args(Normalisation)
        check_arguments(
            "",
            (
                "component_order must name each component once, such as 'ZNE'",
                0 < len(order) == len({*order}),
                order,
            ),
            (f"normalisation must be one of {', '.join(choices)}", self.normalisation in choices, self.normalisation),
        )

    @property
    def seconds(self) -> float:
        """Length of a window in seconds."""
        return self.in_samples / self.sampling_rate

    @property
    def cut(self) -> tuple[Any, ...]:
        """What windows depend on before they are normalised: models for which it is equal can share them."""
        return self.sampling_rate, self.in_samples, self.component_order, self.band, self.before

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        return asdict(self) | {"band": list(self.band)}

    def condition(self, data: NDArray[Any], rate: float, offset: float = 0.0) -> NDArray[np.float32]:
        """Resample and filter one gapless record of one component to the rate and band of the windows.

        Parameters
        ----------
        data : (n,) ndarray
            Raw samples of any numeric type.
        rate : float
            Sampling rate of the record in Hz.
        offset : float
            Time from the first sample to the first point of the output grid, in seconds.

        Returns
        -------
        (m,) float32 ndarray

        Raises
        ------
        SamplingRateError
            If the sampling rate is too low for the band.
        """
        lowest, highest = self.band
        # Sampling rates from a float32 interval, as in SAC files, have relative errors of about 1e-7.
        if rate < 2 * highest * (1 - 1e-6):
            raise SamplingRateError(
                f"sampled at {rate:g} Hz, but the model's band reaches {highest:g} Hz and needs at least "
                f"{2 * highest:g} Hz: use a model with a lower band (upsampling cannot restore missing frequencies)",
                summary=f"sampled at {rate:g} Hz",
            )
        data = data.astype(np.float64)
        data -= data.mean()
        data = resample(data, rate, self.sampling_rate, highest, offset)
        return high_pass(data, self.sampling_rate, lowest).astype(np.float32)

    def normalise(self, windows: Tensor) -> Tensor:
        """Divide each component of each window by the scale of the `normalisation`.

        The mean is removed before division by a standard deviation, but not before division by a peak amplitude: the
        mean of a high-passed window is small, and overlapping windows with the same peak can share their computation.

        Parameters
        ----------
        windows : (B, C, T) float32 Tensor

        Returns
        -------
        (B, C, T) float32 Tensor
            A component without motion stays zero.
        """
        over = (-2, -1) if self._joint else (-1,)
        if self.peak:
            return windows / windows.abs().amax(dim=over, keepdim=True).clamp_min(torch.finfo(windows.dtype).tiny)
        return divide_by_std(windows, over)

    def peaks(self, data: NDArray[np.float32], offsets: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the peak amplitudes (B, C) by which `normalise` divides the windows of a record.

        Parameters
        ----------
        data : (C, n) float32 ndarray
        offsets : (B,) int64 ndarray
            First samples of the windows.
        """
        amplitude = np.abs(data)
        if self._joint:
            amplitude = amplitude.max(axis=0, keepdims=True)
        peaks = maximum_filter1d(amplitude, self.in_samples, axis=-1)[:, offsets + self.in_samples // 2]
        peaks = np.maximum(peaks, np.finfo(np.float32).tiny)
        return np.broadcast_to(peaks, (len(data), len(offsets))).T

    @property
    def peak(self) -> bool:
        """Whether windows are only divided by a peak amplitude."""
        return self.normalisation.endswith("peak")

    @property
    def _joint(self) -> bool:
        return self.normalisation.startswith("joint")

    def component_rows(self, codes: set[str], flexible: bool = True) -> dict[str, int]:
        """Map the component codes of a station to rows of its windows.

        Parameters
        ----------
        codes : set of str
            Component codes of the station, such as {"Z", "1", "2"}. U beside N and E is Z.
        flexible : bool
            Whether 1 and 2, or 2 and 3 beside Z, may replace N and E, and N and E may replace 1 and 2, as in SeisBench.
        """
        rows = {code: row for row, code in enumerate(self.component_order)}
        if flexible:
            rows |= {_EQUIVALENT[code]: row for code, row in rows.items() if _EQUIVALENT.get(code, code) not in rows}
        standard = standard_codes(sorted(codes), self.component_order, flexible)
        return {code: rows[meant] for code, meant in standard.items() if meant in rows}


def divide_by_std(windows: Tensor, over: tuple[int, ...]) -> Tensor:
    """Remove the mean of each component of windows (B, C, T), and divide by the standard deviation over `over`."""
    tiny = torch.finfo(windows.dtype).tiny
    mean = windows.mean(dim=-1, keepdim=True)
    windows = windows - mean
    # A constant minus its mean is rounding error, which the division would blow up.
    rounding = 8 * torch.finfo(windows.dtype).eps * mean.abs()
    windows = torch.where(windows.abs().amax(dim=-1, keepdim=True) <= rounding, 0, windows)  # NaN stays NaN
    windows = windows / windows.abs().amax(dim=over, keepdim=True).clamp_min(tiny)  # squares stay in range
    return windows / windows.square().mean(dim=over, keepdim=True).sqrt().clamp_min(tiny)
