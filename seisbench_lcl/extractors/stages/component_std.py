"""Components of a window in units of their own standard deviation."""

from typing import Any

from torch import Tensor

from seisbench_lcl.extractors.stages.base import Stage
from seisbench_lcl.waveforms.preprocessing import divide_by_std


class ComponentStd(Stage):
    """Divide each component by its standard deviation, as the normalisation "component-std" of a model does.

    Use it for extractors joined by ``+`` if one needs the amplitude ratios of components and another is better without:
    choose a joint normalisation for the model, and put this stage before the second extractor.

    Parameters
    ----------
    in_channels, in_samples, sampling_rate
        As in `Stage`.

    Examples
    --------
    >>> import torch
    >>> windows = ComponentStd(1, 4, 100.0)(torch.tensor([[[5.0, 9.0, 5.0, 9.0]]]))
    >>> windows.tolist()
    [[[-1.0, 1.0, -1.0, 1.0]]]
    """

    name = "component-std"
    transparent = True

    def config(self) -> dict[str, Any]:
        """Return an empty dict: there are no further arguments."""
        return {}

    def forward(self, windows: Tensor) -> Tensor:
        """Return windows (B, C, T); a component without motion is zero."""
        return divide_by_std(windows, over=(-1,))
