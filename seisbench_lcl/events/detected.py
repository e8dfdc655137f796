"""Detected events as a catalogue."""

from collections.abc import Iterable
from hashlib import sha256

from obspy.core.event import Catalog, Event, Pick, ResourceIdentifier, WaveformStreamID

from seisbench_lcl.events.files import label_catalog
from seisbench_lcl.models.decision import EventDecision


def detected_catalog(decisions: Iterable[EventDecision], component: str = "Z") -> Catalog:
    """Return the events of `classify(stream).events` as a catalogue: a P pick for each station, types and comments.

    There are no origins, because detections do not locate. Types and comments are those of
    `seisbench_lcl.events.files.label_catalog`; what is no event, such as noise, has no type. Equal events have equal
    ids.

    Parameters
    ----------
    decisions : iterable of EventDecision
    component : str
        Component code of the picks.

    Examples
    --------
    >>> import obspy
    >>> from seisbench_lcl import from_pretrained
    >>> out = from_pretrained("MiniRocketRidge/mixed-3c").classify(obspy.read())
    >>> [event] = detected_catalog(out.events)
    >>> event.event_type, event.event_type_certainty, len(event.picks)
    ('earthquake', 'suspected', 1)
    """
    decisions = list(decisions)
    key = " ".join(decision.event for decision in decisions)
    name = ResourceIdentifier(f"smi:local/seisbench_lcl/{sha256(key.encode()).hexdigest()[:20]}/catalog")
    events = [_event(decision, component) for decision in decisions]
    return label_catalog(Catalog(events, resource_id=name), decisions)


def _event(decision: EventDecision, component: str) -> Event:
    picks = [
        Pick(
            resource_id=ResourceIdentifier(f"{decision.event}/pick/{number}"),
            time=station.p_time,
            waveform_id=WaveformStreamID(seed_string=f"{station.station}{component}"),
            phase_hint="P",
            evaluation_mode="automatic",
        )
        for number, station in enumerate(decision.stations)
    ]
    return Event(resource_id=ResourceIdentifier(decision.event), picks=picks)
