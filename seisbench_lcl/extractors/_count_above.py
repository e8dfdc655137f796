"""The inner loop of MiniRocket: convolve, compare with k biases, count.

There are two kernels with exactly equal counts. The fast one (`_count_above_vectors.py`) uses private modules of numba,
so it is limited to the numba releases in `TESTED_NUMBA`; everywhere else, or where one of its imports fails, the plain
one is used. numba's cache watches neither file: after a change here or there, touch `_minirocket_kernels.py`.
"""

import numba
from numba import njit

__all__ = ["LANES", "TESTED_NUMBA", "count_above", "count_plain"]

TESTED_NUMBA = (0, 61), (0, 68)
"""First and last numba release with which the fast kernel was tested."""


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


def _is_tested(version: str) -> bool:
    first, last = TESTED_NUMBA
    major, minor = version.split(".")[:2]
    return major.isdecimal() and minor.isdecimal() and first <= (int(major), int(minor)) <= last


count_above, LANES = count_plain, 0
if _is_tested(numba.__version__):
    try:
        from seisbench_lcl.extractors._count_above_vectors import LANES, count_above
    except (ImportError, AttributeError):  # numba moved or removed a private name
        pass
