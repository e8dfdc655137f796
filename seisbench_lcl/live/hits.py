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
    """

    start: int
    probabilities: tuple[float, ...]
    coverage: float
    novelty: float


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

    @property
    def reach(self) -> int:
        """Time between the starts of two windows in ns, beyond which they do not belong together."""
        return round(max(self.step, self.length) * SECOND) + 1000

    def hits(self, block: StationWindows) -> list[Hit]:
        """Return the hits of a block."""
        wanted = np.array([label not in self.ignored for label in self.labels])
        rows = np.flatnonzero(wanted[block.best] & (block.best >= 0) & (block.highest >= self.threshold))
        novelty = block.diagnostics.get("novelty", np.full(len(block), np.nan))
        return [
            Hit(
                block.time(row).ns,
                tuple(block.probabilities[row].tolist()),
                float(block.coverage[row]),
                float(novelty[row]),
            )
            for row in rows.tolist()
        ]

    def detections(self, station: StationId, hits: Sequence[Hit]) -> list[LabelledDetection]:
        """Return the detections of some hits of a station."""
        step = round(self.step * SECOND)
        edges = [i for i, (one, later) in enumerate(pairwise(hits), start=1) if abs(later.start - one.start - step) > 1]
        blocks = [
            StationWindows(
                station,
                UTCDateTime(ns=hits[first].start),
                self.step,
                self.length,
                np.array([hit.probabilities for hit in hits[first:end]], dtype=np.float32),
                np.array([hit.coverage for hit in hits[first:end]], dtype=np.float32),
                np.full(end - first, "", dtype=object),
                {"novelty": np.array([hit.novelty for hit in hits[first:end]], dtype=np.float32)},
            )
            for first, end in pairwise([0, *edges, len(hits)])
        ]
        windows = WindowList(
            self.labels,
            blocks,
            before=self.before,
            event_types=self.event_types,
            component=self.component,
            weights=self.weights,
        )
        return list(windows.detections(self.threshold, ignore=self.ignored))

    def last_sample(self, detection: LabelledDetection) -> UTCDateTime:
        """Return the time after the last window of a detection."""
        return detection.end_time - min(self.before + self.step, self.length) + self.length


class OpenHits:
    """The hits of one station that may still get company.

    Parameters
    ----------
    station : StationId
    rules : Rules
    hits : iterable of Hit
        From an earlier process.
    """

    def __init__(self, station: StationId, rules: Rules, hits: Iterable[Hit] = ()) -> None:
        self.station, self._rules = station, rules
        self.hits = list(hits)
        self._known: list[LabelledDetection] | None = None

    @property
    def first(self) -> int | None:
        """P position of the first hit in ns since 1970; None without one."""
        return self.hits[0].start + round(self._rules.before * SECOND) if self.hits else None

    def add(self, blocks: Iterable[StationWindows]) -> None:
        """Add the hits of decided windows."""
        new = [hit for block in blocks for hit in self._rules.hits(block)]
        if new:
            self.hits = sorted([*self.hits, *new])
            self._known = None

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

    def to_list(self) -> list[list[Any]]:
        """Return the hits as JSON types."""
        return [
            [hit.start, list(hit.probabilities), hit.coverage, None if np.isnan(hit.novelty) else hit.novelty]
            for hit in self.hits
        ]

    @staticmethod
    def from_list(plain: Iterable[Sequence[Any]]) -> list[Hit]:
        """Return hits from `to_list`."""
        return [
            Hit(int(start), tuple(probabilities), coverage, float("nan") if novelty is None else novelty)
            for start, probabilities, coverage, novelty in plain
        ]
