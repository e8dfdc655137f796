"""Samples that no band-limited sensor records: filled gaps, spikes, short bursts and steps, clipped stretches.

Such samples are found on the raw record, before any filter could spread them. They then count as missing.
"""

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flaws = NDArray[np.uint8]


class Flaw(IntEnum):
    """Why a sample does not count as ground motion; 0 means that it does."""

    GAP = 1
    FLAT = 2
    SPIKE = 3
    CLIPPED = 4
    CONFLICT = 5

    def __str__(self) -> str:
        return _NAMES[self]


BLOCK = 64
"""Samples of a block, whose mean is a local level: flaws are the same where blocks begin at the same samples."""


class Extremes(NamedTuple):
    """What counts on a record as a whole, where only a part of it is at hand.

    Attributes
    ----------
    lowest, highest : float
        Its smallest and its largest sample, at which it can be clipped.
    unit : float
        Its smallest step but 0: a count of the digitiser, or less.
    """

    lowest: float
    highest: float
    unit: float


_NAMES = {
    Flaw.GAP: "gap",
    Flaw.FLAT: "flat line",
    Flaw.SPIKE: "spike or step",
    Flaw.CLIPPED: "clipped",
    Flaw.CONFLICT: "conflicting overlap",
}

_FEWEST = 8  # samples, below which nothing is typical of a record
_REACH = 16 * BLOCK  # samples around a line in which others are counted
_IMPROBABLE = 25.0  # negative log of the probability of a line by chance
_LONGEST_LINE = 2.0  # s: ground motion never stays on a straight line for longer
_STEP = 10.0  # step into or out of a filled gap, in local mean steps
_BENT, _ROUNDED = 1.5, 2.0  # units of rounding by which a rounded line may bend, and leave the line that it was
_SPIKE = 10.0  # bend of a spike, in local mean bends
_BESIDE = 3.0  # bend of a spike, in the largest bend beside it
_USUAL = 0.8  # quantile of the bends beside a spike: motion bends a record all the time, other spikes rarely
_BURST = 0.1  # s, longest burst
_STEPS = 256  # range of a record that can be clipped, in steps of the digitiser
_PLATEAU = 3  # samples
_TINY = np.finfo(np.float64).tiny


def find_flaws(
    data: NDArray[Any], rate: float, missing: NDArray[np.bool_] | None = None, whole: Extremes | None = None
) -> Flaws:
    """Mark the samples of a record that are not ground motion.

    - FLAT: a straight line that is too long to occur by chance among the samples around it (constant or interpolated
      filling, rounded to whole numbers or not), longer than 2 s, or constant with a step at one end.
    - SPIKE: up to 0.1 s of samples whose second differences exceed both the local mean and the largest values beside
      them: a spike, a burst or a step of the offset. An onset is not one of these, because motion follows it.
    - CLIPPED: plateaus of three samples or more at the largest or the smallest value.

    Parameters
    ----------
    data : (n,) ndarray
        Raw samples.
    rate : float
        Sampling rate in Hz.
    missing : (n,) bool ndarray, optional
        Samples known to be missing. NaN and infinite samples are missing as well.
    whole : Extremes, optional
        Of the record that the samples are a part of; by default they are all of it.

    Returns
    -------
    (n,) uint8 ndarray
        A `Flaw`, or 0 for ground motion.
    """
    flaws = np.zeros(len(data), dtype=np.uint8)
    if data.dtype.kind == "f" and not np.isfinite(data.sum(dtype=np.float64)):
        flaws[~np.isfinite(data)] = Flaw.GAP
    if missing is not None:
        flaws[missing] = Flaw.GAP
    if len(data) < _FEWEST or flaws.all():
        return flaws
    x = _interpolate(data, flaws)
    with np.errstate(over="ignore"):
        steps = np.abs(np.diff(x))
        bends = np.abs(np.diff(x, n=2))
    np.minimum(bends, np.finfo(np.float64).max / (4 * BLOCK), out=bends)  # so that their sums are finite
    np.minimum(steps, np.finfo(np.float64).max / (4 * BLOCK), out=steps)
    unit = steps.min(where=steps > 0, initial=np.inf if whole is None else whole.unit)
    _mark_clipped(flaws, x, steps, unit, rate, whole)  # first: a plateau is a line, too
    _mark_rounded_lines(flaws, x, bends, unit, data.dtype)
    _mark_lines(flaws, x, steps, bends, rate)
    _mark_spikes(flaws, bends, rate)
    return flaws


def bridge(data: NDArray[Any], flaws: Flaws) -> Floats:
    """Return samples in double precision, with straight lines instead of flaws, whose steps would ring in filters.

    Where the offset of the record differs from one side of a flaw to the other by more than ground motion does, the
    rest of the record is levelled.
    """
    x = _interpolate(data, flaws)
    first, end = runs(flaws > 0)
    before, after = np.concatenate([[0], end[:-1]]), np.concatenate([first[1:], [len(x)]])
    steps = np.zeros(len(x))
    for i in np.flatnonzero((first > 0) & (end < len(x))):
        start, stop = first[i], end[i]
        n = max(stop - start, BLOCK)
        left, right = x[max(start - n, before[i]) : start], x[stop : min(stop + n, after[i])]
        jump = x[stop] - x[start - 1]
        if abs(jump) > max(np.ptp(left), np.ptp(right)):
            steps[start : stop + 1] = jump / (stop + 1 - start)
    if steps.any():
        x -= np.cumsum(steps)
    return x


def _interpolate(data: NDArray[Any], flaws: Flaws) -> Floats:
    sound = flaws == 0
    if sound.all() or not sound.any():
        return data.astype(np.float64)
    return np.interp(np.arange(len(data)), np.flatnonzero(sound), data[sound])


def fill(data: NDArray[np.float32], flaws: Flaws, shortest: int, longest: int) -> None:
    """Fill the flaws of a filtered record in place: a hole in its envelope would be a feature of the window.

    Flaws below `shortest` samples keep the filtered bridge, which is close to the motion. Those of up to `longest` get
    the motion on either side, mirrored and cross-faded at constant power; longer ones get zeros.
    """
    first, end = runs(flaws > 0)
    left, right = np.concatenate([[0], end]), np.concatenate([first, [len(data)]])
    for i, (start, stop) in enumerate(zip(first, end, strict=True)):
        n = stop - start
        if n < shortest:
            continue
        before, after = data[left[i] : start][-n:][::-1], data[stop : right[i + 1]][:n][::-1]
        data[start:stop] = 0
        if n > longest:
            continue
        share = (np.arange(n) + 0.5) / n if len(before) and len(after) else np.full(n, float(not len(before)))
        if len(before):
            data[start:stop] += np.sqrt(1 - share) * np.pad(before, (0, n - len(before)), mode="symmetric")
        if len(after):
            data[start:stop] += np.sqrt(share) * np.pad(after, (n - len(after), 0), mode="symmetric")


def runs(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return first and end of each run of true values; the end is exclusive."""
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    return edges[::2], edges[1::2]


def _mark_lines(flaws: Flaws, x: Floats, steps: Floats, bends: Floats, rate: float) -> None:
    straight = (bends == 0) & (flaws[1:-1] == 0)
    first, end = runs(straight)
    if not len(first):
        return
    long = end - first + 2 >= _LONGEST_LINE * rate
    # The line of bends first to end - 1 holds the samples first to end + 1.
    filled = (x[first] == x[end + 1]) & _has_step(steps, first, end + 2)
    for start, stop in np.column_stack([first, end + 2])[_improbable(straight, first, end) | long | filled]:
        flaws[start:stop] = Flaw.FLAT


def _mark_rounded_lines(flaws: Flaws, x: Floats, bends: Floats, unit: float, kind: np.dtype[Any]) -> None:
    """Mark lines that rounding bends here and there, to whole counts or to the precision of the samples."""
    size = np.abs(x[1:-1])  # of the samples themselves: one large sample must not make a quiet record flat
    precision = np.finfo(kind).eps * np.maximum(size, _local_level(size)) if kind.kind == "f" else np.zeros_like(size)
    rounding = np.maximum(unit, precision)
    straight = (bends <= _BENT * rounding) & (flaws[1:-1] == 0)
    first, end = runs(straight)
    for start, stop in np.column_stack([first, end + 2])[_improbable(straight, first, end)]:
        line = np.linspace(x[start], x[stop - 1], stop - start)
        if np.abs(x[start:stop] - line).max() <= _ROUNDED * rounding[start : stop - 2].max():
            flaws[start:stop] = Flaw.FLAT


def _improbable(straight: NDArray[np.bool_], first: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each run is longer than chance allows, given how many bends are straight on its straighter side."""
    count = np.concatenate([[0], np.cumsum(straight, dtype=np.int64)])
    left, right = np.maximum(first - _REACH, 0), np.minimum(end + _REACH, len(straight))
    before = (count[first] - count[left] + 1) / (first - left + 2)
    after = (count[right] - count[end] + 1) / (right - end + 2)
    share = np.maximum(np.where(first > left, before, 0), np.where(right > end, after, 0))
    share[share == 0] = 0.5  # the whole record is one line
    improbable: NDArray[np.bool_] = -(end - first) * np.log(share) > _IMPROBABLE
    return improbable


def _mark_spikes(flaws: Flaws, bends: Floats, rate: float) -> None:
    sound = flaws == 0
    sound = sound[:-2] & sound[1:-1] & sound[2:]  # a bend belongs to three samples
    bends = np.where(sound, bends, 0.0)
    high = np.flatnonzero(bends > _SPIKE * np.maximum(_local_level(bends), _TINY))
    if not len(high):
        return
    burst = max(3, round(_BURST * rate))
    beside = 4 * burst
    for group in np.split(high, np.flatnonzero(np.diff(high) > burst) + 1):
        first, end = int(group[0]), int(group[-1]) + 1
        if end - first > burst + 2:
            continue
        sides = slice(max(first - 2 - beside, 0), max(first - 2, 0)), slice(end + 2, end + 2 + beside)
        beside_it = [bends[side][sound[side]] for side in sides if sound[side].sum() >= burst]
        largest = max((side.max() for side in beside_it), default=np.inf)
        usual = max(
            (np.quantile(side, _USUAL) for side in beside_it), default=np.inf
        )  # whatever other spikes there are
        if bends[first:end].max() > min(_BESIDE * largest, _SPIKE * usual):
            # From the middle of the first bend to that of the last; at an end of the record, the spike may be its end.
            spike = flaws[first + (first > 0) : end + 1 + (end == len(bends))]
            spike[spike == 0] = Flaw.SPIKE


def _mark_clipped(
    flaws: Flaws, x: Floats, steps: Floats, unit: float, rate: float, whole: Extremes | None = None
) -> None:
    sound = flaws == 0
    low, high = (np.inf, -np.inf) if whole is None else (whole.lowest, whole.highest)
    lowest, highest = x.min(where=sound, initial=low), x.max(where=sound, initial=high)
    if highest - lowest < _STEPS * unit:
        return  # a quiet record repeats its extremes by chance
    for extreme in (lowest, highest):
        first, end = runs((x == extreme) & sound)
        clipped = (end - first >= _PLATEAU) & (end - first < _LONGEST_LINE * rate) & ~_has_step(steps, first, end)
        for start, stop in np.column_stack([first, end])[clipped]:
            flaws[start:stop] = Flaw.CLIPPED


def _has_step(steps: Floats, first: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the samples first to end - 1 are entered or left by a step that is large for its surroundings."""
    level = _block_means(steps)
    blocks = np.clip([first // BLOCK - 1, end // BLOCK + 1], 0, len(level) - 1)
    usual = np.maximum(np.maximum(level[blocks[0]], level[blocks[1]]), _TINY)
    into = np.where(first > 0, steps[np.maximum(first - 1, 0)], 0)
    out = np.where(end <= len(steps), steps[np.minimum(end - 1, len(steps) - 1)], 0)
    larger: NDArray[np.bool_] = np.maximum(into, out) > _STEP * usual
    return larger


def _local_level(values: Floats) -> Floats:
    """Return the level around each value: the quieter of two blocks on either side, and the louder of both sides.

    So a spike in its own block or in a neighbouring one does not count, but motion that begins or ends here does.
    """
    mean = np.pad(_block_means(values), 2, mode="reflect")  # at its ends, a record has one side
    level = np.maximum(np.minimum(mean[:-4], mean[1:-3]), np.minimum(mean[3:-1], mean[4:]))
    repeated = np.repeat(level, BLOCK)[: len(values)]
    return np.pad(repeated, (0, len(values) - len(repeated)), mode="edge")


def _block_means(values: Floats) -> Floats:
    n = len(values) // BLOCK
    return values[: n * BLOCK].reshape(n, BLOCK).mean(axis=1) if n else values.mean(keepdims=True)
