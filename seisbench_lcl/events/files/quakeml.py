"""Events of QuakeML files of any size."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seisbench_lcl.events.files.elements import PickRow, public_id, read_origin, read_pick, stream_elements, word
from seisbench_lcl.events.files.layout import Layout
from seisbench_lcl.events.files.linking import Ids, Located, chosen_origin, chosen_phases, no_events
from seisbench_lcl.events.files.marks import AUTHOR, COMMENT_ID, Present
from seisbench_lcl.models.event import Event


def read_quakeml(path: Path, layout: Layout, notes: Counter[str]) -> Iterator[Event]:
    """Yield the events of a QuakeML file in their order; one event is in memory at a time.

    Parameters
    ----------
    path : Path
    layout : Layout
    notes : Counter
        What was odd, with how often: counted as the events are read.

    Raises
    ------
    CatalogError
        If the file is cut off or damaged, names an event twice or not at all, or has origins but no event.
    """
    ids, loose = Ids(path), Counter[str]()
    for name, element, parent in stream_elements(path, layout, ("event", "origin", "pick")):
        if parent != layout.parameters:
            continue
        if name == "event":
            yield _event(element, ids.new(public_id(element)), layout, notes)
        else:
            loose[name] += 1
    if not len(ids):
        no_events(path, loose)


def _event(element: Any, event: str, layout: Layout, notes: Counter[str]) -> Event:
    prefix = f"{{{layout.namespace}}}"
    origins: dict[str, Located] = {}
    for child in element.iterchildren(prefix + "origin"):
        place, arrivals = read_origin(child, layout, notes)
        if place is not None:
            origins.setdefault(place.id, (place, arrivals))
    rows: dict[str, PickRow] = {}
    for child in element.iterchildren(prefix + "pick"):
        row = read_pick(child, prefix, notes)
        if row is not None and rows.setdefault(row.id, row) is not row:
            notes["picks whose id another pick has, left out"] += 1
    origin, arrivals = chosen_origin(origins, word(element, prefix + "preferredOriginID"), notes)
    phases = chosen_phases(rows, arrivals, notes) or dict.fromkeys(rows, "")
    picks = tuple(rows[name].pick(phase) for name, phase in phases.items())
    present = Present(word(element, prefix + "type"), word(element, prefix + "typeCertainty"), _ours(element, prefix))
    author = AUTHOR if present.is_ours(layout.word) else None
    return Event(event, origin, picks, present.type, present.certainty, author)


def _ours(element: Any, prefix: str) -> str | None:
    for comment in element.iterchildren(prefix + "comment"):
        if (comment.get("id") or "").startswith(COMMENT_ID):
            return str(comment.findtext(prefix + "text") or "")
    return None
