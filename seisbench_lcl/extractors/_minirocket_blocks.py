"""MiniRocket of windows that overlap: each stride of a record is counted once for all windows on the same scale.

The outputs of window i where all nine taps are inside it, ``[i s + 4 d, i s + T − 4 d)``, are q whole strides s and a
part r of one more. So with the blocks ``[i s + 4 d, (i + 1) s + 4 d)``, a window adds up blocks i to i + q − 1, and the
first r outputs of block i + q. Blocks are short, so they are counted side by side, one in each lane of a register: the
record is stored by columns of one stride each, and neighbouring columns are neighbours in memory.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from seisbench_lcl.extractors._count_above import COLUMNS, count_columns
from seisbench_lcl.extractors._minirocket_kernels import (
    KERNEL_LENGTH,
    MOST,
    N_KERNELS,
    members_of,
    most_per_pass,
    sum_components,
    sum_taps,
)

_KEPT = 8  # subsets of components whose sums are kept, such as all of three components


class Blocks(NamedTuple):
    """Records by columns, each of one stride.

    Attributes
    ----------
    columns : (C, 2 s, N) float32 ndarray
        Two strides of each component from the beginning of each column, so that no tap runs over its end.
    first, sizes : (R,) int64 ndarray
        First column and number of windows of each record.
    """

    columns: NDArray[np.float32]
    first: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, records: Sequence[NDArray[np.float32]], n_samples: int, stride: int) -> "Blocks":
        """Cut records (C, (B − 1) s + T) of B windows into columns."""
        lengths = [record.shape[1] for record in records]
        widths = [-(-length // stride) for length in lengths]
        total = -(-sum(widths) // COLUMNS) * COLUMNS
        n_components = len(records[0])
        joined = np.zeros((n_components, (total + 1) * stride), dtype=np.float32)
        first = np.cumsum([0, *widths[:-1]])
        for record, column, length in zip(records, first.tolist(), lengths, strict=True):
            joined[:, column * stride : column * stride + length] = record
        rows = joined.reshape(n_components, total + 1, stride).swapaxes(1, 2)
        columns = np.concatenate([rows[:, :, :-1], rows[:, :, 1:]], axis=1)
        sizes = np.array([(length - n_samples) // stride + 1 for length in lengths], dtype=np.int64)
        return cls(np.ascontiguousarray(columns), first, sizes)


@njit(nogil=True, cache=True)
def count_interiors(blocks, n_samples, plan, biases, counts):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Add to ``counts`` the outputs above each bias where all nine taps are inside the window.

    Parameters
    ----------
    blocks : Blocks
    n_samples : int
        T.
    plan : Plan
    biases : (F,) float32
        Ordered by dilation, kernel, bias.
    counts : (sum of the sizes, F) int32
        Output.
    """
    dilations, n_biases, masks, subsets, order, _, taps = plan
    columns, first, sizes = blocks
    n_components, two_strides, width = columns.shape
    stride = two_strides // 2
    # Behind the last column, taps reach further columns and the last vector.
    reach = n_samples // stride + 1 + COLUMNS
    padded = np.zeros((n_components, two_strides * width + reach), dtype=np.float32)
    padded[:, : two_strides * width] = columns.reshape(n_components, -1)
    members, subset_sizes = members_of(masks)
    keep = masks.shape[0] <= _KEPT
    tripled = np.zeros((masks.shape[0] if keep else 1, padded.shape[1]), dtype=np.float32)
    shared = np.zeros((n_components, stride * width), dtype=np.float32)
    sum_shared = np.zeros_like(shared[0])  # of a subset of several components
    signal, common = padded.reshape(-1), shared.reshape(-1)
    if keep:
        for u in range(masks.shape[0]):
            n = padded.shape[1]
            sum_components(signal, 0, n, members[u], subset_sizes[u], np.float32(3), tripled[u], 0, n)
    found = np.zeros((MOST, 2, width), dtype=np.int32)  # in the first part of each column, and in all of it
    flat, needed = found.reshape(-1), np.empty(width // COLUMNS, dtype=np.bool_)
    sums = np.empty((N_KERNELS * n_biases.max(), counts.shape[0]), dtype=np.int32)
    f = 0
    for d in range(dilations.size):
        dilation, most = dilations[d], most_per_pass(n_biases[d])
        whole, part = divmod(n_samples - 8 * dilation, stride)
        rows = stride if whole else part
        needed[:] = False  # the longer the kernel, the fewer blocks of a record it has
        for r in range(sizes.size):
            needed[first[r] // COLUMNS : (first[r] + sizes[r] - 1 + whole) // COLUMNS + 1] = True
        offsets = np.empty(KERNEL_LENGTH, dtype=np.int64)
        for j in range(KERNEL_LENGTH):
            offsets[j] = (j * dilation) % stride * width + (j * dilation) // stride
        for component in range(n_components):
            sum_taps(padded[component], offsets, shared[component])
        current, x, base = -1, tripled[0], shared[0]
        for i in range(N_KERNELS):
            kernel = order[d, i]
            if subsets[d, kernel] != current:
                current = subsets[d, kernel]
                x, own, size = tripled[current if keep else 0], members[current], subset_sizes[current]
                if not keep:
                    sum_components(signal, 0, x.size, own, size, np.float32(3), x, 0, x.size)
                if size == 1:
                    base = shared[own[0]]
                else:
                    base = sum_shared
                    sum_components(common, 0, base.size, own, size, np.float32(1), base, 0, base.size)
            a, b, c = offsets[taps[kernel, 0]], offsets[taps[kernel, 1]], offsets[taps[kernel, 2]]
            start = kernel * n_biases[d]
            end = start + n_biases[d]
            for g in range(start, end, most):
                k = min(most, end - g)
                for v in range(needed.size):
                    if needed[v]:
                        t = v * COLUMNS
                        _count(k, base, t, x, a + t, b + t, c + t, width, part, rows, biases, f + g, flat, t, width)
                _add_up(found, k, first, sizes, whole, sums[g:])
        for w in range(counts.shape[0]):
            for g in range(N_KERNELS * n_biases[d]):
                counts[w, f + g] += sums[g, w]
        f += N_KERNELS * n_biases[d]


@njit(nogil=True, cache=True)
def _add_up(found, k, first, sizes, whole, sums):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Sum the columns of each window."""
    arrived = np.empty(found.shape[2] + 1, dtype=np.int32)
    arrived[0] = 0
    for j in range(k):
        partial, complete, total = found[j, 0], found[j, 1], sums[j]
        count = np.int32(0)
        for column in range(complete.size):
            count += complete[column]
            arrived[column + 1] = count
        window = 0
        for r in range(sizes.size):
            n, begin = sizes[r], first[r]
            own, last = total[window : window + n], partial[begin + whole : begin + whole + n]
            before, after = arrived[begin : begin + n], arrived[begin + whole : begin + whole + n]
            for w in range(n):
                own[w] = after[w] - before[w] + last[w]
            window += n


@njit(nogil=True, cache=True)
def _count(k, base, first, x, a, b, c, pitch, part, rows, biases, f, counts, g, h):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Count k biases in one pass; the fast kernel is compiled for each k."""
    if k == 1:
        count_columns(1, base, first, x, a, b, c, pitch, part, rows, biases, f, counts, g, h)
    elif k == 2:
        count_columns(2, base, first, x, a, b, c, pitch, part, rows, biases, f, counts, g, h)
    elif k == 3:
        count_columns(3, base, first, x, a, b, c, pitch, part, rows, biases, f, counts, g, h)
    elif k == 4:
        count_columns(4, base, first, x, a, b, c, pitch, part, rows, biases, f, counts, g, h)
    elif k == 5:
        count_columns(5, base, first, x, a, b, c, pitch, part, rows, biases, f, counts, g, h)
    else:
        count_columns(6, base, first, x, a, b, c, pitch, part, rows, biases, f, counts, g, h)
