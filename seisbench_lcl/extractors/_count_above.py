"""The inner loops of MiniRocket: convolve, compare with k biases, count.

Each has two kernels with exactly equal counts. The fast ones (`_count_above_vectors.py`) use private modules of numba,
so they are limited to the numba releases in `TESTED_NUMBA`; everywhere else, or where one of their imports fails, the
plain ones are used. numba's cache watches neither file: after a change here or there, touch
`_minirocket_kernels.py` and `_minirocket_blocks.py`.
"""

import numba
from numba import njit

__all__ = [
    "COLUMNS",
    "LANES",
    "TESTED_NUMBA",
    "count_above",
    "count_columns",
    "count_columns_plain",
    "count_plain",
    "sum_rows",
    "sum_rows_plain",
]

TESTED_NUMBA = (0, 61), (0, 68)
"""First and last numba release with which the fast kernels were tested."""

_PLAIN_COLUMNS = 8


@njit(nogil=True, cache=True)
def count_plain(k, base, first, x, a, b, c, n, biases, f, counts, g):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """``counts[g + j] += Σ_t (base[first + t] + x[a + t] + x[b + t] + x[c + t] > biases[f + j])``.

    Parameters
    ----------
    k : int64
        Number of biases per pass.
    base, x : float32 arrays
        Their samples are added from left to right.
    first, a, b, c : int64
        Offsets into `base` and, three times, into `x`.
    n : int64
        Number of samples.
    biases : float32 array
    f : int64
        Index of the first bias.
    counts : int32 array
        Output.
    g : int64
        Index of the first count.
    """
    base, xa, xb, xc = base[first : first + n], x[a : a + n], x[b : b + n], x[c : c + n]
    for j in range(k):
        bias, count = biases[f + j], 0
        for t in range(n):
            count += base[t] + xa[t] + xb[t] + xc[t] > bias
        counts[g + j] += count


@njit(nogil=True, cache=True)
def count_columns_plain(k, base, first, x, a, b, c, pitch, part, whole, biases, f, counts, g, h):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Count each of several neighbouring columns, over the first `part` of its rows and over all `whole`.

    With ``C[t, i] = base[first + t p + i] + x[a + t p + i] + x[b + t p + i] + x[c + t p + i]``, p the pitch,

        counts[g + 2 j h + i]       = Σ_{t < part}  (C[t, i] > biases[f + j])
        counts[g + (2 j + 1) h + i] = Σ_{t < whole} (C[t, i] > biases[f + j])

    Parameters
    ----------
    k, base, first, x, a, b, c, biases, f, counts, g
        As for `count_plain`; each array has `COLUMNS` columns more than the first.
    pitch : int64
        Length of a row of `base` and `x`.
    part, whole : int64
        Number of rows, part <= whole.
    h : int64
        Length of a row of `counts`.
    """
    for j in range(k):
        for i in range(_PLAIN_COLUMNS):
            count = 0
            for t in range(whole):
                if t == part:
                    counts[g + 2 * j * h + i] = count
                row = t * pitch + i
                count += base[first + row] + x[a + row] + x[b + row] + x[c + row] > biases[f + j]
            if part == whole:
                counts[g + 2 * j * h + i] = count
            counts[g + (2 * j + 1) * h + i] = count


@njit(nogil=True, cache=True)
def sum_rows_plain(width, parts, first, pitch, rows, n_rows, scale, n, total, start):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """``total[start + t] = scale Σ_r parts[first + rows[r] pitch + t]``, added from left to right, for t < n.

    Parameters
    ----------
    width : int64
        Has no effect here.
    parts, total : float32 arrays
    first, pitch : int64
    rows : int64 array
    n_rows : int64
        Number of rows summed, one or more.
    scale : float32
    n, start : int64
    """
    for t in range(n):
        value = parts[first + rows[0] * pitch + t]
        for r in range(1, n_rows):
            value += parts[first + rows[r] * pitch + t]
        total[start + t] = value * scale


def _is_tested(version: str) -> bool:
    first, last = TESTED_NUMBA
    major, minor = version.split(".")[:2]
    return major.isdecimal() and minor.isdecimal() and first <= (int(major), int(minor)) <= last


count_above, count_columns, sum_rows, LANES, COLUMNS = (
    count_plain,
    count_columns_plain,
    sum_rows_plain,
    0,
    _PLAIN_COLUMNS,
)
if _is_tested(numba.__version__):
    try:
        from seisbench_lcl.extractors._count_above_vectors import COLUMNS, LANES, count_above, count_columns, sum_rows
    except (ImportError, AttributeError):  # numba moved or removed a private name
        pass
