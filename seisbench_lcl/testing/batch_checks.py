"""Checks of the output: its form, and the input that it may depend on."""

from collections.abc import Iterator

import torch
from torch import Tensor

from seisbench_lcl.testing._check import check
from seisbench_lcl.testing._closeness import agree, finite
from seisbench_lcl.testing._globals import seeded
from seisbench_lcl.testing._subject import Failed, Instance, Subject

_COPY = "work on a copy, without in-place operations"


@check("output", needs_fit=False)
def output(subject: Subject) -> None:
    """Return one finite float32 row of output per row of input.

    This includes batches of one row and of none, because a stream may yield any number of windows. A head that can be
    trained together with its extractor must also learn from features alone.
    """
    inputs, width = subject.trial().inputs, subject.width(subject.fitted)
    for n in (len(inputs), 1, 0):
        found = subject.answer(subject.fitted, inputs[:n])
        if found.shape != (n, width) or found.dtype != torch.float32:
            raise Failed(
                f"forward returned {found.dtype} of shape {tuple(found.shape)} for {n} row{'s' * (n != 1)}, but must "
                f"return float32 of shape ({n}, {width})"
            )
        if found.requires_grad:
            raise Failed("forward returns a tensor with gradients inside torch.no_grad: do not enable gradients")
        finite(found, f"forward of {n} row{'s' * (n != 1)}")


@check("one by one")
def one_by_one(subject: Subject) -> None:
    """Compute each output row from its own input row only.

    Models use batches of any size, and the other rows of a batch must not change a result. Usual fixes: compute means
    over the samples of a window instead of over the batch; use evaluation mode for normalisation layers.
    """
    inputs = subject.trial().inputs
    single = [subject.answer(subject.fitted, row[None]) for row in inputs]
    agree(
        torch.cat(single),
        subject.answers,
        "single rows give another output than a batch: compute each row from its own input only",
    )


@check("order of the batch")
def order_of_the_batch(subject: Subject) -> None:
    """Return the same rows, in the new order, if a batch is reordered.

    Windows arrive in the order in which stations and records are read.
    """
    inputs = subject.trial().inputs
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(1))
    instance = subject.learn(subject.make(), subject.trial())  # a new one, in case it caches inputs
    first = subject.answer(instance, inputs)
    agree(
        subject.answer(instance, inputs[order]),
        first[order],
        "reordered rows give another output: do not keep data between calls of forward",
    )


@check("input unchanged")
def input_unchanged(subject: Subject) -> None:
    """Leave the arguments of `fit` and `forward` unchanged.

    The windows belong to the caller, and the other extractors of an expression use them too. Windows in float32 are not
    copied before they arrive: write ``windows = windows - mean`` instead of ``windows -= mean``.
    """
    original = subject.trial()
    given, instance = original.copy(), subject.make()
    with seeded(0):
        instance.fit(given.inputs, given.labels if instance.supervised else None, given.groups)
    for what in ("inputs", "labels", "groups"):
        if not torch.equal(getattr(given, what), getattr(original, what)):
            name = subject.inputs if what == "inputs" else what
            raise Failed(f"fit changed its argument {name}: {_COPY}")
    with torch.no_grad(), seeded(0):
        subject.fitted(given.inputs)
    if not torch.equal(given.inputs, original.inputs):
        raise Failed(f"forward changed its argument {subject.inputs}: {_COPY}")


@check("unchanged in use")
def unchanged_in_use(subject: Subject) -> None:
    """Leave the state unchanged in `forward`, and stay in evaluation mode.

    A model must save the same weights before and after use. Only `fit` may count or store anything.
    """
    instance = subject.learn(subject.make(), subject.trial())
    before = {key: tensor.clone() for key, tensor in _tensors(instance)}
    subject.answer(instance, subject.trial().inputs)
    changed = [key for key, tensor in _tensors(instance) if not tensor.equal(before[key]) and not tensor.isnan().any()]
    if changed:
        raise Failed(f"forward changes {', '.join(changed)}: change the state only in fit")
    if instance.training:
        raise Failed("forward switches to training mode: leave the mode to the caller, who sets it with eval()")


def _tensors(instance: Instance) -> Iterator[tuple[str, Tensor]]:
    yield from instance.named_parameters()
    yield from instance.named_buffers()


@check("float32 and float64")
def float32_and_float64(subject: Subject) -> None:
    """Return the same float32 output for input in double precision.

    NumPy computes in float64, and `checked` casts the input to float32: do not override it, or cast there too.
    """
    trial = subject.trial()
    double = trial.with_inputs(trial.inputs.double())
    found = subject.answer(subject.fitted, double.inputs)
    if found.dtype != subject.answers.dtype:
        raise Failed(
            f"forward returns {found.dtype} for float64 {subject.inputs}, but must return float32: cast its input"
        )
    agree(found, subject.answers, f"forward differs between float64 and float32 {subject.inputs}")
    again = subject.answer(subject.learn(subject.make(), double), trial.inputs)
    agree(again, subject.answers, f"fit differs between float64 and float32 {subject.inputs}")
