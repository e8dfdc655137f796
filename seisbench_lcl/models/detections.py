"""Detections: SeisBench's, with a label, an onset and a way to QuakeML."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pandas as pd
from obspy import UTCDateTime
from obspy.core.event import Catalog, Comment, CreationInfo, Event, Pick, ResourceIdentifier, WaveformStreamID
from rich.console import Console, ConsoleOptions, RenderResult
from seisbench.util import Detection, DetectionList
from typing_extensions import Self

from seisbench_lcl._version import __version__
from seisbench_lcl.models._tables import clock, table
from seisbench_lcl.waveforms import StationId
from seisbench_lcl.wording import counted

_SHOWN = 20  # rows of a printed table
_COLUMNS = [
    "station",
    "onset",
    "start_time",
    "end_time",
    "label",
    "probability",
    "mean_probability",
    "n_windows",
]


class LabelledDetection(Detection):
    """A SeisBench detection with a label.

    The P position of a window is the time at which training windows have their P arrival, such as 2 s after the start.

    Parameters
    ----------
    station : StationId
        Its text, NET.STA.LOC and band and instrument code, becomes `trace_id`.
    start_time : UTCDateTime
        P position of the first window.
    end_time : UTCDateTime
        P position of the last window, and one step to the window after it; at most the end of the last window.
    peak_value : float
        Probability of the label, as in `probabilities`.
    label : str
    onset : UTCDateTime
        P position of the most probable window of those that decided (of all, if the record begins with the run): an
        estimate of the P arrival, which may be seconds off.
    mean_probability : float
        Mean probability of the label over all windows.
    n_windows : int
        Windows of an event, of any label.
    probabilities : mapping from label to float, optional
        Of all labels, the mean over the windows that decided: those with P close to the onset.
    coverage, novelty : float
        Of the window at the onset; NaN if unknown.
    event_type : str, optional
        QuakeML type of the label; None for what is no event.
    component : str
        Component code of the vertical, or of the first component of the model.
    weights : str
        Weights of the model, such as "MiniRocketRidge/mixed-3c.v1 a3714976ddd3".

    Examples
    --------
    >>> import obspy
    >>> import seisbench_lcl as lcl
    >>> [found] = lcl.from_pretrained("EnvelopePhysicalRidge/mixed-3c").classify(obspy.read()).detections
    >>> found.label, round(found.probability, 2), found.n_windows
    ('earthquake', 0.95, 5)
    """

    def __init__(
        self,
        station: StationId,
        start_time: UTCDateTime,
        end_time: UTCDateTime,
        peak_value: float,
        label: str,
        *,
        onset: UTCDateTime,
        mean_probability: float,
        n_windows: int,
        probabilities: Mapping[str, float] | None = None,
        coverage: float = float("nan"),
        novelty: float = float("nan"),
        event_type: str | None = None,
        component: str = "Z",
        weights: str = "",
    ) -> None:
        super().__init__(str(station), start_time, end_time, peak_value)
        self.station = station
        self.label = label
        self.onset = onset
        self.mean_probability = mean_probability
        self.n_windows = n_windows
        self.probabilities = dict(probabilities or {label: peak_value})
        self.coverage = coverage
        self.novelty = novelty
        self.event_type = event_type
        self.component = component
        self.weights = weights

    @property
    def probability(self) -> float:
        """Probability of the label close to the onset."""
        return self.peak_value

    def to_event(self) -> Event:
        """Return an ObsPy event: a pick at the onset, the type of the event, and comments.

        Equal detections have equal resource identifiers. The certainty of the type is "suspected"; comments state the
        label, its probability and the weights. There is no origin, because one station cannot locate an event.
        """
        key = f"{self.trace_id} {self.onset} {self.label} {self.probability:.6f} {self.weights}"
        base = f"smi:local/seisbench_lcl/{sha256(key.encode()).hexdigest()[:20]}"
        network, code, location, instrument = self.station
        pick = Pick(
            resource_id=ResourceIdentifier(f"{base}/pick"),
            time=self.onset,
            waveform_id=WaveformStreamID(network, code, location, instrument + self.component),
            phase_hint="P",
            evaluation_mode="automatic",
        )
        remarks = {"label": self.label, "probability": f"{self.probability:.4f}", "weights": self.weights}
        comments = [
            Comment(text=f"{name}: {text}", resource_id=ResourceIdentifier(f"{base}/{name}"))
            for name, text in remarks.items()
            if text
        ]
        return Event(
            resource_id=ResourceIdentifier(f"{base}/event"),
            event_type=self.event_type,
            event_type_certainty="suspected",
            picks=[pick],
            comments=comments,
            creation_info=CreationInfo(author="seisbench_lcl", version=__version__),
        )

    def __str__(self) -> str:
        windows = counted(self.n_windows, "window")
        return f"{self.trace_id}\t{self.onset}\t{self.label}\t{self.probability:.3f}\t{windows}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {' '.join(str(self).split())}>"


class LabelledDetectionList(DetectionList):
    """A SeisBench detection list with a label, an onset and probabilities for each entry.

    Examples
    --------
    >>> import obspy
    >>> import seisbench_lcl as lcl
    >>> detections = lcl.from_pretrained("EnvelopePhysicalRidge/mixed-3c").classify(obspy.read()).detections
    >>> detections.to_dataframe()["label"].tolist(), len(detections.to_catalog())
    (['earthquake'], 1)
    """

    def __str__(self) -> str:
        return f"LabelledDetectionList with {len(self)} entries:\n\n{self._rep_entries()}"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render a table of the first detections, for the terminal."""
        yield counted(len(self), "detection")
        if not self:
            return
        header, onsets = clock("onset", [d.onset for d in self[:_SHOWN]])
        rows = (
            [
                onset,
                d.trace_id,
                d.label,
                f"{d.probability:.2f}",
                f"{d.mean_probability:.2f}",
                str(d.n_windows),
                f"{d.end_time - d.start_time:.0f} s",
            ]
            for onset, d in zip(onsets, self, strict=False)
        )
        yield table([header, "station", "label"], ["prob.", "mean", "windows", "span"], rows)
        if len(self) > _SHOWN:
            yield f"... {len(self) - _SHOWN} more"

    def select(
        self, trace_id: str | None = None, min_confidence: float | None = None, label: str | None = None
    ) -> Self:
        """Select detections by a regular expression for the station, smallest probability, and label."""
        chosen = super().select(trace_id=trace_id, min_confidence=min_confidence)
        return type(self)(d for d in chosen if label is None or d.label == label)

    def to_dataframe(self) -> pd.DataFrame:
        """Return one row per detection.

        The columns are station, onset, start_time, end_time (UTC), label, probability, mean_probability
        and n_windows; `LabelledDetection` describes them.
        """
        rows: list[dict[str, Any]] = [
            {
                "station": d.trace_id,
                "onset": d.onset.datetime,
                "start_time": d.start_time.datetime,
                "end_time": d.end_time.datetime,
                "label": d.label,
                "probability": d.probability,
                "mean_probability": d.mean_probability,
                "n_windows": d.n_windows,
            }
            for d in self
        ]
        return pd.DataFrame(rows, columns=_COLUMNS)

    def to_catalog(self) -> Catalog:
        """Return an ObsPy catalogue with one event per detection, which ObsPy writes as QuakeML.

        Detections whose label has no event type, such as noise, are left out. Events of one earthquake at several
        stations are not joined: `classify(stream).events` does that.

        Examples
        --------
        >>> import obspy
        >>> from seisbench_lcl import from_pretrained
        >>> out = from_pretrained("MiniRocketRidge/mixed-3c").classify(obspy.read())
        >>> [event.event_type for event in out.detections.to_catalog()]
        ['earthquake']
        """
        events = [d.to_event() for d in self if d.event_type is not None]
        key = " ".join(str(event.resource_id) for event in events)
        name = f"smi:local/seisbench_lcl/{sha256(key.encode()).hexdigest()[:20]}/catalog"
        return Catalog(events, resource_id=ResourceIdentifier(name))
