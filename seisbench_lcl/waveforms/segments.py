"""Segments of raw records: splitting at masks, joining consecutive segments."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import obspy
from numpy.typing import NDArray

SAME_TIME = 0.75
"""Samples by which time stamps may jitter: a missing sample shifts them by more."""

SLIP = 0.5
"""Samples by which two rates may drift apart over a segment, and still be the same."""

LONGEST_GAP = 2.0
"""Longest gap that is filled when segments are joined, in s."""


class Segment(NamedTuple):
    """Samples of one component on one time grid.

    Attributes
    ----------
    data : (n,) ndarray
    missing : (n,) bool ndarray or None
        Samples that only fill short gaps; None if no sample does.
    stats : obspy.core.Stats
        Header of the first joined segment.
    """

    data: NDArray[Any]
    missing: NDArray[np.bool_] | None
    stats: Any


def gapless(trace: obspy.Trace) -> Iterator[obspy.Trace]:
    """Split a trace at its masked samples without copying data."""
    if not trace.stats.npts:
        return
    if not np.ma.isMaskedArray(trace.data):
        yield obspy.Trace(trace.data, header=trace.stats)
        return
    for span in np.ma.clump_unmasked(trace.data):
        segment = obspy.Trace(trace.data.data[span], header=trace.stats)
        segment.stats.starttime += span.start * trace.stats.delta
        yield segment


def join(traces: list[obspy.Trace], longest_gap: float = LONGEST_GAP) -> Iterator[Segment]:
    """Join segments of a component that follow one another, overlap with equal samples, or leave a short gap.

    Time stamps may jitter by less than a sample, and rates may differ as long as the difference does not add up to half
    a sample. ObsPy's ``merge(-1)`` copies all data for each segment, and fails if the data type changes.

    Parameters
    ----------
    traces : list of obspy.Trace
        Without masks.
    longest_gap : float
        Longest gap to fill, in s. Fillers are marked as missing.
    """
    first, *others = sorted(traces, key=lambda trace: (trace.stats.starttime.ns, trace.stats.npts))
    joining = _Joining(first)
    for trace in others:
        if not joining.add(trace, longest_gap):
            yield joining.segment()
            joining = _Joining(trace)
    yield joining.segment()


class _Joining:
    """Segments that are being joined: their parts, which are concatenated once."""

    def __init__(self, first: obspy.Trace) -> None:
        self._stats = first.stats
        self._parts = [first.data]
        self._length = len(first.data)
        self._gaps: list[tuple[int, int]] = []

    def add(self, trace: obspy.Trace, longest_gap: float) -> bool:
        """Append a trace, and return whether that was possible."""
        data, rate = trace.data, self._stats.sampling_rate
        if abs(trace.stats.sampling_rate / rate - 1) * max(len(data), self._length) > SLIP:
            return False
        offset = (trace.stats.starttime.ns - self._stats.starttime.ns) * rate / 1e9 - self._length
        gap = round(offset)
        if gap < 0:
            overlap = -gap
            if overlap > len(self._parts[-1]):
                self._parts = [np.concatenate(self._parts)]
            tail = self._parts[-1][len(self._parts[-1]) - overlap :][: len(data)]
            if np.array_equal(tail, data[:overlap]):
                data = data[overlap:]
            elif offset <= -SAME_TIME:
                return False
        elif offset >= SAME_TIME:
            if gap > longest_gap * rate:
                return False
            self._gaps.append((self._length, self._length + gap))
            self._parts.append(np.repeat(self._parts[-1][-1:], gap))
            self._length += gap
        if len(data):
            self._parts.append(data)
            self._length += len(data)
        return True

    def segment(self) -> Segment:
        """Return the joined samples."""
        data = self._parts[0] if len(self._parts) == 1 else np.concatenate(self._parts)
        if not self._gaps:
            return Segment(data, None, self._stats)
        missing = np.zeros(len(data), dtype=bool)
        for first, end in self._gaps:
            missing[first:end] = True
        return Segment(data, missing, self._stats)
