"""How unlike the training data a window is, as features tell: the distance to the nearest that the model has seen."""

import math

import torch
from torch import Tensor, nn
from typing_extensions import Self

from seisbench_lcl.errors import ConfigurationError, NotFittedError, TrainingError
from seisbench_lcl.extractors.pca import PCA

DIMENSIONS = 16
BANK = 1024  # training windows kept to measure distances to


class NoveltyDetector(nn.Module):
    """Distance to the nearest training features, in units of a threshold that most known windows stay below.

    Features are divided by their standard deviation and projected onto their leading principal components; the distance
    is Euclidean. The threshold is the quantile of the distances of windows of *other* events than those that they are
    measured to: of each event to all others, or where the extractor has learnt from labels, of the events that its
    training held out to those that it was trained on. For what a network was trained on lies closer than anything
    that it will meet. Distances are to the windows of the bank, in fitting as in use: to more of them they would be
    shorter. Where there are less than some hundred events, distances between them are long, and so is the limit: it
    then rejects little, known or unknown.

    Parameters
    ----------
    n_features : int
    rate : float
        Share of windows of the known classes that may lie beyond the threshold.

    Attributes
    ----------
    threshold : scalar float32 buffer
        NaN until fitted.
    bank : (1024, d) float32 buffer
        Projected training windows that the extractor has learnt from, drawn at random; repeated where there are fewer.

    Raises
    ------
    ConfigurationError
        If the rate does not lie between 0 and 1.

    References
    ----------
    Sun, Ming, Zhu and Li (2022), Out-of-distribution detection with deep nearest neighbors, ICML.
    """

    threshold: Tensor
    bank: Tensor

    def __init__(self, n_features: int, rate: float = 0.05) -> None:
        super().__init__()
        if not isinstance(rate, int | float) or not 0 < rate < 1:
            raise ConfigurationError(
                f"novelty_rate, the share of known windows that may be rejected, must lie between 0 and 1, but "
                f"is {rate!r}"
            )
        self.rate = float(rate)
        self.project = PCA(n_features, min(DIMENSIONS, n_features))
        self.register_buffer("bank", torch.full((BANK, self.project.n_components), torch.nan))
        self.register_buffer("threshold", torch.tensor(torch.nan))

    def fit(self, features: Tensor, groups: Tensor | None = None, unseen: Tensor | None = None) -> Self:
        """Learn what the training data look like.

        Parameters
        ----------
        features : (N, F) float32 Tensor
        groups : (N,) int64 Tensor, optional
            Event of each row; without, each row is an event of its own.
        unseen : (n,) int64 Tensor, optional
            Rows whose events the extractor did not learn from. Without, it has learnt from no labels.

        Returns
        -------
        NoveltyDetector
            Itself.

        Raises
        ------
        TrainingError
            If there are fewer than two events, or all rows are alike.
        """
        features = features.cpu()
        events = torch.arange(len(features)) if groups is None else groups.cpu()
        if len(torch.unique(events)) < 2:
            raise TrainingError("what is unlike the training data takes two events at least to tell, but there is one")
        z = self._fit_projection(features).cpu()
        judged = learnt = torch.arange(len(z))
        if unseen is not None:
            held_out = torch.isin(learnt, unseen.cpu())
            judged, learnt = learnt[held_out], learnt[~held_out]
        kept = learnt[torch.randperm(len(learnt), generator=torch.Generator().manual_seed(0))[:BANK]]
        distances = _distances(z[judged], z[kept]).masked_fill_(events[judged, None] == events[kept], math.inf)
        nearest = distances.amin(dim=1)
        nearest = nearest[torch.isfinite(nearest)]  # one event may have the bank to itself
        self.threshold.copy_(torch.quantile(nearest, 1 - self.rate).clamp_min(torch.finfo(nearest.dtype).tiny))
        self.bank.copy_(z[kept[torch.arange(BANK) % len(kept)]])
        return self

    def _fit_projection(self, features: Tensor) -> Tensor:
        """Fit the projection to features, and project them; a feature that does not vary has no part in it."""
        scale = features.std(dim=0)
        scale[scale <= 1e-6 * features.mean(dim=0).abs() + torch.finfo(scale.dtype).tiny] = math.inf
        if torch.isinf(scale).all():
            raise TrainingError(
                f"what is unlike the training data cannot be told from {len(features)} windows that are all alike: "
                "give others, or novelty_rate=None"
            )
        enough = torch.arange(max(len(features), self.project.n_components)) % len(features)
        self.project.fit((features / scale)[enough])
        self.project.mean.copy_(features[enough].mean(dim=0))
        self.project.components.div_(scale.to(self.bank.device))
        projected: Tensor = self.project(features.to(self.bank))
        return projected

    def forward(self, features: Tensor) -> Tensor:
        """Return the distances (B,) of features (B, F), 1 at the threshold.

        Raises
        ------
        NotFittedError
            If there is nothing to compare with yet.
        """
        if torch.isnan(self.threshold):
            raise NotFittedError("NoveltyDetector has no threshold yet: call fit(features) first, or load weights")
        z = self.project(features.to(self.bank.dtype))
        return (_distances(z, self.bank).amin(dim=1) / self.threshold).float()


def _distances(rows: Tensor, others: Tensor) -> Tensor:
    # By differences: products would lose digits, and more or less of them with the number of rows.
    return torch.cdist(rows, others, compute_mode="donot_use_mm_for_euclid_dist")
