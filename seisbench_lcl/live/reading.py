"""Packets in a queue: a source is read in a thread, so that it is read while windows are decided."""

import logging
from collections.abc import Mapping
from queue import Empty, Full, Queue
from threading import Event, Thread

from obspy import Trace, UTCDateTime

from seisbench_lcl.live.sources.base import PacketSource

logger = logging.getLogger(__name__)

_LONGEST = 20_000  # packets; then the source has to wait
_TICK = 0.2  # s


class PacketReader:
    """Reads a source in a thread.

    Parameters
    ----------
    source : PacketSource
    since : mapping from NET.STA.LOC.CHA to UTCDateTime
        As in `PacketSource.packets`.
    """

    def __init__(self, source: PacketSource, since: Mapping[str, UTCDateTime]) -> None:
        self._source, self._since = source, dict(since)
        self._queue: Queue[Trace] = Queue(_LONGEST if source.is_live else 200)
        self._stopped, self._ended = Event(), Event()
        self._error: BaseException | None = None
        self._thread = Thread(target=self._read, daemon=True, name=f"reading {source.name}")

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def _read(self) -> None:
        try:
            for packet in self._source.packets(self._since):
                if self._stopped.is_set():
                    return
                if packet is not None:
                    self._put(packet)
        except BaseException as error:  # raised in the thread of the watcher
            self._error = error
        finally:
            self._ended.set()

    def _put(self, packet: Trace) -> None:
        while not self._stopped.is_set():
            try:
                self._queue.put(packet, timeout=_TICK)
            except Full:
                continue
            return

    def take(self, timeout: float, most: int) -> list[Trace]:
        """Return the packets that wait, or the first that comes within a time in s.

        Parameters
        ----------
        timeout : float
        most : int
            Largest number of packets.
        """
        taken: list[Trace] = []
        try:
            taken.append(self._queue.get(timeout=timeout) if timeout > 0 else self._queue.get_nowait())
            while len(taken) < most:
                taken.append(self._queue.get_nowait())
        except Empty:
            pass
        return taken

    @property
    def waiting(self) -> int:
        """Packets in the queue."""
        return self._queue.qsize()

    @property
    def ended(self) -> bool:
        """Whether nothing more will come, and all is taken."""
        return self._ended.is_set() and not self._queue.qsize()

    @property
    def error(self) -> BaseException | None:
        """What ended the source, if it was an error."""
        return self._error if self._ended.is_set() else None

    def stop(self) -> None:
        """End the source; packets that wait can still be taken."""
        self._stopped.set()
        self._source.close()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
