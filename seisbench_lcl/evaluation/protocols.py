"""Protocols of held-out evaluation: folds of events, and folds by a metadata column."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from seisbench_lcl.datasets.windows import LabelledWindows
from seisbench_lcl.errors import DatasetError, SeisBenchLCLError, TrainingError, check_arguments, is_whole
from seisbench_lcl.evaluation.arrays import Mask, rows_to_one
from seisbench_lcl.evaluation.provenance import known_without
from seisbench_lcl.heads.matching import name_by_labels
from seisbench_lcl.models.model import Model
from seisbench_lcl.optim.folds import assign_folds
from seisbench_lcl.storage import MemberRows, RowFile
from seisbench_lcl.wording import suggestion


def event_folds(data: LabelledWindows, n_folds: int, seed: int = 0, learn: Mask | None = None) -> NDArray[np.str_]:
    """Assign the events of each class to folds, whole and at random.

    Parameters
    ----------
    data : LabelledWindows
    n_folds : int
    seed : int
    learn : (N,) bool ndarray, optional
        Windows that may be used for training, by default all. Their events are spread evenly over the folds, whatever
        the other events. Classes without training windows are only predicted.

    Returns
    -------
    (N,) ndarray of str
        Name of the fold of each window.

    Raises
    ------
    TrainingError
        If a class has fewer training events than there are folds, or would have fewer than two without a fold.
    ConfigurationError
        If there are fewer than two folds.
    """
    check_arguments("", ("folds of events must be 2 or more", is_whole(n_folds, 2), n_folds))
    learn = _all_by_default(data, learn)
    needed = 4 if n_folds == 2 else n_folds  # of three events in two folds, one fold would leave a single one
    rng = np.random.default_rng(seed)
    names, classes = np.unique(data.labels, return_inverse=True)
    trainable = [np.unique(data.groups[(data.labels == label) & learn]) for label in names]
    for label, able in zip(names.tolist(), trainable, strict=True):
        if 0 < len(able) < needed:
            other = "fewer folds" if n_folds > 2 else "3 folds" if len(able) == 3 else "more events"
            raise TrainingError(
                f"{n_folds} folds need {needed} training events of each class, but {label!r} has {len(able)}: "
                f"use {other}, or the held-out scores of training"
            )

    def trainable_first(k: int, events: NDArray[np.generic]) -> NDArray[np.int64]:
        order = rng.permutation(len(events))
        return order[np.argsort(~np.isin(events[order], trainable[k]), kind="stable")]

    return np.char.add("fold ", (assign_folds(classes, data.groups, n_folds, trainable_first) + 1).astype(str))


def column_folds(data: LabelledWindows, column: str) -> NDArray[np.str_]:
    """Make one fold of each value of a metadata column, such as the region or the network.

    Raises
    ------
    DatasetError
        If the column is missing, a window has no value in it, or all windows have the same value.
    """
    if column not in data.metadata:
        raise DatasetError(
            f"the dataset has no column {column!r}; {suggestion(column, sorted(data.metadata.columns), 'metadata.csv')}"
        )
    values = data.metadata[column].astype(str).to_numpy(dtype=str)
    missing = data.metadata[column].isna().to_numpy() | (np.char.strip(values) == "")
    if missing.any():
        picked = data.shifts == 0
        raise DatasetError(
            f"column {column!r} has no value for {np.sum(missing & picked)} of {np.sum(picked)} windows: fill in the "
            "values, or remove the traces from the dataset"
        )
    if len(set(values)) < 2:
        raise DatasetError(
            f"column {column!r} has only the value {str(values[0])!r}: no windows would be left for training"
        )
    return values


def classes_left(
    data: LabelledWindows, folds: NDArray[np.str_], labels: Sequence[str], learn: Mask | None = None
) -> dict[str, list[str]]:
    """Find the classes that a model can learn without each fold and its events: those with two or more other events.

    Parameters
    ----------
    data : LabelledWindows
    folds : (N,) ndarray of str
    labels : sequence of str
        Classes to consider.
    learn : (N,) bool ndarray, optional
        Windows that may be used for training, by default all.

    Returns
    -------
    dict from fold to list of str

    Raises
    ------
    TrainingError
        If fewer than two classes are left without a fold.
    """
    names, fold = np.unique(folds, return_inverse=True)
    truth = data.truth([*labels, *sorted(set(data.labels.tolist()) - set(labels))])
    events = np.unique(data.groups, return_inverse=True)[1]
    learn = _all_by_default(data, learn)
    known = known_without(truth, fold, events, max(len(labels), truth.max() + 1), learn)
    left = {}
    for name, row in zip(names.tolist(), known, strict=True):
        left[name] = [label for label, there in zip(labels, row, strict=False) if there]
        if len(left[name]) < 2:
            raise TrainingError(
                f"training without {name!r} needs two classes with two or more events each, but has "
                f"{', '.join(map(repr, left[name])) or 'none'}: use other folds, or add data"
            )
    return left


def held_out_probabilities(
    template: Model,
    data: LabelledWindows,
    folds: NDArray[np.str_],
    progress: Callable[[Iterable[str]], Iterable[str]] = iter,
    labels: Sequence[str] | None = None,
    learn: Mask | None = None,
) -> NDArray[np.float32]:
    """Predict each fold with a model trained without it and without any window of its events, shifted copies included.

    A model that learns without labels is trained without them; the labels of the other folds then name its clusters.
    The probability of a cluster without labelled windows is distributed over the others in proportion to theirs, or
    equally if they have none.

    Parameters
    ----------
    template : Discriminator or DiscriminatorEnsemble
        Its settings are used, not its weights.
    data : LabelledWindows
    folds : (N,) ndarray of str
    progress : callable
        Wraps the sequence of folds, for a progress bar.
    labels : sequence of str, optional
        Classes, by default those of the template; needed if its clusters have no names.
    learn : (N,) bool ndarray, optional
        Windows that may be used for training, by default all. All windows are predicted.

    Returns
    -------
    (N, K) float32 ndarray
        Probabilities in the order of the labels. A class with fewer than two events outside a fold is unknown to the
        model of that fold and has probability 0, so its windows count as errors.

    Raises
    ------
    TrainingError
        If fewer than two classes are left without a fold, before the first training; or if a training fails, with the
        name of its fold.
    """
    classes = list(labels or template.labels)
    learn = _all_by_default(data, learn)
    probabilities = np.zeros((len(data), len(classes)), dtype=np.float32)
    left = classes_left(data, folds, classes, learn)
    for fold in progress(sorted(left)):
        test = folds == fold
        unknown = set(classes) - set(left[fold])
        train = data.select(learn & ~np.isin(data.groups, data.groups[test]) & ~np.isin(data.labels, list(unknown)))
        try:
            found, names = _fit_and_predict(template, train, data.windows[test], left[fold])
        except SeisBenchLCLError as error:
            raise TrainingError(f"training without {fold!r} failed: {error}") from error
        shares = np.zeros((len(found), len(classes)), dtype=np.float32)
        for output, name in names.items():
            shares[:, classes.index(name)] += found[:, output]
        if len(names) < found.shape[1]:
            shares = rows_to_one(shares, np.isin(classes, list(names.values())) / len(set(names.values())))
        probabilities[test] = shares
    return probabilities


def _fit_and_predict(
    template: Model,
    train: LabelledWindows,
    windows: NDArray[np.float32] | RowFile | MemberRows,
    known: list[str],
) -> tuple[NDArray[np.float32], dict[int, str]]:
    """Train a model, and return the probabilities of the windows and the class of each column."""
    if not template.clusters:
        trained = template.fresh(known).fit(train.windows, train.labels, train.groups)
        return trained.predict_proba(windows), dict(enumerate(known))
    labelled = train.labels if template.learns_from_labels else None
    model = template.fresh().fit(train.windows, labelled, train.groups)
    assigned = model.cluster_proba(train.windows).argmax(axis=1)
    return model.cluster_proba(windows), name_by_labels(assigned, train.labels, len(model.clusters), model.open_ended)


def _all_by_default(data: LabelledWindows, learn: Mask | None) -> Mask:
    return np.ones(len(data), dtype=bool) if learn is None else learn
