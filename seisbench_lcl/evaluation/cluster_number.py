"""How many clusters: criteria over a range of numbers."""

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

from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.evaluation.metrics import Floats
from seisbench_lcl.extractors.pca import PCA

logger = logging.getLogger("seisbench")

_AXES = 50  # principal components that k-means, silhouette and gap see at most
_MIXTURE_AXES = 10  # those that the Gaussian mixture sees, whose parameters grow with the square
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
    """Rate numbers of clusters by silhouette, BIC and gap statistic.

    Features are rotated onto their principal axes, without scaling, of which the first 50 are kept for k-means,
    silhouette and gap, and the first 10 for the Gaussian mixture of the BIC. With as many features or fewer, nothing
    is lost.

    Parameters
    ----------
    features : array_like of shape (n, F)
    numbers : iterable of int
        Numbers of clusters to try, such as ``range(1, 11)``. Silhouette is not defined for one cluster.
    seed : int
        Seed of the draw of rows, of all starts, and of the reference data.
    n_references : int
        Number of reference datasets of the gap statistic: at least 2, to tell its error.
    max_rows : int
        Rows drawn at random, if there are more; all criteria are computed on these.

    Returns
    -------
    pandas.DataFrame
        A row for each number, ascending: ``clusters``; ``inertia``, the sum of squared distances to the centroids of
        k-means; ``silhouette``, its mean, from −1 to 1; ``bic`` of a Gaussian mixture of full covariances; ``gap`` and
        ``gap_error``, its standard error, in units of ln(inertia). ``frame.attrs["suggested"]`` maps "silhouette",
        "bic" and "gap" to the number that each suggests: that of the highest silhouette, of the lowest BIC, and the
        smallest k with gap(k) ≥ gap(k′) − gap_error(k′), k′ being the next number tried. Where no k has that, the gap
        suggests the largest, and the range should be extended. There is no "silhouette" if one cluster was all that
        was tried.

    Raises
    ------
    DatasetError
        If features are no matrix, hold NaN or infinite values, or have no more distinct rows than the largest number.
    ConfigurationError
        If there is no number, one below 1, or too few references or rows.

    Notes
    -----
    The reference data are uniform in the box of the principal axes, and are clustered just as the data are. The
    criteria answer different questions: silhouette looks for separation, BIC for a density of Gaussian parts. With the
    latter, a cluster that is not Gaussian counts several times where rows are many; where they are few, clusters
    merge, for with 10 axes each costs 66 parameters. The gap may settle for one cluster where a few lie at equal
    distances from each other: look at its whole curve, or begin with two.

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
    if not tried or tried[0] < 1 or n_references < 2 or max_rows < 2:
        raise ConfigurationError(
            "cluster_numbers needs one or more numbers >= 1, n_references >= 2 and max_rows >= 2, but found "
            f"{tried}, {n_references} and {max_rows}"
        )
    x = np.asarray(features, dtype=np.float32)
    if x.ndim != 2 or not np.isfinite(x).all():
        raise DatasetError(
            f"features must be a matrix (n, F) of finite numbers, but have shape {x.shape}, or hold NaN or infinity"
        )
    rng = np.random.default_rng(seed)
    if len(x) > max_rows:
        x = x[np.sort(rng.choice(len(x), max_rows, replace=False))]
    n_distinct = len({hash(row.tobytes()) for row in x})
    if n_distinct <= tried[-1]:
        raise DatasetError(
            f"up to {tried[-1]} clusters are to be tried, but of {len(x)} rows of features only {n_distinct} differ: "
            "lower the numbers, or raise max_rows or the number of windows"
        )
    axes = _principal_axes(x)
    with threadpool_limits(1):  # matrices are so small that threads would mostly wait for each other
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
    """Gap statistic and its standard error, Tibshirani et al. 2001, section 4: references in the box of the axes."""
    expected = np.empty((n_references, len(clusters)))
    for values in expected:
        reference = rng.uniform(rows.min(axis=0), rows.max(axis=0), rows.shape)
        values[:] = [np.log(_k_means(reference, c.n_clusters, seed).inertia_) for c in clusters]
    gap = expected.mean(axis=0) - np.log([c.inertia_ for c in clusters])
    return gap, expected.std(axis=0) * np.sqrt(1 + 1 / n_references)


def _bic(rows: Floats, tried: list[int], seed: int) -> list[float]:
    x = rows[:, :_MIXTURE_AXES] / rows[:, 0].std()  # so that what scikit-learn adds to the variances is small
    mixtures = [GaussianMixture(k, n_init=_STARTS, max_iter=_MAX_ITERATIONS, random_state=seed) for k in tried]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        bic = [float(mixture.fit(x).bic(x)) for mixture in mixtures]
    astray = [k for k, mixture in zip(tried, mixtures, strict=True) if not mixture.converged_]
    if astray:
        logger.warning("the mixtures of %s clusters did not converge, so that their BIC is too high", astray)
    return bic


def _suggested(frame: pd.DataFrame) -> dict[str, int]:
    clusters, gap = frame["clusters"].to_numpy(), frame["gap"].to_numpy()
    enough = np.append(gap[:-1] >= (gap - frame["gap_error"].to_numpy())[1:], True)
    chosen = {"bic": frame["bic"].to_numpy().argmin(), "gap": enough.argmax()}
    if clusters[-1] > 1:
        chosen["silhouette"] = np.nanargmax(frame["silhouette"].to_numpy())
    return {criterion: int(clusters[row]) for criterion, row in chosen.items()}
