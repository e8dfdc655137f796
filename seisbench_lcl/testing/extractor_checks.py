"""Checks of feature extractors only."""

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
    """Make `slide` over records agree with `forward` of the cut windows.

    The base class cuts the windows. If you implement `_slide` to share work between overlapping windows, set
    ``slides = True``; the results must stay the same.
    """
    extractor, windows = _extractor(subject), subject.trial().inputs
    stride = max(1, windows.shape[-1] // 7)
    records = [windows[:4].transpose(0, 1).flatten(1)[:, : windows.shape[-1] + 5 * stride], windows[5]]
    cut = torch.cat([record.unfold(1, windows.shape[-1], stride).transpose(0, 1) for record in records])
    with torch.no_grad(), seeded(0):
        found = extractor.slide([record.clone() for record in records], stride)
    agree(found, subject.answer(extractor, cut), "slide differs from forward of the same windows")


@check("picks of S", "extractor")
def picks_of_s(subject: ExtractorSubject) -> None:
    """Accept S picks in seconds after the first sample, NaN without a pick.

    Extractors may ignore the picks, as the base class does. If you implement `_extract_at`, a window with pick NaN must
    have the same features as without picks.
    """
    extractor, windows = _extractor(subject), subject.trial().inputs
    picks = torch.full((len(windows),), torch.nan, dtype=torch.float64)
    with torch.no_grad(), seeded(0):
        without = extractor(windows.clone(), picks.clone())
        picks[::2] = 0.6 * windows.shape[-1] / extractor.sampling_rate
        some = extractor(windows.clone(), picks.clone())
    agree(without, subject.answers, "features with all picks NaN differ from those without picks")
    if some.shape != subject.answers.shape or some.dtype != subject.answers.dtype:
        raise Failed(
            f"features with picks are {some.dtype} of shape {tuple(some.shape)}, but {subject.answers.dtype} of shape "
            f"{tuple(subject.answers.shape)} without"
        )
    finite(some, "forward with S picks for some windows")
    agree(some[1::2], subject.answers[1::2], "a window without a pick changes if other windows have one")


@check("expression", "extractor")
def expressions(subject: ExtractorSubject) -> None:
    """Return the same features in ``Discriminator(extractor="raw+…")`` as alone.

    The parts of an expression are built from their config, fitted to the same windows, and joined side by side.
    """
    name, trial = subject.fitted.name, subject.trial()
    other = "raw" if name != Raw.name else "envelope>raw"
    shape = subject.shape["in_channels"], subject.shape["in_samples"], subject.shape["sampling_rate"]

    def find(known: str) -> type[FeatureExtractor]:
        return subject.cls if known == name else Raw

    arguments = {name: {**subject.arguments}}
    joined = expression.build(f"{other}+{name}", find, shape, arguments, subject.context(subject.shape))
    subject.learn(joined, trial)
    n_features = subject.width(subject.fitted)
    if joined.blocks[-1] != n_features:
        raise Failed(f"it has {joined.blocks[-1]} features in an expression, but {n_features} alone")
    found = subject.answer(joined, trial.inputs)
    agree(found[:, -n_features:], subject.answers, f"the features of {name} in {other}+{name} differ from those alone")


def _extractor(subject: ExtractorSubject) -> FeatureExtractor:
    assert isinstance(subject.fitted, FeatureExtractor)
    return subject.fitted
