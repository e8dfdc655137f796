"""Waveforms from an FDSN web service that may be slow, refuse, or fail."""

import time
from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from http.client import HTTPException
from queue import Empty, Queue
from threading import Thread
from typing import Any, NamedTuple, TypeVar

import obspy
from obspy import UTCDateTime
from obspy.clients.fdsn import Client
from obspy.clients.fdsn.header import (
    FDSNBadRequestException,
    FDSNException,
    FDSNForbiddenException,
    FDSNNoAuthenticationServiceException,
    FDSNNoDataException,
    FDSNNoServiceException,
    FDSNNotImplementedException,
    FDSNRedirectException,
    FDSNRequestTooLargeException,
    FDSNUnauthorizedException,
)

from seisbench_lcl.errors import WaveformError, check_arguments, is_whole
from seisbench_lcl.events.source import Found, Site

_IN_VAIN = 3  # requests in a row without an answer, after which the service counts as down
_REFUSED = (
    FDSNUnauthorizedException,
    FDSNForbiddenException,
    FDSNNoServiceException,
    FDSNNotImplementedException,
    FDSNNoAuthenticationServiceException,
    FDSNRedirectException,
)
_T = TypeVar("_T")


class Request(NamedTuple):
    """One line of a request: codes, in which ? and * are wildcards, and two times.

    Examples
    --------
    >>> day = UTCDateTime(2024, 3, 1)
    >>> Request("GE", "WLF", "*", "HH?", day, day + 60).channel
    'HH?'
    """

    network: str
    station: str
    location: str
    channel: str
    start: UTCDateTime
    end: UTCDateTime


class FdsnSource:
    """An FDSN web service, asked by ObsPy's client.

    One request asks for all stations of an event. A service that holds too much for one answer (HTTP 413) is asked for
    half of the stations, and so on. One that does not answer in time, or fails (429, 5xx, a broken transfer), is asked
    again after a pause that doubles each time. HTTP 204 means that it has no data.

    Parameters
    ----------
    service : str
        A name that ObsPy knows, such as "EARTHSCOPE", or the address.
    timeout : float
        Longest time for one answer, in s: a service that sends byte after byte cannot hold the program.
    attempts : int
        Number of times to ask.
    pause : float
        Before the second attempt, in s.
    **credentials
        ``user`` and ``password``, or ``eida_token``, of ObsPy's client.

    Raises
    ------
    ConfigurationError
        If an argument is out of range.

    Examples
    --------
    >>> source = FdsnSource("EARTHSCOPE", timeout=60)
    >>> source.service
    'EARTHSCOPE'
    """

    def __init__(
        self, service: str, *, timeout: float = 120.0, attempts: int = 4, pause: float = 2.0, **credentials: Any
    ) -> None:
        check_arguments(
            "FDSN service",
            ("timeout must be a positive number of seconds", timeout > 0, timeout),
            ("attempts must be 1 or more", is_whole(attempts, 1), attempts),
            ("pause must not be negative", pause >= 0, pause),
        )
        self.service = service
        self._timeout, self._attempts, self._pause = timeout, attempts, pause
        self._credentials = credentials
        self._in_vain = 0

    @cached_property
    def _client(self) -> Client:
        mappings = {"event": None, "station": None}  # not needed, so not looked for
        return Client(self.service, timeout=self._timeout, service_mappings=mappings, **self._credentials)

    def read(self, sites: Collection[Site], start: UTCDateTime, end: UTCDateTime, instruments: Sequence[str]) -> Found:
        """Return the waveforms of stations between two times.

        Raises
        ------
        WaveformError
            If the service refuses us, is unknown, or left three requests in a row without an answer.
        """
        asked = {Site(site.network or "*", site.station): site for site in sites}
        requests = [Request(*site, "*", f"{name}?", start, end) for site in asked for name in instruments]
        found = self.ask(requests)
        return Found(found.stream, {asked[site]: problem for site, problem in found.problems.items()})

    def ask(self, requests: Sequence[Request]) -> Found:
        """Return the waveforms of some requests; problems go by their network and station.

        Raises
        ------
        WaveformError
            If the service refuses us, is unknown, or left three requests in a row without an answer.
        """
        stream = obspy.Stream()
        problems: dict[Site, str] = {}
        parts = [list(requests)]
        while parts:
            lines = parts.pop()
            sites = [Site(line.network, line.station) for line in lines]
            try:
                stream += self._persist(lines)
                self._in_vain = 0
            except FDSNNoDataException:
                self._in_vain = 0
            except FDSNRequestTooLargeException as error:
                if len(lines) == 1:
                    problems[sites[0]] = f"{self.service}: {_line(error)}"
                else:
                    parts += [lines[: len(lines) // 2], lines[len(lines) // 2 :]]
            except FDSNBadRequestException as error:
                problems |= dict.fromkeys(sites, f"{self.service}: {_line(error)}")
            except (*_REFUSED, ValueError) as error:  # ObsPy's ValueError: an unknown service
                raise WaveformError(f"{self.service} cannot be used: {_line(error)}") from error
            except _FAILED as error:
                self._in_vain += 1
                reason = f"{self.service} did not answer in {self._attempts} attempts: {_line(error)}"
                if self._in_vain >= _IN_VAIN:
                    raise WaveformError(f"{reason}; {_IN_VAIN} requests in a row failed: try again later") from error
                problems |= dict.fromkeys(sites, reason)
        return Found(stream, problems)

    def channels(self, start: UTCDateTime, end: UTCDateTime) -> dict[Site, list[tuple[str, int, int]]]:
        """Return the channels of all stations that the service knows between two times.

        Returns
        -------
        dict from Site to list of (str, int, int)
            Code of a channel, and when it began and ended, in ns since 1970; within the two times.

        Raises
        ------
        WaveformError
            If the service is unknown, refuses us, or does not answer.
        """
        mappings = {"event": None, "dataselect": None}
        try:
            client = Client(self.service, timeout=self._timeout, service_mappings=mappings, **self._credentials)
            inventory = _within(
                self._timeout, lambda: client.get_stations(starttime=start, endtime=end, level="channel")
            )
        except FDSNNoDataException:
            return {}
        except (FDSNException, ValueError, *_FAILED) as error:
            raise WaveformError(f"{self.service} did not list its stations: {_line(error)}") from error
        found: dict[Site, list[tuple[str, int, int]]] = {}
        for network in inventory:
            for station in network:
                for channel in station:
                    first = max(start, channel.start_date or start)
                    last = min(end, channel.end_date or end)
                    if first < last:
                        found.setdefault(Site(network.code, station.code), []).append((channel.code, first.ns, last.ns))
        return found

    def _persist(self, bulk: Sequence[Request]) -> obspy.Stream:
        def ask() -> obspy.Stream:
            return self._client.get_waveforms_bulk([tuple(line) for line in bulk])

        for attempt in range(self._attempts - 1):
            try:
                return _within(self._timeout, ask)
            except (*_FINAL, ValueError):
                raise
            except _FAILED:
                time.sleep(self._pause * 2**attempt)
        return _within(self._timeout, ask)


_FINAL = (FDSNNoDataException, FDSNRequestTooLargeException, FDSNBadRequestException, *_REFUSED)
_FAILED = (FDSNException, HTTPException, OSError, EOFError)  # OSError includes time-outs and closed connections


def _within(seconds: float, action: Callable[[], _T]) -> _T:
    """Run an action in a thread, and give it up after some seconds.

    Raises
    ------
    TimeoutError
    """
    answers: Queue[tuple[_T | None, BaseException | None]] = Queue(1)

    def run() -> None:
        try:
            answers.put((action(), None))
        except BaseException as error:  # raised below, where it can be handled
            answers.put((None, error))

    Thread(target=run, daemon=True).start()
    try:
        result, error = answers.get(timeout=seconds)
    except Empty:
        raise TimeoutError(f"no complete answer within {seconds:g} s") from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]  # None only beside an error


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text or type(error).__name__
