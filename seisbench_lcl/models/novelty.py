"""Novelty of a window: the distance of its features from the nearest training windows."""

import math

import torch
from torch import Tensor, nn
from typing_extensions import Self

from seisbench_lcl.errors import TrainingError, check_arguments, check_is_fitted, is_whole
from seisbench_lcl.extractors.pca import PCA
from seisbench_lcl.heads.standardise import varies

DIMENSIONS = 16
BANK = 1024  # training windows that distances are measured to


class NoveltyDetector(nn.Module):
    """Distance to the nearest training features, in units of a threshold that most known windows stay below.

    Features are divided by their standard deviation and projected onto their leading principal components; the distance
    is Euclidean, and the mean over the nearest rows of the bank. The threshold is a quantile of the distances between
    windows of *different* events: from each event to all others or, if the extractor learnt from labels, from its
    held-out events to its training events, because a network maps its training windows closer together than any new
    ones. Distances are always measured to the windows of the bank; to more windows they would be shorter. With fewer
    than a few hundred events, the distances between them are long and the threshold is high: it then rejects few
    windows, known or unknown.

    Parameters
    ----------
    n_features : int
    rate : float
        Fraction of windows of the known classes that may exceed the threshold.
    neighbours : int
        Number of nearest rows of the bank. Several reject more unknown windows than one, which may be odd itself.

    Attributes
    ----------
    threshold : scalar float32 buffer
        NaN until fitted.
    bank : (1024, d) float32 buffer
        Projected windows that the extractor learnt from, drawn at random; repeated if there are fewer.

    Raises
    ------
    ConfigurationError
        If the rate is not between 0 and 1.

    References
    ----------
    Sun, Ming, Zhu and Li (2022), Out-of-distribution detection with deep nearest neighbors, ICML.

    Examples
    --------
    >>> detector = NoveltyDetector(n_features=2).fit(torch.arange(40.0).reshape(20, 2).sqrt())
    >>> (detector(torch.tensor([[4.0, 4.1], [40.0, 1.0]])) > 1).tolist()
    [False, True]
    """

    threshold: Tensor
    bank: Tensor

    def __init__(self, n_features: int, rate: float = 0.05, neighbours: int = 5) -> None:
        super().__init__()
        check_arguments(
            "",
            (
                "novelty_rate, the fraction of known windows that may be rejected, must be between 0 and 1",
                isinstance(rate, int | float) and 0 < rate < 1,
                rate,
            ),
            (
                f"novelty_neighbours must be a whole number from 1 to {BANK}",
                is_whole(neighbours, 1) and neighbours <= BANK,
                neighbours,
            ),
        )
        self.rate, self.neighbours = float(rate), neighbours
        self.project = PCA(n_features, min(DIMENSIONS, n_features))
        self.register_buffer("bank", torch.full((BANK, self.project.n_components), torch.nan))
        self.register_buffer("threshold", torch.tensor(torch.nan))

    def fit(self, features: Tensor, groups: Tensor | None = None, unseen: Tensor | None = None) -> Self:
        """Learn projection, bank and threshold from the training features.

        Parameters
        ----------
        features : (N, F) float32 Tensor
        groups : (N,) int64 Tensor, optional
            Event of each row. By default each row is its own event.
        unseen : (n,) int64 Tensor, optional
            Rows of the events that the extractor held out. By default the extractor learnt from no labels.

        Returns
        -------
        NoveltyDetector
            Itself.

        Raises
        ------
        TrainingError
            If there are fewer than two events, or all rows are equal.
        """
        features = features.cpu()
        events = torch.arange(len(features)) if groups is None else groups.cpu()
        if len(torch.unique(events)) < 2:
            raise TrainingError("a novelty threshold needs two events or more, but there is only one")
        z = self._fit_projection(features).cpu()
        measured = learnt = torch.arange(len(z))
        if unseen is not None:
            held_out = torch.isin(learnt, unseen.cpu())
            measured, learnt = learnt[held_out], learnt[~held_out]
        drawn = learnt[torch.randperm(len(learnt), generator=torch.Generator().manual_seed(0))[:BANK]]
        kept = drawn[torch.arange(BANK) % len(drawn)]
        distances = _distances(z[measured], z[kept]).masked_fill_(events[measured, None] == events[kept], math.inf)
        nearest = self._nearest(distances)
        nearest = nearest[torch.isfinite(nearest)]  # a single event may fill the bank
        self.threshold.copy_(torch.quantile(nearest, 1 - self.rate).clamp_min(torch.finfo(nearest.dtype).tiny))
        self.bank.copy_(z[kept])
        return self

    def extend(self, features: Tensor, groups: Tensor | None = None) -> Self:
        """Take more windows for known, such as those of another region, without forgetting the others.

        They replace as many rows of the bank, half of it at most, drawn at random. The projection stays. The threshold
        rises if more than `rate` of the new windows, each without its own event, would exceed it.

        Parameters
        ----------
        features : (N, F) float32 Tensor
        groups : (N,) int64 Tensor, optional
            Event of each row. By default each row is its own event.

        Returns
        -------
        NoveltyDetector
            Itself.

        Raises
        ------
        NotFittedError
            If the detector was neither fitted nor loaded.
        """
        check_is_fitted(self, self.threshold, "fit(features)")
        events = torch.arange(len(features)) if groups is None else groups.cpu()
        z = self.project(features.to(self.bank)).cpu()
        generator = torch.Generator().manual_seed(0)
        drawn = torch.randperm(len(z), generator=generator)[: BANK // 2]
        replaced = torch.randperm(BANK, generator=generator)[: len(drawn)]
        bank, owners = self.bank.cpu().clone(), torch.full((BANK,), -1)
        bank[replaced], owners[replaced] = z[drawn], events[drawn]
        distances = _distances(z, bank).masked_fill_(events[:, None] == owners, math.inf)
        own = torch.quantile(self._nearest(distances), 1 - self.rate)
        self.threshold.copy_(torch.maximum(self.threshold.cpu(), own.to(self.threshold.dtype)))
        self.bank.copy_(bank)
        return self

    def _nearest(self, distances: Tensor) -> Tensor:
        return distances.topk(self.neighbours, largest=False).values.mean(dim=1)

    def _fit_projection(self, features: Tensor) -> Tensor:
        """Fit the projection to features, and project them; a constant feature gets no influence."""
        scale = features.std(dim=0)
        scale[~varies(scale, features.mean(dim=0).abs())] = math.inf
        if torch.isinf(scale).all():
            raise TrainingError(
                f"novelty cannot be measured, because all {len(features)} windows have the same features: use other "
                "windows, or novelty_rate=None"
            )
        enough = torch.arange(max(len(features), self.project.n_components)) % len(features)
        self.project.fit((features / scale)[enough])
        self.project.mean.copy_(features[enough].mean(dim=0))
        self.project.components.div_(scale.to(self.bank.device))
        projected: Tensor = self.project(features.to(self.bank))
        return projected

    def forward(self, features: Tensor) -> Tensor:
        """Return the novelty (B,) of features (B, F), 1 at the threshold.

        Raises
        ------
        NotFittedError
            If the detector was neither fitted nor loaded.
        """
        check_is_fitted(self, self.threshold, "fit(features)")
        z = self.project(features.to(self.bank.dtype))
        return (self._nearest(_distances(z, self.bank)) / self.threshold).float()


def _distances(rows: Tensor, others: Tensor) -> Tensor:
    # From differences: products would lose digits, depending on the number of rows.
    return torch.cdist(rows, others, compute_mode="donot_use_mm_for_euclid_dist")
