"""Samples of one channel without a gap, of which the oldest are forgotten."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seisbench_lcl.waveforms.flaws import BLOCK
from seisbench_lcl.waveforms.segments import SAME_TIME, SLIP

SECOND = 10**9  # ns


class Segment:
    """Samples on one time grid, to which packets are added at the end.

    Parameters
    ----------
    start : int
        Time of the first sample, in ns since 1970. The grid keeps it: time stamps of later packets may jitter.
    rate : float
        In Hz.
    data : (n,) ndarray
    phase : int
        Place of the first sample in the blocks in which flaws are sought. It goes on where samples are forgotten, so
        that what remains has the flaws that the whole has.
    """

    def __init__(self, start: int, rate: float, data: NDArray[Any], phase: int = 0) -> None:
        self._origin, self._skipped = start, 0
        self.rate = rate
        self.phase = phase % BLOCK
        self._chunks = [data]
        self.length = len(data)

    @property
    def start(self) -> int:
        """Time of the first sample, in ns since 1970."""
        return self._time(0)

    @property
    def end(self) -> int:
        """Time after the last sample, in ns since 1970."""
        return self._time(self.length)

    def _time(self, index: int) -> int:
        return self._origin + round((self._skipped + index) * SECOND / self.rate)

    def place(self, time: int) -> float:
        """Return the index of a time, in samples after the first."""
        return (time - self._origin) * self.rate / SECOND - self._skipped

    def has_rate(self, rate: float, length: int) -> bool:
        """Whether as many samples at a rate drift by less than half a sample."""
        return abs(rate / self.rate - 1) * max(length, self.length) <= SLIP

    def follows(self, start: int, rate: float, length: int) -> bool:
        """Whether samples that start at a time go on where this ends."""
        return self.has_rate(rate, length) and abs(self.place(start) - self.length) < SAME_TIME

    def append(self, data: NDArray[Any]) -> None:
        """Add samples at the end."""
        self._chunks.append(data)
        self.length += len(data)

    def read(self, first: int, end: int) -> NDArray[Any]:
        """Return samples by index, as a view."""
        if len(self._chunks) > 1:
            self._chunks = [np.concatenate(self._chunks)]
        return self._chunks[0][first:end]

    def drop(self, count: int) -> None:
        """Forget the first samples."""
        if count <= 0:
            return
        rest = self.read(count, self.length).copy()  # a view would keep the memory of all
        self._chunks, self.length = [rest], len(rest)
        self._skipped += count
        self.phase = (self.phase + count) % BLOCK
