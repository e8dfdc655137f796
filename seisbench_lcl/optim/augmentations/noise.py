"""Another signal-to-noise ratio."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from seisbench_lcl.optim.augmentations.base import Augmentation, uniform


@dataclass(frozen=True, kw_only=True)
class Noise(Augmentation):
    """Add stationary Gaussian noise that has the amplitude spectrum of the component it is added to.

    White noise would lie mostly outside the band that the preprocessing has left, where a network that is in use never
    meets any energy, and where it need not look to tell noise from signal.

    Parameters
    ----------
    level : (float, float)
        Smallest and largest standard deviation of the noise, uniform between them, as a multiple of that of the
        component.
    probability : float
        Share of the windows that are changed.

    Raises
    ------
    ConfigurationError
        If the range descends or begins below 0.
    """

    name: ClassVar[str] = "noise"
    level: tuple[float, float] = (0.0, 0.5)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set_range("level", 0.0)

    def _augment(self, windows: Tensor, sampling_rate: float) -> Tensor:
        amplitudes = torch.fft.rfft(windows).abs()
        # The spectrum of white noise of variance 1 has the mean square T: divided by it, amplitudes are kept.
        white = torch.fft.rfft(torch.randn_like(windows)) / windows.shape[-1] ** 0.5
        coloured = torch.fft.irfft(amplitudes * white, n=windows.shape[-1])
        return windows + uniform(windows, (len(windows), 1, 1), self.level) * coloured
