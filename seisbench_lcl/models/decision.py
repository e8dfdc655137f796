"""What a model decided: on the window of a station, and on an event by the vote of its stations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from obspy import UTCDateTime

from seisbench_lcl.models.event import Event, Origin

_WORDS = ((0.99, "virtually certain"), (0.9, "very likely"), (0.66, "likely"), (0.33, "as likely as not"))


@dataclass(frozen=True)
class StationDecision:
    """The decision on one station's window, or the reason why there is none.

    Attributes
    ----------
    station : str
        NET.STA.LOC.CH, the channel as band and instrument code.
    p_time : UTCDateTime
        P arrival that the window was cut at.
    p_source : str
        "pick", "predicted", "refined", or "detection": then it is the onset of a detection, which may be seconds off.
    probabilities : mapping from label to float
        Empty if the model abstained.
    reason : str
        Why the model abstained; "" otherwise.
    novelty, coverage, snr : float
        NaN if unknown; the signal-to-noise ratio is in dB.

    Examples
    --------
    >>> station = StationDecision("BW.RJOB..EH", UTCDateTime(2024, 3, 1), "pick", {"earthquake": 0.9, "noise": 0.1})
    >>> station.label
    'earthquake'
    """

    station: str
    p_time: UTCDateTime
    p_source: str
    probabilities: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    novelty: float = float("nan")
    coverage: float = float("nan")
    snr: float = float("nan")

    @property
    def label(self) -> str | None:
        """The most probable label; None if the model abstained."""
        return max(self.probabilities, key=self.probabilities.__getitem__) if self.probabilities else None


@dataclass(frozen=True)
class EventDecision:
    """The decision on an event.

    Attributes
    ----------
    event : str
        Id of the event.
    label : str or None
        None if undecided.
    event_type : str or None
        QuakeML type of the label; None if undecided, or if the label is not an event (noise).
    probabilities : mapping from label to float
        Of the event; empty if no station was decided.
    margin : float
        Difference between the two highest probabilities; NaN without probabilities.
    disagreement : float
        Standard deviation over the stations of the probability of the label; NaN with fewer than two stations.
    n_for, n_against : int
        Stations whose own label is that of the event, and others.
    reason : str
        Why the event is undecided; "" otherwise.
    rule : str
        Name of the rule that the stations voted by.
    weights : str
        The model and its weights, in one line.
    stations : tuple of StationDecision
    origin : Origin or None
        Time and place of the event, if the catalogue has them.
    context : mapping from label to float
        What time and place alone say (`seisbench_lcl.events.context`), apart from `probabilities`; empty if nobody
        asked for it.

    Examples
    --------
    >>> decision = EventDecision(
    ...     event="smi:local/1",
    ...     label="earthquake",
    ...     event_type="earthquake",
    ...     probabilities={"earthquake": 0.9, "noise": 0.1},
    ...     margin=0.8,
    ...     disagreement=0.1,
    ...     n_for=4,
    ...     n_against=1,
    ...     reason="",
    ...     rule="mean",
    ...     weights="EnvelopePhysicalRidge/mixed-3c",
    ... )
    >>> decision.probability, decision.certainty_word
    (0.9, 'very likely')
    """

    event: str
    label: str | None
    event_type: str | None
    probabilities: Mapping[str, float]
    margin: float
    disagreement: float
    n_for: int
    n_against: int
    reason: str
    rule: str
    weights: str
    stations: tuple[StationDecision, ...] = ()
    origin: Origin | None = None
    context: Mapping[str, float] = field(default_factory=dict)

    @property
    def probability(self) -> float:
        """The probability of the label; NaN if undecided."""
        return self.probabilities[self.label] if self.label else float("nan")

    @property
    def certainty_word(self) -> str:
        """How likely the label is, in the words of the IPCC for its probability; "" if undecided.

        "virtually certain" from .99, "very likely" from .90, "likely" from .66, "as likely as not" from .33, and below
        that "unlikely", which only a decision between four or more labels can be (Mastrandrea et al. 2010, Guidance
        note for lead authors of the IPCC fifth assessment report on consistent treatment of uncertainties). The words
        mean what they say if the votes are calibrated (`seisbench_lcl.events.EventCalibration`).
        """
        if not self.label:
            return ""
        return next((word for least, word in _WORDS if self.probability >= least), "unlikely")

    @property
    def time(self) -> UTCDateTime | None:
        """Origin time; without an origin, the earliest P; None without either."""
        return self.origin.time if self.origin else min((s.p_time for s in self.stations), default=None)


def elect(
    event: Event,
    stations: Sequence[StationDecision],
    probabilities: NDArray[np.floating],
    labels: Sequence[str],
    event_types: Mapping[str, str | None],
    *,
    rule: str,
    weights: str,
) -> EventDecision:
    """Return the decision for the most probable label, and how the stations stand to it.

    Parameters
    ----------
    event : Event
    stations : sequence of StationDecision
    probabilities : (K,) ndarray
        Of the event, by the vote of the stations.
    labels : sequence of str
        The K labels.
    event_types : mapping from label to QuakeML type or None
    rule, weights : str
        As in `EventDecision`.
    """
    best, second = np.argsort(-probabilities, kind="stable")[:2]
    label = labels[best]
    decided = [station for station in stations if station.probabilities]
    n_for = sum(station.label == label for station in decided)
    return EventDecision(
        event=event.id,
        label=label,
        event_type=event_types[label],
        probabilities=dict(zip(labels, probabilities.tolist(), strict=True)),
        margin=float(probabilities[best] - probabilities[second]),
        disagreement=float(np.std([station.probabilities[label] for station in decided]))
        if len(decided) > 1
        else float("nan"),
        n_for=n_for,
        n_against=len(decided) - n_for,
        reason="",
        rule=rule,
        weights=weights,
        stations=tuple(stations),
        origin=event.origin,
    )
