"""Heads that break one requirement each, with the check that must fail and part of its message."""

import torch
from behaving_plugins import Farthest, NearestMean
from torch import nn


class OpenEnded(NearestMean):
    open_ended = True


class VagueBlocks(NearestMean):
    takes_blocks = 1


class NoBlocks(NearestMean):
    takes_blocks = True

    def __init__(self, n_features, n_classes, *, width=1.0):
        super().__init__(n_features, n_classes, width=width)


class UntaggedBlocks(NearestMean):
    def __init__(self, n_features, n_classes, *, width=1.0, blocks=()):
        super().__init__(n_features, n_classes, width=width)


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


class OneNote(NearestMean):
    def notes(self):
        return "all rows are alike"


class HeldOutTensor(NearestMean):
    def _fit(self, features, labels, groups):
        super()._fit(features, labels, groups)
        self.held_out = self(features)


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
    (VagueBlocks, "name and tags", "the tag takes_blocks is 1, but must be True or False"),
    (NoBlocks, "name and tags", "takes_blocks is True, but the constructor has no parameter blocks"),
    (UntaggedBlocks, "name and tags", "has a parameter blocks, but models do not pass it: set takes_blocks = True"),
    (FixedWidth, "configuration", "config has width=1.0 also for an instance built with another width"),
    (BatchScale, "one by one", "single rows give another output than a batch"),
    (TurnsLabels, "input unchanged", "fit changed its argument labels"),
    (SortsEvents, "input unchanged", "fit changed its argument groups"),
    (Unchecked, "not finite", "fit accepts features with nan: raise WindowError, as the base class does"),
    (Standardised, "equal rows", "forward after a fit to rows of zeros returns NaN or infinity"),
    (LeavesItToPython, "small problems", "a fit of 3 classes to 1 row raises IndexError"),
    (Exponentials, "probabilities", "probabilities of rows far from training are NaN or infinite: use torch.softmax"),
    (Sigmoid, "probabilities", "probabilities of the training rows have sums from .* but must sum to 1"),
    (Centred, "probabilities", "probabilities of the training rows are as low as -0.3333"),
    (AsManyAsThere, "number of classes", "after a fit to 2 of 3 classes, the output has 2 columns and n_classes is 3"),
    (Recounts, "number of classes", "after a fit to 3 of 6 classes, the output has 6 columns and n_classes is 4"),
    (FirstBlock, "rows of a file", "a fit to a RowFile differs"),
    (OneNote, "report of the fit", "notes returned 'all rows are alike', but must return a list of sentences"),
    (
        HeldOutTensor,
        "report of the fit",
        r"held_out is a Tensor \(torch.float32 .*, but must be None or a float32 array",
    ),
    (TakesAnything, "labels", "supervised is True, but fit accepts data without labels"),
    (Cheating, "labels", "labels change the result of fit although supervised is False"),
    (Warmed, "fit twice", "a fit after a fit to other data differs"),
    (Hot, "global random numbers", "two fits to the same data differ between global seeds"),
    (Grows, "saved state", r"the fit changed the state: rows from none to torch.float32 \(60, 8\)"),
    (NeedsEvents, "groups", "TypeError"),
]
