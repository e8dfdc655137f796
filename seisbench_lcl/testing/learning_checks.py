"""Checks of the fit: the data and state that it may depend on."""

import torch

from seisbench_lcl.errors import NotFittedError, TrainingError
from seisbench_lcl.testing._check import check
from seisbench_lcl.testing._closeness import agree, finite
from seisbench_lcl.testing._globals import random_numbers, seeded, settings
from seisbench_lcl.testing._subject import Failed, Subject


@check("before fit")
def before_fit(subject: Subject) -> None:
    """Raise NotFittedError from `forward` before the first fit.

    A class without anything to learn may return its output at once, but `fit` must not change it. Usual form: fill the
    buffers with NaN in the constructor, and call `seisbench_lcl.errors.check_is_fitted` where they are used.
    """
    inputs = subject.trial().inputs
    instance = subject.make()
    try:
        found = subject.answer(instance, inputs)
    except NotFittedError:
        return
    except Exception as error:
        raise Failed(
            f"before fit, forward raises {type(error).__name__}: {error}; raise NotFittedError instead"
        ) from error
    if not torch.isfinite(found).all():
        raise Failed("before fit, forward returns NaN or infinite values: raise NotFittedError instead")
    agree(found, subject.answers, "forward returns other values before fit than after: raise NotFittedError instead")


@check("global random numbers")
def global_random_numbers(subject: Subject) -> None:
    """Return equal results for equal arguments and data, whatever the global seeds are.

    Configuration and data must reproduce a result, whatever other code draws. Use a separate generator:
    ``torch.Generator().manual_seed(self.seed)``, ``numpy.random.default_rng(self.seed)``, or
    ``random_state=self.seed``. Draw no random numbers in forward, dropout included.
    """
    inputs = subject.trial().inputs
    again = subject.learn(subject.make(seed=1234), subject.trial(), seed=5678)
    fix = "use a separate generator with a seed from config"
    other = subject.answer(subject.fitted, inputs, seed=91011)
    agree(other, subject.answers, f"forward depends on global random numbers: {fix}")
    agree(
        subject.answer(again, inputs),
        subject.answers,
        f"two fits to the same data differ between global seeds: {fix}",
    )


@check("global state")
def global_state(subject: Subject) -> None:
    """Leave the global state of the process unchanged in `fit` and `forward`.

    The user's script and other plugins share settings such as torch's number of threads and default type, the working
    folder and the global seeds.
    """
    before, ends = settings(), []
    for seed in (0, 1):
        instance, trial = subject.make(), subject.trial().copy()
        with seeded(seed):
            instance.fit(trial.inputs, trial.labels if instance.supervised else None, trial.groups)
            with torch.no_grad():
                instance(trial.inputs)
            changed = [name for name, now in settings().items() if now != before[name]]
            ends.append(random_numbers())
        if changed:
            raise Failed(f"fit or forward changes {', '.join(changed)} for all other code: restore the old value")
    if reseeded := [name for name in ends[0] if ends[0][name] == ends[1][name]]:
        raise Failed(
            f"fit or forward seeds the random numbers of {', '.join(reseeded)} for all other code: use a separate "
            "generator"
        )


@check("fit twice")
def fit_twice(subject: Subject) -> None:
    """Forget the first fit in a second one.

    ``fit`` learns from its data only; `fine_tune` continues from an earlier fit. Set every buffer again, and initialise
    weights at the beginning of the fit, not only in the constructor.
    """
    instance = subject.learn(subject.make(), subject.trial(seed=1).rows(slice(4, None)))
    subject.learn(instance, subject.trial())
    agree(
        subject.answer(instance, subject.trial().inputs),
        subject.answers,
        "a fit after a fit to other data differs from a first fit: reset all state at the beginning of fit",
    )


@check("labels")
def labels(subject: Subject) -> None:
    """Refuse a fit without labels if supervised; otherwise ignore labels.

    With ``supervised = True``, raise TrainingError without labels; with ``supervised = False``, return the same result
    for any labels.
    """
    trial, instance = subject.trial().copy(), subject.make()
    with seeded(0):
        if not instance.supervised:
            order = torch.randperm(len(trial.labels), generator=torch.Generator().manual_seed(1))
            instance.fit(trial.inputs, trial.labels[order], trial.groups)
            agree(
                subject.answer(instance, subject.trial().inputs),
                subject.answers,
                "labels change the result of fit although supervised is False: set it to True, or ignore labels",
            )
            return
        try:
            instance.fit(trial.inputs, None, trial.groups)
        except TrainingError:
            return
        except Exception as error:
            raise Failed(
                f"a fit without labels raises {type(error).__name__}: {error}; raise TrainingError instead"
            ) from error
    raise Failed("supervised is True, but fit accepts data without labels: raise TrainingError, or set it to False")


@check("groups")
def groups(subject: Subject) -> None:
    """Learn without groups, and with any group indices.

    `groups` has the index of the event of each row, so that all rows of an event can be held out together. It is
    optional, and its indices may have gaps and any order.
    """
    trial = subject.trial()
    for what, index in (("without groups", None), ("with unsorted groups", 7 * trial.groups.flip(0))):
        instance = subject.make()
        with seeded(0):
            instance.fit(trial.inputs.clone(), trial.labels.clone() if instance.supervised else None, index)
        finite(subject.answer(instance, trial.inputs), f"forward after a fit {what}")
