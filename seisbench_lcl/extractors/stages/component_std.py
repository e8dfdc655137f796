"""Each component of a window in units of its own standard deviation."""

from typing import Any

from torch import Tensor

from seisbench_lcl.extractors.stages.base import Stage
from seisbench_lcl.waveforms.preprocessing import divide_by_std


class ComponentStd(Stage):
    """Divide each component by its standard deviation, as the normalisation "component-std" of a model does.

    For extractors joined by ``+``, of which one needs the amplitude ratios of components that another is better
    without: the model then has a joint normalisation, and this stage stands before the other.

    Parameters
    ----------
    in_channels, in_samples, sampling_rate
        As in `Stage`.
    """

    name = "component-std"
    transparent = True

    def config(self) -> dict[str, Any]:
        """Return nothing: there are no further arguments."""
        return {}

    def forward(self, windows: Tensor) -> Tensor:
        """Return windows (B, C, T); a component without motion is zero."""
        return divide_by_std(windows, over=(-1,))
