"""The scale in which networks receive waveform windows."""

import torch
from torch import Tensor


def unit_rms(windows: Tensor) -> Tensor:
    """Divide windows (B, C, T) by their root mean square over all components and samples."""
    tiny = torch.finfo(windows.dtype).tiny
    windows = windows / windows.abs().amax(dim=(1, 2), keepdim=True).clamp_min(tiny)  # squares stay in range
    return windows / windows.square().mean(dim=(1, 2), keepdim=True).sqrt().clamp_min(tiny)
