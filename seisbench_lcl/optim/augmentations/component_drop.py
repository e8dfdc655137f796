"""An augmentation that drops components."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from seisbench_lcl.optim.augmentations.base import Augmentation


@dataclass(frozen=True, kw_only=True)
class ComponentDrop(Augmentation):
    """Set random components of each window to zero, like components that were not recorded.

    At least one component is dropped and at least one kept; all possible numbers are equally likely. A window with a
    single component stays unchanged.

    Parameters
    ----------
    probability : float
        Fraction of the windows that are changed.

    Examples
    --------
    >>> dropped = ComponentDrop(probability=1)(torch.ones(1, 2, 4), sampling_rate=100)
    >>> int((dropped == 0).all(dim=-1).sum())
    1
    """

    name: ClassVar[str] = "component_drop"
    probability: float = 0.25

    def _augment(self, windows: Tensor, sampling_rate: float) -> Tensor:
        n_windows, n_components, _ = windows.shape
        if n_components == 1:
            return windows
        n_kept = torch.randint(1, n_components, (n_windows, 1), device=windows.device)
        rank = torch.rand(n_windows, n_components, device=windows.device).argsort(dim=1).argsort(dim=1)
        return windows * (rank < n_kept)[..., None]
