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

from seisbench_lcl.errors import ConfigurationError, NotFittedError, TrainingError
from seisbench_lcl.heads.base import Head

_LEAST_SCALE = 1e-6  # of the spread of the centroids: what rounding leaves of rows that lie on them
_WORTH_THREADS = 10**7  # values; with fewer, threads that wait for each other cost up to 20 times what they save


class KMeans(Head):
    """k-means with k-means++ initialisation, the best of several starts.

    Clusters are ordered by size, the largest first. Features are taken as they are, not standardised.

    The assignment is ``softmax(−d_k² / (2 σ²))`` with the distances d_k to the centroids: the posterior of Gaussians
    of equal weight and one common spherical variance σ². The highest is always that of the nearest centroid. Only the
    subspace that the centroids span, of K − 1 dimensions at most, decides between clusters; so σ² is the mean variance
    within clusters per dimension of that subspace. In the full space, variance that all clusters share would drown
    out what separates them, or noise summed over thousands of dimensions would make every assignment certain.

    Assignments are no calibrated probabilities: clusters that overlap are cut where they meet, which makes them look
    narrower than they are, and a cluster need not be a class.

    Parameters
    ----------
    n_features, n_classes : int
        Features F, and clusters K.
    n_init : int
        Number of starts, of which the one with the least sum of squared distances is kept.
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
        For no start at all.

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
        if n_init < 1:
            raise ConfigurationError(f"n_init must be at least 1, but is {n_init}")
        self.n_init = n_init
        self.seed = seed
        self.register_buffer("centroids", torch.full((n_classes, n_features), torch.nan))
        self.register_buffer("scale", torch.tensor(torch.nan))

    def config(self) -> dict[str, Any]:  # noqa: D102
        return {"n_init": self.n_init, "seed": self.seed}

    def _probabilities(self, features: Tensor) -> Tensor:
        if torch.isnan(self.scale):
            raise NotFittedError("KMeans has no centroids yet: call fit(features) first, or load weights")
        # What is common to all distances is left out: less is lost to rounding where features have a large mean.
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
        """Assign rows (N, F) to clusters, the largest first; of equal ones, that of the earlier row."""
        # With a tolerance of zero, the centroids end as the means of just the rows that are nearest to them.
        kmeans = cluster.KMeans(self.n_classes, n_init=self.n_init, tol=0, copy_x=False, random_state=self.seed)
        with few_threads(x), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct rows than clusters: an error below
            found = kmeans.fit(x).labels_
        names, first, sizes = np.unique(found, return_index=True, return_counts=True)
        if len(names) < self.n_classes:
            raise too_few_windows(len(names), self.n_classes)
        rank = np.empty(self.n_classes, dtype=np.int64)
        rank[np.lexsort((first, -sizes))] = np.arange(self.n_classes)
        return rank[found]


def few_threads(x: NDArray[Any]) -> threadpool_limits:
    """Return a context in which scikit-learn uses one thread for a small matrix, and those of torch for a large one."""
    return threadpool_limits(1 if x.size < _WORTH_THREADS else torch.get_num_threads())


def too_few_windows(n_distinct: int, n_clusters: int) -> TrainingError:
    """Return the error of a cluster head whose rows cannot fill its clusters."""
    return TrainingError(
        f"{n_clusters} clusters need at least as many windows with different features, but fit was given {n_distinct}; "
        "give more windows, or ask for fewer clusters"
    )


def _scale(x: NDArray[np.float32], assigned: NDArray[np.int64], centroids: NDArray[np.float64]) -> float:
    """Root mean square distance of rows to their centroids, per dimension of the subspace that those span."""
    offsets = centroids - centroids.mean(axis=0)
    basis = orth(offsets.T, rcond=1e-6).astype(np.float32)  # (F, at most K − 1)
    within = x @ basis - (centroids @ basis)[assigned]
    spread = np.sqrt(np.square(offsets).sum(axis=1).mean())
    return float(max(np.sqrt(np.square(within).mean()), _LEAST_SCALE * spread))
