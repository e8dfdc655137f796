"""Packets from an FDSN web service that is asked again and again."""

import logging
from collections.abc import Iterator, Mapping
from threading import Event

from obspy import Trace, UTCDateTime

from seisbench_lcl.errors import SourceError, WaveformError, check_arguments
from seisbench_lcl.events.fdsn import FdsnSource, Request
from seisbench_lcl.live.sources.background import Background, Closed, Put, Trouble
from seisbench_lcl.live.sources.selection import Gate, StreamId, StreamPattern, StreamSelection, beginning

_IN_VAIN = 3  # answers without data of a pattern, after which it is told

_log = logging.getLogger(__name__)


class FdsnPollingSource:
    """An FDSN service, asked at an interval for what came since.

    All streams are asked for in one request. What the service fills in later, before the newest sample of a stream, is
    not seen.

    Parameters
    ----------
    service : str
        A name that ObsPy knows, such as "EARTHSCOPE", or the address.
    streams : StreamSelection
    interval : float
        Time in s between two requests.
    span : float
        How far back in s the first request reaches.
    timeout : float
        Longest time in s for an answer.
    longest_wait : float
        Between requests in s while the service fails.

    Raises
    ------
    ConfigurationError
        If an argument is out of range.

    Examples
    --------
    >>> source = FdsnPollingSource("https://example.org", StreamSelection.parse("GE_WLF:HH?"))
    >>> source.name  # nothing is asked for before `packets`
    'fdsn https://example.org'
    """

    def __init__(
        self,
        service: str,
        streams: StreamSelection,
        *,
        interval: float = 30.0,
        span: float = 300.0,
        timeout: float = 60.0,
        longest_wait: float = 600.0,
    ) -> None:
        check_arguments(
            "FDSN",
            ("the interval must be longer than 0 s", interval > 0, interval),
            ("the first span must be longer than 0 s", span > 0, span),
            ("the longest wait must not be shorter than the interval", longest_wait >= interval, longest_wait),
        )
        self.name = f"fdsn {service}"
        self._service = FdsnSource(service, timeout=timeout, attempts=1)
        self._streams, self._interval, self._span = streams, interval, span
        self._closed = Event()
        self._trouble = Trouble(self.name, self._closed, interval, longest_wait)
        self._gate = Gate(streams, self.name)
        self._in_vain: dict[StreamPattern, int] = dict.fromkeys(streams.patterns, 0)

    @property
    def is_live(self) -> bool:
        """True: data are as old as the service is slow."""
        return True

    def close(self) -> None:
        """Let `packets` end within a second."""
        self._closed.set()

    def packets(self, since: Mapping[str, UTCDateTime]) -> Iterator[Trace | None]:
        """Yield packets as they come, as `PacketSource` says.

        Raises
        ------
        SourceError
            If the first request fails.
        """
        ends = dict(since)
        return Background(self._closed).packets(lambda put: self._poll(ends, put))

    def _poll(self, ends: dict[str, UTCDateTime], put: Put) -> None:
        answered = False
        while not self._closed.is_set():
            now = UTCDateTime()
            starts = {p: beginning(ends, p, now) or now - self._span for p in self._streams.patterns}
            try:
                found = self._service.ask([Request(*_codes(p), start, now) for p, start in starts.items()])
            except WaveformError as error:
                if not answered:
                    raise SourceError(str(error)) from error
                self._trouble.begins(error)
                continue
            if found.problems:
                problem = next(iter(found.problems.values()))
                if not answered and not found.stream:
                    raise SourceError(problem)
                self._pass_on(found.stream, ends, put)
                self._trouble.begins(problem)
                continue
            answered = True
            self._trouble.ends()
            self._pass_on(found.stream, ends, put)
            self._tell_missing(found.stream, ends)
            if self._closed.wait(self._interval):
                raise Closed

    def _pass_on(self, stream: list[Trace], ends: dict[str, UTCDateTime], put: Put) -> None:
        """Hand over what is new, the trace that ends first before the others."""
        for trace in sorted(stream, key=lambda found: found.stats.endtime.ns):
            if not self._gate.passes(trace):
                continue
            if (end := ends.get(trace.id)) is not None:
                trace = trace.slice(end + trace.stats.delta / 2)
            if len(trace):
                ends[trace.id] = trace.stats.endtime
                put(trace)

    def _tell_missing(self, stream: list[Trace], ends: Mapping[str, UTCDateTime]) -> None:
        there = {StreamId.of(trace) for trace in stream} | {StreamId(*name.split(".")) for name in ends}
        for pattern in self._streams.patterns:
            self._in_vain[pattern] = 0 if any(map(pattern.has, there)) else self._in_vain[pattern] + 1
            if self._in_vain[pattern] == _IN_VAIN:
                _log.warning("%s: has no data of %s so far", self.name, pattern)


def _codes(pattern: StreamPattern) -> tuple[str, str, str, str]:
    """Return codes as FDSN services write them, with "--" for no location."""
    return pattern.network, pattern.station, pattern.location or "--", pattern.channel
