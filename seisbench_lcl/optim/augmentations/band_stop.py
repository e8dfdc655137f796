"""What a window shows without a part of its band."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from seisbench_lcl.optim.augmentations._bands import Banded, filtered


@dataclass(frozen=True, kw_only=True)
class BandStop(Banded):
    """Remove a random frequency band from each window.

    The band is the same for all components, its edges fall over half an octave outside it, and no phase is moved.

    Parameters
    ----------
    frequencies : (float, float)
        Bounds of the bands in Hz; the upper one counts up to 0.4 of the sampling rate.
    octaves : (float, float)
        Smallest and largest width of a band.
    probability : float
        Share of the windows that are changed.

    Raises
    ------
    ConfigurationError
        If a range descends or is not positive; from `check`, if the widest band does not fit between the frequencies.
    """

    name: ClassVar[str] = "band_stop"
    frequencies: tuple[float, float] = (1.0, 18.0)
    octaves: tuple[float, float] = (0.25, 1.0)

    def _augment(self, windows: Tensor, sampling_rate: float) -> Tensor:
        return filtered(windows, 1 - self._gains(windows, sampling_rate))
