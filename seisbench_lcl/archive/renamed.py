"""Horizontal components that changed their names, as when HHN and HHE become HH1 and HH2."""

from collections import defaultdict

import obspy

_OVERLAP = 60.0  # s, of files that end a little after the change
_PAIRS = (("N", "1"), ("E", "2"))


def under_one_name(stream: obspy.Stream) -> obspy.Stream:
    """Return a stream in which components 1 and 2 are named N and E where they follow or precede N and E.

    A model takes either pair of an instrument, but not both, so that a change of names would cost the days on both
    sides of it. Pairs that an instrument records at the same time, for more than a minute, keep their names.

    Parameters
    ----------
    stream : obspy.Stream
        Not changed.
    """
    instruments: dict[str, list[obspy.Trace]] = defaultdict(list)
    for trace in stream:
        instruments[trace.id[:-1]].append(trace)
    return obspy.Stream([trace for own in instruments.values() for trace in _renamed(own)])


def _renamed(traces: list[obspy.Trace]) -> list[obspy.Trace]:
    found = [trace for trace in traces if trace.stats.channel[-1:] not in ("1", "2")]
    for letter, number in _PAIRS:
        named, numbered = (
            [trace for trace in traces if trace.stats.channel.endswith(code)] for code in (letter, number)
        )
        if not named:
            if any(trace.stats.channel.endswith(("N", "E")) for trace in traces) and numbered:
                return traces  # half a change
            found += numbered
            continue
        if sum(_shared(one, other) for one in named for other in numbered) > _OVERLAP:
            return traces
        for trace in numbered:
            if (rest := _outside(trace, named)) is not None:
                rest.stats.channel = trace.stats.channel[:-1] + letter
                found.append(rest)
    return found


def _shared(one: obspy.Trace, other: obspy.Trace) -> float:
    """Return how long both traces record, in s."""
    start = max(one.stats.starttime, other.stats.starttime)
    return max(0.0, float(min(one.stats.endtime, other.stats.endtime) - start))


def _outside(trace: obspy.Trace, others: list[obspy.Trace]) -> obspy.Trace | None:
    """Return the part of a trace before or after others."""
    start, end, step = trace.stats.starttime, trace.stats.endtime, trace.stats.delta
    for other in others:
        first, last = other.stats.starttime, other.stats.endtime
        if first <= end and last >= start:
            start, end = (start, first - step) if start < first else (last + step, end)
    return trace.slice(start, end) if start <= end else None
