"""What a fit may depend on."""

import torch

from seisbench_lcl.errors import NotFittedError, TrainingError
from seisbench_lcl.testing._check import check
from seisbench_lcl.testing._closeness import agree, finite
from seisbench_lcl.testing._globals import random_numbers, seeded, settings
from seisbench_lcl.testing._subject import Failed, Subject


@check("before fit")
def before_fit(subject: Subject) -> None:
    """Raise NotFittedError from `forward` before it is fitted or loaded.

    Where there is nothing to learn, it may answer at once; then `fit` does not change the answer. Usual form: fill the
    buffers with NaN in the constructor, and look for NaN where they are used.
    """
    inputs = subject.trial().inputs
    instance = subject.make()
    try:
        found = subject.answer(instance, inputs)
    except NotFittedError:
        return
    except Exception as error:
        raise Failed(
            f"before fit, forward ends with {type(error).__name__}: {error}; raise NotFittedError, which says to call "
            "fit or to load weights"
        ) from error
    if not torch.isfinite(found).all():
        raise Failed("before fit, forward gives NaN or infinite values: raise NotFittedError instead")
    agree(found, subject.answers, "forward answers before fit, and otherwise than after: raise NotFittedError before")


@check("global random numbers")
def global_random_numbers(subject: Subject) -> None:
    """Give equal results for equal arguments and data, whatever the global seeds are.

    A result must be reproducible from a configuration and its data, and nobody else's draws may change it. Draw from a
    generator of your own: ``torch.Generator().manual_seed(self.seed)``, ``numpy.random.default_rng(self.seed)``, or
    ``random_state=self.seed``; and in forward from none, dropout included.
    """
    inputs = subject.trial().inputs
    again = subject.learn(subject.make(seed=1234), subject.trial(), seed=5678)
    mend = "draw from a generator of its own with a seed from config"
    other = subject.answer(subject.fitted, inputs, seed=91011)
    agree(other, subject.answers, f"forward depends on global random numbers: {mend}")
    agree(
        subject.answer(again, inputs),
        subject.answers,
        f"two fits to the same data under other global seeds differ: {mend}",
    )


@check("global state")
def global_state(subject: Subject) -> None:
    """Leave what belongs to the whole process as it is, in `fit` and in `forward`.

    Settings such as the number of threads or the default type of torch, the working folder and the global seeds are
    those of the user's script, and of the other plugins in it.
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
            raise Failed(f"fit or forward changes {', '.join(changed)} for all other code: give it back as it was")
    if reseeded := [name for name in ends[0] if ends[0][name] == ends[1][name]]:
        raise Failed(
            f"fit or forward seeds the random numbers of {', '.join(reseeded)} for all other code: use a generator of "
            "its own"
        )


@check("fit twice")
def fit_twice(subject: Subject) -> None:
    """Forget in a second fit what was learnt in the first.

    ``fit`` learns anew from what it is given; to go on from what was learnt is `fine_tune`. Set every buffer anew, and
    initialise weights at the beginning of the fit, not only in the constructor.
    """
    instance = subject.learn(subject.make(), subject.trial(seed=1).rows(slice(4, None)))
    subject.learn(instance, subject.trial())
    agree(
        subject.answer(instance, subject.trial().inputs),
        subject.answers,
        "a fit after one to other data differs from a fit to the same data alone: let fit begin anew",
    )


@check("labels")
def labels(subject: Subject) -> None:
    """Refuse a fit without labels where it learns from them, and ignore them where it does not.

    TrainingError without labels for ``supervised = True``; the same result with any labels for ``supervised = False``.
    """
    trial, instance = subject.trial().copy(), subject.make()
    with seeded(0):
        if not instance.supervised:
            order = torch.randperm(len(trial.labels), generator=torch.Generator().manual_seed(1))
            instance.fit(trial.inputs, trial.labels[order], trial.groups)
            agree(
                subject.answer(instance, subject.trial().inputs),
                subject.answers,
                "fit gives another result with labels than without: set supervised = True, or leave them alone",
            )
            return
        try:
            instance.fit(trial.inputs, None, trial.groups)
        except TrainingError:
            return
        except Exception as error:
            raise Failed(
                f"a fit without labels ends with {type(error).__name__}: {error}; raise TrainingError"
            ) from error
    raise Failed("supervised is True, but a fit without labels is taken: raise TrainingError, or set it to False")


@check("groups")
def groups(subject: Subject) -> None:
    """Learn without events, and with events of any index.

    `groups` tells which rows show one event, for what holds out data or makes use of it. It is optional; its indices
    need be neither sorted nor without gaps.
    """
    trial = subject.trial()
    for what, index in (("without groups", None), ("with groups of indices in any order", 7 * trial.groups.flip(0))):
        instance = subject.make()
        with seeded(0):
            instance.fit(trial.inputs.clone(), trial.labels.clone() if instance.supervised else None, index)
        finite(subject.answer(instance, trial.inputs), f"forward after a fit {what}")
