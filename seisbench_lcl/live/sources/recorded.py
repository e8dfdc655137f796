"""Files as packets, in the order in which they would have come."""

import heapq
import logging
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path

from obspy import Trace, UTCDateTime

from seisbench_lcl.errors import UnknownFormatError, WaveformError
from seisbench_lcl.live.sources.mseed_bytes import decode, pieces, starts_a_record
from seisbench_lcl.live.sources.selection import Gate
from seisbench_lcl.waveforms.reading import read_headers, read_recording

_CHUNK = 1 << 16  # bytes of a miniSEED file to decode at once
_HEAD = 4096

_log = logging.getLogger(__name__)


def in_order(paths: Iterable[Path], gate: Gate, since: Mapping[str, UTCDateTime], packet: float) -> Iterator[Trace]:
    """Yield the wanted samples of files as packets, the one that ends first before the others.

    Of miniSEED, a part of each file that is open is in memory; other files are read whole when their time comes. A file
    that holds one channel after the other is read once for each; within a channel, packets come as they lie in it.

    Parameters
    ----------
    paths : iterable of Path
        Files that are no recordings are passed over; what cannot be read is logged.
    gate : Gate
    since : mapping from NET.STA.LOC.CHA to UTCDateTime
        What ends before that is left out.
    packet : float
        Longest packet in s.
    """
    numbers = count()
    waiting: list[tuple[int, int, Trace | None, Iterator[Trace]]] = []
    for path in paths:
        start = _start_of(path)
        if start is None:
            continue
        for name in _channels(path):
            heapq.heappush(waiting, (start, next(numbers), None, _packets(path, name, gate, since, packet)))
    while waiting:
        _, _, trace, more = heapq.heappop(waiting)
        if trace is not None:
            yield trace
        if (following := next(more, None)) is not None:
            heapq.heappush(waiting, (following.stats.endtime.ns, next(numbers), following, more))


def is_miniseed(path: Path) -> bool:
    """Return whether a file begins as miniSEED."""
    with path.open("rb") as file:
        return starts_a_record(file.read(64))


def _start_of(path: Path) -> int | None:
    """Return when a recording begins, in ns since 1970; None for other files."""
    try:
        if is_miniseed(path):
            with path.open("rb") as file:
                traces = decode(file.read(_HEAD)).traces
            if traces:
                return min(trace.stats.starttime.ns for trace in traces)
        return min(stats.starttime.ns for stats in read_headers(path).stats)
    except UnknownFormatError:
        return None  # a folder may hold notes too
    except (WaveformError, OSError, ValueError) as error:
        _log.warning("%s cannot be read: %s", path, error)
        return None


def _channels(path: Path) -> list[str | None]:
    """Return the channels of a file that are to be read apart; None stands for all at once."""
    if is_miniseed(path):
        with path.open("rb") as file:
            first = decode(file.read(_HEAD)).traces
            file.seek(max(0, path.stat().st_size - _HEAD))
            last = decode(file.read(_HEAD)).traces
        if not first or not last or first[0].id == last[-1].id:  # one channel, or many that alternate
            return [None]
    try:
        found = read_headers(path).stats
    except WaveformError:
        return [None]  # what can be read of it comes as it lies
    return [*sorted({f"{one.network}.{one.station}.{one.location}.{one.channel}" for one in found})]


def _packets(
    path: Path, name: str | None, gate: Gate, since: Mapping[str, UTCDateTime], packet: float
) -> Iterator[Trace]:
    for trace in _traces(path):
        if name is not None and trace.id != name:
            continue
        if gate.passes(trace):
            for piece in pieces(trace, packet):
                if trace.id not in since or piece.stats.endtime > since[trace.id]:
                    yield piece


def _traces(path: Path) -> Iterator[Trace]:
    try:
        if not is_miniseed(path):
            recording = read_recording(path)
            if recording.losses:
                _log.warning("%s: %s", path, "; ".join(recording.losses))
            yield from sorted(recording.stream, key=lambda trace: trace.stats.starttime.ns)
            return
        bad, rest = 0, b""
        with path.open("rb") as file:
            while data := file.read(_CHUNK):
                found = decode(rest + data)
                rest = (rest + data)[found.used :]
                bad += found.bad
                yield from sorted(found.traces, key=lambda trace: trace.stats.endtime.ns)
        if bad:
            _log.warning("%s: damaged records are left out: %d", path, bad)
        if rest.strip(b"\0 "):
            _log.info("%s ends within a record", path)
    except (WaveformError, OSError) as error:
        _log.warning("%s cannot be read: %s", path, error)
