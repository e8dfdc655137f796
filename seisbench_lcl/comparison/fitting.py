"""Train a model without the windows that it is tested on, and predict these."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from seisbench_lcl.comparison.baseline import metadata_alone
from seisbench_lcl.comparison.building import chosen_number, learnt_numbers, names_of, request_for, together, unfitted
from seisbench_lcl.comparison.plan import BASELINE, Data, Entry
from seisbench_lcl.comparison.runs import Run
from seisbench_lcl.comparison.sharing import Lesson, Seconds, taught, timed
from seisbench_lcl.comparison.windows import UNKNOWN, Cut, read_cut, read_for, rows_of, rows_to_learn
from seisbench_lcl.errors import ConfigurationError, TrainingError
from seisbench_lcl.evaluation.arrays import rows_to_one
from seisbench_lcl.models.lookup import find_model
from seisbench_lcl.models.model import Model
from seisbench_lcl.plotting.embedding import reduce_to_plane

_PERPLEXITY = 30.0


@dataclass
class Measured:
    """What a run took.

    Attributes
    ----------
    fit, predict : float
        Seconds of the processor.
    fit_wall : float
        Seconds of the clock.
    windows, events, tested : int
        Windows and events learnt from, and windows predicted; sums over the folds.
    parameters : int
        Learnt numbers.
    clusters : int
        0 for a model without.
    epochs : list of int
        Of each training by gradients.
    """

    fit: float = 0.0
    fit_wall: float = 0.0
    predict: float = 0.0
    windows: int = 0
    events: int = 0
    tested: int = 0
    parameters: int = 0
    clusters: int = 0
    epochs: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Predicted:
    """Predictions of a run.

    Attributes
    ----------
    table : pandas.DataFrame
        A row for each tested window and shift: ``window``, ``shift`` in s, ``p:LABEL`` for each class, ``cluster``
        (−1 without clusters), ``novelty`` (NaN if the model has none).
    map : pandas.DataFrame or None
        ``window``, ``x`` and ``y``: the features of the tested windows in two dimensions.
    measured : Measured
    """

    table: pd.DataFrame
    map: pd.DataFrame | None
    measured: Measured


def predict(run: Run, data: Data, targets: pd.DataFrame, dataset: str) -> Predicted:
    """Do a run.

    Parameters
    ----------
    run : Run
    data : Data
    targets : pandas.DataFrame
    dataset : str

    Returns
    -------
    Predicted

    Raises
    ------
    SeisBenchLCLError
        If the model cannot be built, trained or loaded.
    """
    labels = classes_of(targets)
    folds = targets[f"deal {run.deal}"]
    measured = Measured()
    rows: list[pd.DataFrame] = []
    maps: list[pd.DataFrame] = []
    if run.entry.how != "train":
        return Predicted(without_each(run, data, dataset, targets, labels, measured), None, measured)
    for fold in sorted(set(folds) - {UNKNOWN}):
        tested = folds == fold
        if run.entry.name == BASELINE:
            rows.append(_baseline(targets, tested, labels, measured))
        elif run.entry.weights:
            rows.append(_by_weights(run.entry, data, dataset, targets, tested, labels, measured))
        else:
            found, drawn = _by_training(run, data, dataset, targets, tested, labels, measured)
            rows.append(found)
            maps += [drawn] if drawn is not None else []
    return Predicted(pd.concat(rows, ignore_index=True), pd.concat(maps) if maps else None, measured)


def classes_of(targets: pd.DataFrame) -> list[str]:
    """Return the classes of targets, sorted."""
    return sorted(set(targets["label"]) - {UNKNOWN})


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread, so that seconds can be compared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


def _baseline(targets: pd.DataFrame, tested: pd.Series, labels: list[str], measured: Measured) -> pd.DataFrame:
    learn = ~targets["event"].isin(targets.loc[tested, "event"]) & (targets["label"] != UNKNOWN)
    found, spent = timed(lambda: metadata_alone(targets[learn], targets[tested], labels))
    measured.fit += spent.cpu
    return _table(targets.loc[tested, "window"].to_numpy(), 0.0, found, labels)


def _by_training(
    run: Run,
    data: Data,
    dataset: str,
    targets: pd.DataFrame,
    tested: pd.Series,
    labels: list[str],
    measured: Measured,
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    cut = read_cut(data, dataset, run.entry.copies, run.seed)
    request = request_for(run.entry, data, len(labels))
    learns = request.traits.needs_labels
    lessons = _lessons(run.entry, cut, targets, tested, learns)
    windows, texts = lessons[0].windows, lessons[0].labels
    known = sorted(set(texts.tolist()) - {UNKNOWN})
    if len(known) < 2:
        raise TrainingError(f"the training needs two classes of two events each, but has {', '.join(known) or 'none'}")
    spent = Seconds()
    if isinstance(run.entry.clusters, str) and request.clusters:
        n_clusters, spent = chosen_number(run, request, lessons[0])
        request = replace(request, clusters=n_clusters)
    members = []
    for member in unfitted(run, request, known):
        fitted, seconds = taught(member, lessons)
        members.append(fitted)
        spent.add(seconds)
    model = together(members, run.entry.best, lessons[-1].labels)
    names = names_of(model, windows, texts)
    measured.fit += spent.cpu
    measured.fit_wall += spent.wall
    measured.windows += sum(len(lesson.labels) for lesson in lessons)
    measured.events += len({group for lesson in lessons for group in lesson.groups.tolist()})
    measured.parameters = learnt_numbers(model)
    measured.clusters = len(model.clusters)
    measured.epochs += [len(history.train) for member in model.members for history in member.histories]
    rows = np.flatnonzero(np.isin(rows_of(cut.data), targets.loc[tested, "window"]) & (cut.data.shifts == 0))
    found = pd.concat([_predict_at(model, names, cut, rows, shift, labels, measured) for shift in _shifts(data)])
    if not (run.entry.map and run.deal == 0 and run.seed == 0):
        return found, None
    features = model.features(cut.at(rows)).numpy()
    x, y = reduce_to_plane(features, "tsne", max(1.0, min(_PERPLEXITY, len(rows) / 3 - 1)), 0).T
    return found, pd.DataFrame({"window": rows_of(cut.data)[rows], "x": x, "y": y})


def _lessons(entry: Entry, cut: Cut, targets: pd.DataFrame, tested: pd.Series, labelled: bool) -> list[Lesson]:
    """Return what a model learns from, and what it then is fine-tuned on."""
    found = []
    for tuning in (False, True) if entry.fine_tune else (False,):
        rows = rows_to_learn(
            cut.data,
            targets,
            tested,
            events=0 if entry.fine_tune and not tuning else entry.events,
            without=entry.without,
            labelled=labelled or tuning,
            where="target" if tuning else entry.learn,
        )
        found.append(Lesson(cut.at(rows), cut.data.labels[rows], cut.data.groups[rows], tuning))
    return found


def without_each(
    run: Run, data: Data, dataset: str, targets: pd.DataFrame, labels: list[str], measured: Measured
) -> pd.DataFrame:
    """Predict each fold by a model whose features are learnt once, from all windows.

    In closed form, the training itself says what it would predict without the event of each window. Else the head
    alone is trained without each fold; the seconds are those of the features and of all heads.

    Raises
    ------
    TrainingError
        If the head does not predict without each event while it is trained.
    """
    cut = read_cut(data, dataset, 0, 0)
    rows = rows_to_learn(cut.data, targets, targets["window"] < 0, events=0, without=None, labelled=True)
    windows, texts, groups = cut.at(rows), cut.data.labels[rows], cut.data.groups[rows]
    model: Any = unfitted(run, request_for(run.entry, data, len(labels)), labels)[0]
    _, spent = timed(lambda: model.fit(windows, texts, groups))
    measured.fit, measured.fit_wall = spent.cpu, spent.wall
    measured.windows, measured.events = len(rows), len(set(groups.tolist()))
    measured.parameters = learnt_numbers(model)
    if run.entry.how == "closed form":
        if model.held_out is None or np.isnan(model.held_out).any():
            raise TrainingError(f"{run.entry.name} does not predict each window without its event while it is trained")
        return _table(rows_of(cut.data)[rows], 0.0, model.held_out, model.labels)
    features, truth = model.features(windows), torch.tensor([model.labels.index(text) for text in texts])
    events = torch.from_numpy(np.unique(groups, return_inverse=True)[1])
    fold = targets.set_index("window").loc[rows_of(cut.data)[rows], f"deal {run.deal}"].to_numpy(dtype=str)
    found = np.empty((len(rows), len(labels)), dtype=np.float32)
    for name in np.unique(fold):
        test = torch.from_numpy(fold == name)
        head = type(model.head)(model.head.n_features, model.head.n_classes, **model.head.config())
        learn = ~test
        _, spent = timed(partial(head.fit, features[learn], truth[learn], events[learn]))
        measured.fit += spent.cpu
        measured.fit_wall += spent.wall
        found[test.numpy()] = head(features[test]).numpy()
    return _table(rows_of(cut.data)[rows], 0.0, found, model.labels)


def _predict_at(
    model: Model,
    names: dict[int, str],
    cut: Cut,
    rows: NDArray[np.int64],
    shift: float,
    labels: list[str],
    measured: Measured,
) -> pd.DataFrame:
    windows = cut.at(rows, shift)
    novelty = cluster = None
    if model.clusters:
        given, spent = timed(lambda: model.cluster_proba(windows))
        cluster = given.argmax(axis=1)
    else:
        detailed, spent = timed(lambda: model.predict_detailed(windows))
        given = detailed.probabilities.numpy()
        if "novelty" in detailed.diagnostics:
            novelty = detailed.diagnostics["novelty"].numpy()
    if shift == 0:
        measured.predict += spent.cpu
        measured.tested += len(rows)
    shares = np.zeros((len(rows), len(labels)))
    for output, name in names.items():
        shares[:, labels.index(name)] += given[:, output]
    if len(names) < given.shape[1]:  # a cluster without labelled windows says nothing
        shares = rows_to_one(shares, np.isin(labels, list(names.values())) / len(set(names.values())))
    return _table(rows_of(cut.data)[rows], shift, shares, labels, cluster, novelty)


def _by_weights(
    entry: Entry,
    data: Data,
    dataset: str,
    targets: pd.DataFrame,
    tested: pd.Series,
    labels: list[str],
    measured: Measured,
) -> pd.DataFrame:
    model: Model = find_model(str(entry.weights))
    windows = read_for(model.preprocessing, data, dataset)
    rows = np.flatnonzero(np.isin(rows_of(windows), targets.loc[tested, "window"]))
    if not len(rows):
        raise ConfigurationError(f"no trace is long enough for the windows of {entry.weights}")
    meant = [entry.relabel.get(label, label) for label in model.labels]
    if not set(meant) & set(labels):
        raise ConfigurationError(
            f"the labels of {entry.weights} ({', '.join(model.labels)}) are none of {', '.join(labels)}: say with "
            "relabel what they are here"
        )
    detailed, spent = timed(lambda: model.predict_detailed(np.asarray(windows.windows)[rows]))
    measured.predict += spent.cpu
    measured.tested += len(rows)
    shares = np.zeros((len(rows), len(labels)))
    for output, label in enumerate(meant):
        if label in labels:
            shares[:, labels.index(label)] += detailed.probabilities[:, output].numpy()
    shares = rows_to_one(shares, np.isin(labels, meant) / np.isin(labels, meant).sum())
    novelty = detailed.diagnostics["novelty"].numpy() if "novelty" in detailed.diagnostics else None
    return _table(rows_of(windows)[rows], 0.0, shares, labels, None, novelty)


def _shifts(data: Data) -> list[float]:
    return sorted({0.0, *data.shifts})


def _table(
    windows: NDArray[np.int64],
    shift: float,
    probabilities: NDArray[Any],
    labels: list[str],
    cluster: NDArray[np.int64] | None = None,
    novelty: NDArray[np.float32] | None = None,
) -> pd.DataFrame:
    table = pd.DataFrame({"window": windows, "shift": shift})
    for k, label in enumerate(labels):
        table[f"p:{label}"] = probabilities[:, k].astype(np.float32)
    table["cluster"] = -1 if cluster is None else cluster.astype(np.int16)
    table["novelty"] = np.nan if novelty is None else novelty.astype(np.float32)
    return table
