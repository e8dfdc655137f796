"""Events as far as decisions need them: picks, origin, type."""

from dataclasses import dataclass

from obspy import UTCDateTime


@dataclass(frozen=True)
class Pick:
    """The arrival of a phase at a station.

    Attributes
    ----------
    id : str
        As in the catalogue; "" if it has none.
    time : UTCDateTime
    network, station, location, channel : str
        "" where unknown; the channel may be shorter than three letters.
    phase : str
        As in the catalogue, such as "P", "Pg" or "S"; "" if it has none.
    source : str
        "pick", or "predicted" if the time was calculated from the origin.
    probability : float or None
        Of a picker, if it gave one.

    Examples
    --------
    >>> Pick("", UTCDateTime(2024, 3, 1, 12), network="BW", station="RJOB").phase
    'P'
    """

    id: str
    time: UTCDateTime
    network: str
    station: str
    location: str = ""
    channel: str = ""
    phase: str = "P"
    source: str = "pick"
    probability: float | None = None


@dataclass(frozen=True)
class Origin:
    """Time and place of an event: degrees, and depth in metres; None where unknown.

    Examples
    --------
    >>> Origin("", UTCDateTime(2024, 3, 1, 12), latitude=47.7, longitude=12.8, depth=5000.0).depth
    5000.0
    """

    id: str
    time: UTCDateTime
    latitude: float | None = None
    longitude: float | None = None
    depth: float | None = None


@dataclass(frozen=True)
class Event:
    """An event of a catalogue.

    Attributes
    ----------
    id : str
    origin : Origin or None
        The preferred one, or else the first.
    picks : tuple of Pick
    type, certainty : str or None
        QuakeML event type and its certainty, as the catalogue has them.
    type_author : str or None
        Who set the type, if the catalogue says so; a type without an author counts as a person's.

    Examples
    --------
    >>> p = Pick("", UTCDateTime(2024, 3, 1, 12), "BW", "RJOB")
    >>> Event("smi:local/1", picks=(p,)).picks[0].station
    'RJOB'
    """

    id: str
    origin: Origin | None = None
    picks: tuple[Pick, ...] = ()
    type: str | None = None
    certainty: str | None = None
    type_author: str | None = None


def event_id(time: UTCDateTime, network: str, station: str) -> str:
    """Return an id of an event that is valid in QuakeML, from its first arrival."""
    site = "".join(letter for letter in f"{network}_{station}" if letter.isalnum() or letter == "_")
    return f"smi:local/seisbench_lcl/event/{time.strftime('%Y%m%dT%H%M%S_%f')}_{site}"
