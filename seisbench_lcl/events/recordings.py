"""Waveforms from files and folders, indexed once by their headers."""

import glob
import os
import warnings
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import obspy
from obspy import UTCDateTime
from obspy.io.mseed import InternalMSEEDWarning

from seisbench_lcl.errors import UnknownFormatError, WaveformError
from seisbench_lcl.events.source import Found, Site, sliced
from seisbench_lcl.waveforms.reading import files_in, matching_files, read_headers, read_recording

_BLOCK = 3600.0  # s of a long miniSEED file to decode at once
_OVERLAP = 1.0  # s by which blocks overlap, so that no sample between them is lost
_LONG = 2_000_000  # samples of a file from which on it is read in blocks
_SAMPLE = 8  # bytes in memory, at most


class _Entry(NamedTuple):
    """What one file holds of one site; times in nanoseconds."""

    path: Path
    site: Site
    start: int
    end: int
    in_blocks: bool


class Contents(NamedTuple):
    """What a file holds.

    Attributes
    ----------
    spans : dict from Site to (int, int)
        First and last sample, in ns since 1970.
    problem : str
        What of it is lost or unreadable; "" if nothing.
    in_blocks : bool
        Whether it is long, and sound miniSEED, of which parts can be read.

    Examples
    --------
    >>> obspy.read()[0].write("rjob.mseed", "MSEED")
    >>> contents = contents_of(Path("rjob.mseed"))
    >>> [site.station for site in contents.spans], contents.problem
    (['RJOB'], '')
    """

    spans: dict[Site, tuple[int, int]]
    problem: str
    in_blocks: bool


def contents_of(path: Path) -> Contents | None:
    """Return what a file holds by its headers; None if it is no recording."""
    try:
        headers = read_headers(path)
    except UnknownFormatError:
        return None
    except WaveformError as error:
        return Contents({}, str(error), False)
    long = sum(stats.npts for stats in headers.stats) >= _LONG
    spans: dict[Site, tuple[int, int]] = {}
    for stats in headers.stats:
        site = Site(stats.network, stats.station)
        start, end = stats.starttime.ns, stats.endtime.ns
        first, last = spans.get(site, (start, end))
        spans[site] = min(first, start), max(last, end)
    return Contents(spans, "; ".join(headers.losses), long and headers.format == "MSEED" and not headers.losses)


class FileSource:
    """Recordings in files, found by their content, whatever their names.

    Headers are read once. Samples are read when an event needs them, and the last of them are kept: a day file of
    miniSEED is decoded in blocks of an hour, each once as long as events come in order of time.

    Parameters
    ----------
    names : iterable of path
        Files, folders, whose files are all indexed, and patterns.
    memory : float
        Samples to keep, in GB.
    progress : callable
        Wraps the sequence of files to index, for a progress bar.

    Attributes
    ----------
    problems : dict from Path to str
        Files in which something is lost or unreadable, with the reason.

    Raises
    ------
    WaveformError
        If a name means no file, or no file is a recording.

    Examples
    --------
    >>> stream = obspy.read()
    >>> stream.write("record.mseed", "MSEED")
    >>> source = FileSource(["record.mseed"])
    >>> start = stream[0].stats.starttime
    >>> len(source.read([Site("BW", "RJOB")], start, start + 10, ["EH"]).stream)
    3
    """

    def __init__(
        self,
        names: Iterable[str | Path],
        *,
        memory: float = 0.5,
        progress: Callable[[Iterable[Path]], Iterable[Path]] = iter,
    ) -> None:
        self._entries: dict[str, list[_Entry]] = {}
        self._kept: OrderedDict[tuple[Path, int | None], list[obspy.Trace]] = OrderedDict()
        self._room, self._used = memory * 1e9, 0
        self.problems: dict[Path, str] = {}
        paths = list(files_named(names))
        for path in progress(paths):
            self._index(path)
        if not self._entries:
            lost = "; ".join(f"{path}: {problem}" for path, problem in list(self.problems.items())[:3])
            raise WaveformError(f"none of {len(paths)} files is a recording{': ' if lost else ''}{lost}")

    def _index(self, path: Path) -> None:
        contents = contents_of(path)
        if contents is None:
            return  # a folder may hold notes and tables too
        if contents.problem:
            self.problems[path] = contents.problem
        for site, (start, end) in contents.spans.items():
            self._entries.setdefault(site.station, []).append(_Entry(path, site, start, end, contents.in_blocks))

    def read(self, sites: Collection[Site], start: UTCDateTime, end: UTCDateTime, instruments: Sequence[str]) -> Found:
        """Return the waveforms of stations between two times."""
        needed = {
            entry: site
            for site in sites
            for entry in self._entries.get(site.station, ())
            if site.network in ("", entry.site.network) and entry.start <= end.ns and entry.end >= start.ns
        }
        traces: list[obspy.Trace] = []
        problems: dict[Site, str] = {}
        read: dict[Path, str] = {}  # what went wrong with each
        for entry, site in needed.items():
            if entry.path in self.problems:
                problems[site] = f"{entry.path.name}: {self.problems[entry.path]}"
            if entry.path not in read:
                read[entry.path] = ""
                try:
                    for block in _blocks(start, end) if entry.in_blocks else [None]:
                        traces += self._traces(entry.path, block)
                except WaveformError as error:
                    read[entry.path] = f"{entry.path.name}: {error}"
            if read[entry.path]:
                problems[site] = read[entry.path]
        return Found(sliced(traces, sites, start, end).stream, problems)

    def _traces(self, path: Path, block: int | None) -> list[obspy.Trace]:
        """Return the traces of a file, or of one block of it, kept from before or read now."""
        key = path, block
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        stream = read_recording(path).stream if block is None else _block_of(path, block)
        self._kept[key] = stream.traces
        self._used += _size(stream.traces)
        while self._used > self._room and len(self._kept) > 1:
            self._used -= _size(self._kept.popitem(last=False)[1])
        return stream.traces


def files_named(names: Iterable[str | Path]) -> Iterable[Path]:
    """Return each file that names, folders and patterns mean, once.

    Raises
    ------
    WaveformError
        If a name means no file.
    """
    seen: dict[Path, None] = {}
    for name in names:
        try:
            found = matching_files(name)
        except WaveformError as error:
            raise WaveformError(f"cannot read {name}: {error}") from error
        for path in found:
            inside = files_in(path) if path.is_dir() else [path]
            if not inside:
                readable = os.access(path, os.R_OK | os.X_OK)
                why = "the folder has no files" if readable else "you have no permission to list the folder"
                raise WaveformError(f"cannot read {path}: {why}")
            seen.update(dict.fromkeys(inside))
    return seen


def _blocks(start: UTCDateTime, end: UTCDateTime) -> range:
    return range(int(start.timestamp // _BLOCK), int(end.timestamp // _BLOCK) + 1)


def _block_of(path: Path, block: int) -> obspy.Stream:
    """Decode a block of a sound miniSEED file; only its records are decoded, in a few milliseconds."""
    span = {
        "starttime": UTCDateTime(block * _BLOCK - _OVERLAP),
        "endtime": UTCDateTime((block + 1) * _BLOCK + _OVERLAP),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error", InternalMSEEDWarning)
        try:
            return obspy.read(glob.escape(str(path)), format="MSEED", check_compression=False, **span)
        except Exception:  # ObsPy's reader raises errors of many types; the careful one keeps what is good
            return read_recording(path, **span).stream


def _size(traces: list[obspy.Trace]) -> int:
    return sum(_SAMPLE * len(trace) for trace in traces)
