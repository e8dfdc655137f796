"""The decision on an event, by the decisions on its stations."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from seisbench_lcl.evaluation.event_calibration import CALIBRATED
from seisbench_lcl.events.rules import EventRules
from seisbench_lcl.events.votes import Ballot
from seisbench_lcl.models.decision import EventDecision, StationDecision, elect
from seisbench_lcl.models.event import Event
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
    decided = sorted((station for station in stations if station.probabilities), key=lambda station: station.p_time)
    if not decided:
        return EventDecision(
            event=event.id,
            label=None,
            event_type=None,
            probabilities={},
            margin=float("nan"),
            disagreement=float("nan"),
            n_for=0,
            n_against=0,
            reason=reason or _why_none(stations),
            rule=rules.rule_name,
            weights=describe_weights(model),
            stations=tuple(stations),
            origin=event.origin,
        )
    ballot = Ballot(
        np.array([[station.probabilities[label] for label in model.labels] for station in decided]),
        np.array([station.snr for station in decided]),
        tuple(station.station for station in decided),
    )
    probabilities = rules.vote()(ballot)
    calibration = rules.calibration_of(model)
    if calibration:
        probabilities = calibration.apply(probabilities, len(decided))
    elected = elect(
        *(event, stations, probabilities, model.labels, model.event_types),
        rule=rules.rule_name + CALIBRATED * bool(calibration),
        weights=describe_weights(model),
    )
    if rules.context and event.origin:
        elected = replace(elected, context=rules.context.alone(event.origin))
    if reason := _why_unsure(elected, len(decided), rules):
        return replace(elected, label=None, event_type=None, reason=reason)
    if rules.context and event.origin and rules.mix_context:
        return rules.context.mixed(elected, event.origin, model.event_types)
    return elected


def _why_unsure(elected: EventDecision, n_decided: int, rules: EventRules) -> str:
    if n_decided < rules.min_stations:
        return f"{counted(n_decided, 'station')} with a decision, {rules.min_stations} needed"
    if elected.margin < rules.min_margin:
        return f"{elected.label} leads by {elected.margin:.2f}, less than {rules.min_margin:g}"
    if elected.disagreement > rules.max_disagreement:
        return f"stations disagree: the probability of {elected.label} varies by {elected.disagreement:.2f}"
    return ""


def _why_none(stations: Sequence[StationDecision]) -> str:
    if not stations:
        return "no stations"
    [(first, count)] = Counter(station.reason for station in stations).most_common(1)
    return f"no station has a decision: {first} ({count} of {counted(len(stations), 'station')})"
