"""Picks, origins and types of XML catalogues, which QuakeML and SCML write alike."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lxml import etree

from seisbench_lcl.events.event import Origin, Pick
from seisbench_lcl.events.files.layout import Layout, broken
from seisbench_lcl.events.files.times import read_time

# Entities are refused by `read_layout` and not expanded here; no DTD is loaded; nothing is fetched.
_SAFE: dict[str, Any] = {
    "resolve_entities": False,
    "load_dtd": False,
    "no_network": True,
    "collect_ids": False,  # a table of all xml:id would grow with the file
}


class Arrival(NamedTuple):
    """A pick that an origin is located with."""

    pick: str
    phase: str


def stream_elements(path: Path, layout: Layout, names: Iterable[str]) -> Iterator[tuple[str, Any, str]]:
    """Yield elements of a file as they are complete, and free each when the next is asked for.

    Parameters
    ----------
    path : Path
    layout : Layout
    names : iterable of str
        Names of elements two levels below the root, or three in a SeisComP catalogue.

    Yields
    ------
    (str, lxml element, str)
        Name of the element, the element, name of its parent.

    Raises
    ------
    CatalogError
        If the file is not well-formed to its end.
    """
    prefix = f"{{{layout.namespace}}}"
    tags = [prefix + name for name in names]
    with path.open("rb") as file:
        try:
            for _, element in etree.iterparse(file, events=("end",), tag=tags, **_SAFE):
                parent = element.getparent()
                grand = None if parent is None else parent.getparent()
                if grand is None or not str(parent.tag).startswith(prefix):
                    continue
                top = grand.getparent()
                if top is None or (grand.tag == prefix + layout.parameters and parent.tag == prefix + "catalog"):
                    yield element.tag[len(prefix) :], element, parent.tag[len(prefix) :]
                    element.clear()
                    while element.getprevious() is not None:
                        del parent[0]
        except etree.XMLSyntaxError as error:
            raise broken(path, error) from error


def public_id(element: Any) -> str:
    """Return the id of an element, "" if it has none."""
    return (element.get("publicID") or "").strip()


def read_pick(element: Any, prefix: str, notes: Counter[str]) -> Pick | None:
    """Return a pick; None, with a note, if it has no time."""
    time, phase, stream = None, "", {}
    for child in element:
        if child.tag == prefix + "time":
            time = read_time(child.findtext(prefix + "value"))
        elif child.tag == prefix + "waveformID":
            stream = child.attrib
        elif child.tag == prefix + "phaseHint":
            phase = (child.text or "").strip()
    if time is None:
        notes["picks without a time, left out"] += 1
        return None
    network, station, location, channel = (
        str(stream.get(f"{part}Code", "")).strip() for part in ("network", "station", "location", "channel")
    )
    return Pick(public_id(element), time, network, station, location, channel, phase)


def read_origin(element: Any, layout: Layout, notes: Counter[str]) -> tuple[Origin | None, list[Arrival]]:
    """Return an origin and its arrivals; None as origin, with a note, if it has no time."""
    prefix = f"{{{layout.namespace}}}"
    values: dict[str, str] = {}
    arrivals = []
    for child in element:
        if child.tag == prefix + "arrival":
            pick = (child.findtext(prefix + "pickID") or "").strip()
            arrivals.append(Arrival(pick, (child.findtext(prefix + "phase") or "").strip()))
        elif child.tag in (prefix + "time", prefix + "latitude", prefix + "longitude", prefix + "depth"):
            values[child.tag[len(prefix) :]] = child.findtext(prefix + "value") or ""
    time = read_time(values.get("time"))
    if time is None:
        notes["origins without a time, left out"] += 1
        return None, arrivals
    depth = number(values.get("depth"))
    return Origin(
        public_id(element),
        time,
        number(values.get("latitude")),
        number(values.get("longitude")),
        None if depth is None else depth * layout.metres,
    ), arrivals


def number(text: str | None) -> float | None:
    """Return a finite number, or None if the text is none."""
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def word(element: Any, tag: str) -> str | None:
    """Return the text of a child, None if it has none."""
    return (element.findtext(tag) or "").strip() or None
