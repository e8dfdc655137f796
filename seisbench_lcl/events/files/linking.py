"""Which origin and which picks stand for an event, and what is wrong with a catalogue."""

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from pathlib import Path

from seisbench_lcl.errors import CatalogError
from seisbench_lcl.events.files.elements import Arrival
from seisbench_lcl.models.event import Origin
from seisbench_lcl.wording import counted

Located = tuple[Origin, list[Arrival]]


class Ids:
    """The ids of the events of a catalogue, each of which may occur once.

    Parameters
    ----------
    name : Path or str
        Of the catalogue, for messages.
    """

    def __init__(self, name: Path | str) -> None:
        self._name = name
        self._seen: set[str] = set()

    def __len__(self) -> int:
        return len(self._seen)

    def new(self, event: str) -> str:
        """Return an id.

        Raises
        ------
        CatalogError
            If it is empty, or an earlier event has it.
        """
        if not event:
            raise CatalogError(
                f"{self._name}: event {len(self) + 1} has no id (publicID), so no decision can name it: give it one"
            )
        if event in self._seen:
            raise CatalogError(
                f"{self._name}: two events have the id {event!r}, so a decision could not say which it means: take one "
                "out or give it another id"
            )
        self._seen.add(event)
        return event


def chosen_origin(
    origins: Mapping[str, Located], preferred: str | None, notes: Counter[str]
) -> tuple[Origin | None, list[Arrival]]:
    """Return the preferred origin, or else the first, with its arrivals.

    Parameters
    ----------
    origins : mapping from id to (Origin, list of Arrival)
        In the order of the catalogue.
    preferred : str or None
        Id of the preferred one.
    notes : Counter
    """
    if not origins:
        notes["events without an origin"] += 1
        return None, []
    if preferred and preferred in origins:
        return origins[preferred]
    if preferred:
        notes["events whose preferred origin is missing: the first is used"] += 1
    elif len(origins) > 1:
        notes["events with several origins and none preferred: the first is used"] += 1
    return next(iter(origins.values()))


def chosen_phases(known: Container[str], arrivals: Iterable[Arrival], notes: Counter[str]) -> dict[str, str]:
    """Return the phases of an origin's arrivals by their picks, which may be none.

    Parameters
    ----------
    known : container of str
        Ids of the picks that there are.
    arrivals : iterable of Arrival
    notes : Counter
    """
    phases: dict[str, str] = {}
    for arrival in arrivals:
        if arrival.pick in known:
            phases.setdefault(arrival.pick, arrival.phase)
        else:
            notes["arrivals whose pick is missing, left out"] += 1
    return phases


def no_events(name: Path | str, loose: Mapping[str, int]) -> None:
    """Refuse a catalogue that has origins or picks, but no event.

    Raises
    ------
    CatalogError
    """
    if found := [counted(count, kind) for kind, count in sorted(loose.items()) if count]:
        raise CatalogError(
            f"{name} holds {' and '.join(found)}, but no event: decisions are about events; associate them first, such "
            "as with scevent, or write each origin into an event"
        )
