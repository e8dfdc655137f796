"""The scale that networks over samples are given windows in."""

import torch
from torch import Tensor


def unit_rms(windows: Tensor) -> Tensor:
    """Divide windows (B, C, T) by their root mean square over all components and samples."""
    scale = windows.square().mean(dim=(1, 2), keepdim=True).sqrt()
    return windows / scale.clamp_min(torch.finfo(windows.dtype).tiny)
