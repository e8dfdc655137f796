"""The base class of augmentations, which change the appearance of a window but not its class."""

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
    """A random change, drawn separately for each window from torch's global generator.

    A subclass sets `name`, adds its arguments as fields and implements `_augment`. A subclass that does not suit all
    windows also implements `check`.

    Parameters
    ----------
    probability : float
        Fraction of the windows that are changed. The others show the network the windows that it meets in use.

    Attributes
    ----------
    name : str
        Key of the augmentation in a configuration.

    Raises
    ------
    ConfigurationError
        If the probability is not above 0 and at most 1.

    Examples
    --------
    >>> @dataclass(frozen=True, kw_only=True)
    ... class Reverse(Augmentation):
    ...     name: ClassVar[str] = "reverse"
    ...
    ...     def _augment(self, windows, sampling_rate):
    ...         return -windows
    >>> Reverse(probability=1)(torch.ones(1, 1, 3), sampling_rate=100)
    tensor([[[-1., -1., -1.]]])
    """

    name: ClassVar[str]
    probability: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.probability <= 1:
            raise ConfigurationError(
                f"{self.name}: probability must be above 0 and at most 1, but is {self.probability!r}; "
                "to switch an augmentation off, omit it"
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
        if len(chosen):  # torch cannot transform an empty batch
            augmented[chosen] = self._augment(windows[chosen], sampling_rate)
        return augmented

    def check(self, in_channels: int, in_samples: int, sampling_rate: float) -> None:  # noqa: B027 (most suit all windows)
        """Refuse windows that cannot be augmented.

        Raises
        ------
        ConfigurationError
            If the components, samples or sampling rate do not suit the augmentation.
        """

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON types."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @abstractmethod
    def _augment(self, windows: Tensor, sampling_rate: float) -> Tensor: ...

    def _set_range(self, field: str, lowest: float) -> None:
        """Turn a field into a pair of ascending numbers of at least `lowest`."""
        value: Sequence[float] = getattr(self, field)
        try:
            first, last = (float(number) for number in value)
        except (TypeError, ValueError):
            first, last = math.nan, math.nan
        if not lowest <= first <= last < math.inf:
            raise ConfigurationError(
                f"{self.name}: {field} must be two ascending numbers of at least {lowest:g}, but is {value!r}"
            )
        object.__setattr__(self, field, (first, last))


def uniform(like: Tensor, shape: Sequence[int], between: tuple[float, float]) -> Tensor:
    """Draw uniform numbers between two bounds, on the device of `like`."""
    low, high = between
    return low + (high - low) * torch.rand(*shape, device=like.device, dtype=like.dtype)


def log_uniform(like: Tensor, shape: Sequence[int], between: tuple[float, float]) -> Tensor:
    """Draw log-uniform numbers between two positive bounds, on the device of `like`."""
    low, high = between
    return uniform(like, shape, (math.log(low), math.log(high))).exp()
