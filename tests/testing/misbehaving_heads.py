"""Heads that break one promise each, with the check that must tell and a part of what it says."""

import torch
from behaving_plugins import Farthest, NearestMean
from torch import nn


class OpenEnded(NearestMean):
    open_ended = True


class FixedWidth(NearestMean):
    def config(self):
        return {"width": 1.0}


class BatchScale(NearestMean):
    def _probabilities(self, features):
        scores = self.scores(features)
        return torch.softmax(scores / scores.std().clamp(min=1) if len(scores) > 1 else scores, dim=1)


class TurnsLabels(NearestMean):
    def _fit(self, features, labels, groups):
        super()._fit(features, labels, groups)
        labels.copy_(labels.flip(0))


class SortsEvents(Farthest):
    def _fit(self, features, labels, groups):
        super()._fit(features, labels, groups)
        if groups is not None:
            groups -= groups.min() - 1


class Unchecked(NearestMean):
    def _checked(self, features):
        return features.float()


class Standardised(NearestMean):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.register_buffer("scale", torch.full((self.n_features,), torch.nan))

    def _fit(self, features, labels, groups):
        self.scale.copy_(features.std(dim=0))
        super()._fit(features / self.scale, labels, groups)

    def scores(self, features):
        return super().scores(features / self.scale)


class LeavesItToPython(Farthest):
    def _fit(self, features, labels, groups):
        if len(features) < self.n_classes:
            raise IndexError("list index out of range")
        super()._fit(features, labels, groups)


class Exponentials(NearestMean):
    def _probabilities(self, features):
        densities = self.scores(features).exp()
        return densities / densities.sum(dim=1, keepdim=True)


class Sigmoid(NearestMean):
    def _probabilities(self, features):
        return torch.sigmoid(self.scores(features))


class Centred(NearestMean):
    def _probabilities(self, features):
        found = super()._probabilities(features)
        return 2 * found - 1 / self.n_classes


class AsManyAsThere(NearestMean):
    def _fit(self, features, labels, groups):
        super()._fit(features, labels, groups)
        self.columns = len(torch.unique(labels))

    def _probabilities(self, features):
        found = super()._probabilities(features)
        return found[:, : getattr(self, "columns", None)]


class Recounts(Farthest):
    def _fit(self, features, labels, groups):
        super()._fit(features, labels, groups)
        self.n_classes = min(self.n_classes, 4)


class FirstBlock(NearestMean):
    def _fit_rows(self, rows, labels, groups):
        self._fit(torch.from_numpy(rows[:20]), labels[:20], groups)


class TakesAnything(NearestMean):
    def fit(self, features, labels=None, groups=None):
        return super().fit(features, torch.arange(len(features)) % 2 if labels is None else labels, groups)


class Cheating(Farthest):
    def _fit(self, features, labels, groups):
        super()._fit(features, labels, groups)
        if labels is not None:
            self.means[0] = features[labels == 0].mean(dim=0)


class Warmed(NearestMean):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.register_buffer("fits", torch.zeros(()))

    def _fit(self, features, labels, groups):
        super()._fit(features, labels, groups)
        self.fits += 1
        self.means *= self.fits


class Hot(NearestMean):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.bias = nn.Parameter(torch.randn(self.n_classes))

    def scores(self, features):
        return super().scores(features) + self.bias


class Grows(NearestMean):
    def _fit(self, features, labels, groups):
        super()._fit(features, labels, groups)
        self.rows = nn.Parameter(features.clone())


class NeedsEvents(Farthest):
    def _fit(self, features, labels, groups):
        super()._fit(features, labels, groups + 0)


CASES = [
    (OpenEnded, "name and tags", "open_ended must be False"),
    (FixedWidth, "configuration", "config says width=1.0 also of an instance made with another width"),
    (BatchScale, "one by one", "rows one by one give another output than in a batch"),
    (TurnsLabels, "input unchanged", "fit changed the labels that it was given"),
    (SortsEvents, "input unchanged", "fit changed the groups that it was given"),
    (Unchecked, "not finite", "fit takes features with nan: raise WindowError, as the base class does"),
    (Standardised, "equal rows", "fit to rows of zeros, .* values that are NaN or infinite"),
    (LeavesItToPython, "small problems", "a fit of 3 classes to 1 row ends with IndexError"),
    (Exponentials, "probabilities", "probabilities of rows far from training are NaN or infinite: use torch.softmax"),
    (Sigmoid, "probabilities", "probabilities of the training rows sum to values from .* but must sum to 1"),
    (Centred, "probabilities", "probabilities of the training rows go down to -0.3333"),
    (AsManyAsThere, "number of classes", "after a fit to 2 of 3 classes, there are 2 columns and n_classes is 3"),
    (
        Recounts,
        "number of classes",
        "after a fit to 6 classes .*, there are 6 columns and n_classes is 4",
    ),
    (FirstBlock, "rows of a file", "a fit to rows of a RowFile differs"),
    (TakesAnything, "labels", "supervised is True, but a fit without labels is taken"),
    (Cheating, "labels", "fit gives another result with labels than without"),
    (Warmed, "fit twice", "a fit after one to other data differs"),
    (Hot, "global random numbers", "two fits to the same data under other global seeds differ"),
    (Grows, "saved state", r"the fit changed the state: rows from none to torch.float32 \(60, 8\)"),
    (NeedsEvents, "groups", "TypeError"),
]
