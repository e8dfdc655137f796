"""Events of SeisComP's XML files of any size.

Picks, origins and events are siblings there, in any order. So they go into a temporary database, which SQLite keeps on
disk as soon as it grows, and come out by event.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from obspy import UTCDateTime

from seisbench_lcl.errors import CatalogError, OutputError
from seisbench_lcl.events.files.elements import (
    Arrival,
    PickRow,
    public_id,
    read_origin,
    read_pick,
    stream_elements,
    word,
)
from seisbench_lcl.events.files.layout import Layout
from seisbench_lcl.events.files.linking import Ids, Located, chosen_origin, chosen_phases, no_events
from seisbench_lcl.events.files.marks import AUTHOR, COMMENT_ID, Present
from seisbench_lcl.models.event import Event, Origin
from seisbench_lcl.wording import listed

# What the sections of a file hold; each element is freed when it has been seen.
_EVENTS = ("event", "origin", "pick", "amplitude", "focalMechanism", "reading", "entry")
_OTHERS = """network sensor datalogger auxDevice stationGroup responsePAZ responsePolynomial responseFIR responseIIR
responseFAP module parameterSet waveformQuality log route access""".split()

_BATCH = 500  # rows at once; older versions of SQLite take 999

_SETTINGS = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16000;"
_TABLES = """
CREATE TABLE pick (id TEXT PRIMARY KEY, time INTEGER, network TEXT, station TEXT, location TEXT, channel TEXT,
                   phase TEXT) WITHOUT ROWID;
CREATE TABLE origin (id TEXT PRIMARY KEY, time INTEGER, latitude REAL, longitude REAL, depth REAL, arrivals TEXT);
CREATE TABLE event (number INTEGER PRIMARY KEY, id TEXT, preferred TEXT, origins TEXT, type TEXT, certainty TEXT,
                    comment TEXT);
CREATE TABLE journal (event TEXT PRIMARY KEY, sender TEXT) WITHOUT ROWID;
"""


def read_scml(path: Path, layout: Layout, notes: Counter[str]) -> Iterator[Event]:
    """Yield the events of an SCML file in their order.

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
    OutputError
        If the disk for temporary files is full.
    """
    with closing(sqlite3.connect("", isolation_level=None, check_same_thread=False)) as base:
        try:
            index = _Index(base, path, layout, notes)
            index.fill()
            yield from index.events()
        except sqlite3.OperationalError as error:
            raise OutputError(f"cannot index {path} in the folder for temporary files: {error}") from error


class _Index:
    """Picks, origins, events and journal of a file."""

    def __init__(self, base: sqlite3.Connection, path: Path, layout: Layout, notes: Counter[str]) -> None:
        self.base, self.path, self.layout, self.notes = base, path, layout, notes
        self.prefix = f"{{{layout.namespace}}}"
        self.ids = Ids(path)
        self.waiting: list[PickRow] = []
        base.executescript(_SETTINGS + _TABLES)
        base.execute("BEGIN")

    def fill(self) -> None:
        """Read the file."""
        loose, sections = Counter[str](), set()
        add = {"event": self._add_event, "origin": self._add_origin, "pick": self._add_pick}
        for name, element, parent in stream_elements(self.path, self.layout, (*_EVENTS, *_OTHERS)):
            sections.add(parent)
            if parent == "Journaling" and element.get("action") == "EvType":
                event = word(element, self.prefix + "objectID")
                self.base.execute("INSERT OR REPLACE INTO journal VALUES (?, ?)", (event, element.get("sender", "")))
            elif parent in ("EventParameters", "catalog") and name in add:
                loose[name] += 1
                add[name](element)
        self._store_picks()
        if len(self.ids):
            return
        no_events(self.path, loose)
        if sections and sections.isdisjoint({"EventParameters", "catalog"}):
            found = listed(sorted(sections))
            raise CatalogError(f"{self.path} holds {found}, but no EventParameters: it is not a catalogue")

    def _add_event(self, element: Any) -> None:
        event = self.ids.new(public_id(element))
        references = [
            found.text.strip() for found in element.iterchildren(f"{self.prefix}originReference") if found.text
        ]
        preferred, kind, certainty = (
            word(element, self.prefix + name) for name in ("preferredOriginID", "type", "typeCertainty")
        )
        row = (len(self.ids), event, preferred, json.dumps(references), kind, certainty, self._our_comment(element))
        self.base.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def _our_comment(self, element: Any) -> str | None:
        for comment in element.iterchildren(self.prefix + "comment"):
            if (word(comment, self.prefix + "id") or "").startswith(COMMENT_ID):
                return str(comment.findtext(self.prefix + "text") or "")
        return None

    def _add_pick(self, element: Any) -> None:
        if row := read_pick(element, self.prefix, self.notes):
            self.waiting.append(row)
            if len(self.waiting) == _BATCH:
                self._store_picks()

    def _store_picks(self) -> None:
        done = self.base.executemany("INSERT OR IGNORE INTO pick VALUES (?, ?, ?, ?, ?, ?, ?)", self.waiting)
        if doubles := len(self.waiting) - max(done.rowcount, 0):
            self.notes["picks whose id another pick has, left out"] += doubles
        self.waiting.clear()

    def _add_origin(self, element: Any) -> None:
        origin, arrivals = read_origin(element, self.layout, self.notes)
        if origin:
            row = (origin.id, origin.time.ns, origin.latitude, origin.longitude, origin.depth, json.dumps(arrivals))
            if not self.base.execute("INSERT OR IGNORE INTO origin VALUES (?, ?, ?, ?, ?, ?)", row).rowcount:
                self.notes["origins whose id another origin has, left out"] += 1

    def events(self) -> Iterator[Event]:
        """Yield the events with their origins and picks."""
        for row in self.base.execute("SELECT * FROM event ORDER BY number"):
            yield self._event(row)

    def _event(self, row: tuple[Any, ...]) -> Event:
        _, event, preferred, references, kind, certainty, comment = row
        origins: dict[str, Located] = {}
        for name in dict.fromkeys([*([preferred] if preferred else []), *json.loads(references)]):
            if found := self.base.execute("SELECT * FROM origin WHERE id = ?", (name,)).fetchone():
                arrivals = [Arrival(*pair) for pair in json.loads(found[5])]
                origins[name] = Origin(name, UTCDateTime(ns=found[1]), *found[2:5]), arrivals
        origin, arrivals = chosen_origin(origins, preferred, self.notes)
        # Without arrivals, the picks of an event are those of its other origins.
        linked = arrivals or [arrival for _, others in origins.values() for arrival in others]
        rows = self._picks({arrival.pick for arrival in linked})
        picks = tuple(rows[name].pick(phase) for name, phase in chosen_phases(rows, linked, self.notes).items())
        journal = self.base.execute("SELECT sender FROM journal WHERE event = ?", (event,)).fetchone()
        present = Present(kind, certainty, comment, journal is not None)
        author = AUTHOR if present.is_ours(self.layout.word) else journal[0] if journal else None
        return Event(event, origin, picks, kind, certainty, author)

    def _picks(self, names: Iterable[str]) -> dict[str, PickRow]:
        rows: dict[str, PickRow] = {}
        wanted = list(names)
        for i in range(0, len(wanted), _BATCH):
            some = wanted[i : i + _BATCH]
            query = f"SELECT * FROM pick WHERE id IN ({','.join('?' * len(some))})"
            rows.update((row[0], PickRow(*row)) for row in self.base.execute(query, some))
        return rows
