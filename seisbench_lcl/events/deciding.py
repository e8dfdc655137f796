"""The decision on an event, by the decisions on its stations."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from seisbench_lcl.events.decision import EventDecision, StationDecision
from seisbench_lcl.events.event import Event
from seisbench_lcl.events.rules import EventRules
from seisbench_lcl.events.votes import Ballot
from seisbench_lcl.models.lookup import describe_weights
from seisbench_lcl.models.model import Model
from seisbench_lcl.wording import counted


def vote(
    event: Event, stations: Sequence[StationDecision], model: Model, rules: EventRules, reason: str = ""
) -> EventDecision:
    """Decide on an event by the decisions on its stations.

    Parameters
    ----------
    event : Event
    stations : sequence of StationDecision
    model : Discriminator or DiscriminatorEnsemble
        For its labels, their QuakeML types, and the name of its weights.
    rules : EventRules
    reason : str
        Why the event has no stations, if that is known.
    """
    undecided = EventDecision(
        event=event.id,
        label=None,
        event_type=None,
        probabilities={},
        margin=float("nan"),
        disagreement=float("nan"),
        n_for=0,
        n_against=0,
        reason=reason,
        rule=rules.rule_name,
        weights=describe_weights(model),
        stations=tuple(stations),
        origin=event.origin,
    )
    decided = sorted((station for station in stations if station.probabilities), key=lambda station: station.p_time)
    if not decided:
        return replace(undecided, reason=reason or _why_none(stations))
    ballot = Ballot(
        np.array([[station.probabilities[label] for label in model.labels] for station in decided]),
        np.array([station.snr for station in decided]),
        tuple(station.station for station in decided),
    )
    probabilities = rules.vote()(ballot)
    if rules.calibration:
        probabilities = rules.calibration.apply(probabilities, len(decided))
    best, second = np.argsort(-probabilities, kind="stable")[:2]
    label = model.labels[best]
    margin = float(probabilities[best] - probabilities[second])
    disagreement = float(ballot.probabilities[:, best].std()) if len(decided) > 1 else float("nan")
    n_for = int((ballot.probabilities.argmax(axis=1) == best).sum())
    reason = ""
    if len(decided) < rules.min_stations:
        reason = f"{counted(len(decided), 'station')} with a decision, {rules.min_stations} needed"
    elif margin < rules.min_margin:
        reason = f"{label} leads by {margin:.2f}, less than {rules.min_margin:g}"
    elif disagreement > rules.max_disagreement:
        reason = f"stations disagree: the probability of {label} varies by {disagreement:.2f}"
    return replace(
        undecided,
        label=None if reason else label,
        event_type=None if reason else model.event_types[label],
        probabilities=dict(zip(model.labels, probabilities.tolist(), strict=True)),
        margin=margin,
        disagreement=disagreement,
        n_for=n_for,
        n_against=len(decided) - n_for,
        reason=reason,
    )


def _why_none(stations: Sequence[StationDecision]) -> str:
    if not stations:
        return "no stations"
    [(first, count)] = Counter(station.reason for station in stations).most_common(1)
    return f"no station has a decision: {first} ({count} of {counted(len(stations), 'station')})"
