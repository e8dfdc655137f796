"""What named layers of a network put out during one pass, pooled over time."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import sqrt
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

Pooling = Literal["mean", "max", "std"]


class Defaults(NamedTuple):
    """Layers of a SeisBench model to take features from."""

    patterns: tuple[str, ...]
    rectify: bool


#: By class; subclasses have those of their parents. Where activations follow a normalisation without being a layer of
#: their own, features are rectified instead.
DEFAULTS = {
    "PhaseNet": Defaults((r"down_branch\.\d+\.1", r"up_branch\.\d+\.3", "softmax"), True),
    "EQTransformer": Defaults(
        (
            "encoder",
            "res_cnn_stack",
            "bi_lstm_stack",
            "transformer_d0",
            "transformer_d",
            "decoder_d",
            r"pick_decoders\.\d+",
        ),
        False,
    ),
    "GPD": Defaults((r"bn\d",), True),
    "CRED": Defaults((r"norm\d",), False),
    "BasicPhaseAE": Defaults((r"conv[1-4]", "softmax"), True),
}


def default_layers(module: nn.Module) -> tuple[list[str], bool]:
    """Return the default layers of a SeisBench model, none if it has no defaults, and whether to rectify them."""
    for cls in type(module).__mro__:
        if found := DEFAULTS.get(cls.__name__):
            names = [name for name, _ in module.named_modules() if name]
            return [name for name in names if any(re.fullmatch(p, name) for p in found.patterns)], found.rectify
    return [], False


@contextmanager
def watched(module: nn.Module, layers: Sequence[str], use: Callable[[str, Tensor], None]) -> Iterator[None]:
    """Call `use` with the name and the output of each layer during passes; of several outputs, with the first."""

    def watch(name: str) -> Callable[[nn.Module, object, object], None]:
        def hook(_: nn.Module, __: object, output: object) -> None:
            first = output[0] if isinstance(output, tuple) else output
            if isinstance(first, Tensor):
                use(name, first)

        return hook

    handles = [module.get_submodule(name).register_forward_hook(watch(name)) for name in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def shapes(module: nn.Module, inputs: Tensor) -> dict[str, tuple[int, ...]]:
    """Return the shape of the output of each layer for a batch of inputs, without the axis of the batch.

    Layers whose first axis is not the batch, or that put out more than channels and steps, are left out.
    """
    found: dict[str, tuple[int, ...]] = {}

    def note(name: str, output: Tensor) -> None:
        if output.ndim in (2, 3) and len(output) == len(inputs):
            found[name] = tuple(output.shape[1:])
        else:
            found.pop(name, None)

    layers = [name for name, _ in module.named_modules() if name]
    with watched(module, layers, note), torch.no_grad():
        module(inputs)
    return found


def pool(values: Tensor, poolings: Sequence[Pooling]) -> Tensor:
    """Pool (B, C, L) over its steps to (B, C × number of poolings), or leave (B, F), which has no steps, as it is."""
    if values.ndim == 2:
        return values
    columns = []
    for name in poolings:
        if name == "mean":
            columns.append(values.mean(dim=-1))
        elif name == "max":
            columns.append(values.amax(dim=-1))
        else:
            centred = values - values.mean(dim=-1, keepdim=True)
            columns.append(torch.linalg.vector_norm(centred, dim=-1) / sqrt(values.shape[-1]))  # 20 x faster than std
    return torch.cat(columns, dim=1)
