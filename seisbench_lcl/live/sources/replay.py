"""A replay of recordings, at any speed."""

import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from threading import Event

from obspy import Trace, UTCDateTime

from seisbench_lcl.errors import SourceError, WaveformError, check_arguments
from seisbench_lcl.events.recordings import files_named
from seisbench_lcl.live.sources.background import TICK
from seisbench_lcl.live.sources.recorded import in_order
from seisbench_lcl.live.sources.selection import Gate, StreamSelection

PACKET = 4.0
"""Longest packet in s, about what a record of 512 bytes holds at 100 Hz."""


class ReplaySource:
    """Files, replayed as packets in the order of time.

    Parameters
    ----------
    names : iterable of path
        Files, folders and patterns.
    streams : StreamSelection, optional
        By default everything.
    speed : float
        Seconds of data in a second; 0 is as fast as possible.
    packet : float
        Longest packet in s.

    Raises
    ------
    ConfigurationError
        If an argument is out of range.
    SourceError
        If a name means no file.

    Examples
    --------
    >>> from obspy.core.util import get_example_file
    >>> source = ReplaySource([get_example_file("BW.BGLD.__.EHE.D.2008.001.first_10_records")])
    >>> sum(len(packet) for packet in source.packets({}) if packet is not None)
    4120
    """

    def __init__(
        self,
        names: Iterable[str | Path],
        streams: StreamSelection | None = None,
        *,
        speed: float = 0.0,
        packet: float = PACKET,
    ) -> None:
        known = [str(name) for name in names]
        check_arguments(
            "replay",
            ("speed must not be negative", speed >= 0, speed),
            ("a packet must be longer than 0 s", packet > 0, packet),
        )
        self.name = f"replay {', '.join(known)}"
        try:
            self._paths = list(files_named(known))
        except WaveformError as error:
            raise SourceError(str(error)) from error
        self._speed, self._packet = speed, packet
        self._closed = Event()
        self._gate = Gate(streams or StreamSelection.everything(), self.name)

    @property
    def is_live(self) -> bool:
        """False: time goes by the data."""
        return False

    def close(self) -> None:
        """Let `packets` end within a second."""
        self._closed.set()

    def packets(self, since: Mapping[str, UTCDateTime]) -> Iterator[Trace | None]:
        """Yield packets as `PacketSource` says; the end is that of the recordings.

        Raises
        ------
        SourceError
            If the files have none of the streams.
        """
        begun, first, any_came = time.monotonic(), 0.0, False
        for trace in in_order(self._paths, self._gate, since, self._packet):
            end = trace.stats.endtime.timestamp
            first = first if any_came else end
            any_came = True
            while self._speed and (left := begun + (end - first) / self._speed - time.monotonic()) > 0:
                if self._closed.wait(min(left, TICK)):
                    return
                if left > TICK:
                    yield None
            if self._closed.is_set():
                return
            yield trace
        if not any_came and not since:
            raise SourceError(f"{self.name} has no data of the streams that are wanted")
