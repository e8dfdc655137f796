"""k-means clusters of features, with soft assignments by distance."""

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import orth
from sklearn import cluster
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits
from torch import Tensor

from seisbench_lcl.errors import TrainingError, check_arguments, check_is_fitted, is_whole
from seisbench_lcl.heads.base import Head

_LEAST_SCALE = 1e-6  # smallest σ as a fraction of the spread of the centroids: rounding error of rows on a centroid
_WORTH_THREADS = 10**7  # matrix entries; with fewer, waiting for threads costs up to 20 times the time saved


class KMeans(Head):
    """k-means with k-means++ initialisation, the best of several starts.

    Clusters are ordered by size, the largest first. Features are not standardised.

    The assignment is ``softmax(−d_k² / (2 σ²))`` with the distances d_k to the centroids: the posterior of Gaussians
    with equal weights and one common spherical variance σ². The nearest centroid always gets the highest value. Only
    the subspace spanned by the centroids, with at most K − 1 dimensions, separates the clusters. σ² is therefore the
    mean within-cluster variance per dimension of that subspace. In the full space, variance common to all clusters
    would mask their differences, or noise summed over thousands of dimensions would make every assignment certain.

    Assignments are not calibrated probabilities: overlapping clusters are cut at their border, which makes them look
    narrower than they are, and a cluster need not be a class.

    Parameters
    ----------
    n_features, n_classes : int
        Features F, and clusters K.
    n_init : int
        Number of starts; the one with the smallest sum of squared distances is kept.
    seed : int
        Seed of the starts.

    Attributes
    ----------
    centroids : (K, F) float32 buffer
        NaN until fitted.
    scale : scalar float32 buffer
        σ, in units of the features.

    Raises
    ------
    ConfigurationError
        If ``n_init`` is below 1.

    References
    ----------
    Lloyd (1982), Least squares quantization in PCM, IEEE Trans. Inf. Theory 28, doi:10.1109/TIT.1982.1056489.
    Arthur and Vassilvitskii (2007), k-means++: the advantages of careful seeding, SODA '07. On waveforms and on
    MiniRocket features: Yin et al. (2022), Applied Sciences 12(16):8389, section 4.

    Examples
    --------
    >>> import torch
    >>> features = torch.tensor([[0.0, 0.0], [0.0, 1.0], [9.0, 0.0], [9.0, 1.0], [9.0, 2.0]])
    >>> KMeans(n_features=2, n_classes=2).fit(features)(features).argmax(dim=1)
    tensor([1, 1, 0, 0, 0])
    """

    name = "kmeans"
    supervised = False

    centroids: Tensor
    scale: Tensor

    def __init__(self, n_features: int, n_classes: int, *, n_init: int = 10, seed: int = 0) -> None:
        super().__init__(n_features, n_classes)
        check_arguments("KMeans", ("n_init must be a whole number of 1 or more", is_whole(n_init, 1), n_init))
        self.n_init = n_init
        self.seed = seed
        self.register_buffer("centroids", torch.full((n_classes, n_features), torch.nan))
        self.register_buffer("scale", torch.tensor(torch.nan))

    def config(self) -> dict[str, Any]:  # noqa: D102
        return {"n_init": self.n_init, "seed": self.seed}

    def _probabilities(self, features: Tensor) -> Tensor:
        check_is_fitted(self, self.scale, "fit(features)")
        # Terms common to all distances are omitted, which loses less to rounding if features have a large mean.
        centre = self.centroids.mean(dim=0)
        offsets = (self.centroids - centre) / self.scale
        rows = (features - centre) / self.scale
        return torch.softmax(rows @ offsets.T - offsets.square().sum(dim=1) / 2, dim=-1)

    def _fit(self, features: Tensor, labels: Tensor | None, groups: Tensor | None) -> None:
        x = features.cpu().numpy()
        if len(x) < self.n_classes:
            raise too_few_windows(len(x), self.n_classes)
        mean = x.mean(axis=0, dtype=np.float64)
        x = x - mean.astype(np.float32)
        assigned = self._partition(x)
        centroids = np.stack([x[assigned == k].mean(axis=0, dtype=np.float64) for k in range(self.n_classes)])
        self.centroids.copy_(torch.from_numpy(mean + centroids))
        self.scale.copy_(torch.tensor(_scale(x, assigned, centroids)))

    def _partition(self, x: NDArray[np.float32]) -> NDArray[np.int64]:
        """Assign rows (N, F) to clusters, ordered by size and then by first row."""
        # With a tolerance of zero, each centroid ends as the mean of exactly its nearest rows.
        kmeans = cluster.KMeans(self.n_classes, n_init=self.n_init, tol=0, copy_x=False, random_state=self.seed)
        with few_threads(x), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # too few distinct rows: an error below
            found = kmeans.fit(x).labels_
        names, first, sizes = np.unique(found, return_index=True, return_counts=True)
        if len(names) < self.n_classes:
            raise too_few_windows(len(names), self.n_classes)
        rank = np.empty(self.n_classes, dtype=np.int64)
        rank[np.lexsort((first, -sizes))] = np.arange(self.n_classes)
        return rank[found]


def few_threads(x: NDArray[Any]) -> threadpool_limits:
    """Return a context in which scikit-learn uses one thread for a small matrix, and torch's number for a large one."""
    return threadpool_limits(1 if x.size < _WORTH_THREADS else torch.get_num_threads())


def too_few_windows(n_distinct: int, n_clusters: int) -> TrainingError:
    """Return the error for too few distinct rows."""
    return TrainingError(
        f"{n_clusters} clusters need at least as many windows with different features, but fit was given {n_distinct}; "
        "use more windows or fewer clusters"
    )


def _scale(x: NDArray[np.float32], assigned: NDArray[np.int64], centroids: NDArray[np.float64]) -> float:
    """Return the RMS distance of rows to their centroids, per dimension of the subspace spanned by the centroids."""
    offsets = centroids - centroids.mean(axis=0)
    basis = orth(offsets.T, rcond=1e-6).astype(np.float32)  # (F, at most K − 1)
    within = x @ basis - (centroids @ basis)[assigned]
    spread = np.sqrt(np.square(offsets).sum(axis=1).mean())
    return float(max(np.sqrt(np.square(within).mean()), _LEAST_SCALE * spread))
