"""Picks, origins and types of XML catalogues, which QuakeML and SCML write alike."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lxml import etree
from obspy import UTCDateTime

from seisbench_lcl.events.files.layout import Layout, broken
from seisbench_lcl.events.files.times import read_nanoseconds, read_time
from seisbench_lcl.models.event import Origin, Pick

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


class PickRow(NamedTuple):
    """A pick before it becomes an object: time in nanoseconds since 1970, and the rest as in `Pick`."""

    id: str
    time: int
    network: str
    station: str
    location: str
    channel: str
    phase: str

    def pick(self, phase: str = "") -> Pick:
        """Return the pick, with the phase of an arrival if it has one."""
        return Pick(self.id, UTCDateTime(ns=self.time), *self[2:6], phase or self.phase)


def read_pick(element: Any, prefix: str, notes: Counter[str]) -> PickRow | None:
    """Return a pick; None, with a note, if it has no time or was rejected."""
    if word(element, prefix + "evaluationStatus") == "rejected":
        notes["rejected picks, left out"] += 1
        return None
    time = _child(element, prefix + "time")
    nanoseconds = None if time is None else read_nanoseconds(word(time, prefix + "value"))
    if nanoseconds is None:
        notes["picks without a time, left out"] += 1
        return None
    stream = _child(element, prefix + "waveformID")
    get = {}.get if stream is None else stream.get
    return PickRow(
        public_id(element),
        nanoseconds,
        get("networkCode", "").strip(),
        get("stationCode", "").strip(),
        get("locationCode", "").strip(),
        get("channelCode", "").strip(),
        word(element, prefix + "phaseHint") or "",
    )


def read_origin(element: Any, layout: Layout, notes: Counter[str]) -> tuple[Origin | None, list[Arrival]]:
    """Return an origin and its arrivals; None as origin, with a note, if it has no time."""
    prefix = f"{{{layout.namespace}}}"
    pick, phase = prefix + "pickID", prefix + "phase"
    children = element.iterchildren(prefix + "arrival")
    arrivals = [Arrival(word(child, pick) or "", word(child, phase) or "") for child in children]
    time = read_time(element.findtext(f"{prefix}time/{prefix}value"))
    if time is None:
        notes["origins without a time, left out"] += 1
        return None, arrivals
    latitude, longitude, depth = (
        number(element.findtext(f"{prefix}{name}/{prefix}value")) for name in ("latitude", "longitude", "depth")
    )
    metres = None if depth is None else depth * layout.metres
    return Origin(public_id(element), time, latitude, longitude, metres), arrivals


def number(text: str | None) -> float | None:
    """Return a finite number, or None if the text is none."""
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def word(element: Any, tag: str) -> str | None:
    """Return the text of a child, None if it has none."""
    child = _child(element, tag)
    return None if child is None else (child.text or "").strip() or None


def _child(element: Any, tag: str) -> Any:
    """Return the first child of a name, several times as fast as `find`."""
    return next(element.iterchildren(tag), None)
