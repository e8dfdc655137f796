"""A station that lacks components."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from seisbench_lcl.optim.augmentations.base import Augmentation


@dataclass(frozen=True, kw_only=True)
class ComponentDrop(Augmentation):
    """Set random components of each window to zero, as a component that was not recorded is.

    Any number of them from one to all but one, equally often. A window of a single component stays as it is.

    Parameters
    ----------
    probability : float
        Share of the windows that are changed.
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
