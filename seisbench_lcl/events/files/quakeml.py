"""Events of QuakeML files of any size."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seisbench_lcl.events.event import Event, Origin
from seisbench_lcl.events.files.elements import Arrival, public_id, read_origin, read_pick, stream_elements, word
from seisbench_lcl.events.files.layout import Layout
from seisbench_lcl.events.files.linking import Ids, chosen_origin, chosen_picks, no_events
from seisbench_lcl.events.files.marks import AUTHOR, COMMENT_ID, Present


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
    origins: dict[str, tuple[Origin | None, list[Arrival]]] = {}
    elements: dict[str, Any] = {}
    for child in element:
        if child.tag == prefix + "origin":
            origins.setdefault(public_id(child), read_origin(child, layout, notes))
        elif child.tag == prefix + "pick":
            if elements.setdefault(public_id(child), child) is not child:
                notes["picks whose id another pick has, left out"] += 1
    preferred = word(element, prefix + "preferredOriginID")
    timed = {name: (found, arrivals) for name, (found, arrivals) in origins.items() if found is not None}
    origin, arrivals = chosen_origin(timed, preferred, notes)
    read = {name: read_pick(pick, prefix, notes) for name, pick in elements.items()}
    picks = chosen_picks({name: pick for name, pick in read.items() if pick}, arrivals, notes)
    present = Present(word(element, prefix + "type"), word(element, prefix + "typeCertainty"), _ours(element, prefix))
    author = AUTHOR if present.is_ours(layout.word) else None
    return Event(event, origin, picks, present.type, present.certainty, author)


def _ours(element: Any, prefix: str) -> str | None:
    for comment in element.iterchildren(prefix + "comment"):
        if (comment.get("id") or "").startswith(COMMENT_ID):
            return str(comment.findtext(prefix + "text") or "")
    return None
