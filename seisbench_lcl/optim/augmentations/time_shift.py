"""Another time of the onset."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.optim.augmentations.base import Augmentation, uniform


@dataclass(frozen=True, kw_only=True)
class TimeShift(Augmentation):
    """Move each window in time by whole samples, all components alike.

    What enters at an edge is what lies there, mirrored. It has the level and the spectrum of the noise or coda that it
    continues, whereas zeros would be a flat line, which no window in use has, and a cyclic shift would set coda before
    the onset.

    Parameters
    ----------
    seconds : float
        Largest shift in either direction; shifts are uniform.
    probability : float
        Share of the windows that are changed.

    Raises
    ------
    ConfigurationError
        If the largest shift is not positive; from `check`, if it is not shorter than the window.
    """

    name: ClassVar[str] = "time_shift"
    seconds: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.seconds > 0:
            raise ConfigurationError(f"time_shift: seconds must be positive, but is {self.seconds!r}")

    def check(self, in_channels: int, in_samples: int, sampling_rate: float) -> None:  # noqa: D102
        if not self.seconds * sampling_rate <= in_samples - 1:
            raise ConfigurationError(
                f"time_shift moves windows by up to {self.seconds:g} s, but they are {in_samples / sampling_rate:g} s "
                "long; set its seconds to less than that"
            )

    def _augment(self, windows: Tensor, sampling_rate: float) -> Tensor:
        n_windows, n_components, n_samples = windows.shape
        largest = self.seconds * sampling_rate
        shifts = uniform(windows, (n_windows, 1, 1), (-largest, largest)).round().long()
        source = (torch.arange(n_samples, device=windows.device) - shifts).abs()  # mirrored at the first sample
        source = n_samples - 1 - (n_samples - 1 - source).abs()  # and at the last
        return windows.gather(-1, source.expand(-1, n_components, -1))
