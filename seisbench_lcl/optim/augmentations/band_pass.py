"""What a window shows in a part of its band."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from seisbench_lcl.optim.augmentations._bands import Banded, filtered


@dataclass(frozen=True, kw_only=True)
class BandPass(Banded):
    """Keep a random frequency band of each window.

    The band is the same for all components, its edges fall over half an octave, and no phase is moved.

    Parameters
    ----------
    frequencies : (float, float)
        Bounds of the bands in Hz; the upper one counts up to 0.4 of the sampling rate. They should lie in the band of
        the preprocessing, whose default they share: beyond it there is nothing to keep.
    octaves : (float, float)
        Smallest and largest width of a band.
    probability : float
        Share of the windows that are changed.

    Raises
    ------
    ConfigurationError
        If a range descends or is not positive; from `check`, if the widest band does not fit between the frequencies.
    """

    name: ClassVar[str] = "band_pass"
    frequencies: tuple[float, float] = (1.0, 18.0)
    octaves: tuple[float, float] = (1.5, 3.0)

    def _augment(self, windows: Tensor, sampling_rate: float) -> Tensor:
        return filtered(windows, self._gains(windows, sampling_rate))
