"""A copy on disk of what a source answered."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import obspy
from obspy import UTCDateTime

from seisbench_lcl.events.source import Found, Site, WaveformSource, sliced
from seisbench_lcl.storage import write_file
from seisbench_lcl.waveforms.reading import read_recording


class _Kept(NamedTuple):
    """What a file of the cache answers; its name says so."""

    start: int  # ns since 1970
    end: int
    instruments: frozenset[str]

    @classmethod
    def of(cls, file: Path) -> "_Kept":
        start, end, instruments = file.stem.split("_")
        return cls(int(start), int(end), frozenset(instruments.split("-")))

    def answers(self, asked: "_Kept") -> bool:
        return self.start <= asked.start and self.end >= asked.end and self.instruments >= asked.instruments

    @property
    def file_name(self) -> str:
        return f"{self.start}_{self.end}_{'-'.join(sorted(self.instruments))}.mseed"


class CachedSource:
    """A source whose answers are kept on disk, so that nothing is asked for twice.

    A shorter span, or fewer instruments, of what is kept needs no new request: figures show less than decisions read.

    Parameters
    ----------
    source : WaveformSource
    folder : path
        One miniSEED file for each station of a request that brought waveforms without a problem; an empty one for a
        station that had none while others had.
    name : str
        What the source is called, so that two services do not share answers.

    Examples
    --------
    >>> import obspy
    >>> from tempfile import TemporaryDirectory
    >>> from seisbench_lcl.events.source import Site, StreamSource
    >>> stream = obspy.read()
    >>> with TemporaryDirectory() as folder:
    ...     source = CachedSource(StreamSource(stream), folder, "a name for the source")
    ...     for _ in range(2):  # the second time from disk
    ...         found = source.read([Site("BW", "RJOB")], stream[0].stats.starttime, stream[0].stats.endtime, ["EH"])
    >>> len(found.stream)
    3
    """

    def __init__(self, source: WaveformSource, folder: str | Path, name: str) -> None:
        self._source, self._folder = source, Path(folder) / quote(name, safe="")

    def read(self, sites: Collection[Site], start: UTCDateTime, end: UTCDateTime, instruments: Sequence[str]) -> Found:
        """Return the waveforms of stations between two times.

        Raises
        ------
        OutputError
            If the folder cannot be written to.
        """
        asked = _Kept(start.ns, end.ns, frozenset(instruments))
        kept = {site: file for site in sites if (file := self._find(site, asked))}
        stream = obspy.Stream()
        for site, file in kept.items():
            if file.stat().st_size:
                stream += sliced(read_recording(file).stream, [site], start, end).stream
        missing = [site for site in sites if site not in kept]
        if not missing:
            return Found(stream)
        found = self._source.read(missing, start, end, instruments)
        if found.stream and not found.problems:
            for site in missing:
                self._keep(obspy.Stream([trace for trace in found.stream if site.has(trace)]), site, asked)
        return Found(stream + sliced(found.stream, missing, start, end).stream, found.problems)

    def _find(self, site: Site, asked: _Kept) -> Path | None:
        files = self._of(site).glob("*.mseed")
        return next((file for file in files if _Kept.of(file).answers(asked)), None)

    def _keep(self, stream: obspy.Stream, site: Site, asked: _Kept) -> None:
        file = self._of(site) / asked.file_name
        write_file(file, lambda path: stream.write(str(path), "MSEED") if stream else path.touch())

    def _of(self, site: Site) -> Path:
        return self._folder / quote(f"{site.network}_{site.station}", safe="")
