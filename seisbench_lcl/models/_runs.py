"""Runs of windows of one station that see the same event, and the label of each."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from obspy import UTCDateTime

from seisbench_lcl.models.station_windows import StationWindows

_ROUNDING = 1e-6  # seconds
_DECIDING = 0.75
"""Of the time from P to the end of a window, after which the windows of a run decide on its label.

The first window of a run has the event at its end, so the onset is about as long after its P position as a window is
long after P, less the seconds that it takes to see the event. Chosen on held-out training events
(`benchmarks/archive.py --recall` shows what it gives on others).
"""


class Run(NamedTuple):
    """Windows that overlap or follow each other, and the label of those whose P position is close to the onset.

    Attributes
    ----------
    code : int
        Index of the label.
    first, last, onset : UTCDateTime
        Start of the first and of the last window, and of the one at the onset: the most probable of those that decided,
        or of all that begin before the onset if the record begins with the run.
    block, row : StationWindows, int
        The latter window is this row of that block.
    probabilities : (K,) float64 ndarray
        Mean over the windows that decided.
    mean : float
        Mean probability of the label over all windows.
    n_windows : int
    step, length : float
        Time between windows, and length of a window, in seconds.
    """

    code: int
    first: UTCDateTime
    last: UTCDateTime
    onset: UTCDateTime
    block: StationWindows
    row: int
    probabilities: NDArray[np.float64]
    mean: float
    n_windows: int
    step: float
    length: float


def separate_runs(
    blocks: Sequence[StationWindows], wanted: NDArray[np.bool_], threshold: float, before: float | None
) -> Iterator[Run]:
    """Yield the runs of one station in order of time.

    A run begins with a window of any wanted label. Windows that end soon after an onset see an emergent signal,
    whatever it is, so those decide whose P position is close to the onset: see `_DECIDING`. The run goes on through all
    windows that begin before the onset, and through later ones of its label. It takes the windows of other labels that
    overlap its last one, such as those of a coda; what then remains is a run of its own. Of windows at arrivals, the
    most probable one that overlaps the first decides.

    Parameters
    ----------
    blocks : sequence of StationWindows
        All of one station.
    wanted : (K,) bool ndarray
        Labels that make runs.
    threshold : float
        Smallest probability of the label of a window in a run.
    before : float or None
        Time from the start of a window to its P position, in seconds; None if each window is at an arrival.
    """
    blocks = [block for block in blocks if block.decided.any()]  # others have a length of their own
    if not (blocks and wanted.any()):
        return
    origin = blocks[0].start
    starts = np.concatenate([block.start - origin + np.arange(len(block)) * block.step for block in blocks])
    highest = np.concatenate([block.highest for block in blocks])
    codes = np.concatenate([np.where(wanted[block.best], block.best, -1) for block in blocks])
    probabilities = np.concatenate([block.probabilities for block in blocks])
    ends = np.cumsum([len(block) for block in blocks])
    decided = np.sort(starts[np.concatenate([block.decided for block in blocks])])
    order = np.argsort(starts, kind="stable")
    order = order[(codes[order] >= 0) & (highest[order] >= threshold)]
    starts, highest, codes = starts[order], highest[order], codes[order]
    step, length = max(block.step for block in blocks), max(block.length for block in blocks)
    reach = max(step, length) + _ROUNDING
    after = length - (2 * _ROUNDING if before is None else before)
    chains = [_Chain.of(np.flatnonzero(codes == code), starts, reach) for code in range(len(wanted))]
    begin = 0
    while begin < len(starts):
        near = np.arange(begin, np.searchsorted(starts, starts[begin] + after + _ROUNDING))
        deciding = near[[highest[near].argmax()]] if before is None else _deciding(near, starts, after)
        found = probabilities[order[deciding]].mean(axis=0, dtype=float)
        code = int(np.where(wanted, found, -1.0).argmax())
        last = chains[code].last(int(near[-1]), starts, reach)
        earlier = np.searchsorted(decided, [starts[begin] - after - _ROUNDING, starts[begin] - _ROUNDING])
        candidates = deciding if before is None or earlier[0] < earlier[1] else near
        best = candidates[probabilities[order[candidates], code].argmax()]
        b = int(np.searchsorted(ends, order[best], side="right"))
        yield Run(
            code,
            origin + float(starts[begin]),
            origin + float(starts[last]),
            origin + float(starts[best]),
            blocks[b],
            int(order[best] - ends[b]) + len(blocks[b]),
            found,
            float(probabilities[order[begin : last + 1], code].mean(dtype=float)),
            int(last + 1 - begin),
            step,
            length,
        )
        begin = max(last + 1, int(np.searchsorted(starts, starts[last] + length - _ROUNDING)))


def _deciding(near: NDArray[np.int64], starts: NDArray[np.float64], after: float) -> NDArray[np.int64]:
    """Return the windows that decide, of those from the first to the onset."""
    since = starts[near] - starts[near[0]]
    late = near[since >= _DECIDING * after - _ROUNDING]
    return late if len(late) else near[-1:]


class _Chain(NamedTuple):
    """Windows of one label, and after which of them is a gap."""

    windows: NDArray[np.int64]
    gaps: NDArray[np.int64]

    @classmethod
    def of(cls, windows: NDArray[np.int64], starts: NDArray[np.float64], reach: float) -> "_Chain":
        return cls(windows, np.flatnonzero(np.diff(starts[windows], append=np.inf) > reach))

    def last(self, window: int, starts: NDArray[np.float64], reach: float) -> int:
        """Return the last of those that overlap or follow each other from a window on, or else this window."""
        later = int(np.searchsorted(self.windows, window, side="right"))
        if later == len(self.windows) or starts[self.windows[later]] - starts[window] > reach:
            return window
        return int(self.windows[self.gaps[np.searchsorted(self.gaps, later)]])
