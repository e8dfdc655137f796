"""What is asked of feature extractors alone."""

import torch

from seisbench_lcl.extractors import expression
from seisbench_lcl.extractors.base import FeatureExtractor
from seisbench_lcl.extractors.raw import Raw
from seisbench_lcl.testing._check import check
from seisbench_lcl.testing._closeness import agree, finite
from seisbench_lcl.testing._globals import seeded
from seisbench_lcl.testing._subject import ExtractorSubject, Failed


@check("sliding", "extractor")
def sliding(subject: ExtractorSubject) -> None:
    """Give by `slide` over records what `forward` gives for the windows cut out of them.

    The base class cuts them. Where you implement `_slide` to share work between windows that overlap, set
    ``slides = True``; results must stay the same.
    """
    extractor, windows = _extractor(subject), subject.trial().inputs
    stride = max(1, windows.shape[-1] // 7)
    records = [windows[:4].transpose(0, 1).flatten(1)[:, : windows.shape[-1] + 5 * stride], windows[5]]
    cut = torch.cat([record.unfold(1, windows.shape[-1], stride).transpose(0, 1) for record in records])
    with torch.no_grad(), seeded(0):
        found = extractor.slide([record.clone() for record in records], stride)
    agree(found, subject.answer(extractor, cut), "slide differs from forward of the same windows, one after another")


@check("picks of S", "extractor")
def picks_of_s(subject: ExtractorSubject) -> None:
    """Take picks of S, in seconds after the first sample, NaN where there is none.

    What has no use for them ignores them, as the base class does. Where you implement `_extract_at`, NaN gives the
    features that a window has without a pick.
    """
    extractor, windows = _extractor(subject), subject.trial().inputs
    picks = torch.full((len(windows),), torch.nan, dtype=torch.float64)
    with torch.no_grad(), seeded(0):
        without = extractor(windows.clone(), picks.clone())
        picks[::2] = 0.6 * windows.shape[-1] / extractor.sampling_rate
        some = extractor(windows.clone(), picks.clone())
    agree(without, subject.answers, "features with picks that are all NaN differ from those without picks")
    if some.shape != subject.answers.shape or some.dtype != subject.answers.dtype:
        raise Failed(f"with picks, features are {some.dtype} of shape {tuple(some.shape)}, unlike those without")
    finite(some, "forward with picks of S for some windows")
    agree(some[1::2], subject.answers[1::2], "a window without a pick has other features beside one that has a pick")


@check("expression", "extractor")
def expressions(subject: ExtractorSubject) -> None:
    """Work beside another, in ``Discriminator(extractor="raw+…")``, with the same features as alone.

    The parts of an expression are made from their config, fitted to the same windows, and written side by side.
    """
    name, trial = subject.fitted.name, subject.trial()
    beside = "raw" if name != Raw.name else "envelope>raw"
    shape = subject.shape["in_channels"], subject.shape["in_samples"], subject.shape["sampling_rate"]

    def find(known: str) -> type[FeatureExtractor]:
        return subject.cls if known == name else Raw

    arguments = {name: {**subject.arguments}}
    joined = expression.build(f"{beside}+{name}", find, shape, arguments, subject.told(subject.shape))
    subject.learn(joined, trial)
    n_features = subject.width(subject.fitted)
    if joined.blocks[-1] != n_features:
        raise Failed(f"as part of an expression it has {joined.blocks[-1]} features, but {n_features} alone")
    found = subject.answer(joined, trial.inputs)
    agree(found[:, -n_features:], subject.answers, f"the features of {name} in {beside}+{name} differ from those alone")


def _extractor(subject: ExtractorSubject) -> FeatureExtractor:
    assert isinstance(subject.fitted, FeatureExtractor)
    return subject.fitted
