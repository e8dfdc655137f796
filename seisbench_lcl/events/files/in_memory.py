"""ObsPy's catalogues: their events, and copies with decisions."""

import hashlib
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from obspy import UTCDateTime, read_events
from obspy.core.event import Catalog, Comment, CreationInfo, ResourceIdentifier

from seisbench_lcl.errors import CatalogError
from seisbench_lcl.events.files.elements import Arrival
from seisbench_lcl.events.files.linking import Ids, Located, chosen_origin, chosen_phases
from seisbench_lcl.events.files.marks import (
    AUTHOR,
    COMMENT_ID,
    VERDICT_ID,
    Decided,
    Marks,
    Present,
    Rules,
    by_event,
    comment_id,
    marks,
    version,
)
from seisbench_lcl.models.event import Event, Origin, Pick

RANDOM_ID = re.compile(r"smi:local/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Ids that ObsPy makes up, anew each time that it reads a format without ids."""


def read_with_obspy(path: Path) -> Catalog:
    """Read a catalogue of any format that ObsPy knows; ids of events that ObsPy makes up become lasting ones.

    Raises
    ------
    CatalogError
        If ObsPy cannot read the file, or finds no event in it.
    """
    started = UTCDateTime()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # readers warn of each odd line
            catalog = read_events(str(path))
    except Exception as error:  # readers raise whatever they meet
        raise CatalogError(
            f"{path} is not a catalogue that can be read: it is neither QuakeML nor SCML, and ObsPy says: "
            f"{error or type(error).__name__}"
        ) from error
    if not catalog:
        raise CatalogError(f"{path} holds no event that ObsPy can read")
    made = catalog.creation_info
    if made and made.creation_time and made.creation_time >= started:
        made.creation_time = None  # when it was read, which is not a property of the catalogue
    for number, event in enumerate(catalog):
        if RANDOM_ID.fullmatch(str(event.resource_id)):
            event.resource_id = ResourceIdentifier(lasting_id(f"{number} {_origin_text(event)}"))
    return catalog


def lasting_id(text: str, kind: str = "event") -> str:
    """Return an id that follows from a text."""
    return f"smi:local/seisbench_lcl/{kind}/{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _origin_text(event: Any) -> str:
    return " ".join(f"{origin.time} {origin.latitude} {origin.longitude}" for origin in event.origins[:1])


def catalog_events(catalog: Catalog, name: str, notes: Counter[str]) -> Iterator[Event]:
    """Yield the events of an ObsPy catalogue.

    Parameters
    ----------
    catalog : Catalog
    name : str
        For messages.
    notes : Counter
        What was odd, with how often.

    Raises
    ------
    CatalogError
        If two events have one id.
    """
    ids = Ids(name)
    for event in catalog:
        yield _event(event, ids.new(_id(event.resource_id)), notes)


def label_catalog(
    catalog: Catalog,
    decisions: Mapping[str, Decided] | Iterable[Decided],
    *,
    overwrite: bool = False,
    noise_as_not_existing: bool = False,
) -> Catalog:
    """Return a copy of a catalogue with the types of decisions, by the rules of `write_catalog`.

    Parameters
    ----------
    catalog : Catalog
    decisions : mapping from id of the event to EventDecision or AnalystDecision, or iterable of these
    overwrite : bool
        Whether a decision replaces a type that a person, or another program, has set.
    noise_as_not_existing : bool
        Whether noise makes an event "not existing".

    Raises
    ------
    CatalogError
        If two events have one id.
    ConfigurationError
        If two decisions are about one event, or QuakeML has no such type.

    Examples
    --------
    >>> len(label_catalog(Catalog(), []))
    0
    """
    return label(catalog.copy(), by_event(decisions), Rules(overwrite, noise_as_not_existing), lambda *_: None)


def label(
    catalog: Catalog, decisions: Mapping[str, Decided], rules: Rules, count: Callable[[str, Marks | None], object]
) -> Catalog:
    """Write decisions into a catalogue itself, and return it.

    Parameters
    ----------
    catalog : Catalog
    decisions : mapping from id of the event to EventDecision or AnalystDecision
    rules : Rules
    count : callable
        Called with the id of each event and what was written into it.

    Raises
    ------
    CatalogError
        If two events have one id.
    ConfigurationError
        If QuakeML has no such type.
    """
    ids = Ids("the catalogue")
    for event in catalog:
        name = ids.new(_id(event.resource_id))
        wanted = marks(decisions.get(name), _present(event), rules)
        count(name, wanted)
        if wanted is None:
            continue
        if wanted.type is not None:
            event.event_type, event.event_type_certainty = wanted.type, wanted.certainty
        elif wanted.withdraw:
            event.event_type = event.event_type_certainty = None
        comment = Comment(
            text=wanted.comment,
            resource_id=ResourceIdentifier(comment_id(name, wanted.prefix)),
            creation_info=CreationInfo(
                author=wanted.author,
                version=version(),
                creation_time=UTCDateTime(wanted.time) if wanted.time else None,
            ),
            force_resource_id=False,
        )
        places = [i for i, found in enumerate(event.comments) if _is_our_comment(found, wanted.prefix)]
        event.comments = [found for found in event.comments if not _is_our_comment(found, wanted.prefix)]
        event.comments.insert(places[0] if places else len(event.comments), comment)
    return catalog


def _event(event: Any, name: str, notes: Counter[str]) -> Event:
    origins: dict[str, Located] = {}
    for origin in event.origins:
        if origin.time is None:
            notes["origins without a time, left out"] += 1
            continue
        arrivals = [Arrival(_id(arrival.pick_id), arrival.phase or "") for arrival in origin.arrivals]
        place = Origin(_id(origin.resource_id), origin.time, origin.latitude, origin.longitude, origin.depth)
        origins.setdefault(place.id, (place, arrivals))
    picks: dict[str, Pick] = {}
    for pick in event.picks:
        if pick.evaluation_status == "rejected":
            notes["rejected picks, left out"] += 1
        elif pick.time is None:
            notes["picks without a time, left out"] += 1
        elif picks.setdefault(_id(pick.resource_id), found := _pick(pick)) is not found:
            notes["picks whose id another pick has, left out"] += 1
    preferred, arrivals = chosen_origin(origins, _id(event.preferred_origin_id) or None, notes)
    present = _present(event)
    author = AUTHOR if present.is_ours() else None
    phases = chosen_phases(picks, arrivals, notes) or dict.fromkeys(picks, "")
    chosen = [replace(picks[pick], phase=phase) if phase else picks[pick] for pick, phase in phases.items()]
    return Event(name, preferred, tuple(chosen), present.type, present.certainty, author)


def _pick(pick: Any) -> Pick:
    stream = pick.waveform_id
    parts = ("network_code", "station_code", "location_code", "channel_code")
    network, station, location, channel = ((getattr(stream, part, None) or "").strip() for part in parts)
    return Pick(_id(pick.resource_id), pick.time, network, station, location, channel, pick.phase_hint or "")


def _present(event: Any) -> Present:
    ours, theirs = (
        next((str(comment.text or "") for comment in event.comments if _is_our_comment(comment, prefix)), None)
        for prefix in (COMMENT_ID, VERDICT_ID)
    )
    kind, certainty = event.event_type, event.event_type_certainty
    return Present(kind and str(kind), certainty and str(certainty), ours, verdict=theirs)


def _is_our_comment(comment: Any, prefix: str) -> bool:
    return _id(comment.resource_id).startswith(prefix)


def _id(resource: Any) -> str:
    return str(resource.id) if resource is not None else ""
