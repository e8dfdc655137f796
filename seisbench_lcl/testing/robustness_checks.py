"""Checks of extreme input: NaN, zeros, windows of a few samples, tiny datasets."""

from collections.abc import Iterable, Iterator
from functools import partial

import torch
from torch import Tensor

from seisbench_lcl.errors import WindowError
from seisbench_lcl.testing._check import check
from seisbench_lcl.testing._closeness import defined
from seisbench_lcl.testing._globals import seeded
from seisbench_lcl.testing._subject import ExtractorSubject, Failed, HeadSubject, Subject
from seisbench_lcl.testing._trial import Trial

_LENGTHS = 1, 2, 9, 50, 200


@check("not finite")
def not_finite(subject: Subject) -> None:
    """Refuse NaN and infinite values with WindowError, in `fit` and in `forward`.

    They would pass unnoticed into weights or a catalogue. `checked` refuses them before `_fit`, `_extract` and
    `_probabilities` are called: call it if you override it, `fit` or `forward`.
    """
    trial = subject.trial()
    for value in (torch.nan, torch.inf, -torch.inf):
        bad = trial.inputs.clone()
        bad[1].view(-1)[-1] = value
        for method in ("fit", "forward"):
            try:
                if method == "fit":
                    subject.learn(subject.make(), trial.with_inputs(bad))
                else:
                    subject.answer(subject.fitted, bad)
            except WindowError:
                continue
            except Exception as error:
                raise Failed(
                    f"{method} of {subject.inputs} with {value} raises {type(error).__name__}: {error}; raise "
                    "WindowError, as the base class does"
                ) from error
            raise Failed(f"{method} accepts {subject.inputs} with {value}: raise WindowError, as the base class does")


@check("flat windows", "extractor")
def flat_windows(subject: ExtractorSubject) -> None:
    """Return finite features for windows without motion or with a dead component, or raise a clear error.

    Gaps filled with zeros and stuck digitisers cause such windows. Usual fix: divide by ``x.std().clamp(min=1e-8)``.
    """
    _survives(subject, _flat(subject.trial()))


def _flat(trial: Trial) -> Iterator[tuple[str, Tensor]]:
    yield "windows of zeros", torch.zeros_like(trial.inputs)
    yield "windows of one constant value", torch.ones_like(trial.inputs)
    if trial.inputs.shape[1] > 1:
        dead = trial.inputs.clone()
        dead[:, 0] = 0
        yield "windows with a component of zeros", dead


@check("equal rows", "head")
def equal_rows(subject: HeadSubject) -> None:
    """Return finite probabilities if all rows are equal, or raise a clear error.

    Some features of a small dataset are constant. Usual fix: if a standard deviation is 0, divide by 1.
    """
    inputs = subject.trial().inputs
    constant = inputs.clone()
    constant[:, 0] = 7.0
    rows = ("rows of zeros", torch.zeros_like(inputs)), ("equal rows", inputs[:1].expand_as(inputs))
    _survives(subject, [*rows, ("rows with a constant feature", constant)])


def _survives(subject: Subject, cases: Iterable[tuple[str, Tensor]]) -> None:
    trial = subject.trial()
    for what, inputs in cases:
        defined(partial(subject.answer, subject.fitted, inputs), f"forward of {what}")
        both = torch.cat([inputs, trial.inputs])
        _fit_and_forward(subject, trial.with_inputs(inputs), both, f"forward after a fit to {what}")


def _fit_and_forward(subject: Subject, trial: Trial, then: Tensor, what: str, **sizes: int) -> None:
    defined(lambda: subject.answer(subject.learn(subject.make(**sizes), trial), then), what)


@check("short windows", "extractor")
def short_windows(subject: ExtractorSubject) -> None:
    """Return finite features for windows of any length, or say how many samples are needed.

    An extractor may follow a stage that leaves few samples. Refuse short windows in the constructor, with WindowError
    or ConfigurationError.
    """
    for n in _LENGTHS:
        trial = subject.trial(in_samples=n)
        what = f"a trial with windows of {n} sample{'s' * (n > 1)}"
        _fit_and_forward(subject, trial, trial.inputs, what, in_samples=n)


@check("few windows", "extractor")
def few_windows(subject: ExtractorSubject) -> None:
    """Learn from one or two windows, or say how many are needed.

    A user's first trial is often that small. Usual fix: ``std(correction=0)``; otherwise raise TrainingError in `fit`.
    """
    trial = subject.trial()
    for n in (1, 2):
        few = trial.rows(torch.arange(n) * 2)
        _fit_and_forward(subject, few, trial.inputs, f"forward after a fit to {n} window{'s' * (n > 1)}")


@check("one component", "extractor")
def one_component(subject: ExtractorSubject) -> None:
    """Return finite features for windows of one component, or say which components are needed.

    Many stations have only a vertical sensor, and need models of one component.
    """
    trial = subject.trial(in_channels=1)
    what = "a trial with windows of one component"
    _fit_and_forward(subject, trial, trial.inputs, what, in_channels=1)


@check("small problems", "head")
def small_problems(subject: HeadSubject) -> None:
    """Learn from one feature, two classes, or fewer rows than classes, or raise a clear error.

    Usual errors are TrainingError in `fit` and ConfigurationError in the constructor.
    """
    for what, sizes in (("one feature", {"n_features": 1}), ("two classes", {"n_classes": 2})):
        trial = subject.trial(**sizes)
        _fit_and_forward(subject, trial, trial.inputs, f"a trial with {what}", **sizes)
    for n in (1, 2):
        few = subject.trial().rows(torch.arange(n) * 2)
        what = f"a fit of {subject.shape['n_classes']} classes to {n} row{'s' * (n > 1)}"
        _fit_and_forward(subject, few, subject.trial().inputs, what)


@check("probabilities", "head")
def probabilities(subject: HeadSubject) -> None:
    """Return finite, non-negative probabilities that sum to 1, also far from the training data.

    A novel window must not become NaN in a catalogue. Usual fix: `torch.softmax` of logits, because exponentials
    overflow.
    """
    inputs = subject.trial().inputs
    for what, factor in (("the training rows", 1.0), ("rows far from training", 1e3), ("rows far from training", -1e3)):
        with torch.no_grad(), seeded(0):
            found = subject.answer(subject.fitted, factor * inputs)
        if not torch.isfinite(found).all():
            raise Failed(f"probabilities of {what} are NaN or infinite: use torch.softmax of logits")
        if found.min() < 0:
            raise Failed(f"probabilities of {what} are as low as {found.min():.4g}, but must not be negative")
        sums = found.double().sum(dim=1)
        if (sums - 1).abs().max() > 1e-4:
            raise Failed(
                f"probabilities of {what} have sums from {sums.min():.4g} to {sums.max():.4g}, but must sum to 1: use "
                "torch.softmax, or divide by the sum"
            )
