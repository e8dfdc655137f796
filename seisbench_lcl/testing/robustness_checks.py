"""What happens at the edges: values that are not finite, nothing but zeros, windows of a few samples."""

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

    They would pass through unseen, into weights or into a catalogue. `checked` refuses them before `_fit`, `_extract`
    and `_probabilities` are called: where you override it, or `fit` or `forward`, call it.
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
                    f"{method} of {subject.inputs} with {value} ends with {type(error).__name__}: {error}; "
                    "raise WindowError, as the base class does in its checks"
                ) from error
            raise Failed(f"{method} takes {subject.inputs} with {value}: raise WindowError, as the base class does")


@check("flat windows", "extractor")
def flat_windows(subject: ExtractorSubject) -> None:
    """Make finite features of windows without motion or with a dead component, or say why not.

    They occur: gaps filled with zeros, a digitiser that hangs. Usual mend: divide by ``x.std().clamp(min=1e-8)``.
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
    """Make finite probabilities of rows that are all the same, or say why not.

    Some features of a small data set are constant. Usual mend: where a standard deviation is 0, divide by 1.
    """
    inputs = subject.trial().inputs
    constant = inputs.clone()
    constant[:, 0] = 7.0
    rows = ("rows of zeros", torch.zeros_like(inputs)), ("rows that are all the same", inputs[:1].expand_as(inputs))
    _survives(subject, [*rows, ("rows of which a feature is constant", constant)])


def _survives(subject: Subject, cases: Iterable[tuple[str, Tensor]]) -> None:
    trial = subject.trial()
    for what, inputs in cases:
        defined(partial(subject.answer, subject.fitted, inputs), f"forward of {what}")
        both = torch.cat([inputs, trial.inputs])
        _fit_and_forward(subject, trial.with_inputs(inputs), both, f"a fit to {what}, and forward of these and others,")


def _fit_and_forward(subject: Subject, trial: Trial, then: Tensor, what: str, **sizes: int) -> None:
    defined(lambda: subject.answer(subject.learn(subject.make(**sizes), trial), then), what)


@check("short windows", "extractor")
def short_windows(subject: ExtractorSubject) -> None:
    """Make finite features of windows of any length, or say how many samples it takes.

    An extractor may stand behind a stage that leaves few samples. Refuse what is too short in the constructor, with
    WindowError or ConfigurationError.
    """
    for n in _LENGTHS:
        trial = subject.trial(in_samples=n)
        what = f"construction, fit and forward for windows of {n} sample{'s' * (n > 1)}"
        _fit_and_forward(subject, trial, trial.inputs, what, in_samples=n)


@check("few windows", "extractor")
def few_windows(subject: ExtractorSubject) -> None:
    """Learn from one window and from two, or say how many it takes.

    A first trial of a user is often that small. Usual mend: ``std(correction=0)``; else TrainingError from `fit`.
    """
    trial = subject.trial()
    for n in (1, 2):
        few = trial.rows(torch.arange(n) * 2)
        _fit_and_forward(subject, few, trial.inputs, f"a fit to {n} window{'s' * (n > 1)}, and forward of others,")


@check("one component", "extractor")
def one_component(subject: ExtractorSubject) -> None:
    """Make finite features of windows of one component, or say which components it takes.

    Many stations have a vertical sensor alone, and most weights for them are of one component.
    """
    trial = subject.trial(in_channels=1)
    what = "construction, fit and forward for windows of one component"
    _fit_and_forward(subject, trial, trial.inputs, what, in_channels=1)


@check("small problems", "head")
def small_problems(subject: HeadSubject) -> None:
    """Learn from one feature, two classes, fewer rows than classes, or say what is missing.

    Usually TrainingError from `fit`, or ConfigurationError from the constructor.
    """
    for what, sizes in (("one feature", {"n_features": 1}), ("two classes", {"n_classes": 2})):
        trial = subject.trial(**sizes)
        _fit_and_forward(subject, trial, trial.inputs, f"a fit and forward with {what}", **sizes)
    for n in (1, 2):
        few = subject.trial().rows(torch.arange(n) * 2)
        what = f"a fit of {subject.shape['n_classes']} classes to {n} row{'s' * (n > 1)}"
        _fit_and_forward(subject, few, subject.trial().inputs, what)


@check("probabilities", "head")
def probabilities(subject: HeadSubject) -> None:
    """Return probabilities that are finite, not negative and sum to 1, also far from the training data.

    A window unlike all others must not become NaN in a catalogue. Usual mend: `torch.softmax` of logits, instead of
    exponentials and a quotient that overflow.
    """
    inputs = subject.trial().inputs
    for what, factor in (("the training rows", 1.0), ("rows far from training", 1e3), ("rows far from training", -1e3)):
        with torch.no_grad(), seeded(0):
            found = subject.answer(subject.fitted, factor * inputs)
        if not torch.isfinite(found).all():
            raise Failed(f"probabilities of {what} are NaN or infinite: use torch.softmax of logits")
        if found.min() < 0:
            raise Failed(f"probabilities of {what} go down to {found.min():.4g}, but must not be negative")
        sums = found.double().sum(dim=1)
        if (sums - 1).abs().max() > 1e-4:
            raise Failed(
                f"probabilities of {what} sum to values from {sums.min():.4g} to {sums.max():.4g}, but must sum to 1: "
                "return the softmax of what you have, or divide by the sum"
            )
