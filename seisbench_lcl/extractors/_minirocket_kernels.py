"""The numeric kernel of MiniRocket: dilated convolutions, counted against their biases.

A kernel has nine taps: weight 2 on three of them, −1 on the other six. So with the zero-padded sum ``x`` of the
components of one subset,

    C[t] = Σ_j w_j x[t + (j − 4) d] = A[t] + 3 x[t + (a − 4) d] + 3 x[t + (b − 4) d] + 3 x[t + (c − 4) d]
    A[t] = −Σ_j x[t + (j − 4) d]

where A is shared by all kernels of one subset and dilation ``d``, and each kernel costs three additions a sample. The
comparison with four biases is fused into the same pass, so that C never reaches memory. Convolution is linear, so the
components are added before, not after: three components have only seven subsets.

The order of additions is fixed (no fastmath): a window's features do not depend on its batch or on the threads.
"""

from itertools import combinations

import numpy as np
from numba import njit, types

N_KERNELS = 84
KERNEL_LENGTH = 9
TAPS = np.array(list(combinations(range(KERNEL_LENGTH), 3)), dtype=np.int64)
"""Positions of the three weights 2 in each kernel, (84, 3); the six other weights are −1."""

_COUNTER = types.int32  # numba widens to 64 bits unless told, which halves the SIMD lanes


@njit(nogil=True, cache=True, locals={"n0": _COUNTER, "n1": _COUNTER, "n2": _COUNTER, "n3": _COUNTER})
def _count_above(base, xa, xb, xc, b0, b1, b2, b3):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Count the samples of one convolution output above each of four biases."""
    n0 = n1 = n2 = n3 = 0
    for t in range(base.size):
        c = base[t] + xa[t] + xb[t] + xc[t]
        n0 += c > b0
        n1 += c > b1
        n2 += c > b2
        n3 += c > b3
    return n0, n1, n2, n3


@njit(nogil=True, cache=True)
def _subset_sums(window, masks, margin, sums):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Write the sum of each subset's components into the middle of a buffer with ``margin`` zeros at both ends."""
    n_components, n_samples = window.shape
    sums[:] = 0
    for u in range(masks.shape[0]):
        middle = sums[u, margin : margin + n_samples]
        for component in range(n_components):
            if masks[u, component]:
                x = window[component]
                for t in range(n_samples):
                    middle[t] += x[t]


@njit(nogil=True, cache=True)
def _shared_part(x, margin, dilation, base):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """``base[t] = −Σ_j x[t + (j − 4) d]``, the part of the convolution that all 84 kernels share."""
    n = base.size
    first = margin - 4 * dilation
    x0, x1, x2 = x[first : first + n], x[first + dilation : first + dilation + n], x[first + 2 * dilation :]
    x3, x4, x5 = x[first + 3 * dilation :], x[margin:], x[margin + dilation :]
    x6, x7, x8 = x[margin + 2 * dilation :], x[margin + 3 * dilation :], x[margin + 4 * dilation :]
    for t in range(n):
        base[t] = -(x0[t] + x1[t] + x2[t] + x3[t] + x4[t] + x5[t] + x6[t] + x7[t] + x8[t])


@njit(nogil=True, cache=True)
def transform(windows, dilations, counts, masks, subsets, order, taps, biases, features):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Fill ``features`` with the proportion of positive values of each (dilation, kernel, bias).

    Parameters
    ----------
    windows : (B, C, T) float32
    dilations, counts : (D,) int64
        Dilations, and the number of biases of each kernel at that dilation.
    masks : (U, C) bool
        The distinct subsets of components.
    subsets : (D, 84) int64
        Row of ``masks`` that a kernel uses at a dilation.
    order : (D, 84) int64
        Kernels of a dilation sorted by subset, so that the shared part is computed once for each.
    taps : (84, 3) int64
    biases : (F + 3,) float32
        Ordered by dilation, kernel, bias; three values of padding close the last pass of four.
    features : (B, F) float32
        Output.
    """
    n_samples = windows.shape[2]
    margin = 4 * dilations[-1]
    sums = np.empty((masks.shape[0], n_samples + 2 * margin), dtype=np.float32)
    tripled = np.empty_like(sums)
    base = np.empty(n_samples, dtype=np.float32)
    for w in range(windows.shape[0]):
        _subset_sums(windows[w], masks, margin, sums)
        tripled[:] = np.float32(3) * sums
        first_feature = 0
        for d in range(dilations.size):
            dilation, n_biases = dilations[d], counts[d]
            current = -1
            for i in range(N_KERNELS):
                kernel = order[d, i]
                subset = subsets[d, kernel]
                if subset != current:
                    current = subset
                    _shared_part(sums[subset], margin, dilation, base)
                # Kernels alternate between zero padding and the positions where all nine taps lie inside.
                edge = 4 * dilation if (d + kernel) % 2 else 0
                n = n_samples - 2 * edge
                a = margin + edge + (taps[kernel, 0] - 4) * dilation
                b = margin + edge + (taps[kernel, 1] - 4) * dilation
                c = margin + edge + (taps[kernel, 2] - 4) * dilation
                x = tripled[subset]
                f = first_feature + kernel * n_biases
                end = f + n_biases
                while f < end:
                    above = _count_above(
                        base[edge : edge + n], x[a : a + n], x[b : b + n], x[c : c + n],
                        biases[f], biases[f + 1], biases[f + 2], biases[f + 3],
                    )  # fmt: skip
                    for j in range(min(4, end - f)):
                        features[w, f + j] = np.float32(above[j] / n)
                    f += 4
            first_feature += N_KERNELS * n_biases
