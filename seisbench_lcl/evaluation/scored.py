"""Predictions to score: of weights on a split, or of retrained models on held-out data."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from seisbench_lcl.datasets.windows import LabelledWindows
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.evaluation.arrays import Mask
from seisbench_lcl.evaluation.bootstrap import Interval
from seisbench_lcl.evaluation.calibration import reliability
from seisbench_lcl.evaluation.group_probe import GroupProbe, comparable_rows, group_probe
from seisbench_lcl.evaluation.metrics import mean_by_event
from seisbench_lcl.evaluation.protocols import classes_left, column_folds, event_folds, held_out_probabilities
from seisbench_lcl.evaluation.provenance import known_elsewhere, of_known_classes
from seisbench_lcl.evaluation.recognition import Recognition
from seisbench_lcl.evaluation.report import EvaluationReport
from seisbench_lcl.evaluation.sections import Section
from seisbench_lcl.evaluation.tables import Content, to_markdown
from seisbench_lcl.models.model import Model

_SHOWN = 6  # most groups with separate scores; the recall in each group is always shown
_FOLDS = 5  # folds of events to compare with the held-out groups


@dataclass(frozen=True, eq=False)
class Scored:
    """Windows and their probabilities, to be scored.

    Attributes
    ----------
    title : str
        How they were predicted.
    data : LabelledWindows
        N windows.
    labels : list of str, length K
        Labels of the model, then other classes of the data.
    probabilities : (N, K) float32 ndarray
    familiar : (N,) bool ndarray
        Whether a window is within the novelty limit of the model.
    parts : dict from name to (N,) bool ndarray
        Windows to score separately as well.
    recognition : Recognition, optional
        How much of the scores may come from recognising the parts.
    split : str, optional
        Split that was predicted by the weights themselves; None if models were retrained.
    """

    title: str
    data: LabelledWindows
    labels: list[str]
    probabilities: NDArray[np.float32]
    familiar: Mask
    parts: dict[str, Mask] = field(default_factory=dict)
    recognition: Recognition | None = None
    split: str | None = None

    @property
    def truth(self) -> NDArray[np.int64]:
        """Index of each window's class in `labels`, (N,)."""
        return self.data.truth(self.labels)

    @property
    def remark(self) -> str:
        """Sentence with the number of windows unlike the training data, "" if there are none."""
        if n := int((~self.familiar).sum()):
            verb, them = ("is", "it") if n == 1 else ("are", "them")
            return f"{n} of {len(self.data)} windows {verb} unlike the training data: classify abstains on {them}."
        return ""

    def sections(self, seed: int = 0) -> Iterator[Section]:
        """Yield the recognition of the parts, the scores of all windows and of each part, and the reliability."""
        if self.recognition:
            heading = f"Recognition of {self.recognition.column}"
            yield Section(heading, self.recognition, f"### {heading}\n\n{self.recognition.to_markdown()}")
        whole = {self.title: np.ones(len(self.data), dtype=bool)}
        parts = {f"{self.title}: {name}": rows for name, rows in self.parts.items()}
        for heading, rows in (whole | parts).items():
            report = EvaluationReport.from_predictions(
                self.probabilities[rows], self.truth[rows], self.data.groups[rows], self.labels, seed=seed
            )
            yield Section(heading, report, f"### {heading[0].upper()}{heading[1:]}\n\n{report.to_markdown()}\n")
        heading = f"Reliability, {self.title}"
        remark = f"\n{self.remark}\n" if self.remark else ""
        yield Section(heading, None, f"### {heading}\n\n{to_markdown(self._reliability())}\n" + remark)

    def _reliability(self) -> Iterator[Content]:
        by_window = self.probabilities, self.truth, self.data.groups
        header = ["highest probability", "decisions", "events", "mean", "accuracy"]
        columns = ["low", "high", "n", "events", "confidence", "accuracy", "accuracy_low", "accuracy_high"]
        for level, predictions in (("station", by_window), ("event", mean_by_event(*by_window))):
            table = reliability(*predictions).query("n > 0")[columns]
            rows = [
                [f"{low:g} to {high:g}", f"{n:.0f}", f"{events:.0f}", f"{mean:.3f}", str(Interval(*accuracy))]
                for low, high, n, events, mean, *accuracy in table.to_numpy(dtype=float).tolist()
            ]
            yield f"Reliability per {level}", header, rows


def predict_split(model: Model, data: LabelledWindows, split: str) -> Scored:
    """Predict the windows of a split with the weights of a model.

    Parameters
    ----------
    model : Discriminator or DiscriminatorEnsemble
    data : LabelledWindows
    split : str
        "all" means every window.

    Returns
    -------
    Scored

    Raises
    ------
    ConfigurationError
        If no class of the model occurs in the data.
    DatasetError
        If the split has no windows.
    """
    there = set(data.labels.tolist())
    if not set(model.labels) & there:
        hint = "name the clusters first, with name_clusters" if model.clusters else "choose another column of labels"
        raise ConfigurationError(
            f"the labels of the model, {', '.join(model.labels)}, do not occur in the dataset; {hint}"
        )
    labels = [*model.labels, *sorted(there - set(model.labels))]
    data = data if split == "all" else data.in_split(split)
    probabilities = np.zeros((len(data), len(labels)), dtype=np.float32)
    prediction = model.predict_detailed(data.windows)
    probabilities[:, : len(model.labels)] = prediction.probabilities.numpy()
    novelty = prediction.diagnostics.get("novelty", torch.zeros(len(data))).numpy()
    return Scored(f"split {split}", data, labels, probabilities, novelty <= 1, split=split)


def predict_held_out(
    model: Model,
    data: LabelledWindows,
    learn: Mask,
    *,
    folds: int | None = None,
    by: str | None = None,
    seed: int = 0,
    progress: Callable[[Iterable[str]], Iterable[str]] = iter,
) -> Scored:
    """Predict each unshifted window with a model of the same settings that was trained without the fold of the window.

    Parameters
    ----------
    model : Discriminator or DiscriminatorEnsemble
        Its settings are used. Its weights are used only to predict the values of the column from its features.
    data : LabelledWindows
        Windows, with the shifted copies to use in training.
    learn : (N,) bool ndarray
        Windows that may be used for training.
    folds : int, optional
        Number of random folds of events.
    by : str, optional
        Metadata column to use instead, one fold per value. Folds of events are predicted as well, for comparison.
    seed : int
        Seed of the folds.
    progress : callable
        Wraps the sequence of folds, for a progress bar.

    Returns
    -------
    Scored

    Raises
    ------
    DatasetError
        If the column is missing or unusable, or an event has several classes.
    TrainingError
        If there are too few events or classes, before the first training; or if a training fails.
    """
    there = set(data.labels.tolist())
    labels = sorted(there) if model.clusters else [*model.labels, *sorted(there - set(model.labels))]
    picked = data.as_picked()
    rows = data.shifts == 0
    every = np.ones(len(picked), dtype=bool)
    truth = picked.truth(labels)
    # All input is checked before the trainings, which may take hours.
    mean_by_event(np.eye(len(labels))[truth], truth, picked.groups)

    def predict(fold: NDArray[np.str_]) -> NDArray[np.float32]:
        return held_out_probabilities(model, data, fold, progress, labels, learn)[rows]

    if by is None:
        fold = event_folds(data, folds or 0, seed, learn)
        return Scored(f"{folds} folds of events", picked, labels, predict(fold), every)
    group = column_folds(data, by)
    able = of_known_classes(data.labels, data.groups, learn)
    classes = known_elsewhere(data.truth(labels), group, data.groups, n_classes=len(labels), learn=able)[rows]
    fewest = min(len(np.unique(data.groups[able & (data.labels == label)])) for label in set(data.labels[able]))
    fold = event_folds(data, min(_FOLDS, fewest), seed, able)
    for held in (group, fold):
        classes_left(data, held, labels, learn)
    probes = _probes(model, picked, group[rows], seed)
    held_out, known = predict(group), predict(fold)
    group = group[rows]
    recognition = Recognition.from_predictions(
        *(known, held_out, truth, group, picked.groups, labels),
        column=by,
        classes=classes,
        probes=probes,
        seed=seed,
    )
    names = np.unique(group).tolist()
    parts = {name: group == name for name in names} if len(names) <= _SHOWN else {}
    return Scored(f"{by} held out", picked, labels, held_out, every, parts, recognition)


def held_out_in_training(model: Model, data: LabelledWindows) -> Section | None:
    """Score the windows whose events the last training of a model held out; None if it held out none.

    Shifted copies are not scored.
    """
    if model.held_out is None:
        return None
    rows = np.isfinite(model.held_out[:, 0]) & (data.shifts == 0)
    each = [member.held_out for member in model.members]
    if all(found is None or np.isfinite(found).all() for found in each):
        title = "Training windows, each predicted by a head fitted without its event"
    elif len(each) == 1:
        title = "Events held out in training, used to choose the epoch and the temperature"
    else:
        title = "Training windows, each predicted by the members that held out its event"
    truth = data.truth(model.labels)[rows]
    scores = EvaluationReport.from_predictions(model.held_out[rows], truth, data.groups[rows], model.labels)
    return Section(title, scores, f"### {title}\n\n{scores.to_markdown()}\n")


def _probes(model: Model, data: LabelledWindows, group: NDArray[np.str_], seed: int) -> list[GroupProbe]:
    """Predict the groups within each class from the features of the weights."""
    probes = []
    for label, rows in comparable_rows(data.labels, group, data.groups).items():
        features = model.features(data.windows[rows])
        probes.append(group_probe(features, group[rows], data.groups[rows], label=label, seed=seed))
    return probes
