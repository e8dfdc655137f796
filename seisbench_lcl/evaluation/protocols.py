"""Protocols of held-out evaluation: folds by event, and one part of the data left out at a time."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from seisbench_lcl.discriminator import Discriminator
from seisbench_lcl.ensemble import DiscriminatorEnsemble
from seisbench_lcl.errors import DatasetError, TrainingError
from seisbench_lcl.matching import name_by_labels
from seisbench_lcl.training.windows import LabelledWindows


def event_folds(data: LabelledWindows, n_folds: int, seed: int = 0) -> NDArray[np.str_]:
    """Deal the events of each class out to folds, whole and at random.

    Parameters
    ----------
    data : LabelledWindows
    n_folds : int
    seed : int

    Returns
    -------
    (N,) ndarray of str
        Name of the fold of each window.

    Raises
    ------
    TrainingError
        If a class has fewer events than there are folds.
    """
    rng = np.random.default_rng(seed)
    fold = np.empty(len(data), dtype="<U8")
    for label in sorted(set(data.labels.tolist())):
        events = np.unique(data.groups[data.labels == label])
        if len(events) < n_folds or n_folds < 2:
            raise TrainingError(
                f"{n_folds} folds need at least 2 folds and as many events of each class, but {label!r} has "
                f"{len(events)} events: take fewer folds, or leave one event out (the held-out scores of training)"
            )
        for k, event in enumerate(rng.permutation(events)):
            fold[data.groups == event] = f"fold {k % n_folds + 1}"
    return fold


def column_folds(data: LabelledWindows, column: str) -> NDArray[np.str_]:
    """Make a fold of each value of a metadata column, such as the region or the network.

    Raises
    ------
    DatasetError
        If there is no such column, or it has one value only.
    """
    if column not in data.metadata:
        raise DatasetError(f"the dataset has no column {column!r}; it has: {', '.join(sorted(data.metadata.columns))}")
    values = data.metadata[column].astype(str).to_numpy(dtype=str)
    if len(set(values)) < 2:
        raise DatasetError(f"column {column!r} has one value only, {values[0]!r}: nothing would be left to train on")
    return values


def held_out_probabilities(
    template: Discriminator | DiscriminatorEnsemble,
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
        In the order of the labels. A class that occurs in one fold alone is unknown to the model tested there, and has
        probability 0: such windows count as errors.

    Raises
    ------
    TrainingError
        If without a fold fewer than two classes are left, or a class of a single event.
    """
    classes = list(labels or template.labels)
    learn = np.ones(len(data), dtype=bool) if learn is None else learn
    probabilities = np.zeros((len(data), len(classes)), dtype=np.float32)
    for fold in progress(sorted(set(folds.tolist()))):
        test = folds == fold
        train = data.select(learn & ~np.isin(data.groups, data.groups[test]))
        known = [label for label in classes if label in set(train.labels.tolist())]
        if len(known) < 2:
            raise TrainingError(f"without {fold!r} only the class {known} is left to train on")
        if isinstance(template, DiscriminatorEnsemble) or template.head.supervised:
            trained = template.fresh(known).fit(train.windows, train.labels, train.groups)
            found, names = trained.predict_proba(data.windows[test]), dict(enumerate(known))
        else:
            labelled = train.labels if template.learns_from_labels else None
            model = template.fresh().fit(train.windows, labelled, train.groups)
            assigned = model.cluster_proba(train.windows).argmax(axis=1)
            found, names = (
                model.cluster_proba(data.windows[test]),
                name_by_labels(assigned, train.labels, len(model.clusters)),
            )
        shares = np.zeros((len(found), len(classes)), dtype=np.float32)
        for output, name in names.items():
            shares[:, classes.index(name)] += found[:, output]
        if len(names) < found.shape[1]:
            total = shares.sum(axis=1, keepdims=True)
            equal = np.isin(classes, list(names.values())) / len(set(names.values()))
            shares = np.where(total > 0, shares / np.where(total > 0, total, 1), equal)
        probabilities[test] = shares
    return probabilities
