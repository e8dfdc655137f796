"""Which station has which files, from the names in an SDS archive or the headers of any files."""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from obspy import UTCDateTime

from seisbench_lcl.archive.units import DAY, SourceFile, days, midnight
from seisbench_lcl.errors import WaveformError
from seisbench_lcl.events.fdsn import FdsnSource
from seisbench_lcl.events.recordings import contents_of, files_named
from seisbench_lcl.events.source import Site
from seisbench_lcl.storage import write_text
from seisbench_lcl.waveforms.channels import channel_code
from seisbench_lcl.wording import counted, listed

_NAMED = 3  # problems in a message

_YEAR = re.compile(r"[12]\d{3}")
# NET.STA.LOC.CHAN.D.YEAR.DAY; codes may be empty.
_SDS = re.compile(r"([^.]*)\.([^.]+)\.([^.]*)\.([^.]+)\.D\.(\d{4})\.(\d{3})")


@dataclass
class Listing:
    """What there is to decide on.

    Attributes
    ----------
    files : dict from Site to list of SourceFile
    spans : dict from Site to set of (int, int)
        Parts of days, in ns since 1970, from which there may be data.
    ignored : int
        Files that are no recordings, or whose names are not those of the archive.
    problems : dict from path to str
        Files and folders that cannot be read, with the reason.
    """

    files: dict[Site, list[SourceFile]] = field(default_factory=dict)
    spans: dict[Site, set[tuple[int, int]]] = field(default_factory=dict)
    ignored: int = 0
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def losses(self) -> str:
        """The first problems in brackets, to end a sentence; "" without any."""
        told = [f"{path}: {problem}" for path, problem in self.problems.items()]
        return f" ({listed(told, most=_NAMED)})" if told else ""

    def add(self, site: Site, file: SourceFile, start: int, end: int) -> None:
        """Add a file with data from `start` to before `end`."""
        self.files.setdefault(site, []).append(file)
        self.spans.setdefault(site, set()).update(days(start, end))


@dataclass(frozen=True)
class Wanted:
    """What of a source is wanted.

    Attributes
    ----------
    stations : collection of str
        NET.STA, where * and ? are wildcards; empty means all.
    start, end : int
        In ns since 1970.
    instruments : collection of str
        Band and instrument codes; empty means all.
    """

    stations: Collection[str]
    start: int
    end: int
    instruments: Collection[str] = ()

    def has(self, site: Site) -> bool:
        """Return whether a station is wanted."""
        return not self.stations or any(fnmatchcase(str(site), pattern) for pattern in self.stations)

    def takes(self, channel: str) -> bool:
        """Return whether a channel is wanted."""
        return not self.instruments or channel_code(channel).instrument in self.instruments


def list_sds(root: Path, wanted: Wanted) -> Listing:
    """List an SDS archive by the names of its files.

    Neighbouring days are listed too, for windows across midnight. Links are followed. What lies where the layout has
    no place for it does not count; what has another name there is counted as ignored. A folder that cannot be read is a
    problem of the listing.
    """
    listing = Listing()
    first, last = wanted.start // DAY - 1, (wanted.end - 1) // DAY + 1
    for folder in _channels(root, wanted, listing):
        year, site = folder.parts[-4], Site(folder.parts[-3], folder.parts[-2])
        if not midnight(int(year), 1) // DAY <= last or not midnight(int(year) + 1, 1) // DAY >= first:
            continue
        for path in _inside(folder, listing):
            named = _SDS.fullmatch(path.name)
            meant = named and Site(named[1], named[2]) == site and named[5] == year and 1 <= int(named[6]) <= 366
            if not named or not meant or not path.is_file():
                listing.ignored += 1
                continue
            start = midnight(int(year), int(named[6]))
            if first <= start // DAY <= last:
                found = path.stat()
                file = SourceFile(str(path), found.st_size, found.st_mtime_ns, start, start + DAY)
                listing.add(site, file, start, start + DAY)
    return listing


def _channels(root: Path, wanted: Wanted, listing: Listing) -> Iterator[Path]:
    """Yield the folders YEAR/NET/STA/CHAN.D of what is wanted."""
    for year in _inside(root, listing):
        for network in _inside(year, listing) if _YEAR.fullmatch(year.name) else ():
            for station in _inside(network, listing):
                if wanted.has(Site(network.name, station.name)):
                    for folder in _inside(station, listing):
                        if folder.name.endswith(".D") and wanted.takes(folder.name.removesuffix(".D")):
                            yield folder


def _inside(folder: Path, listing: Listing) -> list[Path]:
    """Return what is in a folder; nothing if it is a file, or cannot be read."""
    try:
        return sorted(folder.iterdir())
    except NotADirectoryError:
        return []
    except OSError as error:
        listing.problems[str(folder)] = f"cannot be read: {error.strerror}"
        return []


def list_files(
    names: Iterable[str | Path],
    wanted: Wanted,
    index: Path,
    progress: Callable[[Iterable[Path]], Iterable[Path]] = iter,
) -> Listing:
    """List any files by their headers, which are read once and kept.

    Parameters
    ----------
    names : iterable of path
        Files, folders and patterns.
    wanted : Wanted
    index : Path
        File for what the headers said; those of changed files are read again.
    progress : callable
        Wraps the files.

    Raises
    ------
    WaveformError
        If a name means no file, or no file is a recording.
    OutputError
        If the index cannot be written.
    """
    known = _read_index(index)
    fresh: dict[str, list[Any]] = {}
    names = [*names]
    listing, recordings, total = Listing(), 0, 0
    for path in progress(list(files_named(names))):
        total += 1
        found = path.stat()
        name, state = str(path.resolve()), [found.st_size, found.st_mtime_ns]
        entry = known.get(name)
        if entry is None or entry[:2] != state:
            contents = contents_of(path)
            spans = [[*site, *span] for site, span in contents.spans.items()] if contents else None
            entry = [*state, spans, contents.problem if contents else ""]
        fresh[name] = entry
        size, modified, spans, problem = entry
        if problem:
            listing.problems[name] = str(problem)
        if spans is None:
            listing.ignored += 1
            continue
        for network, station, start, end in spans:
            recordings += 1
            site, after = Site(network, station), end + 1
            if wanted.has(site):
                listing.add(site, SourceFile(name, size, modified, start, after), start, after)
    if fresh != known:
        write_text(index, json.dumps(fresh))
    if not recordings:
        raise WaveformError(
            f"found no recording in {listed(map(str, names))} ({counted(total, 'file')}){listing.losses}: name the "
            "root of an SDS archive, or files that ObsPy reads"
        )
    return listing


def _read_index(path: Path) -> dict[str, list[Any]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # it is read again
    return found if isinstance(found, dict) else {}


def list_service(service: FdsnSource, wanted: Wanted) -> Listing:
    """List an FDSN service by the epochs of its channels: whether there are samples shows when they are asked for.

    Raises
    ------
    WaveformError
        If the service does not answer.
    """
    listing = Listing()
    for site, channels in service.channels(UTCDateTime(ns=wanted.start), UTCDateTime(ns=wanted.end)).items():
        for channel, start, end in channels if wanted.has(site) else ():
            if wanted.takes(channel):
                listing.spans.setdefault(site, set()).update(days(start // DAY * DAY, end))
    return listing
