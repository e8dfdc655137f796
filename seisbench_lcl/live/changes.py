"""What happens to an event while the ground moves: one line for each change of its decision."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from obspy import UTCDateTime

from seisbench_lcl.models.decision import EventDecision, StationDecision
from seisbench_lcl.models.event import Origin

Kind = Literal["provisional", "updated", "final", "withdrawn"]
"""First decision on an event; another one; the last one; nothing is left of it, or it is part of another event."""

KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True)
class Change:
    """A change of the decision on an event.

    Attributes
    ----------
    kind : "provisional", "updated", "final" or "withdrawn"
    decision : EventDecision
        As it is now; of a withdrawn event, as it was. `decision.event` is the id that `classify` gives the event: it
        names the first onset, so it may change while an event grows.
    latency : float or None
        Time in s from the end of the last sample that was used to `time`; None if the data are not of now.
    time : UTCDateTime
        When the change was made.
    number : int
        Counts the changes of an output folder, from 1. Who has seen a number before has seen the change.
    id : str
        Id of the event that stays the same from its first change to its last.

    Examples
    --------
    >>> nan = float("nan")
    >>> decision = EventDecision("a", "blast", "explosion", {"blast": 1.0}, nan, nan, 1, 0, "", "mean", "mine")
    >>> change = Change("final", decision, 4.2, UTCDateTime(2024, 3, 1), number=7, id="smi:local/a")
    >>> plain = change.to_dict()
    >>> plain["kind"], plain["label"], plain["latency"]
    ('final', 'blast', 4.2)
    >>> Change.from_dict(plain).number
    7
    """

    kind: Kind
    decision: EventDecision
    latency: float | None
    time: UTCDateTime
    number: int = 0
    id: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the change as JSON types: what is not known is None, never NaN."""
        return {
            "number": self.number,
            "kind": self.kind,
            "id": self.id or self.decision.event,
            "time": str(self.time),
            "latency": None if self.latency is None else round(self.latency, 3),
            **plain_decision(self.decision),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Change":
        """Return a change from what `to_dict` gave.

        Raises
        ------
        KeyError, TypeError, ValueError
            If it is none.
        """
        if plain["kind"] not in KINDS:
            raise ValueError(f"a change is one of {', '.join(KINDS)}, but is {plain['kind']!r}")
        return cls(
            plain["kind"],
            decision_from(plain),
            plain["latency"],
            UTCDateTime(plain["time"]),
            int(plain["number"]),
            str(plain["id"]),
        )


def plain_decision(decision: EventDecision) -> dict[str, Any]:
    """Return a decision as JSON types: what is not known is None."""
    return {
        "event": decision.event,
        "label": decision.label,
        "event_type": decision.event_type,
        "probabilities": _rounded(decision.probabilities),
        "certainty": decision.certainty_word,
        "margin": _known(decision.margin),
        "disagreement": _known(decision.disagreement),
        "n_for": decision.n_for,
        "n_against": decision.n_against,
        "reason": decision.reason,
        "rule": decision.rule,
        "weights": decision.weights,
        "origin": _plain_origin(decision.origin),
        "stations": [
            {
                "station": one.station,
                "p_time": str(one.p_time),
                "p_source": one.p_source,
                "label": one.label,
                "probabilities": _rounded(one.probabilities),
                "reason": one.reason,
                "novelty": _known(one.novelty),
                "coverage": _known(one.coverage),
                "snr": _known(one.snr),
            }
            for one in decision.stations
        ],
    }


def _plain_origin(origin: Origin | None) -> dict[str, Any] | None:
    return None if origin is None else {**vars(origin), "time": str(origin.time)}


def decision_from(plain: Mapping[str, Any]) -> EventDecision:
    """Return a decision from what `plain_decision` gave."""
    origin = plain["origin"]
    return EventDecision(
        event=plain["event"],
        label=plain["label"],
        event_type=plain["event_type"],
        probabilities=dict(plain["probabilities"]),
        margin=_number(plain["margin"]),
        disagreement=_number(plain["disagreement"]),
        n_for=plain["n_for"],
        n_against=plain["n_against"],
        reason=plain["reason"],
        rule=plain["rule"],
        weights=plain["weights"],
        stations=tuple(
            StationDecision(
                one["station"],
                UTCDateTime(one["p_time"]),
                one["p_source"],
                dict(one["probabilities"]),
                one["reason"],
                _number(one["novelty"]),
                _number(one["coverage"]),
                _number(one["snr"]),
            )
            for one in plain["stations"]
        ),
        origin=None if origin is None else Origin(**{**origin, "time": UTCDateTime(origin["time"])}),
    )


def _rounded(probabilities: Mapping[str, float]) -> dict[str, float]:
    return {label: round(float(value), 6) for label, value in probabilities.items()}


def _known(value: float) -> float | None:
    return round(float(value), 6) if math.isfinite(value) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
