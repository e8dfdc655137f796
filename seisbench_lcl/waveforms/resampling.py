"""Low-pass filtering and resampling in one step, the same for all native sampling rates."""

from fractions import Fraction
from functools import lru_cache
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, kaiser_beta, oaconvolve, sosfiltfilt, upfirdn
from scipy.special import i0

Array = NDArray[np.float64]

_STOP_DB = 80.0
_TRANSITION = 0.15  # width of the upper edge as a fraction of its frequency
_LARGEST_DENOMINATOR = 20_000  # of the ratio of two rates
_LARGEST_SLIP = 0.02  # of a sample, within a stretch
_LONGEST = 2**19  # samples of a stretch: convolution needs several times their memory
_HIGH_PASS_ORDER = 4
PASSED = 1 - _TRANSITION
"""Upper end of the low-pass's pass band, as a fraction of the highest frequency."""
_TOLERANCE = 1e-3  # of a sample: time stamps are rounded to microseconds


def resample(data: Array, rate: float, target_rate: float, highest: float, offset: float = 0.0) -> Array:
    """Low-pass a record and evaluate it on another time grid.

    The samples are convolved with one continuous kernel, a Kaiser-windowed sinc that passes frequencies up to 85 % of
    `highest` and attenuates those above `highest` by 80 dB. The kernel is fixed in seconds and `highest` is below both
    Nyquist frequencies, so records of the same ground motion at 40, 100 or 200 Hz give the same result. (SeisBench
    resamples with ObsPy in ``annotate`` and with SciPy in its datasets; from 40 to 50 Hz their gains at 10 Hz are 0.5
    and 1.0.)

    Parameters
    ----------
    data : (n,) float64 ndarray
    rate, target_rate : float
        In Hz, both at least twice `highest`, in any ratio. If the ratio is not a fraction of small numbers, the record
        is processed in stretches with an exact start, so that time slips by at most a fiftieth of a sample.
    highest : float
        Highest frequency in Hz.
    offset : float
        Time of the first output sample after the first input sample, in seconds, less than one output sample.

    Returns
    -------
    (m,) float64 ndarray
        All grid points in the time span of the input, where each sample spans 1 / `rate` seconds: 800 samples at 40 Hz
        span 20 s and give 2000 at 100 Hz.
    """
    margin = min(len(data) - 1, ceil(_half_length(highest) * rate))
    # Odd reflection keeps level and slope at the ends; zeros would ring.
    extended = np.pad(data, margin, mode="reflect", reflect_type="odd") if margin else data
    n_out = max(0, ceil((len(data) / rate - offset) * target_rate - _TOLERANCE))
    ratio = Fraction(target_rate / rate).limit_denominator(_LARGEST_DENOMINATOR)
    slip = abs(float(ratio) * rate / target_rate - 1)  # input samples per output sample
    stretch = min(_LONGEST, max(1, n_out if slip * n_out <= _LARGEST_SLIP else int(_LARGEST_SLIP / slip)))
    out = np.empty(n_out)
    for first in range(0, n_out, stretch):
        start = offset + margin / rate + first / target_rate
        part = out[first : first + stretch]
        skipped = max(0, floor((start - 2 * _half_length(highest)) * rate))
        used = extended[skipped : skipped + ceil((len(part) / target_rate + 4 * _half_length(highest)) * rate) + 2]
        part[:] = _resample_stretch(used, ratio, rate, target_rate, highest, start - skipped / rate, len(part))
    return out


def _resample_stretch(
    data: Array, ratio: Fraction, rate: float, target_rate: float, highest: float, start: float, count: int
) -> Array:
    """Evaluate `count` samples, the first `start` seconds after the first of `data`."""
    skip = floor(start * target_rate + _TOLERANCE)
    shift = round(start - skip / target_rate, 9)
    kernel, lead = _kernel(ratio.numerator, ratio.denominator, rate, highest, shift)
    if ratio.numerator == 1:  # no upsampling: Fourier transforms are several times faster
        convolved = oaconvolve(data, kernel)[:: ratio.denominator]
    else:
        convolved = upfirdn(kernel, data, ratio.numerator, ratio.denominator)
    return convolved[lead + skip : lead + skip + count]


def high_pass(data: Array, rate: float, lowest: float) -> Array:
    """Remove frequencies below `lowest` Hz with a Butterworth filter of order 4, forwards and backwards (no delay).

    If `lowest` is 0, nothing is removed.
    """
    if not len(data) or not lowest:  # a single sample can fall between two points of the grid
        return data
    reach = min(len(data) - 1, ceil(2 * rate / lowest))
    return sosfiltfilt(_sections(rate, lowest), data, padlen=reach)


@lru_cache
def _sections(rate: float, lowest: float) -> Array:
    """Design the high-pass once: this takes as long as filtering a short segment."""
    return butter(_HIGH_PASS_ORDER, lowest, "highpass", fs=rate, output="sos")


def _half_length(highest: float) -> float:
    """Return half the kernel length in seconds, by Kaiser's formula for stop band and transition width."""
    return (_STOP_DB - 7.95) / (2.285 * 2 * np.pi * _TRANSITION * highest) / 2


@lru_cache(maxsize=16)
def _kernel(up: int, down: int, rate: float, highest: float, shift: float) -> tuple[Array, int]:
    """Sample the kernel for `upfirdn`; also return the number of outputs before the one at `shift` seconds."""
    half = _half_length(highest)
    lead = ceil(half * rate * up / down) + 1
    time = (np.arange(2 * lead * down + 1) - lead * down) / (rate * up) + shift
    corner = highest * (1 - _TRANSITION / 2)
    beta = kaiser_beta(_STOP_DB)
    taper = i0(beta * np.sqrt(np.clip(1 - (time / half) ** 2, 0, None))) / i0(beta)
    taper[np.abs(time) > half] = 0
    return 2 * corner * np.sinc(2 * corner * time) * taper / rate, lead
