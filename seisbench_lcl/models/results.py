"""The results of `classify`: a label or an abstention for every window, and detections."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import pandas as pd
from obspy import UTCDateTime
from rich.console import Console, ConsoleOptions, RenderResult

from seisbench_lcl.labels import quakeml_types
from seisbench_lcl.models._overview import overview
from seisbench_lcl.models._runs import Run, separate_runs
from seisbench_lcl.models._tables import plain
from seisbench_lcl.models.annotations import Annotation, Annotations
from seisbench_lcl.models.detections import LabelledDetection, LabelledDetectionList
from seisbench_lcl.models.station_windows import StationWindows
from seisbench_lcl.waveforms import StationId

__all__ = ["Annotations", "LabelledDetection", "LabelledDetectionList", "StationWindows", "Window", "WindowList"]


@dataclass(frozen=True)
class Window:
    """One window of one station, with probabilities and a label, or an abstention and its reason.

    Diagnostics are those of `seisbench_lcl.models.prediction.Prediction`. `voters` names the members of a
    `MixedEnsemble` that voted.

    Examples
    --------
    >>> import obspy
    >>> import seisbench_lcl as lcl
    >>> window = lcl.from_pretrained("MiniRocketRidge/mixed-3c").classify(obspy.read(), max_novelty=None).windows[0]
    >>> window.station, window.label, window.end_time - window.start_time
    ('BW.RJOB..EH', 'earthquake', 20.0)
    """

    station: str
    start_time: UTCDateTime
    end_time: UTCDateTime
    probabilities: dict[str, float]
    label: str | None
    reason: str
    coverage: float
    diagnostics: dict[str, float]
    voters: str = ""


class WindowList(Sequence[Window]):
    """All windows of a stream, station by station; a sequence of `Window` objects, stored as arrays.

    Parameters
    ----------
    labels : sequence of str
    blocks : sequence of StationWindows
    before : float
        Time from the start of a window to its P position, in seconds.
    event_types : mapping from label to QuakeML event type or None, optional
        By default that of `seisbench_lcl.labels.quakeml_types`.
    component : str
        Component code of the picks of detections.
    weights : str
        Weights of the model, such as "MiniRocketRidge/mixed-3c.v1 a3714976ddd3".
    votes : mapping from name of a member to WindowList, optional
        What each member of a `MixedEnsemble` decided for itself, with its own classes, windows and reasons.
    at_arrivals : bool
        Whether the P positions of windows are arrivals, not every stride.

    Examples
    --------
    >>> import obspy
    >>> import seisbench_lcl as lcl
    >>> windows = lcl.from_pretrained("MiniRocketRidge/mixed-3c").classify(obspy.read(), max_novelty=None).windows
    >>> len(windows), windows.to_dataframe()["label"].iloc[0]
    (11, 'earthquake')
    """

    def __init__(
        self,
        labels: Sequence[str],
        blocks: Sequence[StationWindows],
        *,
        before: float = 0.0,
        event_types: Mapping[str, str | None] | None = None,
        component: str = "Z",
        weights: str = "",
        votes: "Mapping[str, WindowList] | None" = None,
        at_arrivals: bool = False,
    ) -> None:
        self.labels = list(labels)
        self.blocks = list(blocks)
        self.before = before
        self.event_types = quakeml_types(self.labels) if event_types is None else dict(event_types)
        self.component = component
        self.weights = weights
        self.votes = dict(votes or {})
        self.at_arrivals = at_arrivals
        self._ends = np.cumsum([len(block) for block in self.blocks])

    def __len__(self) -> int:
        return int(self._ends[-1]) if self.blocks else 0

    @overload
    def __getitem__(self, index: int) -> Window: ...
    @overload
    def __getitem__(self, index: slice) -> list[Window]: ...
    def __getitem__(self, index: int | slice) -> Window | list[Window]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        b = int(np.searchsorted(self._ends, index, side="right"))
        block = self.blocks[b]
        i = index - int(self._ends[b]) + len(block)
        return self._window(block, i)

    def _window(self, block: StationWindows, i: int) -> Window:
        row = block.probabilities[i]
        return Window(
            station=str(block.station),
            start_time=block.time(i),
            end_time=block.time(i) + block.length,
            probabilities=dict(zip(self.labels, row.tolist(), strict=True)),
            label=None if np.isnan(row[0]) else self.labels[row.argmax()],
            reason=str(block.reasons[i]),
            coverage=float(block.coverage[i]),
            diagnostics={name: float(values[i]) for name, values in block.diagnostics.items()},
            voters="" if block.voters is None else str(block.voters[i]),
        )

    def to_dataframe(self) -> pd.DataFrame:
        """Return a table with one row per window.

        The columns are station, start_time and end_time (UTC), one per label, label (None if the model abstained),
        reason, coverage, the diagnostics of the model, such as novelty and spread, and for a `MixedEnsemble` voters,
        the names of the members that voted.
        """
        names = np.array([*self.labels, None], dtype=object)
        frames = []
        for block in self.blocks:
            # Microseconds, because nanoseconds only cover the years 1677 to 2262.
            start = np.datetime64(block.start.ns // 1000, "us") + np.round(
                np.arange(len(block)) * block.step * 1e6
            ).astype("timedelta64[us]")
            frames.append(
                pd.DataFrame(
                    {
                        "station": str(block.station),
                        "start_time": start,
                        "end_time": start + np.timedelta64(round(block.length * 1e6), "us"),
                        **dict(zip(self.labels, block.probabilities.T, strict=True)),
                        "label": pd.Series(names[block.best], dtype=object),
                        "reason": block.reasons.astype(object),
                        "coverage": block.coverage,
                        **block.diagnostics,
                        **({} if block.voters is None else {"voters": block.voters}),
                    }
                )
            )
        if not frames:
            return pd.DataFrame(
                columns=["station", "start_time", "end_time", *self.labels, "label", "reason", "coverage"]
            )
        return pd.concat(frames, ignore_index=True)

    def detections(self, threshold: float, ignore: Sequence[str] = ()) -> LabelledDetectionList:
        """Merge windows into detections at each station.

        Windows that overlap or follow each other form a run, whatever their labels. Those whose P position is close to
        the onset decide on its label, as training windows are placed: those from three quarters of the time between P
        and the end of a window after the first window, to that time after it. The run goes on as long as windows have
        that label, and takes windows of other labels that overlap its last one. What remains makes detections of its
        own. Of windows at arrivals, the most probable of a run decides.

        Parameters
        ----------
        threshold : float
            Smallest probability of the label of a window in a run. That of a detection, a mean, may be lower.
        ignore : sequence of str
            Labels without detections, such as noise.

        Returns
        -------
        LabelledDetectionList
            One entry per run, in time.
        """
        wanted = np.array([label not in ignore for label in self.labels])
        stations: dict[StationId, list[StationWindows]] = defaultdict(list)
        for block in self.blocks:
            stations[block.station].append(block)
        found = [
            self._detection(station, run)
            for station, blocks in stations.items()
            for run in separate_runs(blocks, wanted, threshold, None if self.at_arrivals else self.before)
        ]
        return LabelledDetectionList(sorted(found, key=lambda d: (d.start_time, d.trace_id)))

    def _detection(self, station: StationId, run: Run) -> LabelledDetection:
        label = self.labels[run.code]
        window = self._window(run.block, run.row)
        return LabelledDetection(
            station,
            run.first + self.before,
            run.last + min(self.before + run.step, run.length),
            float(run.probabilities[run.code]),
            label,
            onset=run.onset + self.before,
            mean_probability=run.mean,
            n_windows=run.n_windows,
            probabilities=dict(zip(self.labels, run.probabilities.tolist(), strict=True)),
            coverage=window.coverage,
            novelty=window.diagnostics.get("novelty", float("nan")),
            event_type=self.event_types[label],
            component=self.component,
            weights=self.weights,
        )

    def to_stream(self, model: str, shift: float) -> Annotations:
        """Return SeisBench annotations: one trace of probabilities over time per label.

        Parameters
        ----------
        model : str
            First part of the channel name, ``{model}_{label}``. If one NET.STA.LOC has several instruments, their code
            comes first: ``HH_{model}_{label}``.
        shift : float
            Time from the start of a window to the sample of its probabilities, in seconds.

        Returns
        -------
        Annotations
            Traces end where the model abstained, and start again after it.
        """
        instruments: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        for block in self.blocks:
            network, station, location, instrument = block.station
            if block.decided.any():
                instruments[network, station, location].add(instrument)
        stream = Annotations()
        for block in self.blocks:
            network, station, location, instrument = block.station
            several = len(instruments[network, station, location]) > 1
            prefix = f"{instrument}_{model}" if several else model
            for first, end, _ in block.runs(np.where(block.decided, 0, -1)):
                for k, label in enumerate(self.labels):
                    header = {
                        "network": network,
                        "station": station,
                        "location": location,
                        "channel": f"{prefix}_{label}",
                        "starttime": block.time(first) + shift,
                        "sampling_rate": 1 / block.step,
                        "seisbench_lcl": {"model": model, "label": label},
                    }
                    stream.append(Annotation(block.probabilities[first:end, k].copy(), header))
        return stream

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render tables that fit the terminal: stations and labels, reasons of abstention, and the first windows."""
        yield from overview(self.labels, self.blocks, console, options)

    def __str__(self) -> str:
        return plain(self) if len(self) else "WindowList: empty"

    __repr__ = __str__
