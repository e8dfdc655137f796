"""A folder that fills, such as an SDS archive that an acquisition writes to."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Event

from obspy import Trace, UTCDateTime

from seisbench_lcl.errors import SourceError, check_arguments
from seisbench_lcl.live.sources.background import TICK
from seisbench_lcl.live.sources.growing import GrowingFolder
from seisbench_lcl.live.sources.mseed_bytes import pieces
from seisbench_lcl.live.sources.recorded import in_order
from seisbench_lcl.live.sources.replay import PACKET
from seisbench_lcl.live.sources.selection import Gate, StreamSelection


class FolderSource:
    """A folder in which files appear and grow, in any layout and format.

    Of miniSEED, new records count as they are written; a file in another format when it has stopped growing. What is in
    the folder at the beginning counts as known, but for streams that were seen before: theirs are read from the last
    known sample on. Hidden files are left out.

    Parameters
    ----------
    root : path
    streams : StreamSelection, optional
        By default everything.
    interval : float
        Time between two looks, in s.
    packet : float
        Longest packet in s.

    Raises
    ------
    ConfigurationError
        If an argument is out of range.
    SourceError
        If it is no folder.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     source = FolderSource(folder)
    ...     next(source.packets({})) is None  # nothing has come yet
    ...     source.close()
    True
    """

    def __init__(
        self,
        root: str | Path,
        streams: StreamSelection | None = None,
        *,
        interval: float = 1.0,
        packet: float = PACKET,
    ) -> None:
        check_arguments(
            "folder",
            ("the interval must be longer than 0 s", interval > 0, interval),
            ("a packet must be longer than 0 s", packet > 0, packet),
        )
        self._root = Path(root)
        if not self._root.is_dir():
            raise SourceError(f"{root} is no folder: name one in which files appear, or replay files with replay:PATH")
        self.name = f"folder {root}"
        self._interval, self._packet = interval, packet
        self._closed = Event()
        self._gate = Gate(streams or StreamSelection.everything(), self.name)

    @property
    def is_live(self) -> bool:
        """False: files may be of any time."""
        return False

    def close(self) -> None:
        """Let `packets` end within a second."""
        self._closed.set()

    def packets(self, since: Mapping[str, UTCDateTime]) -> Iterator[Trace | None]:
        """Yield packets as files grow, as `PacketSource` says."""
        folder = GrowingFolder(self._root)
        existing = folder.skip_existing()
        if since:
            yield from self._missed(existing, since)
        missing = False
        while not self._closed.is_set():
            try:
                found = [trace for trace in folder.new() if self._gate.passes(trace)]
                missing = False
            except OSError as error:
                if not missing:
                    logging.getLogger(__name__).warning("%s cannot be read: %s", self.name, error)
                found, missing = [], True
            packets = [piece for trace in found for piece in pieces(trace, self._packet)]
            for packet in sorted(packets, key=lambda piece: piece.stats.endtime.ns):
                if self._closed.is_set():
                    return
                yield packet
            waited = 0.0
            while waited < self._interval:
                yield None
                if self._closed.wait(min(TICK, self._interval - waited)):
                    return
                waited += TICK

    def _missed(self, existing: list[Path], since: Mapping[str, UTCDateTime]) -> Iterator[Trace]:
        """Yield what came while nobody watched."""
        earliest = min(since.values())
        changed = [path for path in existing if path.stat().st_mtime >= earliest.timestamp]
        for packet in in_order(changed, self._gate, since, self._packet):
            if self._closed.is_set():
                return
            if packet.id in since:
                yield packet
