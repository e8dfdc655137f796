"""The onset of an arrival, from the waveform alone."""

import torch
from torch import Tensor

_LEAST = 5  # samples of a segment: the variance of fewer is too small by chance
_FLOOR = 1e-12  # of the variance of the window: what differences of sums leave of less is rounding


def aic_onset(windows: Tensor) -> Tensor:
    """Find where windows are best divided into noise and signal, by Akaike's information criterion.

    The model is one variance before the onset and another from there on: k log σ²₁ + (n − k − 1) log σ²₂ is least where
    k samples lie before it. Either side has at least five samples.

    Parameters
    ----------
    windows : (B, n) Tensor
        Of one component each, best not much longer than the doubt about the onset: every window has a least criterion,
        also one that shows no onset, or several.

    Returns
    -------
    (B,) int64 Tensor
        The first sample of the signal; n // 2 where a window is constant or has fewer than ten samples.

    References
    ----------
    Maeda (1985), A method for reading and checking phase times in autoprocessing system of seismic wave data, Zisin 38.
    """
    n = windows.shape[-1]
    middle = torch.full((len(windows),), n // 2, device=windows.device)
    if n < 2 * _LEAST:
        return middle
    x = windows.double()
    x = x - x.mean(dim=-1, keepdim=True)
    k = torch.arange(_LEAST, n - _LEAST + 1, device=x.device)
    least = (_FLOOR * x.square().mean(dim=-1, keepdim=True)).clamp_min(torch.finfo(x.dtype).tiny)
    before = _variances(x).maximum(least)[:, k - 1]
    after = _variances(x.flip(-1)).maximum(least)[:, n - k - 1]
    criterion = k * before.log() + (n - k - 1) * after.log()
    constant = windows.amax(dim=-1) == windows.amin(dim=-1)
    return torch.where(constant, middle, k[criterion.argmin(dim=-1)])


def _variances(x: Tensor) -> Tensor:
    """Return the variance of the first 1, 2, … n samples of each row."""
    count = torch.arange(1, x.shape[-1] + 1, device=x.device)
    return x.square().cumsum(-1) / count - (x.cumsum(-1) / count).square()
