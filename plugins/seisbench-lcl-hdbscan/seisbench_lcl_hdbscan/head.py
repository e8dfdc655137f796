"""HDBSCAN as a cluster head: it finds the number of families, of any shape, and leaves other windows unknown."""

import logging
from typing import Any, ClassVar, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seisbench_lcl.errors import TrainingError, check_arguments, check_is_fitted
from seisbench_lcl.extractors.pca import PCA
from seisbench_lcl.heads import Head
from seisbench_lcl_hdbscan._families import NO_FAMILY, Selection, best_reach, find_families

logger = logging.getLogger("seisbench")

_COMPONENTS = 10
_BLOCK = 4096  # rows per block of distances
_NEAREST = 1e-3  # lower limit of distances, as a fraction of the reach
_ROUNDING = 1e-6  # differences of equal rows in float32, as a fraction of their size
_MARGIN = 1e-5  # keeps the outermost member inside despite rounding


class HDBSCAN(Head):
    """Density-based families of windows; the last output is for windows in no family.

    The head finds the number of families, at most K − 1, because the last output is "unknown". Families are ordered by
    size, the largest first. If it finds fewer, the spare outputs always have probability 0. If it finds more, the
    smallest count as unknown, and a warning states the number found.

    Features are standardised, projected onto their principal components and clustered in double precision. Other
    windows are classified by their distances d_k to the nearest kept member of each family, in units of its reach r_k.
    The odds of family k against "unknown" are (r_k / d_k)². So the most probable family is the nearest in units of its
    reach if the window is within its reach, and "unknown" otherwise. The reach is the distance that best reproduces the
    clustering of the training windows, with as many members and as few windows of no family within it as possible.

    The outputs are not calibrated probabilities: they only grow monotonically as a window comes closer to a family.

    Parameters
    ----------
    n_features, n_classes : int
        Features F, and outputs K.
    n_components : int, optional
        Number d of principal components that are clustered; by default 10, but at most F.
    standardise : bool
        Whether features are first divided by their standard deviation. Constant features then have no influence.
    min_cluster_size : int
        Smallest number of windows in a family.
    min_samples : int
        Number of neighbours, including the window itself, that define density. With more neighbours, more windows are
        unknown, and families are separate only if the density between them is clearly lower.
    selection : {"eom", "leaf"}
        Families taken from the hierarchy: those that persist over the largest range of densities ("eom"), or the finest
        ("leaf"), which are many, small and homogeneous.
    n_kept : int
        Number of members kept per family to measure distances; those of larger families are drawn at random.
    seed : int
        Seed of that draw. The clustering itself is deterministic.

    Attributes
    ----------
    pca : PCA
        Principal components of the standardised features.
    mean, scale : (F,) float32 buffers
        Mean and standard deviation of the features; NaN until fitted.
    members : (K − 1, n_kept, d) float32 buffer
        Kept members of each family, repeated if it has fewer; zeros without a family. NaN until fitted.
    reach : (K − 1,) float32 buffer
        Reach in units of the principal components; 0 without a family. NaN until fitted.

    Raises
    ------
    ConfigurationError
        If a number is out of range, or `selection` is unknown.

    References
    ----------
    Campello, Moulavi and Sander (2013), Density-based clustering based on hierarchical density estimates, PAKDD,
    doi:10.1007/978-3-642-37456-2_14. McInnes, Healy and Astels (2017), hdbscan: hierarchical density based clustering,
    JOSS 2(11), doi:10.21105/joss.00205.

    Examples
    --------
    >>> import torch
    >>> families = torch.tensor([[0.0, 0.0], [9.0, 0.0]]).repeat_interleave(torch.tensor([20, 30]), dim=0)
    >>> features = families + torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    >>> head = HDBSCAN(n_features=2, n_classes=6).fit(features)
    >>> head.n_families
    2
    >>> head(torch.tensor([[9.0, 0.0], [0.0, 0.0], [4.5, 9.0]])).argmax(dim=1)
    tensor([0, 1, 5])
    """

    name = "hdbscan"
    supervised = False
    open_ended: ClassVar[bool] = True

    mean: Tensor
    scale: Tensor
    members: Tensor
    reach: Tensor

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        *,
        n_components: int | None = None,
        standardise: bool = True,
        min_cluster_size: int = 10,
        min_samples: int = 5,
        selection: Selection = "eom",
        n_kept: int = 200,
        seed: int = 0,
    ) -> None:
        super().__init__(n_features, n_classes)
        choices = get_args(Selection)
        check_arguments(
            "HDBSCAN",
            ("min_cluster_size must be 2 or more", min_cluster_size >= 2, min_cluster_size),
            ("min_samples must be 1 or more", min_samples >= 1, min_samples),
            ("n_kept must be 2 or more", n_kept >= 2, n_kept),
            (f"selection must be one of {', '.join(choices)}", selection in choices, selection),
        )
        self.n_components = n_components
        self.standardise = standardise
        self.min_cluster_size = min_cluster_size
        self.min_samples = min_samples
        self.selection: Selection = selection
        self.n_kept = n_kept
        self.seed = seed
        self.pca = PCA(n_features, min(_COMPONENTS, n_features) if n_components is None else n_components)
        self.register_buffer("mean", torch.full((n_features,), torch.nan))
        self.register_buffer("scale", torch.full((n_features,), torch.nan))
        self.register_buffer("members", torch.full((n_classes - 1, n_kept, self.pca.n_components), torch.nan))
        self.register_buffer("reach", torch.full((n_classes - 1,), torch.nan))

    @property
    def n_families(self) -> int:
        """Number of families with an output; 0 before `fit`."""
        return int((self.reach > 0).sum())

    def config(self) -> dict[str, Any]:  # noqa: D102
        return {
            "n_components": self.n_components,
            "standardise": self.standardise,
            "min_cluster_size": self.min_cluster_size,
            "min_samples": self.min_samples,
            "selection": self.selection,
            "n_kept": self.n_kept,
            "seed": self.seed,
        }

    def _probabilities(self, features: Tensor) -> Tensor:
        check_is_fitted(self, self.reach, "fit(features)")
        n = self.n_families
        reach = self.reach[:n].double()
        distances = _to_nearest(self._project(features), self.members[:n].double())
        odds = reach.new_zeros(len(features), self.n_classes - 1)
        odds[:, :n] = (reach / torch.maximum(distances, _NEAREST * reach)).square()
        unknown = 1 / (1 + odds.sum(dim=1, keepdim=True))
        return torch.cat([odds * unknown, unknown], dim=1).float()

    def _standardised(self, features: Tensor) -> Tensor:
        return (features.double() - self.mean) / self.scale

    def _project(self, features: Tensor) -> Tensor:
        # In double precision, because the order of sums depends on the number of rows, and would change the odds of
        # narrow families.
        return (self._standardised(features) - self.pca.mean) @ self.pca.components.double().T

    def _fit(self, features: Tensor, labels: Tensor | None, groups: Tensor | None) -> None:
        if len(features) < (needed := max(2 * self.min_cluster_size, self.min_samples)):
            raise TrainingError(
                f"families of at least {self.min_cluster_size} windows need {needed} windows, but fit got "
                f"{len(features)}; use more windows, or lower min_cluster_size or min_samples"
            )
        self.reach.fill_(torch.nan)  # a failed fit leaves the head unfitted, not half fitted
        self._fit_projection(features)
        rows = self._project(features)
        assigned = self._partition(rows.cpu().numpy())
        kept = self._draw(assigned)
        families = [rows[own].to(self.members).double() for own in kept]  # rounded to float32, as in use
        self.members.zero_()
        for k, own in enumerate(families):
            self.members[k] = own[torch.arange(self.n_kept) % len(own)]
        self.reach.zero_()
        self.reach[: len(kept)] = self._reaches(rows, assigned, kept, families).to(self.reach)

    def _fit_projection(self, features: Tensor) -> None:
        x = features.double()
        mean, scale = x.mean(dim=0), x.std(dim=0, correction=0)
        # Features that are constant within the rounding of float32 get the largest scale, and so no influence.
        float32 = torch.finfo(torch.float32)
        scale[scale <= torch.clamp(_ROUNDING * mean.abs(), min=float32.tiny)] = float32.max
        self.mean.copy_(mean)
        self.scale.copy_(scale if self.standardise else torch.ones_like(scale))
        self.pca.fit(self._standardised(features).float())

    def _partition(self, rows: NDArray[np.float64]) -> NDArray[np.int64]:
        """Assign rows (N, d) to families that have an output, or to none."""
        assigned = find_families(rows, self.min_cluster_size, self.min_samples, self.selection)
        sizes = np.bincount(assigned[assigned != NO_FAMILY])
        n_most = self.n_classes - 1
        if not len(sizes):
            raise TrainingError(
                f"HDBSCAN found no family of at least {self.min_cluster_size} windows among {len(rows)}: lower "
                f"min_cluster_size or min_samples ({self.min_samples}), or use other features"
            )
        if len(sizes) > n_most:
            logger.warning(
                "HDBSCAN found %d families, but has outputs for %d: the %d smallest, of %d to %d windows, count as "
                "unknown; set clusters (n_classes) to %d to keep all families",
                len(sizes),
                n_most,
                len(sizes) - n_most,
                sizes[-1],
                sizes[n_most],
                len(sizes) + 1,
            )
        return np.where(assigned < n_most, assigned, NO_FAMILY)

    def _draw(self, assigned: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Draw the kept members of each family, as indices of rows."""
        generator = np.random.default_rng(self.seed)
        families = [np.flatnonzero(assigned == k) for k in range(assigned.max() + 1)]
        return [generator.permutation(own)[: self.n_kept] for own in families]

    def _reaches(
        self, rows: Tensor, assigned: NDArray[np.int64], kept: list[NDArray[np.int64]], families: list[Tensor]
    ) -> Tensor:
        """Return the reach of each family from the distances of training rows (N, d) to its kept members."""
        distances = _to_nearest(rows, families)
        for k, own in enumerate(families):
            distances[kept[k], k] = _pairwise(own, own).fill_diagonal_(torch.inf).amin(dim=1)  # without themselves
        d = distances.cpu().numpy()
        reaches = [best_reach(column[assigned == k], column[assigned == NO_FAMILY]) for k, column in enumerate(d.T)]
        least = _ROUNDING * rows.square().sum(dim=1).mean().sqrt()  # for a family of equal windows
        return (1 + _MARGIN) * torch.tensor(reaches).to(rows).clamp(min=least)


def _to_nearest(rows: Tensor, families: Tensor | list[Tensor]) -> Tensor:
    """Return the distances (B, n) of rows (B, d) to the nearest row of each of n families."""
    blocks = rows.split(_BLOCK)
    return torch.cat([torch.stack([_pairwise(x, own).amin(dim=1) for own in families], dim=1) for x in blocks])


def _pairwise(rows: Tensor, others: Tensor) -> Tensor:
    # Without matrix products, which would lose digits, depending on the number of rows.
    return torch.cdist(rows, others, compute_mode="donot_use_mm_for_euclid_dist")
