"""What a figure or a page needs of an event's stations: records around the windows, and distances."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from math import isnan, nan

import obspy
from obspy import UTCDateTime
from obspy.geodetics import degrees2kilometers, locations2degrees

from seisbench_lcl.errors import WaveformError
from seisbench_lcl.events.source import Found, Site, WaveformSource
from seisbench_lcl.events.windows import together
from seisbench_lcl.models.decision import EventDecision, StationDecision
from seisbench_lcl.models.model import Model
from seisbench_lcl.waveforms import Preprocessing, StationId
from seisbench_lcl.waveforms.channels import INSTRUMENTS


@dataclass(frozen=True)
class StationView:
    """One station of an event, with its record.

    Attributes
    ----------
    decision : StationDecision
    stream : obspy.Stream
        Raw records of all components of the channel around the window, with the gaps and overlaps of the source; empty
        if it has none. The samples may be those of the source: copy them before a change.
    window : (UTCDateTime, UTCDateTime)
        Start and end of the window that the model saw, or would have seen.
    distance : float
        From the epicentre to the station in km; NaN if unknown.
    reason : str
        Why there is no waveform; "" otherwise.
    latitude, longitude : float
        Of the station in degrees; NaN if unknown.

    Examples
    --------
    >>> station = StationDecision("BW.RJOB..EH", UTCDateTime(60), "pick")
    >>> view = StationView(station, obspy.Stream(), (UTCDateTime(58), UTCDateTime(78)), 32.5, "no waveform")
    >>> view.distance, view.reason
    (32.5, 'no waveform')
    """

    decision: StationDecision
    stream: obspy.Stream
    window: tuple[UTCDateTime, UTCDateTime]
    distance: float
    reason: str
    latitude: float = nan
    longitude: float = nan


def station_views(
    decision: EventDecision,
    source: WaveformSource,
    preprocessing: Preprocessing,
    *,
    inventory: obspy.Inventory | None = None,
    margin: float = 10.0,
) -> list[StationView]:
    """Return the stations of an event with their records, the nearest first.

    Parameters
    ----------
    decision : EventDecision
    source : WaveformSource
        Asked once for all stations, unless P arrivals are more than ten minutes apart. If it fails, the stations have
        no waveform, and its error is the reason.
    preprocessing : Preprocessing
        Of the model (`view_preprocessing`), for the place of its windows.
    inventory : obspy.Inventory, optional
        Places of the stations.
    margin : float
        Seconds of record before and after the window.

    Returns
    -------
    list of StationView
        By distance; stations whose distance is unknown follow, by their P arrivals.
    """
    places = _places(decision, inventory) if inventory else {}
    views = []
    for group in together(sorted(decision.stations, key=_p_time), _p_time):
        windows = [_window(station, preprocessing) for station in group]
        span = windows[0][0] - margin, windows[-1][1] + margin
        found = _read(source, [_site(station) for station in group], *span, _instruments(group))
        for station, window in zip(group, windows, strict=True):
            stream = _record(found.stream, station, window[0] - margin, window[1] + margin)
            place = places.get(_site(station), (nan, nan))
            reason = "" if stream else _why_none(station, found)
            views.append(StationView(station, stream, window, _distance(decision, place), reason, *place))
    return sorted(views, key=lambda view: (isnan(view.distance), 0 if isnan(view.distance) else view.distance))


def view_preprocessing(model: Model) -> Preprocessing:
    """Return the preprocessing whose windows and band are shown: that of the model, or of the longest windows of many.

    Parameters
    ----------
    model : Discriminator, DiscriminatorEnsemble or MixedEnsemble
    """
    found = model.window_preprocessing
    return max(found, key=lambda preprocessing: preprocessing.seconds) if isinstance(found, list) else found


def _p_time(station: StationDecision) -> UTCDateTime:
    return station.p_time


def _codes(station: StationDecision) -> list[str]:
    """Return network, station, location and instrument; parts that a name lacks are empty."""
    return [*station.station.split("."), "", "", "", ""][:4]


def _site(station: StationDecision) -> Site:
    return Site(*_codes(station)[:2])


def _window(station: StationDecision, preprocessing: Preprocessing) -> tuple[UTCDateTime, UTCDateTime]:
    start = station.p_time - preprocessing.before
    return start, start + preprocessing.seconds


def _instruments(stations: Sequence[StationDecision]) -> list[str]:
    """Return the instruments that decided; all usual ones if a station has none because it has no decision."""
    named = dict.fromkeys(_codes(station)[3] for station in stations)
    return [*named] if all(named) else [*dict.fromkeys((*filter(None, named), *INSTRUMENTS))]


def _read(
    source: WaveformSource, sites: Collection[Site], start: UTCDateTime, end: UTCDateTime, instruments: Sequence[str]
) -> Found:
    asked = [site for site in dict.fromkeys(sites) if site.station]
    if not asked:
        return Found(obspy.Stream())
    try:
        return source.read(asked, start, end, instruments)
    except WaveformError as error:
        return Found(obspy.Stream(), dict.fromkeys(asked, str(error)))


def _record(stream: obspy.Stream, station: StationDecision, start: UTCDateTime, end: UTCDateTime) -> obspy.Stream:
    """Return the records of the station's channel; of the first usual one if the decision names none that is there."""
    channels: dict[StationId, list[obspy.Trace]] = {}
    for trace in stream:
        if _site(station).has(trace) and len(part := trace.slice(start, end)):
            channels.setdefault(StationId.of(trace.stats), []).append(part)
    if not channels:
        return obspy.Stream()
    return obspy.Stream(channels[min(channels, key=lambda channel: _preference(channel, station))])


def _preference(channel: StationId, station: StationDecision) -> tuple[bool, bool, int, StationId]:
    *_, location, instrument = _codes(station)
    order = [instrument, *INSTRUMENTS]
    rank = order.index(channel.instrument) if channel.instrument in order else len(order)
    return str(channel) != station.station, channel.location != location, rank, channel


def _why_none(station: StationDecision, found: Found) -> str:
    site = _site(station)
    if not site.station:
        return "the pick names no station"
    return found.problems.get(site, "no waveform")


def _places(decision: EventDecision, inventory: obspy.Inventory) -> dict[Site, tuple[float, float]]:
    """Return latitude and longitude of each station that the inventory has, of the epoch of the event if there is."""
    places: dict[Site, tuple[float, float]] = {}
    for station in decision.stations:
        site = _site(station)
        epochs = [
            (not epoch.is_active(time=station.p_time), (epoch.latitude, epoch.longitude))
            for network, epoch in _stations(inventory)
            if epoch.code == site.station and site.network in ("", network)
        ]
        if epochs:
            places[site] = min(epochs)[1]
    return places


def _stations(inventory: obspy.Inventory) -> Iterator[tuple[str, obspy.core.inventory.Station]]:
    return ((network.code, station) for network in inventory for station in network)


def _distance(decision: EventDecision, place: tuple[float, float]) -> float:
    origin = decision.origin
    if origin is None or origin.latitude is None or origin.longitude is None or isnan(place[0]):
        return nan
    return float(degrees2kilometers(locations2degrees(origin.latitude, origin.longitude, *place)))
