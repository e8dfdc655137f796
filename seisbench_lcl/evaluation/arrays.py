"""Checks and arithmetic that the scores share."""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from seisbench_lcl.errors import DatasetError

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]
Number = TypeVar("Number", np.float32, np.float64)

_SUM_TOLERANCE = 1e-3  # a softmax in half precision is off by less


def check_predictions(
    probabilities: ArrayLike, truth: ArrayLike, labels: Sequence[str] | None = None
) -> tuple[Floats, Indices]:
    """Check probabilities (n, K), truth (n,) and labels (K,), and return the first two as arrays.

    Raises
    ------
    DatasetError
        The message says what was found, what was expected, and how to fix it.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 2 or p.size == 0:
        raise DatasetError(
            f"probabilities must have shape (n, K) with at least one row, but found {p.shape}; "
            "pass the output of predict_proba for one or more windows"
        )
    if labels is not None and (len(labels) != p.shape[1] or len(set(labels)) != len(labels)):
        raise DatasetError(
            f"probabilities of {p.shape[1]} columns need one distinct label per column, but found {list(labels)}; "
            "pass the labels of the model that made the probabilities"
        )
    y = check_indices("truth", truth, p.shape[1])
    if len(y) != len(p):
        raise DatasetError(f"probabilities have {len(p)} rows but truth has {len(y)}; pass one of each per window")
    finite = np.isfinite(p).all(axis=1)
    if not finite.all():
        raise DatasetError(
            f"probabilities are not finite in {np.sum(~finite)} of {len(p)} rows, the first is row "
            f"{np.argmin(finite)}; leave out windows on which the model abstained"
        )
    proper = (p >= 0).all(axis=1) & (np.abs(p.sum(axis=1) - 1) <= _SUM_TOLERANCE)
    if not proper.all():
        row = int(np.argmin(proper))
        raise DatasetError(
            "every row of probabilities must be non-negative and sum to 1, but "
            f"row {row} is {p[row].tolist()}; pass probabilities, not logits or decision values"
        )
    return p, y


def check_groups(groups: ArrayLike, n_rows: int) -> tuple[Indices, NDArray[Any]]:
    """Check the event of each row; return codes (n,) and the sorted events (E,).

    Raises
    ------
    DatasetError
        If there is not exactly one event per row.
    """
    shape = np.shape(groups)
    if shape != (n_rows,):
        raise DatasetError(
            f"groups must name one event per row, shape ({n_rows},), but found {shape}; "
            "pass the event identifier of every window"
        )
    codes, events = pd.factorize(pd.Series(groups), sort=True)
    if (codes < 0).any():
        raise DatasetError(
            f"groups name no event in {np.sum(codes < 0)} of {n_rows} rows, the first is row "
            f"{np.argmax(codes < 0)}; give each window without an event, such as noise, its own identifier"
        )
    return codes.astype(np.int64), events.to_numpy()


def check_indices(name: str, values: ArrayLike, n_classes: int | None = None) -> Indices:
    """Check class indices (n,), and return them as an array.

    Raises
    ------
    DatasetError
        If they are not integers from 0, up to ``n_classes - 1`` where that is known.
    """
    indices = np.asarray(values)
    if indices.ndim != 1 or not np.issubdtype(indices.dtype, np.integer):
        raise DatasetError(
            f"{name} must hold class indices, shape (n,), but found {indices.dtype}, shape {indices.shape}; "
            "turn labels into indices with [labels.index(label) for label in ...]"
        )
    outside = indices[(indices < 0) | (False if n_classes is None else indices >= n_classes)]
    if outside.size:
        last = "" if n_classes is None else f" to {n_classes - 1}"
        raise DatasetError(
            f"{name} must hold class indices from 0{last}, but found {outside[0]}; leave out rows without label, and "
            "use the order of the labels of the probabilities"
        )
    return indices.astype(np.int64)


def ratio(part: Floats | Indices, whole: Floats | Indices, *, empty: float) -> Floats:
    """Divide, with a value for the places where the whole is not positive."""
    out = np.full(np.broadcast_shapes(part.shape, whole.shape), empty)
    return np.divide(part, whole, out=out, where=np.broadcast_to(whole, out.shape) > 0)


def rows_to_one(weights: NDArray[Number], otherwise: ArrayLike) -> NDArray[Number]:
    """Scale the rows of weights (n, K) to sum to 1; a row of zeros becomes that of `otherwise`, broadcast to (n, K)."""
    total = weights.sum(axis=1, keepdims=True)
    return np.where(total > 0, weights / np.where(total > 0, total, 1), np.asarray(otherwise, dtype=weights.dtype))
