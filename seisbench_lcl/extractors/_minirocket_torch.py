"""MiniRocket in plain torch operations, for windows that are already on a GPU."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from seisbench_lcl.extractors._minirocket_kernels import KERNEL_LENGTH, N_KERNELS, Plan

_BLOCK_BYTES = 256 * 2**20  # of convolution output in memory at once


def transform(windows: Tensor, plan: Plan, biases: Tensor) -> Tensor:
    """Return the features of the numba kernels, except for rounding: the order of additions differs.

    Parameters
    ----------
    windows : (B, C, T) float32 Tensor
        On any device.
    plan : Plan
    biases : (F,) float32 Tensor
        On the same device.

    Returns
    -------
    (B, F) float32 Tensor
    """
    block = max(1, _BLOCK_BYTES // (4 * N_KERNELS * windows.shape[-1]))
    return torch.cat([_block(part, plan, biases) for part in torch.split(windows, block)])


def _block(windows: Tensor, plan: Plan, biases: Tensor) -> Tensor:
    device, n_samples = windows.device, windows.shape[-1]
    masks, subsets, pads = (torch.from_numpy(array).to(device) for array in (plan.masks, plan.subsets, plan.pads))
    # Not a matrix product: a lower float32_matmul_precision would round the samples to 8 or 11 bits.
    sums = (windows[:, None] * masks[:, :, None]).sum(dim=2)
    a, b, c = torch.from_numpy(plan.taps).to(device).T
    features = windows.new_empty(len(windows), len(biases))
    first = 0
    for d, (dilation, n_biases) in enumerate(zip(plan.dilations.tolist(), plan.n_biases.tolist(), strict=True)):
        edge = 4 * dilation
        shifted = pad(sums, (edge, edge)).unfold(-1, n_samples, dilation)  # (B, U, 9, T), a view
        assert shifted.shape[2] == KERNEL_LENGTH
        shared = -shifted.sum(dim=2)
        u = subsets[d]
        conv = shared[:, u] + 3 * (shifted[:, u, a] + shifted[:, u, b] + shifted[:, u, c])
        size = N_KERNELS * n_biases
        levels = biases[first : first + size].view(N_KERNELS, n_biases)
        out = features[:, first : first + size].view(len(windows), N_KERNELS, n_biases)
        for i in range(n_biases):
            above = conv > levels[:, i, None]
            inside = above[..., edge : n_samples - edge].sum(dim=-1)
            out[..., i] = torch.where(pads[d], above.sum(dim=-1), inside)
        first += size
    return features / torch.from_numpy(plan.positions(n_samples)).to(device)
