"""An augmentation that scales windows and components."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from seisbench_lcl.optim.augmentations.base import Augmentation, log_uniform

_SMALLEST = 1e-3


@dataclass(frozen=True, kw_only=True)
class Scaling(Augmentation):
    """Multiply each window, and each of its components, by a random factor.

    The factors are log-uniform. For a network that divides windows by their own scale, such as `SimCLR`, only the
    factors of the components matter.

    Parameters
    ----------
    window : (float, float)
        Smallest and largest factor of a window.
    component : (float, float)
        Smallest and largest factor of a component.
    probability : float
        Fraction of the windows that are changed.

    Raises
    ------
    ConfigurationError
        If a range descends or starts below 0.001.

    Examples
    --------
    >>> import torch
    >>> Scaling(component=(0.8, 1.25))(torch.randn(8, 3, 500), sampling_rate=100).shape
    torch.Size([8, 3, 500])
    """

    name: ClassVar[str] = "scaling"
    window: tuple[float, float] = (0.5, 2.0)
    component: tuple[float, float] = (0.5, 2.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set_range("window", _SMALLEST)
        self._set_range("component", _SMALLEST)

    def _augment(self, windows: Tensor, sampling_rate: float) -> Tensor:
        n_windows, n_components, _ = windows.shape
        of_window = log_uniform(windows, (n_windows, 1, 1), self.window)
        return windows * of_window * log_uniform(windows, (n_windows, n_components, 1), self.component)
