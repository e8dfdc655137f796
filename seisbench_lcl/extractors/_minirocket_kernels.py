"""The numeric kernels of MiniRocket: dilated convolutions, counted against their biases.

A kernel has nine taps: three with weight 2 and six with weight −1. So with ``x``, the zero-padded sum of the components
of one subset,

    C[t] = Σ_j w_j x[t + (j − 4) d] = A[t] + 3 x[t + (a − 4) d] + 3 x[t + (b − 4) d] + 3 x[t + (c − 4) d]
    A[t] = −Σ_j x[t + (j − 4) d]

where all kernels of one subset and dilation ``d`` share A, so each kernel costs three additions per sample. The
comparison with several biases is fused into the same pass, so C never reaches memory. Convolution is linear, so
components are added before it: three components have only seven subsets, and A is computed once per component.

Overlapping windows of equal scale share their convolutions, except for outputs less than ``4 d`` from the ends of a
window. `count_windows` counts all outputs of each window; `count_interiors` (`_minirocket_blocks.py`) counts the
interior outputs of windows that overlap, and `count_windows` then adds those near the ends.

The order of additions is fixed (no fastmath): a window's counts do not depend on its batch, its run or the threads.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from seisbench_lcl.extractors._count_above import LANES, count_above

N_KERNELS = 84
KERNEL_LENGTH = 9
TAPS = np.array(list(combinations(range(KERNEL_LENGTH), 3)), dtype=np.int64)
"""Positions of the three weights 2 in each kernel, (84, 3); the six other weights are −1."""


class Plan(NamedTuple):
    """The kernels of a transform, without the biases.

    Attributes
    ----------
    dilations, n_biases : (D,) int64 ndarray
        Dilations, and the number of biases per kernel at each.
    masks : (U, C) bool ndarray
        The distinct subsets of components.
    subsets : (D, 84) int64 ndarray
        Row of `masks` for each dilation and kernel.
    order : (D, 84) int64 ndarray
        Kernels of a dilation sorted by subset, so that the shared part is summed once per subset.
    pads : (D, 84) bool ndarray
        Whether a kernel has outputs up to the ends of the window, which is padded with zeros, or only where all nine
        taps are inside.
    taps : (84, 3) int64 ndarray
    """

    dilations: NDArray[np.int64]
    n_biases: NDArray[np.int64]
    masks: NDArray[np.bool_]
    subsets: NDArray[np.int64]
    order: NDArray[np.int64]
    pads: NDArray[np.bool_]
    taps: NDArray[np.int64] = TAPS

    def positions(self, n_samples: int) -> NDArray[np.int64]:
        """Return the number of outputs that each feature counts, (F,)."""
        outputs = n_samples - np.where(self.pads, 0, (KERNEL_LENGTH - 1) * self.dilations[:, None])
        return np.repeat(outputs.ravel(), np.repeat(self.n_biases, N_KERNELS))


MOST = 8  # biases per pass: their counters stay in registers


@njit(nogil=True, cache=True)
def _count(k, base, first, x, a, b, c, n, biases, f, counts, g):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Count k biases in one pass; the fast kernel is compiled for each k."""
    if k == 1:
        count_above(1, base, first, x, a, b, c, n, biases, f, counts, g)
    elif k == 2:
        count_above(2, base, first, x, a, b, c, n, biases, f, counts, g)
    elif k == 3:
        count_above(3, base, first, x, a, b, c, n, biases, f, counts, g)
    elif k == 4:
        count_above(4, base, first, x, a, b, c, n, biases, f, counts, g)
    elif k == 5:
        count_above(5, base, first, x, a, b, c, n, biases, f, counts, g)
    elif k == 6:
        count_above(6, base, first, x, a, b, c, n, biases, f, counts, g)
    elif k == 7:
        count_above(7, base, first, x, a, b, c, n, biases, f, counts, g)
    else:
        count_above(8, base, first, x, a, b, c, n, biases, f, counts, g)


@njit(nogil=True, cache=True)
def sum_components(parts, mask, scale, total):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Sum the rows of ``parts`` selected by ``mask`` into ``total``, in order, and multiply the sum by ``scale``."""
    rows = np.flatnonzero(mask)
    for i in range(0, rows.size, 4):  # four rows a pass: sums stay in registers
        p0, n = parts[rows[i]], min(4, rows.size - i)
        p1, p2, p3 = parts[rows[i + min(1, n - 1)]], parts[rows[i + min(2, n - 1)]], parts[rows[i + n - 1]]
        last = scale if i + 4 >= rows.size else np.float32(1)
        if i:
            for t in range(total.size):
                total[t] += p0[t]
        if n == 1:
            for t in range(total.size):
                total[t] = (total[t] if i else p0[t]) * last
        elif n == 2:
            for t in range(total.size):
                total[t] = ((total[t] if i else p0[t]) + p1[t]) * last
        elif n == 3:
            for t in range(total.size):
                total[t] = ((total[t] if i else p0[t]) + p1[t] + p2[t]) * last
        else:
            for t in range(total.size):
                total[t] = ((total[t] if i else p0[t]) + p1[t] + p2[t] + p3[t]) * last


@njit(nogil=True, cache=True)
def sum_taps(x, offsets, total):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """``total[t] = −Σ_j x[offsets[j] + t]``, the part of the convolution shared by all 84 kernels."""
    n = total.size
    x0, x1, x2 = x[offsets[0] : offsets[0] + n], x[offsets[1] : offsets[1] + n], x[offsets[2] : offsets[2] + n]
    x3, x4, x5 = x[offsets[3] : offsets[3] + n], x[offsets[4] : offsets[4] + n], x[offsets[5] : offsets[5] + n]
    x6, x7, x8 = x[offsets[6] : offsets[6] + n], x[offsets[7] : offsets[7] + n], x[offsets[8] : offsets[8] + n]
    for t in range(n):
        total[t] = -(x0[t] + x1[t] + x2[t] + x3[t] + x4[t] + x5[t] + x6[t] + x7[t] + x8[t])


@njit(nogil=True, cache=True)
def count_windows(windows, ends, plan, biases, counts):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Add to ``counts`` the number of outputs above each bias, for each window, dilation and kernel.

    Parameters
    ----------
    windows : (B, C, T) float32
    ends : bool
        Whether to count only outputs less than 4 d from an end of the window.
    plan : Plan
    biases : (F,) float32
        Ordered by dilation, kernel, bias.
    counts : (B, F) int32
        Output.
    """
    dilations, n_biases, masks, subsets, order, pads, taps = plan
    n_windows, n_components, n_samples = windows.shape
    margin = 4 * dilations[-1]
    padded = np.zeros((n_components, n_samples + 2 * margin + LANES), dtype=np.float32)
    tripled = np.zeros(padded.shape, dtype=np.float32)
    shared = np.zeros((n_components, n_samples + LANES), dtype=np.float32)
    # Of a subset of several components.
    sum_tripled, sum_shared = np.zeros_like(tripled[0]), np.zeros_like(shared[0])
    middle = sum_tripled[margin : margin + n_samples]
    for w in range(n_windows):
        padded[:, margin : margin + n_samples] = windows[w]
        for component in range(n_components):
            for t in range(margin, margin + n_samples):
                tripled[component, t] = padded[component, t] * np.float32(3)
        row = counts[w]
        f = 0
        for d in range(dilations.size):
            dilation, most = dilations[d], most_per_pass(n_biases[d])
            edge = 4 * dilation
            offsets = margin + (np.arange(KERNEL_LENGTH) - 4) * dilation
            for component in range(n_components):
                sum_taps(padded[component], offsets, shared[component, :n_samples])
            current, x, base = -1, tripled[0], shared[0]
            for i in range(N_KERNELS):
                kernel = order[d, i]
                pad = pads[d, kernel]
                if ends and not pad:
                    continue
                if subsets[d, kernel] != current:
                    current = subsets[d, kernel]
                    single = only_component(masks[current])
                    if single >= 0:
                        x, base = tripled[single], shared[single]
                    else:
                        x, base = sum_tripled, sum_shared
                        sum_components(windows[w], masks[current], np.float32(3), middle)
                        sum_components(shared, masks[current], np.float32(1), base)
                a, b, c = offsets[taps[kernel, 0]], offsets[taps[kernel, 1]], offsets[taps[kernel, 2]]
                start = f + kernel * n_biases[d]
                end = start + n_biases[d]
                for g in range(start, end, most):
                    k = min(most, end - g)
                    if ends:
                        t = n_samples - edge
                        _count(k, base, 0, x, a, b, c, edge, biases, g, row, g)
                        _count(k, base, t, x, a + t, b + t, c + t, edge, biases, g, row, g)
                    else:
                        t = 0 if pad else edge
                        _count(k, base, t, x, a + t, b + t, c + t, n_samples - 2 * t, biases, g, row, g)
            f += N_KERNELS * n_biases[d]


@njit(nogil=True, cache=True)
def only_component(mask):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Return the component of a subset of one, or −1."""
    found = -1
    for component in range(mask.size):
        if mask[component]:
            if found >= 0:
                return -1
            found = component
    return found


@njit(nogil=True, cache=True)
def most_per_pass(n_biases):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Return the number of biases per pass that makes the passes about equal."""
    n_passes = (n_biases + MOST - 1) // MOST
    return (n_biases + n_passes - 1) // n_passes
