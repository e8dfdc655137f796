"""Runs of windows of one station: one label at a time, the one with the most evidence."""

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from obspy import UTCDateTime

from seisbench_lcl.models.station_windows import StationWindows

_ROUNDING = 1e-6  # seconds


class Run(NamedTuple):
    """Windows of one label that overlap or follow each other.

    Attributes
    ----------
    code : int
        Index of the label.
    first, last, best : UTCDateTime
        Start of the first, of the last, and of the most probable window.
    block, row : StationWindows, int
        The most probable window is this row of that block.
    peak, mean : float
        Highest and mean probability of the label.
    n_windows : int
    step, length : float
        Time between windows, and length of a window, in seconds.
    """

    code: int
    first: UTCDateTime
    last: UTCDateTime
    best: UTCDateTime
    block: StationWindows
    row: int
    peak: float
    mean: float
    n_windows: int
    step: float
    length: float


def separate_runs(blocks: Sequence[StationWindows], wanted: NDArray[np.bool_], threshold: float) -> Iterator[Run]:
    """Yield the runs of one station, those with the most evidence first.

    The run with the highest probability wins, of equal ones that with more windows, then the earlier one. It takes the
    windows of other labels that overlap any of its own; what remains of their runs competes again.

    Parameters
    ----------
    blocks : sequence of StationWindows
        All of one station.
    wanted : (K,) bool ndarray
        Labels that make runs.
    threshold : float
        Smallest probability of a window's label.
    """
    blocks = [block for block in blocks if block.decided.any()]  # others have a length of their own
    if not blocks:
        return
    origin = blocks[0].start
    starts = np.concatenate([block.start - origin + np.arange(len(block)) * block.step for block in blocks])
    highest = np.concatenate([block.highest for block in blocks])
    codes = np.concatenate([np.where(wanted[block.best], block.best, -1) for block in blocks])
    ends = np.cumsum([len(block) for block in blocks])
    order = np.argsort(starts, kind="stable")
    order = order[(codes[order] >= 0) & (highest[order] >= threshold)]
    starts, highest, codes = starts[order], highest[order], codes[order]
    step, length = max(block.step for block in blocks), max(block.length for block in blocks)
    reach = max(step, length) + _ROUNDING
    queue: list[tuple[float, int, int, NDArray[np.int64]]] = []

    def offer(windows: NDArray[np.int64]) -> None:
        for run in np.split(windows, np.flatnonzero(np.diff(starts[windows]) > reach) + 1):
            heappush(queue, (-float(highest[run].max()), -len(run), int(run[0]), run))

    for code in np.unique(codes):
        offer(np.flatnonzero(codes == code))
    taken = np.zeros(len(starts), dtype=bool)
    while queue:
        *_, run = heappop(queue)
        if taken[run].any():
            if len(free := run[~taken[run]]):
                offer(free)
            continue
        first, last = starts[run[0]], starts[run[-1]]
        low, high = np.searchsorted(starts, [first - length + _ROUNDING, last + length - _ROUNDING])
        taken[low:high] = True
        best = run[highest[run].argmax()]
        b = int(np.searchsorted(ends, order[best], side="right"))
        yield Run(
            int(codes[run[0]]),
            origin + float(first),
            origin + float(last),
            origin + float(starts[best]),
            blocks[b],
            int(order[best] - ends[b]) + len(blocks[b]),
            float(highest[best]),
            float(highest[run].mean(dtype=float)),
            len(run),
            step,
            length,
        )
