"""Whether the features of one class identify the origin of its windows: a repository, a network, a region."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.evaluation.arrays import Indices, Mask, check_groups
from seisbench_lcl.evaluation.bootstrap import Interval, bootstrap_intervals
from seisbench_lcl.heads import Ridge
from seisbench_lcl.optim.folds import assign_folds

_FOLDS = 5
_ENOUGH = 3  # events per group: with one held out, two are left, which a ridge needs to choose its penalty


@dataclass(frozen=True)
class GroupProbe:
    """How well features distinguish the groups of one class.

    Attributes
    ----------
    label : str
        The class.
    groups : tuple of str
    n_windows, n_events : int
    balanced_accuracy : Interval
        Of the predicted groups, per window; the 95 % interval resamples events.

    Examples
    --------
    >>> probe = GroupProbe("noise", ("north", "south"), 40, 20, Interval(0.8, 0.7, 0.9))
    >>> probe.chance
    0.5
    """

    label: str
    groups: tuple[str, ...]
    n_windows: int
    n_events: int
    balanced_accuracy: Interval

    @property
    def chance(self) -> float:
        """Balanced accuracy of a guess."""
        return 1 / len(self.groups)


def comparable_rows(labels: ArrayLike, provenance: ArrayLike, events: ArrayLike) -> dict[str, Mask]:
    """Find the rows that `group_probe` can compare: groups with three or more events of the same class.

    Parameters
    ----------
    labels : array_like of str, shape (n,)
        Class of each row.
    provenance : array_like of shape (n,)
        Group of each row.
    events : array_like of shape (n,)

    Returns
    -------
    dict from class to (n,) ndarray of bool
        Rows of the class in such groups, for classes with two or more such groups.
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
    """Predict the group of rows of one class from features, with a ridge that never saw their events.

    Parameters
    ----------
    features : array_like or Tensor of shape (n, F)
        Features of rows of one class, as found by `comparable_rows`.
    provenance : array_like of shape (n,)
        Group of each row: two or more groups, each of three or more events.
    events : array_like of shape (n,)
    label : str
        The class, for the report.
    seed : int
        Seed of the folds and the resamples.

    Returns
    -------
    GroupProbe

    Raises
    ------
    DatasetError
        If there are fewer groups or events, or not one group and event per row.
    WindowError
        If features are not finite.

    Notes
    -----
    The events of each group are spread over up to 5 folds. `linear_probe`, which leaves out one event at a time, would
    be biased: without the event its own group is slightly rarer, and if the features carry no information, that alone
    decides, always against the truth.
    """
    x = torch.as_tensor(features).detach().cpu().float()
    codes, _ = check_groups(events, len(x))
    names, group = np.unique(np.asarray(provenance, dtype=str), return_inverse=True)
    fewest = min(_n_events(codes, group == g) for g in range(len(names))) if len(group) == len(x) > 0 else 0
    if len(names) < 2 or fewest < _ENOUGH:
        raise DatasetError(
            f"a probe needs one group per row, and two or more groups of at least {_ENOUGH} events, but {len(x)} rows "
            f"have the groups {', '.join(names) or 'none'}, the smallest with {fewest} events; see comparable_rows"
        )
    rng = np.random.default_rng(seed)
    # Start with the group of fewest events: it has the least choice of folds for events that groups share.
    rank = np.argsort(np.argsort([_n_events(codes, group == g) for g in range(len(names))]))
    folds = assign_folds(
        rank[group], codes, min(_FOLDS, fewest), lambda g, own: rng.permutation(len(own)), keep_shared=True
    )
    probabilities = np.empty((len(x), len(names)), dtype=np.float32)
    for fold in np.unique(folds):
        test = folds == fold
        # Events that several groups share cannot always be spread evenly over the folds.
        rest = ~test & np.isin(group, [g for g in range(len(names)) if _n_events(codes, ~test & (group == g)) > 1])
        ridge = Ridge(x.shape[1], len(names)).fit(x[rest], torch.from_numpy(group[rest]), torch.from_numpy(codes[rest]))
        probabilities[test] = ridge(x[test]).numpy()
    scores = bootstrap_intervals(probabilities, group, codes, names.tolist(), seed=seed)
    return GroupProbe(label, tuple(names.tolist()), len(x), len(np.unique(codes)), scores["balanced_accuracy"])


def _n_events(codes: Indices, rows: Mask) -> int:
    return len(np.unique(codes[rows]))
