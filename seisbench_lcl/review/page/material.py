"""What a review needs, opened: decisions, waveforms, the catalogue, stations, the model; and what is odd about it."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any

import obspy
from obspy import UTCDateTime

from seisbench_lcl.errors import ConfigurationError, DatasetError, SeisBenchLCLError
from seisbench_lcl.events import Event, EventDecision, open_waveforms, read_tables
from seisbench_lcl.events.files import CatalogReader
from seisbench_lcl.events.source import Found, Site, WaveformSource
from seisbench_lcl.models import Discriminator
from seisbench_lcl.models.lookup import describe_weights, find_model
from seisbench_lcl.review.page.surroundings import Surroundings
from seisbench_lcl.waveforms import Preprocessing
from seisbench_lcl.waveforms.network import read_inventory
from seisbench_lcl.wording import counted, listed


@dataclass(frozen=True)
class Material:
    """What a review needs.

    Attributes
    ----------
    decisions : dict from event to EventDecision
    source : WaveformSource
    preprocessing : Preprocessing
        Of the model, for windows and filters.
    model : Discriminator or None
        For the features of similar events; None for ensembles, or if the weights are not at hand.
    inventory : obspy.Inventory or None
    catalog : dict from event to Event, or None
    surroundings : Surroundings
    notes : list of str
        What is odd, for the analyst.
    """

    decisions: dict[str, EventDecision]
    source: WaveformSource
    preprocessing: Preprocessing
    model: Discriminator | None = None
    inventory: obspy.Inventory | None = None
    catalog: dict[str, Event] | None = None
    surroundings: Surroundings = field(default_factory=Surroundings)
    notes: list[str] = field(default_factory=list)

    @property
    def labels(self) -> list[str]:
        """Labels of the decisions, in the order of the model."""
        found = dict.fromkeys(label for decision in self.decisions.values() for label in decision.probabilities)
        return list(found)


class OneAtATime:
    """A source that several threads may ask: sources keep state between requests."""

    def __init__(self, source: WaveformSource) -> None:
        self._source, self._lock = source, Lock()

    def read(self, sites: Collection[Site], start: UTCDateTime, end: UTCDateTime, instruments: Sequence[str]) -> Found:
        """Return the waveforms of stations between two times."""
        with self._lock:
            return self._source.read(sites, start, end, instruments)


def open_material(
    decisions: str | Path | Sequence[EventDecision],
    waveforms: Any,
    *,
    catalog: str | Path | obspy.Catalog | None = None,
    inventory: str | Path | obspy.Inventory | None = None,
    weights: str | Discriminator | None = None,
    surroundings: Surroundings | None = None,
) -> Material:
    """Open what a review needs.

    Parameters
    ----------
    decisions : path or sequence of EventDecision
        A path is that of a table of events, which has that of stations beside it.
    waveforms : path, sequence of paths, obspy.Stream, or WaveformSource
        As for `seisbench_lcl.events.open_waveforms`.
    catalog : path or obspy.Catalog, optional
        For places, other picks, and types that are set already.
    inventory : path or obspy.Inventory, optional
        For the places of stations.
    weights : str or Discriminator, optional
        By default what the decisions name.
    surroundings : Surroundings, optional

    Raises
    ------
    DatasetError
        If there are no decisions, or the table or the inventory cannot be read.
    CatalogError, WaveformError, WeightsError, MissingPluginError
        If the catalogue, the waveforms, or named weights cannot be read.
    """
    read = read_tables(decisions) if isinstance(decisions, str | Path) else list(decisions)
    if not read:
        raise DatasetError(f"{decisions if isinstance(decisions, str | Path) else 'the list'} holds no decisions")
    found = {decision.event: decision for decision in read}
    if len(found) < len(read):
        twice = Counter(decision.event for decision in read).most_common(1)[0][0]
        raise DatasetError(f"event {twice!r} has two decisions: give a table with one row for each event")
    notes: list[str] = []
    events = _read_catalog(catalog, found, notes) if catalog is not None else None
    model, preprocessing = _model(weights, found, notes)
    return Material(
        found,
        OneAtATime(open_waveforms(waveforms)),
        preprocessing,
        model,
        read_inventory(inventory) if isinstance(inventory, str | Path) else inventory,
        events,
        surroundings or Surroundings(),
        notes,
    )


def _read_catalog(
    catalog: str | Path | obspy.Catalog, decisions: dict[str, EventDecision], notes: list[str]
) -> dict[str, Event]:
    """Return the events of a catalogue; a decision without an origin gets that of the catalogue."""
    reader = CatalogReader(catalog)
    events = {event.id: event for event in reader}
    notes += [f"{reader.name}: {count} {note}" for note, count in reader.notes.items()]
    for name, decision in decisions.items():
        if decision.origin is None and name in events and events[name].origin is not None:
            decisions[name] = replace(decision, origin=events[name].origin)
    if missing := [name for name in decisions if name not in events]:
        lost = counted(len(missing), "event")
        notes.append(f"{lost} with a decision not in {reader.name} (any more): {listed(missing, most=3)}")
    return events


def _model(
    weights: str | Discriminator | None, decisions: dict[str, EventDecision], notes: list[str]
) -> tuple[Discriminator | None, Preprocessing]:
    """Return the model, if it is at hand, and its preprocessing, and note if the decisions are by another one."""
    made_by = list(dict.fromkeys(decision.weights for decision in decisions.values()))
    if len(made_by) > 1:
        notes.append(f"decisions are by {len(made_by)} different weights: {listed(made_by, most=2)}")
    try:
        model = find_model(weights or _named(made_by[0])) if weights is None or isinstance(weights, str) else weights
    except SeisBenchLCLError as error:
        if weights is not None:
            raise
        notes.append(f"the weights of the decisions are not at hand, so windows are drawn as usual ones: {error}")
        return None, Preprocessing()
    own = describe_weights(model)
    if others := [name for name in made_by if _digest(name) != _digest(own)]:
        notes.append(f"decisions are by {others[0]}, but windows and similar events are shown by {own}")
    if not hasattr(model, "preprocessing"):
        if weights is not None:
            raise ConfigurationError(f"{weights} are several kinds of windows: name the weights of one member")
        return None, Preprocessing()
    return (model if isinstance(model, Discriminator) else None), model.preprocessing


def _named(described: str) -> str:
    """Return weights as a user names them, from the line that a decision has of them."""
    name = described.split(", version ")[0]
    return name.split(" from ", 1)[-1]


def _digest(described: str) -> str:
    """Return what tells weights apart, whatever the place that they were loaded from: the digest if there is one."""
    return described.split("(sha256 ")[-1]
