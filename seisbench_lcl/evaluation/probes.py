"""What features are worth, whatever head follows: a linear probe, and the company a row keeps."""

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.evaluation.metrics import Indices, check_groups
from seisbench_lcl.heads import Ridge
from seisbench_lcl.heads.neighbours import exact


def linear_probe(
    features: ArrayLike | Tensor, truth: ArrayLike, groups: ArrayLike, *, n_classes: int
) -> NDArray[np.float32]:
    """Predict every row by a ridge classifier that never saw its event, as a measure of the features.

    Parameters
    ----------
    features : array_like or Tensor of shape (n, F)
        Finite; their scale does not matter.
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
        For a single class, or a class of a single event.

    See Also
    --------
    seisbench_lcl.heads.Ridge : Leaves out one event after the other in closed form.

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
    """Return the mean share of the k nearest neighbours of a row that are of its class.

    This is how far the assumption that neighbours belong together, on which SCAN builds, holds in feature space. By
    chance it is the sum of the squared class shares.

    Parameters
    ----------
    features : array_like or Tensor of shape (n, F)
        Distances are Euclidean and exact, up to float32 rounding. A row is no neighbour of itself.
    truth : array_like of int, shape (n,)
        Class of each row; leave out rows without label.
    k : int
        Number of neighbours.
    groups : array_like of shape (n,), optional
        Event of each row: rows of its own event are then no neighbours either. Without, the stations of one event
        vouch for each other.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    DatasetError
        If the arrays do not fit each other, features are not finite, a row has no label, or a row has less than k
        others.

    References
    ----------
    Van Gansbeke et al. 2020, SCAN: Learning to classify images without labels, ECCV.
    """
    x, y = _checked_features(features, truth)
    codes = np.arange(len(y)) if groups is None else check_groups(groups, len(y))[0]
    others = len(y) - int(np.bincount(codes).max())
    if not 1 <= k <= others:
        raise DatasetError(
            f"k must lie between 1 and {others}, the least number of "
            f"{'other rows' if groups is None else 'rows of other events'} that a row has, but is {k}"
        )
    x = x - x.mean(dim=0)  # cancellation grows with the distance from the origin
    nearest = exact(x, k, torch.from_numpy(codes)).numpy()
    return float((y[nearest] == y[:, None]).mean())


def _checked_features(
    features: ArrayLike | Tensor, truth: ArrayLike, n_classes: int | None = None
) -> tuple[Tensor, Indices]:
    x = (features.detach() if isinstance(features, Tensor) else torch.tensor(np.asarray(features))).cpu().float()
    y = np.asarray(truth)
    if y.ndim != 1 or not np.issubdtype(y.dtype, np.integer):
        raise DatasetError(f"truth must be class indices of shape (n,), but found {y.dtype}, shape {y.shape}")
    if y.size and (y.min() < 0 or (n_classes is not None and y.max() >= n_classes)):
        found = y.min() if y.min() < 0 else y.max()
        last = "" if n_classes is None else f" to {n_classes - 1}"
        raise DatasetError(f"truth must be class indices from 0{last}, but found {found}; leave out rows without label")
    if x.ndim != 2 or len(x) != len(y) or not x.numel():
        raise DatasetError(
            f"features must have shape (n, F) with one row per truth, {len(y)}, but found {tuple(x.shape)}"
        )
    if not torch.isfinite(x).all():
        raise DatasetError("features hold NaN or infinite values; leave such rows out")
    return x, y.astype(np.int64)
