"""The numeric kernels of MiniRocket: dilated convolutions, counted against their biases.

A kernel has nine taps: three with weight 2 and six with weight −1. So with ``x``, the zero-padded sum of the components
of one subset,

    C[t] = Σ_j w_j x[t + (j − 4) d] = A[t] + 3 x[t + (a − 4) d] + 3 x[t + (b − 4) d] + 3 x[t + (c − 4) d]
    A[t] = −Σ_j x[t + (j − 4) d]

where all kernels of one subset and dilation ``d`` share A, so each kernel costs three additions per sample. The
comparison with several biases is fused into the same pass, so C never reaches memory. Convolution is linear, so
components are added before it: three components have only seven subsets, and A is computed once per component.

Overlapping windows of equal scale share their convolutions, except for outputs less than ``4 d`` from the ends of a
window. `count_windows` counts all outputs of each window; `count_interiors` counts the interior outputs of a run of
windows together, and `count_windows` then adds those near the ends.

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


_MOST = 8  # biases per pass: their counters stay in registers


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
def _add_components(parts, mask, total):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Sum the rows of ``parts`` selected by ``mask`` into ``total``, in order."""
    total[:] = 0
    for component in range(mask.size):
        if mask[component]:
            for t in range(total.size):
                total[t] += parts[component, t]


@njit(nogil=True, cache=True)
def _shared_part(x, margin, dilation, base):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """``base[t] = −Σ_j x[margin + t + (j − 4) d]``, the part of the convolution shared by all 84 kernels."""
    n = base.size
    first = margin - 4 * dilation
    x0, x1, x2 = x[first : first + n], x[first + dilation : first + dilation + n], x[first + 2 * dilation :]
    x3, x4, x5 = x[first + 3 * dilation :], x[margin:], x[margin + dilation :]
    x6, x7, x8 = x[margin + 2 * dilation :], x[margin + 3 * dilation :], x[margin + 4 * dilation :]
    for t in range(n):
        base[t] = -(x0[t] + x1[t] + x2[t] + x3[t] + x4[t] + x5[t] + x6[t] + x7[t] + x8[t])


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
    tripled = np.zeros((masks.shape[0], padded.shape[1]), dtype=np.float32)
    shared = np.empty((n_components, n_samples), dtype=np.float32)
    base = np.zeros(n_samples + LANES, dtype=np.float32)
    for w in range(n_windows):
        padded[:, margin : margin + n_samples] = windows[w]
        for u in range(masks.shape[0]):
            middle = tripled[u, margin : margin + n_samples]
            _add_components(windows[w], masks[u], middle)
            middle *= np.float32(3)
        row = counts[w]
        f = 0
        for d in range(dilations.size):
            dilation, most = dilations[d], _most(n_biases[d])
            edge = 4 * dilation
            for component in range(n_components):
                _shared_part(padded[component], margin, dilation, shared[component])
            current, x = -1, tripled[0]
            for i in range(N_KERNELS):
                kernel = order[d, i]
                pad = pads[d, kernel]
                if ends and not pad:
                    continue
                subset = subsets[d, kernel]
                if subset != current:
                    current, x = subset, tripled[subset]
                    _add_components(shared, masks[subset], base[:n_samples])
                a = margin + (taps[kernel, 0] - 4) * dilation
                b = margin + (taps[kernel, 1] - 4) * dilation
                c = margin + (taps[kernel, 2] - 4) * dilation
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
def count_interiors(record, stride, n_samples, plan, biases, counts):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Add to ``counts`` the outputs above each bias where all nine taps are inside the window, for a run of windows.

    The interiors ``[i s + 4 d, i s + T − 4 d)`` of neighbouring windows differ by one stride at each end. So the
    stretch common to all windows is counted once, and then each stride that leaves or enters.

    Parameters
    ----------
    record : (C, (B − 1) s + T) float32
        Windows ``record[:, i s : i s + T]``, all on the same scale.
    stride, n_samples : int
        s and T.
    plan, biases
        As for `count_windows`.
    counts : (B, F) int32
        Output.
    """
    dilations, n_biases, masks, subsets, order, _, taps = plan
    n_windows = counts.shape[0]
    n_components, length = record.shape
    tripled = np.zeros((masks.shape[0], length + LANES), dtype=np.float32)
    for u in range(masks.shape[0]):
        whole = tripled[u, :length]
        _add_components(record, masks[u], whole)
        whole *= np.float32(3)
    shared = np.empty((n_components, length), dtype=np.float32)
    base = np.zeros(length + LANES, dtype=np.float32)
    leaving = np.empty(n_windows * _MOST, dtype=np.int32)
    now = np.empty(_MOST, dtype=np.int32)
    f = 0
    for d in range(dilations.size):
        dilation, most = dilations[d], _most(n_biases[d])
        edge = 4 * dilation
        interior = n_samples - 2 * edge
        together = min(n_windows, 1 + interior // stride)  # windows that share a stretch
        for component in range(n_components):
            _shared_part(record[component], edge, dilation, shared[component, : length - 2 * edge])
        current, x = -1, tripled[0]
        for i in range(N_KERNELS):
            kernel = order[d, i]
            subset = subsets[d, kernel]
            if subset != current:
                current, x = subset, tripled[subset]
                _add_components(shared, masks[subset], base[: length - 2 * edge])
            a, b, c = taps[kernel, 0] * dilation, taps[kernel, 1] * dilation, taps[kernel, 2] * dilation
            start = f + kernel * n_biases[d]
            end = start + n_biases[d]
            for g in range(start, end, most):
                k = min(most, end - g)
                for w in range(0, n_windows, together):
                    last = min(w + together, n_windows) - 1
                    now[:] = 0
                    leaving[:] = 0
                    t = last * stride
                    _count(k, base, t, x, a + t, b + t, c + t, w * stride + interior - t, biases, g, now, 0)
                    for v in range(w, last):
                        t, row = v * stride, v * _MOST
                        _count(k, base, t, x, a + t, b + t, c + t, stride, biases, g, leaving, row)
                        for j in range(k):
                            now[j] += leaving[row + j]
                    for v in range(w, last):
                        t, row = v * stride + interior, v * _MOST
                        for j in range(k):
                            counts[v, g + j] += now[j]
                            now[j] -= leaving[row + j]
                        _count(k, base, t, x, a + t, b + t, c + t, stride, biases, g, now, 0)
                    for j in range(k):
                        counts[last, g + j] += now[j]
        f += N_KERNELS * n_biases[d]


@njit(nogil=True, cache=True)
def _most(n_biases):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Return the number of biases per pass that makes the passes about equal."""
    n_passes = (n_biases + _MOST - 1) // _MOST
    return (n_biases + n_passes - 1) // n_passes
