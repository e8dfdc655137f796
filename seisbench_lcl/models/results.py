"""The results of `classify`: a label or an abstention for every window, and detections."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
import obspy
import pandas as pd
from numpy.typing import NDArray
from obspy import UTCDateTime
from seisbench.util import Detection, DetectionList
from typing_extensions import Self

from seisbench_lcl.waveforms import StationId

_SHOWN = 10  # rows of a printed list


@dataclass(frozen=True)
class Window:
    """One window of one station, with probabilities and a label, or an abstention and its reason.

    Diagnostics are those of `seisbench_lcl.models.prediction.Prediction`.
    """

    station: str
    start_time: UTCDateTime
    end_time: UTCDateTime
    probabilities: dict[str, float]
    label: str | None
    reason: str
    coverage: float
    diagnostics: dict[str, float]


@dataclass(frozen=True)
class StationWindows:
    """Evenly spaced windows of one station, as arrays.

    Attributes
    ----------
    station : StationId
    start : UTCDateTime
        Start of the first window.
    step, length : float
        Time between windows, and length of a window, in seconds.
    probabilities : (n, K) float32 ndarray
        NaN where the model abstained.
    coverage : (n,) float32 ndarray
        Fraction of samples present in the least complete component.
    reasons : (n,) ndarray of str
        Why the model abstained; empty where it did not.
    diagnostics : dict from name to (n,) float32 ndarray
        Those of `seisbench_lcl.models.prediction.Prediction`; NaN where nothing was computed.
    """

    station: StationId
    start: UTCDateTime
    step: float
    length: float
    probabilities: NDArray[np.float32]
    coverage: NDArray[np.float32]
    reasons: NDArray[np.object_]
    diagnostics: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.probabilities)

    @property
    def decided(self) -> NDArray[np.bool_]:
        """(n,) bool: where the model did not abstain."""
        return ~np.isnan(self.probabilities[:, 0])

    @property
    def best(self) -> NDArray[np.int64]:
        """(n,) index of the most probable class, −1 where the model abstained."""
        return np.where(self.decided, np.nan_to_num(self.probabilities).argmax(axis=1), -1)

    def time(self, index: int) -> UTCDateTime:
        """Return the start of a window."""
        return self.start + index * self.step

    def runs(self, codes: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
        """Yield (first, end, code) for each run of equal codes of 0 or more."""
        edges = np.flatnonzero(np.diff(codes, prepend=-2, append=-2))
        for first, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            if codes[first] >= 0:
                yield first, end, int(codes[first])


class WindowList(Sequence[Window]):
    """All windows of a stream, station by station; a sequence of `Window` objects, stored as arrays.

    Parameters
    ----------
    labels : sequence of str
    blocks : sequence of StationWindows
    """

    def __init__(self, labels: Sequence[str], blocks: Sequence[StationWindows]) -> None:
        self.labels = list(labels)
        self.blocks = list(blocks)
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
        )

    def to_dataframe(self) -> pd.DataFrame:
        """Return a table with one row per window.

        The columns are station, start_time and end_time (UTC), one per label, label (None if the model abstained),
        reason, coverage, and the diagnostics of the model, such as novelty and spread.
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
                    }
                )
            )
        if not frames:
            return pd.DataFrame(
                columns=["station", "start_time", "end_time", *self.labels, "label", "reason", "coverage"]
            )
        return pd.concat(frames, ignore_index=True)

    def detections(self, threshold: float, ignore: Sequence[str] = ()) -> "LabelledDetectionList":
        """Merge windows into detections.

        Parameters
        ----------
        threshold : float
            Smallest probability of a window's label.
        ignore : sequence of str
            Labels without detections, such as noise.

        Returns
        -------
        LabelledDetectionList
            One entry per run of windows with the same label at a station, from the start of the first window to the end
            of the last; overlapping runs of the same label are merged.
        """
        kept = np.array([label not in ignore for label in self.labels])
        runs: list[LabelledDetection] = []
        for block in self.blocks:
            top = np.nan_to_num(block.probabilities).max(axis=1)
            codes = np.where((top >= threshold) & kept[block.best], block.best, -1)
            for first, end, code in block.runs(codes):
                label, peak = self.labels[code], float(top[first:end].max())
                end_time = block.time(end - 1) + block.length
                runs.append(LabelledDetection(str(block.station), block.time(first), end_time, peak, label))
        found: list[LabelledDetection] = []
        for run in sorted(runs, key=lambda d: (d.trace_id, d.label, d.start_time)):
            last = found[-1] if found else run
            if found and (last.trace_id, last.label) == (run.trace_id, run.label) and run.start_time <= last.end_time:
                last.end_time = max(last.end_time, run.end_time)
                last.peak_value = max(last.peak_value, run.peak_value)
            else:
                found.append(run)
        return LabelledDetectionList(sorted(found, key=lambda d: (d.start_time, d.trace_id)))

    def to_stream(self, model: str, shift: float) -> obspy.Stream:
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
        obspy.Stream
            Traces end where the model abstained, and start again after it.
        """
        instruments: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        for block in self.blocks:
            network, station, location, instrument = block.station
            if block.decided.any():
                instruments[network, station, location].add(instrument)
        stream = obspy.Stream()
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
                    }
                    stream.append(obspy.Trace(block.probabilities[first:end, k].copy(), header))
        return stream

    def __str__(self) -> str:
        if not len(self):
            return "WindowList: empty"
        count: Counter[str] = Counter()
        for block in self.blocks:
            count.update(self.labels[k] if k >= 0 else "abstained" for k in block.best.tolist())
        parts = ", ".join(f"{n} {name}" for name, n in count.most_common())
        head = WindowList(self.labels, self.blocks[:_SHOWN]).to_dataframe().head(_SHOWN)
        more = f"\n... {len(self) - _SHOWN} more" if len(self) > _SHOWN else ""
        stations = len({block.station for block in self.blocks})
        table = head.to_string(index=False, float_format="%.3f")
        windows = f"{len(self)} window{'' if len(self) == 1 else 's'}"
        places = f"{stations} station{'' if stations == 1 else 's'}"
        return f"WindowList: {windows} of {places}: {parts}\n{table}{more}"

    __repr__ = __str__


class LabelledDetection(Detection):
    """A SeisBench detection with a label.

    Parameters
    ----------
    trace_id : str
        NET.STA.LOC and band and instrument code.
    start_time, end_time : UTCDateTime
    peak_value : float
        Largest probability of the label in the run.
    label : str
    """

    def __init__(
        self, trace_id: str, start_time: UTCDateTime, end_time: UTCDateTime, peak_value: float, label: str
    ) -> None:
        super().__init__(trace_id, start_time, end_time, peak_value)
        self.label = label

    @property
    def probability(self) -> float:
        """Largest probability of the label in the run."""
        return self.peak_value

    def __str__(self) -> str:
        return f"{super().__str__()}\t{self.label}\t{self.probability:.3f}"


class LabelledDetectionList(DetectionList):
    """A SeisBench detection list with a label and a probability for each entry."""

    def __str__(self) -> str:
        return f"LabelledDetectionList with {len(self)} entries:\n\n{self._rep_entries()}"

    def select(
        self, trace_id: str | None = None, min_confidence: float | None = None, label: str | None = None
    ) -> Self:
        """Select detections by a regular expression for the station, smallest probability, and label."""
        chosen = super().select(trace_id=trace_id, min_confidence=min_confidence)
        return type(self)(d for d in chosen if label is None or d.label == label)

    def to_dataframe(self) -> pd.DataFrame:
        """Return one row per detection: station, start_time, end_time (UTC), label, probability."""
        rows: list[dict[str, Any]] = [
            {
                "station": d.trace_id,
                "start_time": d.start_time.datetime,
                "end_time": d.end_time.datetime,
                "label": d.label,
                "probability": d.probability,
            }
            for d in self
        ]
        return pd.DataFrame(rows, columns=["station", "start_time", "end_time", "label", "probability"])
