"""The quality of features, whatever head follows: a linear probe and the purity of nearest neighbours."""

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.evaluation.arrays import Indices, check_groups, check_indices
from seisbench_lcl.heads import Ridge
from seisbench_lcl.heads.neighbours import exact


def linear_probe(
    features: ArrayLike | Tensor, truth: ArrayLike, groups: ArrayLike, *, n_classes: int
) -> NDArray[np.float32]:
    """Predict every row with a ridge classifier that never saw its event, to measure the features.

    Parameters
    ----------
    features : array_like or Tensor of shape (n, F)
        Finite features of any scale.
    truth : array_like of int, shape (n,)
        Class of each row; leave out rows without label.
    groups : array_like of shape (n,)
        Event of each row.
    n_classes : int

    Returns
    -------
    (n, n_classes) float32 ndarray
        Held-out probabilities, for `seisbench_lcl.evaluation.score` or
        `seisbench_lcl.evaluation.EvaluationReport.from_predictions`.

    Raises
    ------
    DatasetError
        If the arrays do not fit each other, features are not finite or a row has no label.
    TrainingError
        If there is a single class, or a class has a single event.

    See Also
    --------
    seisbench_lcl.heads.Ridge : Leaves out each event in closed form.

    References
    ----------
    Alain & Bengio 2017, Understanding intermediate layers using linear classifier probes, ICLR workshop.
    """
    x, y = _checked_features(features, truth, n_classes)
    codes, _ = check_groups(groups, len(y))
    head = Ridge(x.shape[1], n_classes).fit(x, torch.from_numpy(y), torch.from_numpy(codes))
    assert head.held_out is not None
    return head.held_out


def neighbour_purity(
    features: ArrayLike | Tensor, truth: ArrayLike, *, k: int = 20, groups: ArrayLike | None = None
) -> float:
    """Return the fraction of the k nearest neighbours of a row that have its class, averaged over the rows.

    It measures how well the assumption behind SCAN holds, that neighbours in feature space have the same class. By
    chance, it is the sum of the squared class fractions.

    Parameters
    ----------
    features : array_like or Tensor of shape (n, F)
        Distances are Euclidean and exact up to float32 rounding. A row is not its own neighbour.
    truth : array_like of int, shape (n,)
        Class of each row; leave out rows without label.
    k : int
        Number of neighbours.
    groups : array_like of shape (n,), optional
        Event of each row, to exclude rows of the same event as neighbours. Without groups, the stations of an event
        raise the purity.

    Returns
    -------
    float
        Purity from 0 to 1.

    Raises
    ------
    DatasetError
        If the arrays do not fit each other, features are not finite, a row has no label, or a row has fewer than k
        possible neighbours.

    References
    ----------
    Van Gansbeke et al. 2020, SCAN: Learning to classify images without labels, ECCV.

    Examples
    --------
    >>> neighbour_purity([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]], [0, 0, 1, 1, 1, 1], k=1)
    0.8333333333333334
    """
    x, y = _checked_features(features, truth)
    codes = np.arange(len(y)) if groups is None else check_groups(groups, len(y))[0]
    others = len(y) - int(np.bincount(codes).max())
    if not 1 <= k <= others:
        raise DatasetError(
            f"k must lie between 1 and {others}, the smallest number of "
            f"{'other rows' if groups is None else 'rows of other events'} of any row, but is {k}"
        )
    x = x - x.mean(dim=0)  # rounding errors of distances grow with the distance from the origin
    nearest = exact(x, k, torch.from_numpy(codes)).numpy()
    return float((y[nearest] == y[:, None]).mean())


def _checked_features(
    features: ArrayLike | Tensor, truth: ArrayLike, n_classes: int | None = None
) -> tuple[Tensor, Indices]:
    x = (features.detach() if isinstance(features, Tensor) else torch.tensor(np.asarray(features))).cpu().float()
    y = check_indices("truth", truth, n_classes)
    if x.ndim != 2 or len(x) != len(y) or not x.numel():
        raise DatasetError(
            f"features must have shape (n, F) with one row per truth, {len(y)}, but found {tuple(x.shape)}"
        )
    if not torch.isfinite(x).all():
        raise DatasetError("features hold NaN or infinite values; leave out these rows")
    return x, y
