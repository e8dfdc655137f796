"""HDBSCAN as a cluster head: families of any shape, as many as there are, and windows of no family."""

import logging
from typing import Any, ClassVar, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError, NotFittedError, TrainingError
from seisbench_lcl.extractors.pca import PCA
from seisbench_lcl.heads import Head
from seisbench_lcl_hdbscan._families import NO_FAMILY, Selection, best_reach, find_families

logger = logging.getLogger("seisbench")

_COMPONENTS = 10
_BLOCK = 4096  # rows whose distances are held at a time
_NEAREST = 1e-3  # of the reach: what is nearer is as good as there
_ROUNDING = 1e-6  # of the size of rows: what float32 makes of one and the same
_MARGIN = 1e-5  # so that rounding does not leave the outermost member outside


class HDBSCAN(Head):
    """Density-based families of windows; the last output is for windows of no family.

    The head finds out how many families there are: K − 1 at most, as the last output K − 1 is "unknown". Families are
    ordered by size, the largest first. Where there are fewer, the outputs in between have probability 0 always. Where
    there are more, the smallest count as unknown, and a warning says how many there were.

    Features are standardised, projected onto their principal components and clustered in double precision. A window
    that was not clustered is told by its distances d_k to the nearest kept member of each family, in units of the reach
    r_k of the family. The odds of family k against "unknown" are (r_k / d_k)²: so the most probable is the family that
    is nearest in units of its reach, if the window is within it, and "unknown" otherwise. The reach is the distance by
    which the training windows are told best as the clustering had them: with as many members as possible, and as few
    windows of no family, within it.

    These are no calibrated probabilities: they only grow monotonically as a window comes closer.

    Parameters
    ----------
    n_features, n_classes : int
        Features F, and outputs K.
    n_components : int, optional
        Number of principal components d that are clustered. By default 10, or F where there are fewer.
    standardise : bool
        Whether features are divided by their standard deviation first. A constant one then has no influence.
    min_cluster_size : int
        Least number of windows that make a family.
    min_samples : int
        Number of neighbours, the window itself among them, that density is measured by. With more, more windows are
        unknown, and families are told apart only where density between them is clearly lower.
    selection : {"eom", "leaf"}
        Which families are taken from the hierarchy of all: those that persist over the largest range of densities, or
        the finest, which are many, small and alike.
    n_kept : int
        Number of members of a family to which distances are measured. Of a larger one, so many are drawn.
    seed : int
        Of that draw. The clustering itself leaves nothing to chance.

    Attributes
    ----------
    pca : PCA
        Of the standardised features.
    mean, scale : (F,) float32 buffers
        NaN until fitted.
    members : (K − 1, n_kept, d) float32 buffer
        Kept members of each family, repeated where it has fewer; zeros where there is no family. NaN until fitted.
    reach : (K − 1,) float32 buffer
        In units of the principal components; 0 where there is no family. NaN until fitted.

    Raises
    ------
    ConfigurationError
        If a number is out of range, or ``selection`` unknown.

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
        if min_cluster_size < 2 or min_samples < 1 or n_kept < 2:
            raise ConfigurationError(
                "HDBSCAN needs min_cluster_size >= 2, min_samples >= 1 and n_kept >= 2, but found "
                f"{min_cluster_size}, {min_samples} and {n_kept}"
            )
        if selection not in get_args(Selection):
            raise ConfigurationError(f"selection must be one of {get_args(Selection)}, but is {selection!r}")
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
        """Number of families that were found and kept; 0 before `fit`."""
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
        if torch.isnan(self.reach[0]):
            raise NotFittedError("HDBSCAN has no families yet: call fit(features) first, or load weights")
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
        # In double precision: where families are narrow, the order of sums, which the number of rows decides, would
        # show in their odds.
        return (self._standardised(features) - self.pca.mean) @ self.pca.components.double().T

    def _fit(self, features: Tensor, labels: Tensor | None, groups: Tensor | None) -> None:
        if len(features) < (needed := max(2 * self.min_cluster_size, self.min_samples)):
            raise TrainingError(
                f"families of {self.min_cluster_size} windows or more can be told apart in {needed} windows at least, "
                f"but fit was given {len(features)}; give more windows, or lower min_cluster_size or min_samples"
            )
        self.reach.fill_(torch.nan)  # until all is done: a fit that fails leaves nothing half fitted
        self._fit_projection(features)
        rows = self._project(features)
        assigned = self._partition(rows.cpu().numpy())
        kept = self._draw(assigned)
        families = [rows[own].to(self.members).double() for own in kept]  # rounded, as they will be in use
        self.members.zero_()
        for k, own in enumerate(families):
            self.members[k] = own[torch.arange(self.n_kept) % len(own)]
        self.reach.zero_()
        self.reach[: len(kept)] = self._reaches(rows, assigned, kept, families).to(self.reach)

    def _fit_projection(self, features: Tensor) -> None:
        x = features.double()
        mean, scale = x.mean(dim=0), x.std(dim=0, correction=0)
        # What is constant, to within the rounding of float32, gets the largest scale and thereby no influence.
        float32 = torch.finfo(torch.float32)
        scale[scale <= torch.clamp(_ROUNDING * mean.abs(), min=float32.tiny)] = float32.max
        self.mean.copy_(mean)
        self.scale.copy_(scale if self.standardise else torch.ones_like(scale))
        self.pca.fit(self._standardised(features).float())

    def _partition(self, rows: NDArray[np.float64]) -> NDArray[np.int64]:
        """Assign rows (N, d) to the families that there is an output for, or to none."""
        assigned = find_families(rows, self.min_cluster_size, self.min_samples, self.selection)
        sizes = np.bincount(assigned[assigned != NO_FAMILY])
        n_most = self.n_classes - 1
        if not len(sizes):
            raise TrainingError(
                f"HDBSCAN found no family of {self.min_cluster_size} windows or more among {len(rows)}: "
                f"lower min_cluster_size or min_samples ({self.min_samples}), or take other features"
            )
        if len(sizes) > n_most:
            logger.warning(
                "HDBSCAN found %d families, but has outputs for %d: the %d smallest, of %d to %d windows, count as "
                "unknown; ask for %d clusters (n_classes) to keep them all",
                len(sizes),
                n_most,
                len(sizes) - n_most,
                sizes[-1],
                sizes[n_most],
                len(sizes) + 1,
            )
        return np.where(assigned < n_most, assigned, NO_FAMILY)

    def _draw(self, assigned: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Draw the rows of each family that are kept."""
        generator = np.random.default_rng(self.seed)
        families = [np.flatnonzero(assigned == k) for k in range(assigned.max() + 1)]
        return [generator.permutation(own)[: self.n_kept] for own in families]

    def _reaches(
        self, rows: Tensor, assigned: NDArray[np.int64], kept: list[NDArray[np.int64]], families: list[Tensor]
    ) -> Tensor:
        """Reach of each family, by the distances of training rows (N, d) to the members that are kept of it."""
        distances = _to_nearest(rows, families)
        for k, own in enumerate(families):
            distances[kept[k], k] = _pairwise(own, own).fill_diagonal_(torch.inf).amin(dim=1)  # not to themselves
        d = distances.cpu().numpy()
        reaches = [best_reach(column[assigned == k], column[assigned == NO_FAMILY]) for k, column in enumerate(d.T)]
        least = _ROUNDING * rows.square().sum(dim=1).mean().sqrt()  # of a family of windows that are all alike
        return (1 + _MARGIN) * torch.tensor(reaches).to(rows).clamp(min=least)


def _to_nearest(rows: Tensor, families: Tensor | list[Tensor]) -> Tensor:
    """Distance (B, n) of rows (B, d) to the nearest row of each of n families."""
    blocks = rows.split(_BLOCK)
    return torch.cat([torch.stack([_pairwise(x, own).amin(dim=1) for own in families], dim=1) for x in blocks])


def _pairwise(rows: Tensor, others: Tensor) -> Tensor:
    # By differences: products would lose digits, and more or less of them with the number of rows.
    return torch.cdist(rows, others, compute_mode="donot_use_mm_for_euclid_dist")
