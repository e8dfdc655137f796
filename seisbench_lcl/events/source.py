"""Where waveforms come from: the stream of some stations between two times."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import obspy
from obspy import UTCDateTime


class Site(NamedTuple):
    """Network and station code; a network "" stands for any, because some catalogues lack it.

    Examples
    --------
    >>> Site("", "RJOB").station
    'RJOB'
    """

    network: str
    station: str

    def __str__(self) -> str:
        return f"{self.network}.{self.station}"

    def has(self, trace: obspy.Trace) -> bool:
        """Return whether a trace was recorded there."""
        stats = trace.stats
        return stats.station == self.station and self.network in ("", stats.network)


@dataclass(frozen=True)
class Found:
    """Waveforms of some stations.

    Attributes
    ----------
    stream : obspy.Stream
        Traces within the requested span, in no order; overlaps and gaps are as recorded.
    problems : mapping from Site to str
        What went wrong at a station, for the reason of its abstention.

    Examples
    --------
    >>> Found(obspy.Stream(), {Site("XX", "AAA"): "the disk is damaged"}).problems[Site("XX", "AAA")]
    'the disk is damaged'
    """

    stream: obspy.Stream
    problems: Mapping[Site, str] = field(default_factory=dict)


class WaveformSource(Protocol):
    """Anything that has waveforms: a stream, files, an archive, a service.

    Examples
    --------
    >>> class Nothing:
    ...     def read(self, sites, start, end, instruments):
    ...         return Found(obspy.Stream(), dict.fromkeys(sites, "nothing is recorded here"))
    >>> source: WaveformSource = Nothing()
    >>> source.read([Site("XX", "AAA")], UTCDateTime(0), UTCDateTime(60), ["HH"]).problems
    {Site(network='XX', station='AAA'): 'nothing is recorded here'}
    """

    def read(self, sites: Collection[Site], start: UTCDateTime, end: UTCDateTime, instruments: Sequence[str]) -> Found:
        """Return the waveforms of stations between two times.

        Parameters
        ----------
        sites : collection of Site
        start, end : UTCDateTime
        instruments : sequence of str
            Band and instrument codes that are needed, such as "HH"; a source may return others too.

        Raises
        ------
        WaveformError
            If the source itself has failed, so that no other request would succeed either.
        """
        ...


def sliced(traces: Collection[obspy.Trace], sites: Collection[Site], start: UTCDateTime, end: UTCDateTime) -> Found:
    """Return the parts of traces that were recorded at some stations between two times, without copying samples."""
    chosen = [
        trace.slice(start, end)
        for trace in traces
        if trace.stats.starttime <= end and trace.stats.endtime >= start and any(site.has(trace) for site in sites)
    ]
    return Found(obspy.Stream([trace for trace in chosen if len(trace)]))


class StreamSource:
    """An ObsPy stream in memory.

    Examples
    --------
    >>> stream = obspy.read()
    >>> start = stream[0].stats.starttime
    >>> found = StreamSource(stream).read([Site("BW", "RJOB")], start, start + 10, ["EH"])
    >>> [len(trace) for trace in found.stream]
    [1001, 1001, 1001]
    """

    def __init__(self, stream: obspy.Stream) -> None:
        self._traces: dict[str, list[obspy.Trace]] = {}
        for trace in stream:
            self._traces.setdefault(trace.stats.station, []).append(trace)

    def read(self, sites: Collection[Site], start: UTCDateTime, end: UTCDateTime, instruments: Sequence[str]) -> Found:
        """Return the waveforms of stations between two times."""
        traces = [trace for station in {site.station for site in sites} for trace in self._traces.get(station, ())]
        return sliced(traces, sites, start, end)
