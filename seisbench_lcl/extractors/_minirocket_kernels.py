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

from seisbench_lcl.extractors._count_above import LANES, count_above, sum_rows, sum_rows_plain

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


_WIDE, _NARROW = max(4 * LANES, 1), max(LANES, 1)  # samples whose sums stay in registers
MOST = 6  # biases per pass: their counters stay in registers


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
    else:
        count_above(6, base, first, x, a, b, c, n, biases, f, counts, g)


@njit(nogil=True, cache=True)
def members_of(masks):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Return the components in each subset (U, C), and their number (U,)."""
    members, sizes = np.zeros(masks.shape, dtype=np.int64), np.zeros(len(masks), dtype=np.int64)
    for u in range(masks.shape[0]):
        for component in range(masks.shape[1]):
            if masks[u, component]:
                members[u, sizes[u]] = component
                sizes[u] += 1
    return members, sizes


@njit(nogil=True, cache=True)
def sum_components(parts, first, pitch, members, size, scale, total, start, n):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Sum, in order, the components in a subset, and multiply the sum by ``scale``.

    Parameters
    ----------
    parts : float32 array
        Sample t of component c is ``parts[first + c pitch + t]``.
    first, pitch : int64
    members : int64 array
    size : int64
        Number of members, one or more.
    scale : float32
    total : float32 array
        Output, from ``start``.
    start, n : int64
    """
    done = n - n % _WIDE
    sum_rows(_WIDE, parts, first, pitch, members, size, scale, done, total, start)
    more = (n - done) - (n - done) % _NARROW
    sum_rows(_NARROW, parts, first + done, pitch, members, size, scale, more, total, start + done)
    done += more
    sum_rows_plain(1, parts, first + done, pitch, members, size, scale, n - done, total, start + done)


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
    members, sizes = members_of(masks)
    padded = np.zeros((n_components, n_samples + 2 * margin + LANES), dtype=np.float32)
    tripled = np.zeros((masks.shape[0], padded.shape[1]), dtype=np.float32)
    shared = np.zeros((n_components, n_samples + LANES), dtype=np.float32)
    sum_shared = np.zeros_like(shared[0])  # of a subset of several components
    signal, common, pitch = padded.reshape(-1), shared.reshape(-1), padded.shape[1]
    for w in range(n_windows):
        padded[:, margin : margin + n_samples] = windows[w]
        for u in range(masks.shape[0]):
            sum_components(signal, margin, pitch, members[u], sizes[u], np.float32(3), tripled[u], margin, n_samples)
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
                    x, own, size = tripled[current], members[current], sizes[current]
                    if size == 1:
                        base = shared[own[0]]
                    else:
                        base = sum_shared
                        sum_components(common, 0, base.size, own, size, np.float32(1), base, 0, n_samples)
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
def most_per_pass(n_biases):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Return the number of biases per pass that makes the passes about equal."""
    n_passes = (n_biases + MOST - 1) // MOST
    return (n_biases + n_passes - 1) // n_passes
