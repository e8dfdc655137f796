"""Choosing events that stand for many others: greedy facility location, weighted by doubt."""

import heapq
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.extractors.pca import PCA
from seisbench_lcl.heads.standardise import usable_scale

Floats = NDArray[np.float64]

_DIMENSIONS = 32
_PROJECTED = 256  # random directions that stand for more features; distances change by a few per cent


def representatives(weights: Floats, points: Floats, known: Floats) -> list[int]:
    """Order points so that each next one adds most to Σ_j w_j max_i s_ij, over the chosen and the known points i.

    The similarity is s = exp(−(distance / σ)²), where σ is the median distance between points. For any number n, the
    first n reach at least 63 % of what the best n points could add (Nemhauser et al. 1978). A point without
    coordinates (NaN) stands for itself only.

    Parameters
    ----------
    weights : (M,) float64 ndarray
        Not negative.
    points : (M, d) float64 ndarray
    known : (R, d) float64 ndarray
        Points that need no others to stand for them.

    Returns
    -------
    list of int
        All indices from 0 to M − 1.

    References
    ----------
    Wei, Iyer and Bilmes (2015), Submodularity in data subset selection and active learning, ICML. Nemhauser, Wolsey
    and Fisher (1978), An analysis of approximations for maximizing submodular set functions. Only gains that may have
    become the largest are computed again: Minoux (1978), Accelerated greedy algorithms for maximizing submodular set
    functions.

    Examples
    --------
    >>> points = np.array([[0.0], [0.1], [0.2], [9.0], [5.0]])
    >>> representatives(np.ones(5), points, known=points[4:])[:2]
    [1, 3]
    """
    if not len(points):
        return []
    distances = _distances(points, points)
    apart = distances[np.isfinite(distances) & (distances > 0)]
    width = float(np.median(apart)) if apart.size else 1.0
    similar = np.exp(-np.square(distances / width))
    np.fill_diagonal(similar, 1.0)
    covered = np.zeros(len(points))
    if len(known):
        covered = np.exp(-np.square(_distances(points, known) / width)).max(axis=1)

    def gain(i: int) -> float:
        return float(weights @ np.maximum(similar[i] - covered, 0))

    heap = [(-gain(i), i) for i in range(len(points))]
    heapq.heapify(heap)
    chosen: list[int] = []
    while heap:
        _, i = heap[0]
        found = -gain(i)
        if len(heap) > 1 and (found, i) > min(heap[1:3]):  # gains only fall, so the others' are at most what they were
            heapq.heapreplace(heap, (found, i))
            continue
        heapq.heappop(heap)
        chosen.append(i)
        np.maximum(covered, similar[i], out=covered)
    return chosen


def coordinates(features: Mapping[str, ArrayLike], events: Sequence[str]) -> Floats:
    """Return the leading principal components of standardised features, one row an event, NaN for one without.

    Many features are projected onto random directions first, which nearly keeps distances (Johnson and Lindenstrauss
    1984).

    Parameters
    ----------
    features : mapping from event to (F,) or (n, F) array_like
        Of the event, or of each of its windows, whose mean is taken.
    events : sequence of str

    Returns
    -------
    (E, d) float64 ndarray
        At most 32 components.

    Raises
    ------
    DatasetError
        If features are not finite or differ in number.
    """
    rows = {event: _row(event, features[event]) for event in events if event in features}
    if len(lengths := {len(row) for row in rows.values()}) > 1:
        raise DatasetError(
            f"events have features of different lengths, {sorted(lengths)}: take those of one model for all events"
        )
    places = [place for place, event in enumerate(events) if event in rows]
    if len(places) < 2:
        return np.full((len(events), 1), np.nan)
    x = np.stack(list(rows.values()))
    x -= (mean := x.mean(axis=0, dtype=np.float64)).astype(np.float32)
    x /= usable_scale(x.std(axis=0, dtype=np.float64), np.abs(mean)).astype(np.float32)
    if x.shape[1] > _PROJECTED:
        directions = np.random.default_rng(0).normal(size=(x.shape[1], _PROJECTED)) / np.sqrt(_PROJECTED)
        x = x @ directions.astype(np.float32)
    if (x == x[0]).all():  # nothing tells these events apart
        found = np.zeros((len(x), 1))
    else:
        found = PCA(x.shape[1], min(_DIMENSIONS, *x.shape)).fit(torch.from_numpy(x))(torch.from_numpy(x)).numpy()
    every = np.full((len(events), found.shape[1]), np.nan)
    every[places] = found
    return every


def _row(event: str, features: ArrayLike) -> NDArray[np.float32]:
    x = np.asarray(features, dtype=np.float32)
    if x.ndim not in (1, 2) or not x.size or not np.isfinite(x).all():
        raise DatasetError(
            f"features of event {event!r} must be finite and of shape (F,) or (windows, F), but have shape {x.shape}"
            f"{'' if np.isfinite(x).all() else ' and values that are NaN or infinite'}"
        )
    return x if x.ndim == 1 else x.mean(axis=0)


def _distances(rows: Floats, others: Floats) -> Floats:
    """Return Euclidean distances (M, N), infinite where coordinates are missing."""
    # From differences: by products, equal points would be a rounding error apart.
    mode = "donot_use_mm_for_euclid_dist"
    found = torch.cdist(torch.from_numpy(rows), torch.from_numpy(others), compute_mode=mode).numpy()
    return np.where(np.isnan(found), np.inf, found)
