"""A better model from the labels of analysts, and how much better it is."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError, TrainingError
from seisbench_lcl.evaluation.event_calibration import CALIBRATED, EventCalibration
from seisbench_lcl.events.sources import Waveforms, open_waveforms
from seisbench_lcl.events.votes import RULES, Ballot, rule_of
from seisbench_lcl.heads import Head
from seisbench_lcl.labels import encode, quakeml_types
from seisbench_lcl.models import Discriminator
from seisbench_lcl.models.decision import EventDecision
from seisbench_lcl.models.growing import grown
from seisbench_lcl.models.lookup import describe_weights
from seisbench_lcl.models.model import Model
from seisbench_lcl.review.adaptation import Adaptation
from seisbench_lcl.review.comparison import Comparison
from seisbench_lcl.review.learning import Indices, event_folds, fine_tuned, held_out, station_folds
from seisbench_lcl.review.record import Labels
from seisbench_lcl.review.reviewed import Reviewed, ReviewedWindows, reviewed_events, reviewed_windows
from seisbench_lcl.review.verdicts import Verdicts
from seisbench_lcl.wording import listed

_CALIBRATED_FROM = 20  # events
_CALIBRATION_FOLDS = 5

Progress = Callable[[str], Callable[[Iterable[Any]], Iterable[Any]]]


def adapt(
    model: Model,
    verdicts: Verdicts,
    decisions: Iterable[EventDecision],
    waveforms: Waveforms,
    *,
    event_types: Mapping[str, str | None] | None = None,
    lower_absent: bool = True,
    progress: Progress = lambda name: iter,
) -> Adaptation:
    """Fine-tune a model with the events that analysts have labelled, and say how much better it is.

    The ridge regressions are shrunk towards the old ones in closed form, in seconds; the novelty detector learns the
    new windows and keeps the old. Labels that the model does not know become new classes. An old class that no
    reviewed event has keeps its regression; its probability is lowered as far as its absence gives reason for.
    Windows of the old training are not needed.

    Both figures are of weights that did not see what they are scored on: each event is left out (or, with many windows,
    tenths of the events), then stations and events together, each time with a new choice of penalty and temperature.

    Parameters
    ----------
    model : Discriminator
        With the head ridge or stack, such as MiniRocketRidge, EnvelopePhysicalRidge or PhaseNetRidge; it stays as it
        is.
    verdicts : Verdicts
        As `seisbench_lcl.review.read_verdicts` reads them. Events without a label, and stations with a wrong pick, are
        left out.
    decisions : iterable of EventDecision
        The table that was reviewed, such as `seisbench_lcl.events.read_tables` reads it.
    waveforms : WaveformSource, obspy.Stream, or name
        As in `seisbench_lcl.events.open_waveforms`.
    event_types : mapping from label to QuakeML event type or None, optional
        Of new classes; by default as in `seisbench_lcl.labels.quakeml_types`.
    lower_absent : bool
        Whether classes that no reviewed event has are lowered.
    progress : callable
        Takes a description, and returns a wrapper that shows a progress bar.

    Returns
    -------
    Adaptation

    Raises
    ------
    ConfigurationError
        If the model is no discriminator with such a head, or a new label cannot be one.
    DatasetError
        If no labelled event is among the decisions, or none has a window.
    TrainingError
        If fewer than two classes have two reviewed events.
    WaveformError
        If the source of waveforms fails.
    """
    old = _adaptable(model)
    notes: Counter[str] = Counter()
    events = reviewed_events(verdicts, decisions, old.labels, notes)
    data = reviewed_windows(events, open_waveforms(waveforms), old.preprocessing, progress=progress("cutting windows"))
    notes.update(data.notes)
    data = _of_learnable_classes(data, notes)
    larger = grown(old, _new_classes(data, old, event_types or {}))
    y, groups = _indices(data, larger.labels)
    features, start = larger.features(data.samples), deepcopy(larger.head).cpu()
    rule = _rule(events)

    def scored(folds: Any, name: str) -> Comparison:
        after = held_out(start, features, y, groups, folds, lower_absent=lower_absent, progress=progress(name))
        return Comparison(_voted(before, data, rule), _voted(after, data, rule), _voted_truth(y, data))

    before = np.zeros((len(y), len(larger.labels)))
    with torch.no_grad():
        before[:, : len(old.labels)] = deepcopy(old.head).cpu()(features)  # both have the same features
    by_event = scored(event_folds(y, groups), "leaving out events")
    several = len(np.unique(data.stations)) > 1
    by_station = scored(station_folds(y, groups, data.stations), "leaving out stations") if several else None
    head = fine_tuned(start, features, y, groups, np.arange(len(y)), lower_absent=lower_absent)
    absent = _absent(larger.labels, start, head, features, y)
    larger.head.load_state_dict(head.state_dict())
    larger.head.held_out = larger.held_out = head.held_out
    if larger.novelty_detector:
        larger.novelty_detector.extend(features, torch.from_numpy(groups))
    calibration = calibrate_votes(by_event, np.unique(data.events, return_counts=True)[1], rule)
    larger.weights_origin = None
    larger.event_calibration = asdict(calibration) if calibration else None
    if larger.training_windows:
        larger.training_windows = {**larger.training_windows, "windows": len(data)}
    return Adaptation(
        larger,
        by_event,
        by_station,
        calibration,
        Labels.of([(event.label, event.verdict) for event in events if event.decision.event in set(data.events)]),
        {label: larger.event_types[label] for label in larger.labels if label not in old.labels},
        absent,
        describe_weights(old),
        rule,
        len(data),
        +notes,
    )


def _adaptable(model: Model) -> Discriminator:
    if not isinstance(model, Discriminator):
        raise ConfigurationError(
            f"{model.name} is an ensemble: adapt its members one by one, and combine them again with seisbench-lcl "
            "ensemble"
        )
    if model.trains_jointly or not model.head.supervised or model.head.name not in ("ridge", "stack"):
        raise ConfigurationError(
            f"{model.name} has the head {model.head.name}, which does not learn in closed form: write the labels as a "
            "dataset (seisbench-lcl export-review --dataset) and train with seisbench-lcl fine-tune or train, or adapt "
            "a model with the head ridge or stack, such as MiniRocketRidge, EnvelopePhysicalRidge or PhaseNetRidge"
        )
    return model


def _of_learnable_classes(data: ReviewedWindows, notes: Counter[str]) -> ReviewedWindows:
    """Leave out classes with a single event: with that event left out, nothing is left to learn from."""
    counts = Counter(dict(zip(data.events.tolist(), data.labels.tolist(), strict=True)).values())
    kept = np.isin(data.labels, [label for label, count in counts.items() if count > 1])
    for label, count in counts.items():
        if count < 2:
            notes[f"event labelled {label}, the only one with a window: a class needs two"] += 1
    if len(np.unique(data.labels[kept])) < 2:
        said = listed(f"{count} {label}" for label, count in counts.most_common())
        raise TrainingError(
            f"learning needs two events with a window of each of two classes or more, but found {said}: label events "
            "of another class as well"
        )
    return data.select(kept)


def _new_classes(data: ReviewedWindows, model: Discriminator, types: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the classes that the model does not know, with their QuakeML types."""
    there = sorted(set(data.labels.tolist()))
    if strange := sorted(set(types) - set(there)):
        raise ConfigurationError(
            f"there is a type for {listed(strange)}, but the reviewed events with a window are labelled {listed(there)}"
        )
    if known := sorted(label for label, kind in types.items() if model.event_types.get(label, kind) != kind):
        raise ConfigurationError(
            f"the weights know {listed(known)} already, as {listed(str(model.event_types[label]) for label in known)}: "
            "a type can be given to new classes only"
        )
    return quakeml_types(
        new := [label for label in there if label not in model.labels],
        {label: kind for label, kind in types.items() if label in new},
    )


def _indices(data: ReviewedWindows, labels: Sequence[str]) -> tuple[Indices, Indices]:
    y, groups = encode(data.labels, data.events, labels, len(data), every_class=False)
    assert groups is not None
    return y.numpy(), groups.numpy()


def _rule(events: Sequence[Reviewed]) -> str:
    """Return the rule of the decisions; the mean if it was a function of somebody's own."""
    name, _ = Counter(event.decision.rule.removesuffix(CALIBRATED) for event in events).most_common(1)[0]
    return name if name.partition(":")[0] in {*RULES, "earliest"} else "mean"


def _voted(probabilities: NDArray[np.float64], data: ReviewedWindows, rule: str) -> NDArray[np.float64]:
    """Return the probabilities (E, K) of the events, in order of their ids."""
    elect, found = rule_of(rule), []
    for event in np.unique(data.events):
        own = np.flatnonzero(data.events == event)
        own = own[np.argsort([data.rows[i].p_time.ns for i in own], kind="stable")]
        snr = np.array([data.rows[i].snr for i in own])
        found.append(elect(Ballot(probabilities[own], snr, tuple(data.rows[i].station for i in own))))
    return np.stack(found)


def _voted_truth(y: Indices, data: ReviewedWindows) -> Indices:
    _, first = np.unique(data.events, return_index=True)
    return y[first]


def calibrate_votes(scored: Comparison, n_stations: Indices, rule: str) -> EventCalibration | None:
    """Calibrate the votes of new weights by those on events that they did not see.

    Parameters
    ----------
    scored : Comparison
    n_stations : (E,) int64 ndarray
        Number of stations that voted on each event.
    rule : str

    Returns
    -------
    EventCalibration or None
        None if there are fewer than 20 events, or if it would not help other events (five folds of them).
    """
    if scored.n_events < _CALIBRATED_FROM:
        return None
    votes, truth = scored.after, scored.truth
    fold = np.random.default_rng(0).permutation(scored.n_events) % _CALIBRATION_FOLDS
    calibrated = np.empty_like(votes)
    for k in range(_CALIBRATION_FOLDS):
        fitted = EventCalibration.fit(votes[fold != k], truth[fold != k], n_stations[fold != k], rule)
        calibrated[fold == k] = fitted.apply(votes[fold == k], n_stations[fold == k])
    before, after = Comparison(votes, calibrated, truth).losses
    return EventCalibration.fit(votes, truth, n_stations, rule) if after < before else None


def _absent(
    labels: Sequence[str], start: Head, head: Head, features: Tensor, y: Indices
) -> dict[str, tuple[float, float]]:
    """Return the mean probability, before and after learning, of each class without an event."""
    with torch.no_grad():
        before, after = (one(features).double().mean(dim=0).tolist() for one in (start, head))
    return {labels[k]: (before[k], after[k]) for k in np.setdiff1d(np.arange(len(labels)), y)}
