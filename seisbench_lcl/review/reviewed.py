"""The windows of events that analysts have labelled."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from obspy import UTCDateTime
from typing_extensions import Self

from seisbench_lcl.datasets.cuts import Cuts
from seisbench_lcl.errors import DatasetError
from seisbench_lcl.events.sources import WaveformSource
from seisbench_lcl.events.windows import Member, StationWindow, WindowRules, cut_windows
from seisbench_lcl.labels import folded
from seisbench_lcl.models.decision import EventDecision, StationDecision
from seisbench_lcl.models.event import Pick
from seisbench_lcl.review.verdicts import Verdict, Verdicts
from seisbench_lcl.waveforms import Preprocessing
from seisbench_lcl.wording import counted, listed

_AS_DECIDED = {"pick": Cuts()}


class Reviewed(NamedTuple):
    """An event with a label by an analyst.

    Attributes
    ----------
    verdict : Verdict
    label : str
        In the spelling of the model, if it knows the label.
    decision : EventDecision
        What the model decided.
    stations : tuple of StationDecision
        Those whose pick no analyst called wrong.
    """

    verdict: Verdict
    label: str
    decision: EventDecision
    stations: tuple[StationDecision, ...]


def reviewed_events(
    verdicts: Verdicts, decisions: Iterable[EventDecision], known: Iterable[str] = (), notes: Counter[str] | None = None
) -> list[Reviewed]:
    """Return the labelled events, in the order of the decisions.

    Parameters
    ----------
    verdicts : Verdicts
        The newest on each event counts.
    decisions : iterable of EventDecision
    known : iterable of str
        Labels of the model: one that differs by capitals or blanks only is the same.
    notes : Counter, optional
        Takes what was left out, and why.

    Raises
    ------
    DatasetError
        If no labelled event is among the decisions.
    """
    notes = Counter() if notes is None else notes
    spelling = {folded(label): label for label in known}
    labels, latest, found = verdicts.labels, verdicts.latest, []
    left = dict(labels)
    for decision in decisions:
        if (label := left.pop(decision.event, None)) is None:
            continue
        wrong = verdicts.wrong_picks.get(decision.event, set())
        stations = tuple(station for station in decision.stations if station.station not in wrong)
        notes["stations with a wrong pick, left out"] += len(decision.stations) - len(stations)
        spelt = spelling.setdefault(folded(label), label.strip())
        found.append(Reviewed(latest[decision.event], spelt, decision, stations))
    notes["labelled events without a decision, left out"] += len(left)
    if not found:
        said = f"such as {next(iter(left))!r}" if left else "the verdicts hold no label"
        raise DatasetError(
            f"none of {counted(len(labels), 'labelled event')} is among the decisions ({said}): give the table of "
            "decisions that was reviewed"
        )
    return found


@dataclass(frozen=True, eq=False)
class ReviewedWindows:
    """The windows of reviewed events, as the model sees them.

    Attributes
    ----------
    samples : (N, C, T) float32 ndarray
        Not normalised.
    labels, events, stations : (N,) ndarray of str
        Label of the event, its id, and NET.STA of the window.
    rows : tuple of StationWindow
        Where the samples come from.
    notes : Counter
        Stations without a window, by reason.
    """

    samples: NDArray[np.float32]
    labels: NDArray[np.str_]
    events: NDArray[np.str_]
    stations: NDArray[np.str_]
    rows: tuple[StationWindow, ...]
    notes: Counter[str]

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, rows: NDArray[np.bool_]) -> Self:
        """Return the windows of a mask."""
        kept = tuple(row for row, keep in zip(self.rows, rows, strict=True) if keep)
        return type(self)(
            self.samples[rows], self.labels[rows], self.events[rows], self.stations[rows], kept, self.notes
        )


def reviewed_windows(
    events: Iterable[Reviewed],
    source: WaveformSource,
    preprocessing: Preprocessing,
    *,
    progress: Callable[[Iterable[Reviewed]], Iterable[Reviewed]] = iter,
) -> ReviewedWindows:
    """Cut the windows of labelled events again, at the arrivals that the decisions were made at.

    A station counts also if the model abstained there: a window unlike the training data is one to learn from.

    Parameters
    ----------
    events : iterable of Reviewed
    source : WaveformSource
    preprocessing : Preprocessing
    progress : callable
        Wraps the events, for a progress bar.

    Raises
    ------
    DatasetError
        If no station has a window.
    WaveformError
        If the source has failed.
    """
    rows: list[StationWindow] = []
    labels: list[str] = []
    names: list[str] = []
    notes: Counter[str] = Counter()
    for event in progress(events):
        for instrument, picks in _by_instrument(event.stations).items():
            rules = WindowRules(instruments=(instrument,))
            for [window] in cut_windows(picks, source, [Member(preprocessing, _AS_DECIDED)], rules):
                if isinstance(window, StationDecision):
                    notes[window.reason] += 1
                    continue
                rows.append(window)
                labels.append(event.label)
                names.append(event.decision.event)
    if not rows:
        reasons = listed(f"{reason} ({count})" for reason, count in notes.most_common(3))
        raise DatasetError(f"no station of the labelled events has a window: {reasons}")
    return ReviewedWindows(
        np.stack([row.samples for row in rows]),
        np.array(labels),
        np.array(names),
        np.array([".".join(row.station.split(".")[:2]) for row in rows]),
        tuple(rows),
        notes,
    )


def _by_instrument(stations: Iterable[StationDecision]) -> Mapping[str, list[Pick]]:
    """Return the picks of the stations that have a channel; the others had no waveform."""
    found: dict[str, list[Pick]] = {}
    for station in stations:
        network, code, location, instrument = (*station.station.split("."), "", "", "")[:4]
        if len(instrument) == 2:
            time = UTCDateTime(ns=station.p_time.ns)
            found.setdefault(instrument, []).append(Pick("", time, network, code, location, instrument))
    return found
