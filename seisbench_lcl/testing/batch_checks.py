"""What an output looks like, and what it may depend on."""

from collections.abc import Iterator

import torch
from torch import Tensor

from seisbench_lcl.testing._check import check
from seisbench_lcl.testing._closeness import agree, finite
from seisbench_lcl.testing._globals import seeded
from seisbench_lcl.testing._subject import Failed, Instance, Subject


@check("output", needs_fit=False)
def output(subject: Subject) -> None:
    """Make one finite float32 row of output for each row of input.

    Also for one row, and for none: a stream may yield any number of windows. A head that is trained together with its
    extractor is asked to learn from features alone here.
    """
    inputs, width = subject.trial().inputs, subject.width(subject.fitted)
    for n in (len(inputs), 1, 0):
        found = subject.answer(subject.fitted, inputs[:n])
        if found.shape != (n, width) or found.dtype != torch.float32:
            raise Failed(
                f"forward made {found.dtype} of shape {tuple(found.shape)} of {n} rows, but must make float32 of "
                f"shape ({n}, {width})"
            )
        if found.requires_grad:
            raise Failed("forward returns a tensor with gradients where none are asked for: leave torch.no_grad alone")
        finite(found, f"forward of {n} rows")


@check("one by one")
def one_by_one(subject: Subject) -> None:
    """Let a row of the output depend on its own row of the input alone.

    A model computes in batches of any size, and whatever else is in a batch must not change a result. Usual mends:
    compute means over the samples of a window instead of over the batch; evaluation mode for normalisation layers.
    """
    inputs = subject.trial().inputs
    single = [subject.answer(subject.fitted, row[None]) for row in inputs]
    agree(
        torch.cat(single),
        subject.answers,
        "rows one by one give another output than in a batch: let each depend on its own input alone",
    )


@check("order of the batch")
def order_of_the_batch(subject: Subject) -> None:
    """Give rows in another order the same output in that order.

    Windows come in the order in which stations and records happen to be read.
    """
    inputs = subject.trial().inputs
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(1))
    instance = subject.learn(subject.make(), subject.trial())  # what it keeps is not to reach other checks
    first = subject.answer(instance, inputs)
    agree(
        subject.answer(instance, inputs[order]),
        first[order],
        "the rows in another order give another output: keep nothing from one call of forward to the next",
    )


@check("input unchanged")
def input_unchanged(subject: Subject) -> None:
    """Leave the arguments of `fit` and `forward` as they are.

    The same windows go to the other extractors of an expression, and belong to the caller. A window that arrives as
    float32 is not copied on the way: write ``windows = windows - mean`` instead of ``windows -= mean``.
    """
    asked = subject.trial()
    given, instance = asked.copy(), subject.make()
    with seeded(0):
        instance.fit(given.inputs, given.labels if instance.supervised else None, given.groups)
    for what in ("inputs", "labels", "groups"):
        if not torch.equal(getattr(given, what), getattr(asked, what)):
            name = subject.inputs if what == "inputs" else what
            raise Failed(f"fit changed the {name} that it was given: work on a copy, with no operation in place")
    with torch.no_grad(), seeded(0):
        subject.fitted(given.inputs)
    if not torch.equal(given.inputs, asked.inputs):
        raise Failed(
            f"forward changed the {subject.inputs} that it was given: work on a copy, with no operation in place"
        )


@check("unchanged in use")
def unchanged_in_use(subject: Subject) -> None:
    """Leave the state as it is in `forward`, and evaluation mode on.

    What is saved after use must be what was saved before. What counts or remembers belongs into `fit`.
    """
    instance = subject.learn(subject.make(), subject.trial())
    before = {key: tensor.clone() for key, tensor in _tensors(instance)}
    subject.answer(instance, subject.trial().inputs)
    changed = [key for key, tensor in _tensors(instance) if not tensor.equal(before[key]) and not tensor.isnan().any()]
    if changed:
        raise Failed(f"forward changes {', '.join(changed)}: let only fit change the state")
    if instance.training:
        raise Failed("forward switches training mode on: leave the mode to the caller, which sets it by eval()")


def _tensors(instance: Instance) -> Iterator[tuple[str, Tensor]]:
    yield from instance.named_parameters()
    yield from instance.named_buffers()


@check("float32 and float64")
def float32_and_float64(subject: Subject) -> None:
    """Give input in double precision the same output, in float32.

    NumPy makes float64, and what arrives as such is cast at the door, by `checked`: do not override it, or cast too.
    """
    trial = subject.trial()
    double = trial.with_inputs(trial.inputs.double())
    found = subject.answer(subject.fitted, double.inputs)
    if found.dtype != subject.answers.dtype:
        raise Failed(f"forward makes {found.dtype} of float64 {subject.inputs}, but must make float32: cast its input")
    agree(found, subject.answers, f"forward of the same {subject.inputs} in float64 and in float32 differs")
    again = subject.answer(subject.learn(subject.make(), double), trial.inputs)
    agree(again, subject.answers, f"a fit to the same {subject.inputs} in float64 and in float32 differs")
