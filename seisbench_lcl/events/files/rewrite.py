"""Decisions into catalogues, and nothing else touched: all other bytes are copied as they are."""

import io
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from seisbench_lcl.errors import CatalogError
from seisbench_lcl.events.files.edits import Edit, edits, present
from seisbench_lcl.events.files.in_memory import RANDOM_ID, label, lasting_id, read_with_obspy
from seisbench_lcl.events.files.layout import CHUNK, Layout, read_layout
from seisbench_lcl.events.files.linking import Ids
from seisbench_lcl.events.files.marks import Decided, Marks, Rules, by_event, marks
from seisbench_lcl.events.files.reader import check_file
from seisbench_lcl.events.files.spans import Read, event_spans, journalled
from seisbench_lcl.storage.files import write_file
from seisbench_lcl.wording import counted


@dataclass
class Written:
    """What was done with the events of a catalogue.

    Attributes
    ----------
    events : int
        Number of events in the catalogue.
    typed, kept, not_events, undecided : int
        Events whose type is that of the decision; whose type was left, since it was not ours; that are no event, such
        as noise, and got a comment only; that have no decision or an undecided one, and stayed as they were.
    missing : list of str
        Ids of decisions whose event is not in the catalogue.

    Examples
    --------
    >>> Written(events=3, typed=2, kept=1).typed
    2
    """

    events: int = 0
    typed: int = 0
    kept: int = 0
    not_events: int = 0
    undecided: int = 0
    missing: list[str] = field(default_factory=list)

    def count(self, marks: Marks | None) -> None:
        """Count an event by what a decision wrote into it."""
        self.events += 1
        self.undecided += marks is None
        self.typed += marks is not None and marks.type is not None
        self.kept += marks is not None and marks.kept
        self.not_events += marks is not None and marks.type is None and not marks.kept


def write_catalog(
    source: str | Path,
    decisions: Mapping[str, Decided] | Iterable[Decided],
    target: str | Path,
    *,
    overwrite: bool = False,
    noise_as_not_existing: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Written:
    """Write decisions into a copy of a catalogue.

    Of a decided event, its type, the certainty "suspected" and a comment of ours change; every other byte of a QuakeML
    or SCML file is copied. So writing the same decisions again changes nothing. The comment says the type,
    probability, margin, stations for and against, rule and weights, and whether the type was set. A type that was not
    set by an earlier decision stays, as does an undecided event. The decision of an analyst replaces that of a model:
    the certainty is then "known", and a comment of its own says who decided when. Any other format is read by ObsPy and
    written as QuakeML.

    Parameters
    ----------
    source : str or Path
        QuakeML or SCML of any size; or any other catalogue that ObsPy reads.
    decisions : mapping from id of the event to EventDecision or AnalystDecision, or iterable of these
    target : str or Path
        Written whole or not at all; may be the source.
    overwrite : bool
        Whether a decision replaces a type that a person, or another program, has set.
    noise_as_not_existing : bool
        Whether noise makes an event "not existing".
    progress : callable, optional
        Called with the number of events so far, after each.

    Returns
    -------
    Written

    Raises
    ------
    CatalogError
        If the source is not a catalogue, is cut off or damaged, names an event twice, or has none of the decisions'
        events. Nothing is written then.
    ConfigurationError
        If two decisions are about one event, or QuakeML has no such type.
    OutputError
        If the target cannot be written.

    Examples
    --------
    >>> write_catalog("/path/to/catalogue.xml", decisions, "/path/to/labelled.xml")  # doctest: +SKIP
    Written(events=2, typed=2, kept=0, not_events=0, undecided=0, missing=[])
    """
    named, rules, path = by_event(decisions), Rules(overwrite, noise_as_not_existing), check_file(source)
    layout = read_layout(path)
    done = Written()
    if layout is None:
        _write_with_obspy(path, named, rules, Path(target), done, progress)
        return done
    journal = journalled(path, layout)

    def copy(temporary: Path) -> None:
        with path.open("rb") as file, path.open("rb", buffering=0) as other, temporary.open("wb") as out:
            _splice(file, _all_edits(path, layout, named, rules, journal, _reader(other), done, progress), out)

    write_file(Path(target), copy)
    return done


def _all_edits(
    path: Path,
    layout: Layout,
    named: Mapping[str, Decided],
    rules: Rules,
    journal: set[str],
    read: Read,
    done: Written,
    progress: Callable[[int], None] | None,
) -> Iterator[Edit]:
    ids, left = Ids(path), dict(named)
    for span in event_spans(path, layout, named):
        event = ids.new(span if isinstance(span, str) else span.id)
        decision = left.pop(event, None)
        wanted = None
        if not isinstance(span, str):
            wanted = marks(decision, present(span, layout, event in journal), rules, layout.word)
            if wanted:
                yield from edits(span, wanted, layout, read)
        done.count(wanted)
        if progress:
            progress(done.events)
    _check_missing(path, len(named), left, done)


def _check_missing(path: Path, decided: int, left: Iterable[str], done: Written) -> None:
    done.missing = list(left)
    if decided and len(done.missing) == decided:
        raise CatalogError(
            f"{path} has none of the {counted(decided, 'event')} that were decided, such as {done.missing[0]!r}: are "
            "the decisions those of another catalogue?"
        )


def _reader(file: BinaryIO) -> Read:
    def read(start: int, size: int) -> bytes:
        file.seek(start)
        return file.read(size)

    return read


def _splice(file: BinaryIO, changes: Iterable[Edit], out: BinaryIO) -> None:
    position = 0
    for change in changes:
        _copy(file, change.start - position, out)
        out.write(change.new)
        file.seek(change.end)
        position = change.end
    shutil.copyfileobj(file, out, CHUNK)


def _copy(file: BinaryIO, size: int, out: BinaryIO) -> None:
    while size > 0:
        data = file.read(min(size, CHUNK))
        out.write(data)
        size -= len(data)


def _write_with_obspy(
    path: Path,
    named: Mapping[str, Decided],
    rules: Rules,
    target: Path,
    done: Written,
    progress: Callable[[int], None] | None,
) -> None:
    left = dict(named)

    def count(event: str, wanted: Marks | None) -> None:
        left.pop(event, None)
        done.count(wanted)
        if progress:
            progress(done.events)

    labelled = label(read_with_obspy(path), named, rules, count)
    _check_missing(path, len(named), left, done)
    written = io.BytesIO()
    labelled.write(written, format="QUAKEML")
    first = str(labelled[0].resource_id)
    seen: dict[bytes, bytes] = {}

    def lasting(found: re.Match[bytes]) -> bytes:
        return seen.setdefault(found[0], lasting_id(f"{first} {len(seen)}", "part").encode())

    text = re.sub(RANDOM_ID.pattern.encode(), lasting, written.getvalue())
    write_file(target, lambda temporary: temporary.write_bytes(text))
