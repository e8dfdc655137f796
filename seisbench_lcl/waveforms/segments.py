"""Segments of raw records: splitting at masks, joining consecutive segments, finding dead stretches."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import obspy
from numpy.typing import NDArray

_DEAD_SECONDS = 2.0  # a longer straight line is a dead channel or a filled gap, not ground motion


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


def join(traces: list[obspy.Trace]) -> Iterator[tuple[NDArray[Any], Any]]:
    """Join segments of a component that are consecutive to half a sample, or overlap with equal samples.

    ObsPy's ``merge(-1)`` copies all data for each segment, and fails if the data type or calibration changes.

    Yields
    ------
    data : ndarray
        Samples of the joined segments.
    stats : obspy.core.Stats
        Header of the first of them.
    """
    first, *others = sorted(traces, key=lambda trace: (trace.stats.starttime.ns, trace.stats.npts))
    stats, parts, length = first.stats, [first.data], len(first.data)
    for trace in others:
        data = trace.data
        overlap = length - round((trace.stats.starttime - stats.starttime) * stats.sampling_rate)
        if overlap > len(parts[-1]):
            parts = [np.concatenate(parts)]
        tail = parts[-1][len(parts[-1]) - overlap :][: len(data)]
        follows = overlap >= 0 and trace.stats.sampling_rate == stats.sampling_rate
        if not follows or not np.array_equal(tail, data[:overlap]):
            yield np.concatenate(parts), stats
            stats, parts, length = trace.stats, [data], len(data)
        elif overlap < len(data):
            parts.append(data[overlap:])
            length += len(data) - overlap
    yield np.concatenate(parts), stats


def dead_runs(data: NDArray[np.floating], rate: float) -> Iterable[slice]:
    """Find stretches on a straight line, flat or interpolated, that are too long for ground motion."""
    bends = np.abs(np.diff(data.astype(np.float64), n=2))
    rounding = 2 * np.finfo(data.dtype).eps * np.abs(data).max() if data.dtype.kind == "f" else 0
    edges = np.concatenate([[0], np.flatnonzero(bends > rounding) + 1, [len(data)]])
    for run in np.flatnonzero(np.diff(edges) >= _DEAD_SECONDS * rate - 1):
        yield slice(int(edges[run]), int(edges[run + 1]) + 1)
