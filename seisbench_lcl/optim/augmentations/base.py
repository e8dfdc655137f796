"""What an augmentation is: it gives each window another look that leaves unchanged what the window shows."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class Augmentation(ABC):
    """A random change of windows, drawn for each window by itself from torch's global generator.

    A subclass sets `name`, adds its arguments as fields and implements `_augment`; one that cannot work on all windows
    implements `check`.

    Parameters
    ----------
    probability : float
        Share of the windows that are changed. The others show the network what it will be given in use.

    Attributes
    ----------
    name : str
        Key of the augmentation in a configuration.

    Raises
    ------
    ConfigurationError
        If the probability does not lie above 0 and up to 1.
    """

    name: ClassVar[str]
    probability: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.probability <= 1:
            raise ConfigurationError(
                f"{self.name}: probability must lie above 0 and up to 1, but is {self.probability!r}; "
                "to switch an augmentation off, leave it out"
            )

    def __call__(self, windows: Tensor, sampling_rate: float) -> Tensor:
        """Augment windows.

        Parameters
        ----------
        windows : (B, C, T) float32 Tensor
            On any device. Not changed.
        sampling_rate : float
            In Hz.

        Returns
        -------
        (B, C, T) float32 Tensor
        """
        chosen = torch.nonzero(torch.rand(len(windows), device=windows.device) < self.probability).flatten()
        augmented = windows.clone()
        if len(chosen):  # the Fourier transform of no window is an error
            augmented[chosen] = self._augment(windows[chosen], sampling_rate)
        return augmented

    def check(self, in_channels: int, in_samples: int, sampling_rate: float) -> None:  # noqa: B027 (few refuse any)
        """Refuse windows that cannot be augmented.

        Raises
        ------
        ConfigurationError
            If windows of these components, samples and rate cannot be augmented.
        """

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON types."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @abstractmethod
    def _augment(self, windows: Tensor, sampling_rate: float) -> Tensor: ...

    def _set_range(self, field: str, lowest: float) -> None:
        """Turn a field into a pair of numbers, which must not descend nor begin below `lowest`."""
        value: Sequence[float] = getattr(self, field)
        try:
            first, last = (float(number) for number in value)
        except (TypeError, ValueError):
            first, last = math.nan, math.nan
        if not lowest <= first <= last < math.inf:
            raise ConfigurationError(
                f"{self.name}: {field} must be two numbers that do not descend, from {lowest:g} on, but is {value!r}"
            )
        object.__setattr__(self, field, (first, last))


def uniform(like: Tensor, shape: Sequence[int], between: tuple[float, float]) -> Tensor:
    """Draw numbers evenly between two bounds, on the device of `like`."""
    low, high = between
    return low + (high - low) * torch.rand(*shape, device=like.device, dtype=like.dtype)


def log_uniform(like: Tensor, shape: Sequence[int], between: tuple[float, float]) -> Tensor:
    """Draw positive numbers whose logarithms lie evenly between those of two bounds."""
    low, high = between
    return uniform(like, shape, (math.log(low), math.log(high))).exp()
