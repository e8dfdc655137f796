"""Packets from a SeedLink server, for as long as it takes."""

import logging
import time
import warnings
from collections.abc import Iterator, Mapping
from threading import Event

from obspy import Trace, UTCDateTime
from obspy.clients.seedlink.slpacket import SLPacket
from obspy.io.mseed import InternalMSEEDWarning

from seisbench_lcl.errors import SourceError, check_arguments
from seisbench_lcl.live.sources.background import TICK, Background, Put, Trouble
from seisbench_lcl.live.sources.seedlink_link import LinkError, ProtocolError, SeedLinkLink
from seisbench_lcl.live.sources.selection import Gate, StreamId, StreamPattern, StreamSelection, beginning
from seisbench_lcl.wording import listed

PORT = 18000
_OVERLAP = 30.0  # s to ask for again, since packets may have been late when the connection was lost
_CLOCK = 60.0  # s that a packet may lie in the future before its time counts as wrong

_log = logging.getLogger(__name__)


class SeedLinkSource:
    """A SeedLink server, protocol 3.

    After a connection is lost, data are asked for by time, from 30 s before the last sample on, since packets may come
    late. So some come again, and what the server keeps no longer is lost. A network or station with a wildcard is
    looked up in the server's list at each connection.

    Parameters
    ----------
    host : str
    streams : StreamSelection
    port : int
    timeout : float
        Silence in s, in spite of questions, after which the connection counts as lost.
    keepalive : float
        Silence in s after which the server is asked for a sign of life.
    first_wait, longest_wait : float
        Waits in s before connecting again.

    Raises
    ------
    ConfigurationError
        If an argument is out of range.

    Examples
    --------
    >>> source = SeedLinkSource("localhost", StreamSelection.parse("GE_WLF:HH?"))
    >>> source.name  # the connection is made by `packets`
    'seedlink localhost:18000'
    """

    def __init__(
        self,
        host: str,
        streams: StreamSelection,
        port: int = PORT,
        *,
        timeout: float = 120.0,
        keepalive: float = 30.0,
        first_wait: float = 1.0,
        longest_wait: float = 60.0,
    ) -> None:
        check_arguments(
            "SeedLink",
            ("the port must be between 1 and 65535", 0 < port < 65536, port),
            ("timeout must be longer than keepalive", timeout > keepalive > 0, timeout),
            ("waits must be positive and grow", 0 < first_wait <= longest_wait, (first_wait, longest_wait)),
        )
        self.name = f"seedlink {host}:{port}"
        self._host, self._port, self._streams = host, port, streams
        self._timeout, self._keepalive = timeout, keepalive
        self._closed = Event()
        self._trouble = Trouble(self.name, self._closed, first_wait, longest_wait)
        self._gate = Gate(streams, self.name)
        self._bad = 0  # records that could not be decoded
        self._told = False  # which streams the server lacks

    @property
    def is_live(self) -> bool:
        """True: data are as old as the network is slow."""
        return True

    def close(self) -> None:
        """Let `packets` end within a second."""
        self._closed.set()

    def packets(self, since: Mapping[str, UTCDateTime]) -> Iterator[Trace | None]:
        """Yield packets as they come, as `PacketSource` says.

        Raises
        ------
        SourceError
            If the first connection fails, or the server has none of the streams.
        """
        ends = dict(since)
        return Background(self._closed).packets(lambda put: self._serve(ends, put))

    def _serve(self, ends: dict[str, UTCDateTime], put: Put) -> None:
        was_connected = False
        while not self._closed.is_set():
            try:
                with self._connect(ends) as link:
                    was_connected = True
                    self._pass_on(link, ends, put)
            except (LinkError, OSError, SourceError) as error:
                if not was_connected:
                    raise self._refusal(error) from error
                self._trouble.begins(error)

    def _refusal(self, error: Exception) -> SourceError:
        if isinstance(error, SourceError):
            return error
        if isinstance(error, ProtocolError):
            return SourceError(f"{self.name} cannot be used: {error}; SeedLink usually listens at port {PORT}")
        return SourceError(f"cannot connect to {self.name}: {error}; check the host and the port, usually {PORT}")

    def _connect(self, ends: Mapping[str, UTCDateTime]) -> SeedLinkLink:
        """Return a connection that data come on."""
        known = self._known()
        link = SeedLinkLink(self._host, self._port)
        try:
            self._subscribe(link, known, ends)
        except BaseException:
            link.close()
            raise
        return link

    def _known(self) -> set[StreamId] | None:
        """Return the streams of the server, asked for on a connection of its own, whose answer may never come."""
        if self._told and all(pattern.names_station for pattern in self._streams.patterns):
            return None
        with SeedLinkLink(self._host, self._port) as link:
            try:
                return link.streams()
            except (LinkError, OSError):
                return None

    def _subscribe(self, link: SeedLinkLink, known: set[StreamId] | None, ends: Mapping[str, UTCDateTime]) -> None:
        if known is not None:
            self._tell_missing(known)
        refused, accepted = [], 0
        for (network, station), patterns in _stations(self._streams, known).items():
            if not link.command(f"STATION {station} {network}"):
                refused.append(f"{network}_{station}")
                continue
            for selector in _selectors(patterns):
                link.command(f"SELECT {selector}")  # if it is refused, everything comes, and the gate chooses
            begin = beginning(ends, StreamPattern(network, station), UTCDateTime())
            accepted += link.begin_at(begin - _OVERLAP if begin else None)
        if not accepted:
            raise SourceError(f"{self.name} has none of the streams {listed(refused) if refused else self._streams}")
        if refused and not self._told:
            _log.warning("%s: does not have %s", self.name, listed(refused))
        if not self._told:
            _log.info("%s: %s, %s", self.name, *link.greeting)
        self._told = True
        link.start()

    def _tell_missing(self, known: set[StreamId]) -> None:
        missing = [pattern for pattern in self._streams.patterns if not any(map(pattern.has, known))]
        if len(missing) == len(self._streams.patterns):
            raise SourceError(
                f"{self.name} has none of the streams {listed(map(str, missing))}; "
                f"it has {listed(sorted(map(str, known)), most=6)}"
            )
        if missing and not self._told:
            _log.warning("%s: has no such stream now: %s", self.name, listed(map(str, missing)))

    def _pass_on(self, link: SeedLinkLink, ends: dict[str, UTCDateTime], put: Put) -> None:
        """Hand over packets until the connection is lost."""
        heard = asked = time.monotonic()
        strange = 0
        while not self._closed.is_set():
            packets = link.packets(TICK)
            now = time.monotonic()
            if packets is None:
                if now - heard > self._timeout:
                    raise LinkError(f"nothing came for {self._timeout:g} s")
                if now - max(heard, asked) > self._keepalive:
                    link.ping()
                    asked = now
                continue
            heard = now
            if link.strange and not strange:
                _log.warning("%s: sends bytes that are no packets; they are passed over", self.name)
            strange = link.strange
            for packet in packets:
                if packet.number is not None and (trace := self._trace(packet.record)) is not None:
                    self._trouble.ends()
                    if trace.stats.endtime < UTCDateTime() + _CLOCK:
                        ends[trace.id] = max(ends.get(trace.id, trace.stats.endtime), trace.stats.endtime)
                    put(trace)

    def _trace(self, record: bytes) -> Trace | None:
        """Return the samples of a record; None if it is not wanted or damaged."""
        if not self._gate.admits(_id_of(record)):
            return None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", InternalMSEEDWarning)
                trace = SLPacket(b"SL000000" + record, 0).get_trace()
        except Exception as error:  # ObsPy raises errors of many types
            if not self._bad:
                _log.warning("%s: sends damaged records, which are left out: %s", self.name, _line(error))
            self._bad += 1
            return None
        return trace if self._gate.passes(trace) else None


def _id_of(record: bytes) -> StreamId:
    """Return the codes in the fixed header of a miniSEED record."""
    text = record[8:20].decode("ascii", errors="replace")
    return StreamId(text[10:12].strip(), text[0:5].strip(), text[5:7].strip(), text[7:10].strip())


def _stations(selection: StreamSelection, known: set[StreamId] | None) -> dict[tuple[str, str], list[StreamPattern]]:
    """Return the patterns by network and station, where wildcards are replaced by what the server has."""
    found: dict[tuple[str, str], list[StreamPattern]] = {}
    for pattern in selection.patterns:
        sites = [(pattern.network, pattern.station)]
        if not pattern.names_station and known is not None:
            sites = sorted({stream[:2] for stream in known if pattern.has(stream)})
        for site in sites:
            found.setdefault(site, []).append(pattern)
    return found


def _selectors(patterns: list[StreamPattern]) -> list[str]:
    """Return what to select of a station; nothing if everything is wanted, or no selector can say it."""
    selectors = []
    for pattern in patterns:
        if pattern.channel == "*" or len(pattern.channel) != 3:
            return []
        location = pattern.location if len(pattern.location) == 2 and "*" not in pattern.location else ""
        selectors.append(location + pattern.channel.replace("*", "?"))
    return list(dict.fromkeys(selectors))


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
