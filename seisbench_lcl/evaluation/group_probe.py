"""Whether features of one class tell where its windows come from: a repository, a network, a region."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.evaluation.bootstrap import Interval, bootstrap_intervals
from seisbench_lcl.evaluation.metrics import Indices, check_groups
from seisbench_lcl.heads import Ridge

_FOLDS = 5
_ENOUGH = 3  # events of a group: with one held out, two are left, from which a ridge can settle its penalty


@dataclass(frozen=True)
class GroupProbe:
    """How well the groups of one class can be told apart by features.

    Attributes
    ----------
    label : str
        The class.
    groups : tuple of str
    n_windows, n_events : int
    balanced_accuracy : Interval
        Over the groups, per window; 95 % over events.
    """

    label: str
    groups: tuple[str, ...]
    n_windows: int
    n_events: int
    balanced_accuracy: Interval

    @property
    def chance(self) -> float:
        """Balanced accuracy of guesses."""
        return 1 / len(self.groups)


def comparable_rows(labels: ArrayLike, provenance: ArrayLike, events: ArrayLike) -> dict[str, NDArray[np.bool_]]:
    """Find what `group_probe` can tell apart: groups with three events of the same class or more.

    Parameters
    ----------
    labels : array_like of str, shape (n,)
        Class of each row.
    provenance : array_like of shape (n,)
        Group that each row comes from.
    events : array_like of shape (n,)

    Returns
    -------
    dict from class to (n,) ndarray of bool
        Its rows in such groups, if there are two such groups or more.
    """
    names, groups = np.asarray(labels, dtype=str), np.asarray(provenance, dtype=str)
    codes, _ = check_groups(events, len(names))
    found = {}
    for label in np.unique(names).tolist():
        of_class = names == label
        there = [g for g in np.unique(groups[of_class]) if _n_events(codes, of_class & (groups == g)) >= _ENOUGH]
        if len(there) > 1:
            found[label] = of_class & np.isin(groups, there)
    return found


def group_probe(
    features: ArrayLike | Tensor, provenance: ArrayLike, events: ArrayLike, *, label: str, seed: int = 0
) -> GroupProbe:
    """Try to tell the group of rows of one class from features, by a ridge that never saw their events.

    Parameters
    ----------
    features : array_like or Tensor of shape (n, F)
        Of rows of the same class, as `comparable_rows` finds them.
    provenance : array_like of shape (n,)
        Group that each row comes from: two groups or more, each of three events or more.
    events : array_like of shape (n,)
    label : str
        The class, for the report.
    seed : int
        Of the folds and the resamples.

    Returns
    -------
    GroupProbe

    Raises
    ------
    DatasetError
        If there are fewer groups or events, or not one of each per row.
    WindowError
        If features are not finite.

    Notes
    -----
    In up to 5 folds, to which the events of each group are dealt out. `linear_probe` would not do: without an event its
    own group weighs less, and where features say nothing, that alone decides, against the truth every time.
    """
    x = torch.as_tensor(features).detach().cpu().float()
    codes, _ = check_groups(events, len(x))
    names, group = np.unique(np.asarray(provenance, dtype=str), return_inverse=True)
    fewest = min(_n_events(codes, group == g) for g in range(len(names))) if len(group) == len(x) > 0 else 0
    if len(names) < 2 or fewest < _ENOUGH:
        raise DatasetError(
            f"a probe needs two groups with {_ENOUGH} events each at least, and one group per row, but {len(x)} rows "
            f"have the groups {', '.join(names) or 'none'}, the smallest of {fewest} events; see comparable_rows"
        )
    folds = _deal(codes, group, min(_FOLDS, fewest), seed)
    probabilities = np.empty((len(x), len(names)), dtype=np.float32)
    for fold in np.unique(folds):
        test = folds == fold
        # Events that several groups share cannot always be dealt out evenly.
        rest = ~test & np.isin(group, [g for g in range(len(names)) if _n_events(codes, ~test & (group == g)) > 1])
        ridge = Ridge(x.shape[1], len(names)).fit(x[rest], torch.from_numpy(group[rest]), torch.from_numpy(codes[rest]))
        probabilities[test] = ridge(x[test]).numpy()
    scores = bootstrap_intervals(probabilities, group, codes, names.tolist(), seed=seed)
    return GroupProbe(label, tuple(names.tolist()), len(x), len(np.unique(codes)), scores["balanced_accuracy"])


def _n_events(codes: Indices, rows: NDArray[np.bool_]) -> int:
    return len(np.unique(codes[rows]))


def _deal(codes: Indices, group: Indices, n_folds: int, seed: int) -> Indices:
    """Deal the events of each group out to folds, whole; return the fold of each row."""
    rng = np.random.default_rng(seed)
    fold = np.full(codes.max() + 1, -1)
    # From the group of the fewest events on: it leaves the least choice of where an event may go.
    for g in np.argsort([_n_events(codes, group == g) for g in range(group.max() + 1)]):
        there = np.unique(codes[group == g])
        for event in rng.permutation(there[fold[there] < 0]):
            dealt = fold[there]
            fold[event] = np.bincount(dealt[dealt >= 0], minlength=n_folds).argmin()
    return fold[codes]
