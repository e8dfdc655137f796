"""MiniRocket in plain torch operations, for windows that already lie on a GPU."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from seisbench_lcl.extractors._minirocket_kernels import KERNEL_LENGTH, N_KERNELS, TAPS

_BLOCK_BYTES = 256 * 2**20  # of convolution output held at once


def transform(
    windows: Tensor, dilations: list[int], counts: list[int], masks: Tensor, subsets: Tensor, biases: Tensor
) -> Tensor:
    """Return the same features as the numba kernel, to within the rounding of the order of additions.

    Parameters
    ----------
    windows : (B, C, T) float32 Tensor
        On any device; all other tensors lie on the same one.
    dilations, counts : list of int, length D
        Dilations, and the number of biases of each kernel at that dilation.
    masks : (U, C) bool Tensor
        The distinct subsets of components.
    subsets : (D, 84) int64 Tensor
        Row of ``masks`` that each kernel uses at each dilation.
    biases : (F,) float32 Tensor

    Returns
    -------
    (B, F) float32 Tensor
    """
    block = max(1, _BLOCK_BYTES // (4 * N_KERNELS * windows.shape[-1]))
    features = [_block(part, dilations, counts, masks, subsets, biases) for part in torch.split(windows, block)]
    return torch.cat(features)


def _block(
    windows: Tensor, dilations: list[int], counts: list[int], masks: Tensor, subsets: Tensor, biases: Tensor
) -> Tensor:
    n_samples = windows.shape[-1]
    # No matrix product: at a lower float32_matmul_precision that would round the samples to 8 or 11 bits.
    sums = (windows[:, None] * masks[:, :, None]).sum(dim=2)
    a, b, c = torch.as_tensor(TAPS, device=windows.device).T
    kernels = torch.arange(N_KERNELS, device=windows.device)
    features = windows.new_empty(len(windows), len(biases))
    first = 0
    for d, (dilation, n_biases) in enumerate(zip(dilations, counts, strict=True)):
        edge = 4 * dilation
        shifted = pad(sums, (edge, edge)).unfold(-1, n_samples, dilation)  # (B, U, 9, T), a view
        assert shifted.shape[2] == KERNEL_LENGTH
        shared = -shifted.sum(dim=2)
        u = subsets[d]
        conv = shared[:, u] + 3 * (shifted[:, u, a] + shifted[:, u, b] + shifted[:, u, c])
        size = N_KERNELS * n_biases
        levels = biases[first : first + size].view(N_KERNELS, n_biases)
        out = features[:, first : first + size].view(len(windows), N_KERNELS, n_biases)
        valid = (kernels + d) % 2 == 1
        for i in range(n_biases):
            above = conv > levels[:, i, None]
            inside = above[..., edge : n_samples - edge]
            out[..., i] = torch.where(valid, inside.float().mean(dim=-1), above.float().mean(dim=-1))
        first += size
    return features
