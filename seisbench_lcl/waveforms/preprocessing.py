"""What happens to samples before the extractor: one code path for training, `annotate` and evaluation."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError, SamplingRateError
from seisbench_lcl.waveforms.resampling import high_pass, resample

Normalisation = Literal["component-std", "component-peak", "joint-std", "joint-peak"]

_ALIKE = {"1": "N", "2": "E", "N": "1", "E": "2"}


@dataclass(frozen=True)
class Preprocessing:
    """The part of a model that stands before its extractor; its values travel with the weights.

    A record is demeaned in double precision, resampled and low-passed by one kernel that is the same for every native
    rate (`seisbench_lcl.waveforms.resampling`), high-passed, and cast to float32. A window is normalised.

    Parameters
    ----------
    sampling_rate : float
        Of the windows, in Hz.
    in_samples : int
        Length of a window in samples.
    component_order : str
        Component codes, for example "ZNE" or "Z".
    band : (float, float)
        Lowest and highest frequency in Hz. Nothing above the highest remains, so a record is admitted if it is sampled
        at least twice as fast.
    before : float
        Time from the start of a training window to the P arrival, in seconds.
    normalisation : {"component-std", "component-peak", "joint-std", "joint-peak"}
        Divide each component by its own standard deviation or largest amplitude, or all of them by a common one, which
        keeps their amplitude ratios.

    Raises
    ------
    ConfigurationError
        If the band does not lie between 0 and half the sampling rate, the P arrival not in the window, a component is
        named twice, or the normalisation is unknown.
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
                f"a window needs a positive sampling rate and whole number of samples, but has {self.sampling_rate!r} "
                f"Hz and {self.in_samples!r} samples"
            )
        try:
            lowest, highest = (float(f) for f in self.band)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"band must be two frequencies in Hz, but is {self.band!r}") from error
        object.__setattr__(self, "band", (lowest, highest))
        if not 0 < lowest < highest <= self.sampling_rate / 2:
            raise ConfigurationError(
                f"band must satisfy 0 < lowest < highest <= {self.sampling_rate / 2:g} Hz, half the sampling rate of "
                f"the windows, but is {lowest:g} to {highest:g} Hz"
            )
        if not 0 <= self.before < self.seconds:
            raise ConfigurationError(
                f"the P arrival must lie in the window of {self.seconds:g} s, but is {self.before:g} s after its start"
            )
        if not self.component_order or len(set(self.component_order)) < len(self.component_order):
            raise ConfigurationError(
                f"component_order must name each component once, such as 'ZNE', but is {self.component_order!r}"
            )
        if self.normalisation not in get_args(Normalisation):
            raise ConfigurationError(
                f"normalisation must be one of {', '.join(get_args(Normalisation))}, but is {self.normalisation!r}"
            )

    @property
    def seconds(self) -> float:
        """Length of a window in seconds."""
        return self.in_samples / self.sampling_rate

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        return asdict(self) | {"band": list(self.band)}

    def condition(self, data: NDArray[Any], rate: float, offset: float = 0.0) -> NDArray[np.float32]:
        """Bring one gapless record of one component to the rate and band of the windows.

        Parameters
        ----------
        data : (n,) ndarray
            Raw samples of any numeric type.
        rate : float
            In Hz.
        offset : float
            Time from the first sample to the first point of the output grid, in seconds.

        Returns
        -------
        (m,) float32 ndarray

        Raises
        ------
        SamplingRateError
            If the record is sampled too slowly for the band.
        """
        lowest, highest = self.band
        # Sampling rates derived from a float32 interval, as in SAC, are off by parts in ten million.
        if rate < 2 * highest * (1 - 1e-6):
            raise SamplingRateError(
                f"sampled at {rate:g} Hz, but the model's band reaches {highest:g} Hz and so needs at least "
                f"{2 * highest:g} Hz: use a model of a lower band (upsampling cannot restore what was not recorded)",
                summary=f"sampled at {rate:g} Hz",
            )
        data = data.astype(np.float64)
        data -= data.mean()
        data = resample(data, rate, self.sampling_rate, highest, offset)
        return high_pass(data, self.sampling_rate, lowest).astype(np.float32)

    def normalise(self, windows: Tensor) -> Tensor:
        """Divide each component of each window by the scale that `normalisation` names.

        Before division by a standard deviation the mean is removed. A largest amplitude is taken as it is: the mean of
        a high-passed window is small, and overlapping windows often share their peak, and with it their work.

        Parameters
        ----------
        windows : (B, C, T) float32 Tensor

        Returns
        -------
        (B, C, T) float32 Tensor
            A component without any motion stays zero.
        """
        over = (-2, -1) if self._joint else (-1,)
        if self.peak:
            return windows / windows.abs().amax(dim=over, keepdim=True).clamp_min(torch.finfo(windows.dtype).tiny)
        return divide_by_std(windows, over)

    def peaks(self, data: NDArray[np.float32], offsets: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return what `normalise` divides the windows of a record by, (B, C), where that is their peak.

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
        """Whether windows are divided by a largest amplitude, and nothing else happens to them."""
        return self.normalisation.endswith("peak")

    @property
    def _joint(self) -> bool:
        return self.normalisation.startswith("joint")

    def component_rows(self, codes: set[str], flexible: bool = True) -> dict[str, int]:
        """Map the component codes of a station to rows of its windows.

        Parameters
        ----------
        codes : set of str
            Component codes found, such as {"Z", "1", "2"}.
        flexible : bool
            Whether 1 and 2 may stand in for N and E, and the reverse, as in SeisBench.
        """
        rows = {code: row for row, code in enumerate(self.component_order)}
        if flexible:
            rows |= {_ALIKE[code]: row for code, row in rows.items() if _ALIKE.get(code, code) not in rows}
        return {code: rows[code] for code in sorted(codes) if code in rows}


def divide_by_std(windows: Tensor, over: tuple[int, ...]) -> Tensor:
    """Remove the mean of each component of windows (B, C, T), and divide by the standard deviation over dimensions."""
    tiny = torch.finfo(windows.dtype).tiny
    mean = windows.mean(dim=-1, keepdim=True)
    windows = windows - mean
    # What a constant leaves after its mean is rounding, and would be blown up to full size.
    rounding = 8 * torch.finfo(windows.dtype).eps * mean.abs()
    windows = torch.where(windows.abs().amax(dim=-1, keepdim=True) <= rounding, 0, windows)  # and NaN stays NaN
    windows = windows / windows.abs().amax(dim=over, keepdim=True).clamp_min(tiny)  # squares stay in range
    return windows / windows.square().mean(dim=over, keepdim=True).sqrt().clamp_min(tiny)
