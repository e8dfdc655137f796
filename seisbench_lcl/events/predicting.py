"""What a model says of the windows of stations: probabilities, or the reason for none."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from seisbench_lcl.events.rules import EventRules
from seisbench_lcl.events.windows import StationWindow
from seisbench_lcl.models.decision import StationDecision
from seisbench_lcl.models.mixed import MixedEnsemble
from seisbench_lcl.models.model import Model
from seisbench_lcl.models.reasons import novel, unsure


def station_decisions(
    model: Model, stations: Sequence[Sequence[StationWindow | StationDecision]], rules: EventRules
) -> list[StationDecision]:
    """Return the decision on each station, after one pass of the model over all windows.

    Parameters
    ----------
    model : Discriminator, DiscriminatorEnsemble or MixedEnsemble
    stations : sequence of sequences
        For each station, its window for each member of a `MixedEnsemble`, or for the one model; or why there is none.
    rules : EventRules
        For the limits of novelty and probability.
    """
    if not stations:
        return []
    if not isinstance(model.window_preprocessing, list):
        return [_unsure(found, rules) for found in _predicted(model, [only for (only,) in stations], rules)]
    ensemble = cast(MixedEnsemble, model)
    models: list[Model] = list(model.members)
    members = [_predicted(one, own, rules) for one, own in zip(models, zip(*stations, strict=True), strict=True)]
    votes = [
        np.array([[found.probabilities.get(label, np.nan) for label in one.labels] for found in own])
        for one, own in zip(models, members, strict=True)
    ]
    probabilities, _, voters = ensemble.vote(votes)
    return [
        _unsure(_joined(ensemble, own, row, who), rules)
        for own, row, who in zip(zip(*members, strict=True), probabilities, voters.T, strict=True)
    ]


def _predicted(
    model: Model, parts: Sequence[StationWindow | StationDecision], rules: EventRules
) -> list[StationDecision]:
    """Return what one model says for itself; a window beyond the limit of novelty has no probabilities."""
    windows = [part for part in parts if isinstance(part, StationWindow)]
    if not windows:
        return [part for part in parts if isinstance(part, StationDecision)]
    prediction = model.predict_detailed(np.stack([window.samples for window in windows]))
    rows = iter(prediction.probabilities.double().tolist())
    novelties = iter(prediction.diagnostics["novelty"].tolist() if "novelty" in prediction.diagnostics else ())
    decided = []
    for part in parts:
        if isinstance(part, StationDecision):
            decided.append(part)
            continue
        row, novelty = next(rows), next(novelties, float("nan"))
        reason = ""
        if rules.max_novelty is not None and novelty > rules.max_novelty:
            reason = novel(novelty, rules.max_novelty)
        decided.append(
            StationDecision(
                part.station,
                part.p_time,
                part.p_source,
                {} if reason else dict(zip(model.labels, row, strict=True)),
                reason,
                novelty,
                part.coverage,
                part.snr,
            )
        )
    return decided


def _joined(
    ensemble: MixedEnsemble, members: Sequence[StationDecision], probabilities: np.ndarray, voters: np.ndarray
) -> StationDecision:
    """Return the vote of the members on a station; arrival and signal-to-noise ratio are those of the first voter."""
    if not voters.any():
        return replace(members[0], reason=ensemble.joined_reasons([member.reason for member in members]))
    voting = [member for member, votes in zip(members, voters, strict=True) if votes]
    return replace(
        voting[0],
        probabilities=dict(zip(ensemble.labels, probabilities.tolist(), strict=True)),
        novelty=float(np.fmin.reduce([member.novelty for member in voting])),
        coverage=min(member.coverage for member in voting),
    )


def _unsure(found: StationDecision, rules: EventRules) -> StationDecision:
    """Take back a decision that is less probable than the limit."""
    if not found.label or found.probabilities[found.label] >= rules.reject_below:
        return found
    best = found.probabilities[found.label]
    return replace(found, probabilities={}, reason=unsure(found.label, best, rules.reject_below))
