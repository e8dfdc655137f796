"""The onset of an arrival, from the waveform alone."""

import torch
from torch import Tensor

_LEAST = 5  # minimum samples of a segment: the variance of fewer can be small by chance
_FLOOR = 1e-12  # fraction of the variance of the window, below which differences of sums are rounding


def aic_onset(windows: Tensor) -> Tensor:
    """Find the best division of windows into noise and signal by Akaike's information criterion.

    The model is one variance before the onset and another after it: the number of samples k before the onset minimises
    k log σ²₁ + (n − k − 1) log σ²₂. Each side has at least five samples.

    Parameters
    ----------
    windows : (B, n) Tensor
        Windows of one component, not much longer than the uncertainty of the onset: the criterion always has a minimum,
        even if a window shows no onset or several.

    Returns
    -------
    (B,) int64 Tensor
        The first sample of the signal; n // 2 if a window is constant or has fewer than ten samples.

    References
    ----------
    Maeda (1985), A method for reading and checking phase times in autoprocessing system of seismic wave data, Zisin 38.

    Examples
    --------
    >>> window = torch.cat([torch.tensor([0.1, -0.1]).repeat(50), torch.tensor([5.0, -5.0]).repeat(50)])
    >>> aic_onset(window[None])
    tensor([100])
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
