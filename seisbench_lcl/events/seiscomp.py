"""Decisions for SeisComP: hints on the picks of preferred origins, from which `scevent` sets the types of events.

The route, with what SeisComP must be told, is in docs/seiscomp.md. It was not tried on a running SeisComP.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lxml import etree

from seisbench_lcl.errors import CatalogError, check_arguments
from seisbench_lcl.events.files.elements import stream_elements, word
from seisbench_lcl.events.files.layout import Layout, read_layout
from seisbench_lcl.events.files.marks import AUTHOR, Present, Rules, by_event, wanted_type
from seisbench_lcl.events.files.reader import CatalogReader, check_file
from seisbench_lcl.models.decision import EventDecision
from seisbench_lcl.models.event import Event
from seisbench_lcl.storage.files import write_file

HINT_ID = "smi:local/seisbench_lcl.eventTypeHint"
"""Id of our comments, to be named in `eventType.pickCommentIDs` of scevent."""

VERSIONS = ("0.12", "0.13")
_NAMESPACE = "http://geofon.gfz-potsdam.de/ns/seiscomp3-schema/"


@dataclass(frozen=True)
class Hinted:
    """What a file with hints holds.

    Attributes
    ----------
    events : tuple of str
        Ids of the events that it has hints for, which are to be refreshed.
    picks : int
        Picks with a hint.
    typed : tuple of str
        Events that were left out, since a person or another program has set their type.
    without : tuple of str
        Decided events without picks, which cannot be hinted at.
    disputed : int
        Picks that were left out, since two events with different types have them.

    Examples
    --------
    >>> Hinted(events=("smi:local/1",), picks=4, typed=(), without=(), disputed=0).picks
    4
    """

    events: tuple[str, ...]
    picks: int
    typed: tuple[str, ...]
    without: tuple[str, ...]
    disputed: int


def write_hints(
    source: str | Path,
    decisions: Mapping[str, EventDecision] | Iterable[EventDecision],
    target: str | Path,
    *,
    version: str | None = None,
    overwrite: bool = False,
    noise_as_not_existing: bool = False,
) -> Hinted:
    """Write the picks of decided events, each with a comment that names the type, for `scdispatch`.

    The picks are those of each event's preferred origin, whole as they were dumped, since a merge compares all that
    they hold; nothing else is in the file, so that nothing else can change. An undecided event has no hints.

    Parameters
    ----------
    source : str or Path
        SCML with the events, their origins and picks, such as scxmldump -fPAM writes.
    decisions : mapping from id of the event to EventDecision, or iterable of EventDecision
    target : str or Path
    version : str, optional
        Version of SCML to write, "0.12" or "0.13". By default that of the source, or else the newer.
    overwrite : bool
        Whether there are hints for an event whose type a person, or another program, has set.
    noise_as_not_existing : bool
        Whether noise makes an event "not existing".

    Returns
    -------
    Hinted

    Raises
    ------
    CatalogError
        If the source is not SCML, is cut off or damaged, or names an event twice.
    ConfigurationError
        If the version is another, two decisions are about one event, or QuakeML has no such type.
    OutputError
        If the target cannot be written.
    """
    check_arguments("", (f"version must be one of {VERSIONS}", version in (None, *VERSIONS), version))
    path = check_file(source)
    layout = read_layout(path)
    if layout is None or layout.kind != "SCML":
        raise CatalogError(f"{path} is not SCML ({layout or 'ObsPy reads it'}): dump the events with scxmldump -fPAM")
    chosen = version or (layout.version if layout.version in VERSIONS else VERSIONS[-1])
    written = replace(layout, version=chosen, namespace=_NAMESPACE + chosen)
    rules, named = Rules(overwrite, noise_as_not_existing), by_event(decisions)
    hints, told = _plan(path, layout, written, named, rules)
    write_file(Path(target), lambda temporary: _write(temporary, path, layout, written, hints))
    return told


def _plan(
    path: Path, layout: Layout, written: Layout, named: Mapping[str, EventDecision], rules: Rules
) -> tuple[dict[str, str], Hinted]:
    """Return the hint of each pick, and what is to be told."""
    earlier = _earlier(path, layout)
    hints: dict[str, str] = {}
    disputed: set[str] = set()
    events, typed, without = list[str](), list[str](), list[str]()
    for event in CatalogReader(path):
        decision = named.get(event.id)
        kind = wanted_type(decision, rules) if decision else None
        if kind is None:
            continue
        if not rules.overwrite and _is_theirs(event, earlier, layout):
            typed.append(event.id)
            continue
        (events if event.picks else without).append(event.id)
        for pick in event.picks:
            if hints.setdefault(pick.id, written.word(kind)) != written.word(kind):
                disputed.add(pick.id)
    kept = {pick: kind for pick, kind in hints.items() if pick not in disputed}
    return kept, Hinted(tuple(events), len(kept), tuple(typed), tuple(without), len(disputed))


def _earlier(path: Path, layout: Layout) -> dict[str, str]:
    """Return the hints of earlier runs by their picks."""
    prefix = f"{{{layout.namespace}}}"
    found = {}
    for name, element, parent in stream_elements(path, layout, ("pick", "origin", "amplitude", "event")):
        if name == "pick" and parent == layout.parameters:
            for comment in _our_comments(element, prefix):
                found[str(element.get("publicID")).strip()] = word(comment, f"{prefix}text") or ""
    return found


def _is_theirs(event: Event, earlier: Mapping[str, str], layout: Layout) -> bool:
    """Return whether an event has a type that neither our comment nor our hints explain."""
    if event.type_author is None and event.type in {earlier.get(pick.id) for pick in event.picks}:
        return False
    ours = event.type_author == AUTHOR
    return not ours and Present(event.type).is_theirs(layout.word)


def _our_comments(pick: Any, prefix: str) -> list[Any]:
    return [comment for comment in pick.iterchildren(f"{prefix}comment") if word(comment, f"{prefix}id") == HINT_ID]


def _write(target: Path, path: Path, layout: Layout, written: Layout, hints: Mapping[str, str]) -> None:
    declared = f' xmlns="{written.namespace}"'
    with target.open("wb") as out:
        out.write(b'<?xml version="1.0" encoding="UTF-8"?>\n')
        out.write(f'<seiscomp{declared} version="{written.version}">\n  <EventParameters>\n'.encode())
        for pick in _hinted_picks(path, layout, written, hints):
            data = etree.tostring(pick, encoding="UTF-8", xml_declaration=False, with_tail=False)
            out.write(b"    " + data.replace(declared.encode(), b"", 1) + b"\n")
        out.write(b"  </EventParameters>\n</seiscomp>\n")


def _hinted_picks(path: Path, layout: Layout, written: Layout, hints: Mapping[str, str]) -> Iterator[Any]:
    old, new = f"{{{layout.namespace}}}", f"{{{written.namespace}}}"
    left = dict(hints)
    for name, element, parent in stream_elements(path, layout, ("pick", "origin", "amplitude", "event")):
        kind = left.pop(str(element.get("publicID")).strip(), None) if name == "pick" else None
        if kind is None or parent != layout.parameters:
            continue
        pick = _moved(element, old, new)
        for comment in _our_comments(pick, new):
            pick.remove(comment)
        # A schema of SCML has the comments last.
        comment = etree.SubElement(pick, f"{new}comment")
        etree.SubElement(comment, f"{new}text").text = kind
        etree.SubElement(comment, f"{new}id").text = HINT_ID
        comment.tail = "\n    "
        yield pick


def _moved(element: Any, old: str, new: str) -> Any:
    """Return a copy of an element in another version's namespace."""
    copy = etree.Element(new + element.tag.removeprefix(old), element.attrib, {None: new[1:-1]})
    copy.text, copy.tail = element.text, element.tail
    copy.extend(_moved(child, old, new) for child in element if isinstance(child.tag, str))
    return copy
