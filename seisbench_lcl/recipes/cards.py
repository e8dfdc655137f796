"""The card of weights from a recipe: statements of the recipe, and measured scores."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
import tomlkit

from seisbench_lcl.datasets import LabelledWindows
from seisbench_lcl.datasets.manifest import split_manifest
from seisbench_lcl.evaluation import EvaluationReport, Interval
from seisbench_lcl.evaluation.placement import Placement
from seisbench_lcl.evaluation.scored import Scored
from seisbench_lcl.evaluation.sections import Section
from seisbench_lcl.hub import card as hub
from seisbench_lcl.models.model import Model
from seisbench_lcl.recipes.recipe import ORIGIN, Recipe
from seisbench_lcl.training import TrainingRequest

Level = Literal["station", "event"]

_LEVELS: tuple[Level, ...] = ("station", "event")
_METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "brier", "ece")


def card_of(
    recipe: Recipe,
    name: str,
    source: hub.RecipeReference,
    model: Model,
    data: LabelledWindows,
    learnt: LabelledWindows,
    scores: list[hub.Score],
    curve: list[Placement],
) -> hub.Card:
    """Assemble a card.

    Parameters
    ----------
    recipe : Recipe
    name : str
        Name of the weights.
    source : seisbench_lcl.hub.card.RecipeReference
        Path and commit of the recipe.
    model : Discriminator or DiscriminatorEnsemble
        The trained model.
    data, learnt : LabelledWindows
        All windows, and the training windows.
    scores : list of seisbench_lcl.hub.card.Score
        They must include the scores of `Evaluation.split`.
    curve : list of seisbench_lcl.evaluation.placement.Placement

    Raises
    ------
    HubError
        If the card is not complete.
    """
    about, given = recipe.card, model.preprocessing
    ece = {
        score.level: score.value for score in scores if score.metric == "ece" and score.split == recipe.evaluate.split
    }
    first = next(iter(model.members))
    return hub.Card.of(
        {
            "model": type(model).__name__,
            "name": name,
            "version": recipe.version,
            "task": about.task,
            "state": about.state,
            "summary": about.summary,
            "classes": dict(model.event_types),
            "training_data": list(_training_data(recipe, learnt.as_picked())),
            "split_manifest_sha256": split_manifest(data.groups, data.labels, data.splits),
            "recipe": source,
            "preprocessing": hub.CardPreprocessing(
                sampling_rate=given.sampling_rate,
                samples=given.in_samples,
                before=given.before,
                components=given.component_order,
                band=list(given.band),
                normalisation=given.normalisation,
            ),
            "scores": scores,
            "calibration": about.calibration
            and hub.Calibration(method=about.calibration, ece_station=ece["station"], ece_event=ece["event"]),
            "reject": hub.Reject(novelty_rate=first.get_model_args()["novelty_rate"], reject_below=about.reject_below),
            "valid_ranges": about.valid_ranges,
            "not_for": about.not_for,
            "licence": about.licence,
            "citation": about.citation,
            "placement": [_rounded(at) for at in curve],
            "backbones": model.backbones,
        },
        f"the card of {name}",
    )


def _rounded(at: Placement) -> hub.Placement:
    return hub.Placement(
        shift=at.shift,
        balanced_accuracy=round(at.balanced_accuracy, 3),
        changed=round(at.changed, 3),
        windows=at.windows,
    )


def scores_of(scored: Scored, sections: list[Section], data: str) -> Iterator[hub.Score]:
    """Yield the scores of a card: over all windows, at both levels, in the order of the sections.

    If groups were held out, the first scores are those of windows whose class also occurs in other groups: with events
    held out, and with groups held out. Scores without a finite value and interval are left out.

    Parameters
    ----------
    scored : Scored
    sections : list of Section
        Sections of `scored`.
    data : str
        Name of the datasets.
    """
    split = scored.split or f"{scored.title}, trained anew"
    if found := scored.recognition:
        held = {"known": "events", "held out": found.column}
        for what, by in held.items():
            for level in _LEVELS:
                told = f"{by} held out, trained anew, of classes known elsewhere"
                interval = found.scores[what, f"per {level}"]
                yield from _score(data, told, level, "balanced_accuracy", interval, found.n_windows, found.n_events)
    report = next(part.content for part in sections if isinstance(part.content, EvaluationReport))
    n_windows, n_events = report.station.n_rows, report.event.n_rows
    for level in _LEVELS:
        scores = getattr(report, level).scores
        for metric in _METRICS:
            yield from _score(data, split, level, metric, scores[metric], n_windows, n_events)


def _score(
    data: str, split: str, level: Level, metric: str, interval: Interval, windows: int, events: int
) -> Iterator[hub.Score]:
    numbers = interval.value, interval.low, interval.high
    if all(map(math.isfinite, numbers)):
        value, low, high = (round(number, 3) for number in numbers)
        yield hub.Score(
            data=data,
            split=split,
            level=level,
            metric=metric,
            value=value,
            low=low,
            high=high,
            windows=windows,
            events=events,
        )


def configuration(recipe: Recipe, request: TrainingRequest, model: Model) -> str:
    """Return the section "Configuration" of a card: all settings of the training as TOML, with defaults.

    ``train --config`` reads it if the recipe has one dataset and uses its labels unchanged.
    """
    cuts = request.cuts()
    written = recipe.model_dump(by_alias=True, exclude={"card", "evaluate"}, exclude_none=True)
    written |= {name.removesuffix("s").replace("_", "-"): table for name, table in model.part_args.items()}
    written |= {"normalisation": model.preprocessing.normalisation}
    written |= {"max-shift": cuts.max_shift, "copies": cuts.copies, "refine": cuts.refine}
    kept = {key: _as_table(value) if isinstance(value, Mapping) else value for key, value in written.items()}
    filled = {key: value for key, value in kept.items() if value != {}}
    # In TOML, everything after the head of a table belongs to the table.
    ordered = dict(sorted(filled.items(), key=lambda item: isinstance(item[1], dict)))
    return f"### Configuration\n\n```toml\n{tomlkit.dumps(ordered)}```\n\n"


def _as_table(table: Mapping[Any, Any]) -> dict[str, Any]:
    """Leave out None, and turn keys into text, because TOML has neither null nor other keys."""
    return {
        str(key): _as_table(value) if isinstance(value, Mapping) else value
        for key, value in table.items()
        if value is not None
    }


def _training_data(recipe: Recipe, learnt: LabelledWindows) -> Iterator[hub.TrainingData]:
    origin = learnt.metadata[ORIGIN].to_numpy(dtype=str)
    for told in recipe.card.training_data:
        rows = origin == told.name if len(recipe.datasets) > 1 else np.ones(len(learnt), dtype=bool)
        yield hub.TrainingData(
            name=f"{told.name}, split {recipe.split}",
            sources=told.sources,
            licence=told.licence,
            windows=int(rows.sum()),
            events=len(np.unique(learnt.groups[rows])),
            note=told.note,
        )
