"""Windows with an event at one station, as detections that grow."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from obspy import UTCDateTime

from seisbench_lcl.live.segment import SECOND
from seisbench_lcl.models.detections import LabelledDetection
from seisbench_lcl.models.results import WindowList
from seisbench_lcl.models.station_windows import StationWindows
from seisbench_lcl.waveforms.station import StationId

LONGEST = 3600 * SECOND
"""Length of a detection in ns, after which it is cut: its windows are in memory until it ends."""


class Hit(NamedTuple):
    """A window whose most probable label is an event, above the threshold.

    Attributes
    ----------
    start : int
        Start of the window, in ns since 1970.
    probabilities : tuple of float
        By label.
    coverage, novelty : float
        The latter is NaN where the model has none.
    previous : int or None
        Start of the window before it on which the model decided, hit or not, in ns since 1970; None without one. It
        tells whether a record begins with the hit.
    """

    start: int
    probabilities: tuple[float, ...]
    coverage: float
    novelty: float
    previous: int | None = None


@dataclass(frozen=True)
class Rules:
    """What makes a window a hit, and hits a detection.

    Attributes
    ----------
    labels : tuple of str
    ignored : tuple of str
        Labels without detections, such as noise.
    threshold : float
        Smallest probability of a hit.
    event_types : mapping from label to QuakeML type or None
    component, weights : str
        As in `WindowList`.
    before, step, length : float
        Of windows, in s: from the start to P, to the next window, to the end.
    at_arrivals : bool
        Whether P positions are picks, not every stride.
    """

    labels: tuple[str, ...]
    ignored: tuple[str, ...]
    threshold: float
    event_types: Mapping[str, str | None]
    component: str
    weights: str
    before: float
    step: float
    length: float
    at_arrivals: bool = False

    @property
    def reach(self) -> int:
        """Time between the starts of two windows in ns, beyond which they do not belong together."""
        return round(max(self.step, self.length) * SECOND) + 1000

    def hits(self, block: StationWindows, previous: int | None) -> list[Hit]:
        """Return the hits of a block; `previous` is the start of the last window before it that was decided."""
        wanted = np.array([label not in self.ignored for label in self.labels])
        decided = np.flatnonzero(block.decided)
        places = np.flatnonzero(wanted[block.best[decided]] & (block.highest[decided] >= self.threshold))
        novelty = block.diagnostics.get("novelty", np.full(len(block), np.nan))
        return [
            Hit(
                block.time(row).ns,
                tuple(block.probabilities[row].tolist()),
                float(block.coverage[row]),
                float(novelty[row]),
                block.time(int(decided[place - 1])).ns if place else previous,
            )
            for place, row in zip(places.tolist(), decided[places].tolist(), strict=True)
        ]

    def detections(self, station: StationId, hits: Sequence[Hit]) -> list[LabelledDetection]:
        """Return the detections of some hits of a station."""
        rows = self._with_previous(hits)
        step = round(self.step * SECOND)
        edges = [i for i, (one, later) in enumerate(pairwise(rows), start=1) if abs(later.start - one.start - step) > 1]
        blocks = [
            StationWindows(
                station,
                UTCDateTime(ns=rows[first].start),
                self.step,
                self.length,
                np.array([row.probabilities for row in rows[first:end]], dtype=np.float32),
                np.array([row.coverage for row in rows[first:end]], dtype=np.float32),
                np.full(end - first, "", dtype=object),
                {"novelty": np.array([row.novelty for row in rows[first:end]], dtype=np.float32)},
            )
            for first, end in pairwise([0, *edges, len(rows)])
        ]
        windows = WindowList(
            self.labels,
            blocks,
            before=self.before,
            event_types=self.event_types,
            component=self.component,
            weights=self.weights,
            at_arrivals=self.at_arrivals,
        )
        return list(windows.detections(self.threshold, ignore=self.ignored))

    def _with_previous(self, hits: Sequence[Hit]) -> list[Hit]:
        """Return hits and the decided windows before them, which are none: no label has a probability there."""
        nothing = (0.0,) * len(self.labels)
        rows: list[Hit] = []
        for hit in hits:
            if hit.previous is not None and not (rows and rows[-1].start == hit.previous):
                rows.append(Hit(hit.previous, nothing, 1.0, float("nan")))
            rows.append(hit)
        return rows

    def last_sample(self, detection: LabelledDetection) -> UTCDateTime:
        """Return the time after the last window of a detection."""
        return detection.end_time - min(self.before + self.step, self.length) + self.length


class OpenHits:
    """The hits of one station that may still get company.

    Parameters
    ----------
    station : StationId
    rules : Rules
    """

    def __init__(self, station: StationId, rules: Rules) -> None:
        self.station, self._rules = station, rules
        self.hits: list[Hit] = []
        self._newest: int | None = None  # start of the last window that was decided, in ns since 1970
        self._known: list[LabelledDetection] | None = None

    @property
    def first(self) -> int | None:
        """P position of the first hit in ns since 1970; None without one."""
        return self.hits[0].start + round(self._rules.before * SECOND) if self.hits else None

    def add(self, blocks: Iterable[StationWindows]) -> None:
        """Add the hits of windows, which come in order of time."""
        for block in sorted(blocks, key=lambda one: one.start.ns):
            new = self._rules.hits(block, self._newest)
            if new:
                self.hits += new
                self._known = None
            if block.decided.any():
                self._newest = block.time(int(np.flatnonzero(block.decided)[-1])).ns

    def close(self, front: int) -> list[LabelledDetection]:
        """Return the detections that no later window can change, and forget their hits.

        Parameters
        ----------
        front : int
            Start of the first window that is still to be decided, in ns since 1970.
        """
        closed: list[LabelledDetection] = []
        while self.hits:
            gaps = (later.start - one.start for one, later in pairwise(self.hits))
            end = next((i for i, gap in enumerate(gaps, start=1) if gap > self._rules.reach), len(self.hits))
            own = self.hits[:end]
            following = self.hits[end].start if end < len(self.hits) else front
            if following - own[-1].start <= self._rules.reach and own[-1].start - own[0].start < LONGEST:
                break
            closed += self._rules.detections(self.station, own)
            self.hits, self._known = self.hits[end:], None
        return closed

    def detections(self) -> list[LabelledDetection]:
        """Return the detections so far."""
        if self._known is None:
            self._known = self._rules.detections(self.station, self.hits) if self.hits else []
        return self._known

    def to_dict(self) -> dict[str, Any]:
        """Return all that the next process must know, as JSON types."""
        return {
            "newest": self._newest,
            "hits": [{**hit._asdict(), "novelty": None if np.isnan(hit.novelty) else hit.novelty} for hit in self.hits],
        }

    def resume(self, plain: Mapping[str, Any]) -> None:
        """Take over what another process knew, from `to_dict`."""
        self._newest, self._known = plain["newest"], None
        self.hits = [
            Hit(
                one["start"],
                tuple(one["probabilities"]),
                one["coverage"],
                float("nan") if one["novelty"] is None else one["novelty"],
                one["previous"],
            )
            for one in plain["hits"]
        ]
