"""Criteria for the number of clusters."""

import logging
import warnings
from collections.abc import Iterable

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import silhouette_score
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from seisbench_lcl.errors import DatasetError, check_arguments, is_whole
from seisbench_lcl.evaluation.arrays import Floats
from seisbench_lcl.extractors.pca import PCA

logger = logging.getLogger("seisbench")

_AXES = 50  # most principal components for k-means, silhouette and gap
_MIXTURE_AXES = 10  # most for the Gaussian mixture, whose number of parameters grows with the square
_STARTS = 5
_MAX_ITERATIONS = 200


def cluster_numbers(
    features: ArrayLike,
    numbers: Iterable[int],
    *,
    seed: int = 0,
    n_references: int = 20,
    max_rows: int = 5000,
) -> pd.DataFrame:
    """Compare numbers of clusters by silhouette, BIC and gap statistic.

    Features are rotated onto their principal axes, without scaling. The first 50 axes are used for k-means, silhouette
    and gap, the first 10 for the Gaussian mixture of the BIC; fewer features are used in full.

    Parameters
    ----------
    features : array_like of shape (n, F)
    numbers : iterable of int
        Numbers of clusters to try, such as ``range(1, 11)``. Silhouette is not defined for one cluster.
    seed : int
        Seed of the drawn rows, of all starts, and of the reference data.
    n_references : int
        Number of reference datasets of the gap statistic; its standard error needs at least 2.
    max_rows : int
        Most rows to use. If there are more, this number is drawn at random for all criteria.

    Returns
    -------
    pandas.DataFrame
        One row per number, in ascending order: ``clusters``; ``inertia``, the sum of squared distances to the centroids
        of k-means; ``silhouette``, the mean silhouette from −1 to 1; ``bic`` of a Gaussian mixture with full
        covariances; ``gap`` and ``gap_error``, its standard error, in units of ln(inertia).
        ``frame.attrs["suggested"]`` maps "silhouette", "bic" and "gap" to the number that each suggests: the highest
        silhouette, the lowest BIC, and the smallest k with gap(k) ≥ gap(k′) − gap_error(k′), where k′ is the next
        number tried. If no k satisfies this, the gap suggests the largest number, and the range should be extended.
        "silhouette" is missing if only one cluster was tried.

    Raises
    ------
    DatasetError
        If features are not a matrix, hold NaN or infinite values, or have too few distinct rows for the largest number.
    ConfigurationError
        If `numbers` is empty or has a number below 1, or `n_references` or `max_rows` is too small.

    Notes
    -----
    The reference data are uniform in the bounding box along the principal axes, and are clustered like the data. The
    criteria answer different questions: the silhouette measures separation, the BIC how well Gaussian components
    describe the density. With many rows, BIC counts a cluster that is not Gaussian several times; with few rows it
    merges clusters, because with 10 axes each costs 66 parameters. The gap may suggest one cluster if a few clusters
    are equally far from each other: look at its whole curve, or start with two clusters.

    References
    ----------
    Rousseeuw (1987), Silhouettes, J. Comput. Appl. Math. 20, doi:10.1016/0377-0427(87)90125-7. Schwarz (1978),
    Estimating the dimension of a model, Ann. Statist. 6. Tibshirani, Walther and Hastie (2001), Estimating the number
    of clusters in a data set via the gap statistic, J. R. Stat. Soc. B 63, doi:10.1111/1467-9868.00293.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> features = np.repeat([[0, 0], [9, 0], [0, 9]], 30, axis=0) + rng.normal(size=(90, 2))
    >>> cluster_numbers(features, range(1, 6)).attrs["suggested"]
    {'bic': 3, 'gap': 3, 'silhouette': 3}
    """
    tried = sorted({int(k) for k in numbers})
    check_arguments(
        "cluster_numbers",
        ("numbers must hold one or more numbers of at least 1", bool(tried) and tried[0] >= 1, tried),
        ("n_references must be a whole number of at least 2", is_whole(n_references, 2), n_references),
        ("max_rows must be a whole number of at least 2", is_whole(max_rows, 2), max_rows),
    )
    x = np.asarray(features, dtype=np.float32)
    if x.ndim != 2 or not np.isfinite(x).all():
        raise DatasetError(
            f"features must be a matrix (n, F) of finite numbers, but have shape {x.shape} or hold NaN or infinity"
        )
    rng = np.random.default_rng(seed)
    if len(x) > max_rows:
        x = x[np.sort(rng.choice(len(x), max_rows, replace=False))]
    n_distinct = len({hash(row.tobytes()) for row in x})
    if n_distinct <= tried[-1]:
        raise DatasetError(
            f"{tried[-1]} clusters need more distinct rows of features than {n_distinct} of {len(x)}: "
            "lower the numbers, or raise max_rows or the number of windows"
        )
    axes = _principal_axes(x)
    with threadpool_limits(1):  # the matrices are too small for threads to pay off
        clusters = [_k_means(axes, k, seed) for k in tried]
        gap, gap_error = _gap(axes, clusters, n_references, rng, seed)
        columns = {
            "clusters": tried,
            "inertia": [found.inertia_ for found in clusters],
            "silhouette": [silhouette_score(axes, c.labels_) if c.n_clusters > 1 else np.nan for c in clusters],
            "bic": _bic(axes, tried, seed),
            "gap": gap,
            "gap_error": gap_error,
        }
    frame = pd.DataFrame(columns)
    frame.attrs["suggested"] = _suggested(frame)
    return frame


def _principal_axes(x: NDArray[np.float32]) -> Floats:
    rows = torch.from_numpy(x)
    return PCA(x.shape[1], min(_AXES, *x.shape)).fit(rows)(rows).double().numpy()


def _k_means(rows: Floats, k: int, seed: int) -> KMeans:
    return KMeans(k, n_init=_STARTS, random_state=seed).fit(rows)


def _gap(
    rows: Floats, clusters: list[KMeans], n_references: int, rng: np.random.Generator, seed: int
) -> tuple[Floats, Floats]:
    """Return the gap statistic and its standard error, with references as in Tibshirani et al. 2001, section 4 (b)."""
    expected = np.empty((n_references, len(clusters)))
    for values in expected:
        reference = rng.uniform(rows.min(axis=0), rows.max(axis=0), rows.shape)
        values[:] = [np.log(_k_means(reference, c.n_clusters, seed).inertia_) for c in clusters]
    gap = expected.mean(axis=0) - np.log([c.inertia_ for c in clusters])
    return gap, expected.std(axis=0) * np.sqrt(1 + 1 / n_references)


def _bic(rows: Floats, tried: list[int], seed: int) -> list[float]:
    x = (
        rows[:, :_MIXTURE_AXES] / rows[:, 0].std()
    )  # so that the regularisation that scikit-learn adds to the variances is small
    mixtures = [GaussianMixture(k, n_init=_STARTS, max_iter=_MAX_ITERATIONS, random_state=seed) for k in tried]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        bic = [float(mixture.fit(x).bic(x)) for mixture in mixtures]
    unfinished = [k for k, mixture in zip(tried, mixtures, strict=True) if not mixture.converged_]
    if unfinished:
        logger.warning("the mixtures of %s clusters did not converge, so their BIC is too high", unfinished)
    return bic


def _suggested(frame: pd.DataFrame) -> dict[str, int]:
    """Return the number of clusters that each criterion suggests; see `cluster_numbers`."""
    clusters, gap = frame["clusters"].to_numpy(), frame["gap"].to_numpy()
    enough = np.append(gap[:-1] >= (gap - frame["gap_error"].to_numpy())[1:], True)
    chosen = {"bic": frame["bic"].to_numpy().argmin(), "gap": enough.argmax()}
    if clusters[-1] > 1:
        chosen["silhouette"] = np.nanargmax(frame["silhouette"].to_numpy())
    return {criterion: int(clusters[row]) for criterion, row in chosen.items()}
