"""An augmentation that shifts the onset."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.optim.augmentations.base import Augmentation, uniform


@dataclass(frozen=True, kw_only=True)
class TimeShift(Augmentation):
    """Shift each window in time by whole samples, the same for all components.

    The samples that enter at an edge mirror the samples next to it, so they have the level and spectrum of the noise or
    coda that they continue. Zeros would make a flat line, which windows in use do not have, and a cyclic shift would
    put coda before the onset.

    Parameters
    ----------
    seconds : float
        Largest shift in either direction, in s; shifts are uniform.
    probability : float
        Fraction of the windows that are changed.

    Raises
    ------
    ConfigurationError
        If the largest shift is not positive; from `check`, if it is not shorter than the window.

    Examples
    --------
    >>> TimeShift(seconds=0.5)(torch.randn(8, 3, 500), sampling_rate=100).shape
    torch.Size([8, 3, 500])
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
                f"time_shift moves windows by up to {self.seconds:g} s, but they are only "
                f"{in_samples / sampling_rate:g} s long; lower its seconds"
            )

    def _augment(self, windows: Tensor, sampling_rate: float) -> Tensor:
        n_windows, n_components, n_samples = windows.shape
        largest = self.seconds * sampling_rate
        shifts = uniform(windows, (n_windows, 1, 1), (-largest, largest)).round().long()
        source = (torch.arange(n_samples, device=windows.device) - shifts).abs()  # mirrored at the first sample
        source = n_samples - 1 - (n_samples - 1 - source).abs()  # and at the last sample
        return windows.gather(-1, source.expand(-1, n_components, -1))
