"""An augmentation that adds noise."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from seisbench_lcl.optim.augmentations.base import Augmentation, uniform


@dataclass(frozen=True, kw_only=True)
class Noise(Augmentation):
    """Add stationary Gaussian noise with the amplitude spectrum of the component.

    White noise would be mostly outside the band of the preprocessing, where windows in use have no energy and noise is
    easily separated from signal.

    Parameters
    ----------
    level : (float, float)
        Smallest and largest standard deviation of the noise, in units of the component's; drawn uniformly.
    probability : float
        Fraction of the windows that are changed.

    Raises
    ------
    ConfigurationError
        If the range descends or starts below 0.

    Examples
    --------
    >>> Noise(level=(0.1, 0.3))(torch.randn(8, 3, 500), sampling_rate=100).shape
    torch.Size([8, 3, 500])
    """

    name: ClassVar[str] = "noise"
    level: tuple[float, float] = (0.0, 0.5)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set_range("level", 0.0)

    def _augment(self, windows: Tensor, sampling_rate: float) -> Tensor:
        amplitudes = torch.fft.rfft(windows).abs()
        # The spectrum of unit white noise has a mean square of T; dividing by its root preserves amplitudes.
        white = torch.fft.rfft(torch.randn_like(windows)) / windows.shape[-1] ** 0.5
        coloured = torch.fft.irfft(amplitudes * white, n=windows.shape[-1])
        return windows + uniform(windows, (len(windows), 1, 1), self.level) * coloured
