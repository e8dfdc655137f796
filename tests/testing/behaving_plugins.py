"""A minimal extractor and two minimal heads that conform; the misbehaving ones change one thing."""

import torch

from seisbench_lcl.errors import TrainingError, WindowError, check_is_fitted
from seisbench_lcl.extractors import FeatureExtractor
from seisbench_lcl.heads import Head


class LogEnergy(FeatureExtractor):
    """Logarithm of the energy of the first and second half of each component, standardised."""

    name = "log-energy"

    def __init__(self, in_channels, in_samples, sampling_rate, *, floor=1e-3):
        super().__init__(in_channels, in_samples, sampling_rate)
        self.check_length()
        self.floor = floor
        self.n_features = 2 * in_channels
        self.register_buffer("mean", torch.full((self.n_features,), torch.nan))
        self.register_buffer("scale", torch.full((self.n_features,), torch.nan))

    def check_length(self):
        if self.in_samples < 2:
            raise WindowError(f"LogEnergy halves windows and needs 2 samples, but in_samples is {self.in_samples}")

    def config(self):
        return {"floor": self.floor}

    def measure(self, windows):
        half = self.in_samples // 2
        halves = windows[..., : 2 * half].unflatten(-1, (2, half))
        return (halves.square().mean(dim=-1) + self.floor).log().flatten(1)

    def _fit(self, windows, labels, groups):
        rows = self.measure(windows)
        scale = rows.std(dim=0, correction=0)
        self.mean.copy_(rows.mean(dim=0))
        self.scale.copy_(torch.where(scale > 1e-3, scale, 1.0))

    def _extract(self, windows):
        check_is_fitted(self, self.mean, "fit(windows)")
        return (self.measure(windows) - self.mean) / self.scale


class NearestMean(Head):
    """Gaussians of one width around the mean of each class."""

    name = "nearest-mean"

    def __init__(self, n_features, n_classes, *, width=1.0):
        super().__init__(n_features, n_classes)
        self.width = width
        self.register_buffer("means", torch.full((n_classes, n_features), torch.nan))
        self.register_buffer("known", torch.full((n_classes,), torch.nan))

    def config(self):
        return {"width": self.width}

    def _fit(self, features, labels, groups):
        self.known.zero_()
        self.means.zero_()
        for k in torch.unique(labels).tolist():
            self.known[k] = 1
            self.means[k] = features[labels == k].mean(dim=0)

    def scores(self, features):
        check_is_fitted(self, self.known, "fit(features, labels)")
        distances = (features[:, None] - self.means).square().sum(dim=2)
        return torch.where(self.known > 0, -distances / (2 * self.width**2), -1e30)

    def _probabilities(self, features):
        return torch.softmax(self.scores(features), dim=1)


class Farthest(NearestMean):
    """Clusters around rows that are far from each other; the first is the row farthest from the mean."""

    name = "farthest"
    supervised = False

    def _fit(self, features, labels, groups):
        if len(features) < self.n_classes:
            raise TrainingError(f"{self.n_classes} clusters need {self.n_classes} rows, but fit got {len(features)}")
        chosen = [(features - features.mean(dim=0)).norm(dim=1).argmax()]
        while len(chosen) < self.n_classes:
            chosen.append(torch.cdist(features, features[torch.stack(chosen)]).amin(dim=1).argmax())
        self.means.copy_(features[torch.stack(chosen)])
        self.known.fill_(1)
