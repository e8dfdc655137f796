"""Augmentations by name, and chains of augmentations."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from torch import Tensor
from typing_extensions import Self

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.optim.augmentations.bands import BandPass, BandStop
from seisbench_lcl.optim.augmentations.base import Augmentation
from seisbench_lcl.optim.augmentations.component_drop import ComponentDrop
from seisbench_lcl.optim.augmentations.noise import Noise
from seisbench_lcl.optim.augmentations.scaling import Scaling
from seisbench_lcl.optim.augmentations.seisbench import FromSeisBench
from seisbench_lcl.optim.augmentations.time_shift import TimeShift

AUGMENTATIONS: dict[str, type[Augmentation]] = {
    augmentation.name: augmentation
    for augmentation in (Scaling, Noise, BandPass, BandStop, TimeShift, ComponentDrop, FromSeisBench)
}
"""The augmentations that a configuration can name."""


@dataclass(frozen=True)
class Chain:
    """Several augmentations, applied in order.

    Parameters
    ----------
    steps : tuple of Augmentation

    Examples
    --------
    >>> import torch
    >>> chain = Chain.from_config({"scaling": {"component": [0.5, 2]}, "time_shift": {}})
    >>> chain(torch.randn(8, 3, 500), sampling_rate=100).shape
    torch.Size([8, 3, 500])
    """

    steps: tuple[Augmentation, ...]

    @classmethod
    def from_config(cls, config: Mapping[str, Mapping[str, Any]]) -> Self:
        """Create a chain from names and arguments, in the order of the mapping.

        Parameters
        ----------
        config : mapping from name to arguments
            Names are the keys of `AUGMENTATIONS`; missing arguments have their defaults.

        Raises
        ------
        ConfigurationError
            If a name or an argument is unknown, or an argument out of range.
        """
        return cls(tuple(_made(name, arguments) for name, arguments in config.items()))

    def config(self) -> dict[str, dict[str, Any]]:
        """Return the argument of `from_config`, as JSON types."""
        return {step.name: step.config() for step in self.steps}

    def check(self, in_channels: int, in_samples: int, sampling_rate: float) -> None:
        """Refuse windows that one of the augmentations cannot change.

        Raises
        ------
        ConfigurationError
            From the first such augmentation.
        """
        for step in self.steps:
            step.check(in_channels, in_samples, sampling_rate)

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
        for step in self.steps:
            windows = step(windows, sampling_rate)
        return windows


def _made(name: str, arguments: Mapping[str, Any]) -> Augmentation:
    if name not in AUGMENTATIONS:
        raise ConfigurationError(f"there is no augmentation {name!r}; available: {', '.join(AUGMENTATIONS)}")
    known = [field.name for field in fields(AUGMENTATIONS[name])]
    if unknown := set(arguments) - set(known):
        raise ConfigurationError(
            f"{name} has no argument {', '.join(sorted(unknown))}; its arguments are {', '.join(sorted(known))}"
        )
    return AUGMENTATIONS[name](**arguments)
