"""Protocols of held-out evaluation: folds by event, and one part of the data left out at a time."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from seisbench_lcl.datasets.windows import LabelledWindows
from seisbench_lcl.errors import DatasetError, SeisBenchLCLError, TrainingError
from seisbench_lcl.evaluation.provenance import known_without
from seisbench_lcl.heads.matching import name_by_labels
from seisbench_lcl.models.model import Model
from seisbench_lcl.storage.rows import RowFile


def event_folds(
    data: LabelledWindows, n_folds: int, seed: int = 0, learn: NDArray[np.bool_] | None = None
) -> NDArray[np.str_]:
    """Deal the events of each class out to folds, whole and at random.

    Parameters
    ----------
    data : LabelledWindows
    n_folds : int
    seed : int
    learn : (N,) bool ndarray, optional
        Windows that may be learnt from, all by default. Their events are spread evenly, whatever the others are.
        Classes without any are only predicted, and dealt out as they come.

    Returns
    -------
    (N,) ndarray of str
        Name of the fold of each window.

    Raises
    ------
    TrainingError
        If a class has fewer events to learn from than there are folds, or would have fewer than two without a fold.
    """
    learn = np.ones(len(data), dtype=bool) if learn is None else learn
    needed = 4 if n_folds == 2 else n_folds  # three in two folds leave one
    rng = np.random.default_rng(seed)
    fold = np.empty(len(data), dtype="<U8")
    for label in sorted(set(data.labels.tolist())):
        of_class = data.labels == label
        able = np.unique(data.groups[of_class & learn])
        if n_folds < 2 or 0 < len(able) < needed:
            raise TrainingError(
                f"{n_folds} folds need at least 2 folds and {needed} events of each class to learn from, but {label!r} "
                f"has {len(able)} events: take {'other' if n_folds < 3 else 'fewer'} folds, or leave one event out "
                "(the held-out scores of training)"
            )
        events = rng.permutation(np.unique(data.groups[of_class]))
        able_first = np.argsort(~np.isin(events, able), kind="stable")
        for k, event in enumerate(events[able_first]):
            fold[data.groups == event] = f"fold {k % n_folds + 1}"
    return fold


def column_folds(data: LabelledWindows, column: str) -> NDArray[np.str_]:
    """Make a fold of each value of a metadata column, such as the region or the network.

    Raises
    ------
    DatasetError
        If there is no such column, a window has no value in it, or all have the same.
    """
    if column not in data.metadata:
        raise DatasetError(f"the dataset has no column {column!r}; it has: {', '.join(sorted(data.metadata.columns))}")
    values = data.metadata[column].astype(str).to_numpy(dtype=str)
    missing = data.metadata[column].isna().to_numpy() | (np.char.strip(values) == "")
    if missing.any():
        picked = data.shifts == 0
        raise DatasetError(
            f"column {column!r} has no value for {np.sum(missing & picked)} of {np.sum(picked)} windows, and these are "
            "no group of their own: fill it, or take the traces out of the dataset"
        )
    if len(set(values)) < 2:
        raise DatasetError(
            f"column {column!r} has one value only, {str(values[0])!r}: nothing would be left to train on"
        )
    return values


def classes_left(
    data: LabelledWindows, folds: NDArray[np.str_], labels: Sequence[str], learn: NDArray[np.bool_] | None = None
) -> dict[str, list[str]]:
    """Find the classes that a model can know without a fold and its events: those of two other events or more.

    Parameters
    ----------
    data : LabelledWindows
    folds : (N,) ndarray of str
    labels : sequence of str
        Classes to look for.
    learn : (N,) bool ndarray, optional
        Windows that may be learnt from, all by default.

    Returns
    -------
    dict from fold to list of str

    Raises
    ------
    TrainingError
        If without a fold fewer than two classes are left.
    """
    names, fold = np.unique(folds, return_inverse=True)
    truth = data.truth([*labels, *sorted(set(data.labels.tolist()) - set(labels))])
    events = np.unique(data.groups, return_inverse=True)[1]
    learn = np.ones(len(data), dtype=bool) if learn is None else learn
    known = known_without(truth, fold, events, max(len(labels), truth.max() + 1), learn)
    left = {}
    for name, row in zip(names.tolist(), known, strict=True):
        left[name] = [label for label, there in zip(labels, row, strict=False) if there]
        if len(left[name]) < 2:
            raise TrainingError(
                f"without {name!r} only the class {left[name]} is left to train on; a class needs two events to be "
                "learnt from"
            )
    return left


def held_out_probabilities(
    template: Model,
    data: LabelledWindows,
    folds: NDArray[np.str_],
    progress: Callable[[Iterable[str]], Iterable[str]] = iter,
    labels: Sequence[str] | None = None,
    learn: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Predict each fold by a model that never saw it, nor any window of its events, and so no shifted copy either.

    A model that learns without labels is trained without them, and its clusters are then named by those of the other
    folds. What lies in a cluster without any labelled window is shared out in proportion to the others, or equally
    where these have nothing.

    Parameters
    ----------
    template : Discriminator or DiscriminatorEnsemble
        Its description is used, not its state.
    data : LabelledWindows
    folds : (N,) ndarray of str
    progress : callable
        Wraps the sequence of folds, for a progress bar.
    labels : sequence of str, optional
        Classes, those of the template by default; a template whose clusters have no names needs them.
    learn : (N,) bool ndarray, optional
        Windows that may be learnt from, all by default. All are predicted.

    Returns
    -------
    (N, K) float32 ndarray
        In the order of the labels. A class of which fewer than two events are left without a fold is unknown to the
        model tested there, and has probability 0: such windows count as errors.

    Raises
    ------
    TrainingError
        If without a fold fewer than two classes are left, which shows before the first training; or if a training
        fails, with the name of its fold.
    """
    classes = list(labels or template.labels)
    learn = np.ones(len(data), dtype=bool) if learn is None else learn
    probabilities = np.zeros((len(data), len(classes)), dtype=np.float32)
    left = classes_left(data, folds, classes, learn)
    for fold in progress(sorted(left)):
        test = folds == fold
        unknown = set(classes) - set(left[fold])
        train = data.select(learn & ~np.isin(data.groups, data.groups[test]) & ~np.isin(data.labels, list(unknown)))
        try:
            found, names = _fit_and_predict(template, train, data.windows[test], left[fold])
        except SeisBenchLCLError as error:
            raise TrainingError(f"the training without {fold!r} failed: {error}") from error
        shares = np.zeros((len(found), len(classes)), dtype=np.float32)
        for output, name in names.items():
            shares[:, classes.index(name)] += found[:, output]
        if len(names) < found.shape[1]:
            total = shares.sum(axis=1, keepdims=True)
            equal = np.isin(classes, list(names.values())) / len(set(names.values()))
            shares = np.where(total > 0, shares / np.where(total > 0, total, 1), equal)
        probabilities[test] = shares
    return probabilities


def _fit_and_predict(
    template: Model,
    train: LabelledWindows,
    windows: NDArray[np.float32] | RowFile,
    known: list[str],
) -> tuple[NDArray[np.float32], dict[int, str]]:
    """Return probabilities of windows after a training, and the classes that their columns stand for."""
    if not template.clusters:
        trained = template.fresh(known).fit(train.windows, train.labels, train.groups)
        return trained.predict_proba(windows), dict(enumerate(known))
    labelled = train.labels if template.learns_from_labels else None
    model = template.fresh().fit(train.windows, labelled, train.groups)
    assigned = model.cluster_proba(train.windows).argmax(axis=1)
    return model.cluster_proba(windows), name_by_labels(assigned, train.labels, len(model.clusters), model.open_ended)
