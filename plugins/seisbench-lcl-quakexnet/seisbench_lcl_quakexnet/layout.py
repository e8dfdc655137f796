"""The tensors of QuakeXNet as its authors name them, and the same as those of an extractor and a linear head."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from seisbench_lcl.hub.published import check_tensors
from seisbench_lcl_quakexnet.quakexnet import CHANNELS, FEATURES

CLASSES = 4
_FLAT = 256  # values of the last convolution for windows of 100 s at 50 Hz
_EPS = 1e-5  # of PyTorch's batch normalisation
_NORM = ("weight", "bias", "running_mean", "running_var")


def shapes() -> dict[str, tuple[int, ...]]:
    """Return the shape of each published tensor by its name."""
    found: dict[str, tuple[int, ...]] = {}
    for number, (channels, wider) in enumerate(zip((3, *CHANNELS), CHANNELS, strict=False), 1):
        found |= {f"conv{number}.weight": (wider, channels, 3, 3), f"conv{number}.bias": (wider,)}
        found |= {f"bn{number}.{part}": (wider,) for part in _NORM}
    for layer, (inputs, outputs) in (("fc1", (_FLAT, FEATURES)), ("fc2", (FEATURES, CLASSES))):
        found |= {f"{layer}.weight": (outputs, inputs), f"{layer}.bias": (outputs,)}
        found |= {f"{layer}_bn.{part}": (outputs,) for part in _NORM}
    return found


def state(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state of the model `QuakeXNet` from the published tensors.

    In use, the last batch normalisation is a factor and a constant for each class, so it becomes part of the last
    linear layer; this is exact up to rounding.

    Raises
    ------
    WeightsError
        If names or shapes differ from `shapes`.
    """
    check_tensors(tensors, shapes())
    found = {f"extractor.stages.{own}": tensors[published] for published, own in _names()}
    norm = {part: tensors[f"fc2_bn.{part}"].double() for part in _NORM}
    factor = norm["weight"] / (norm["running_var"] + _EPS).sqrt()
    bias = factor * (tensors["fc2.bias"].double() - norm["running_mean"]) + norm["bias"]
    return found | {
        "extractor.epochs_trained": torch.tensor(0.0),  # by this package; NaN would mean not trained
        "head.weight": (factor[:, None] * tensors["fc2.weight"].double()).float(),
        "head.bias": bias.float(),
        "head.mean": torch.zeros(FEATURES),
        "head.scale": torch.ones(FEATURES),
        "head.temperature": torch.tensor(1.0),
    }


def _names() -> Iterator[tuple[str, str]]:
    """Yield the published name of each tensor of the extractor, and its name in the stages."""
    for number in range(1, len(CHANNELS) + 1):
        yield from ((f"conv{number}.{part}", f"{number - 1}.0.{part}") for part in ("weight", "bias"))
        yield from ((f"bn{number}.{part}", f"{number - 1}.1.{part}") for part in _NORM)
    yield from ((f"fc1.{part}", f"{len(CHANNELS)}.1.{part}") for part in ("weight", "bias"))
    yield from ((f"fc1_bn.{part}", f"{len(CHANNELS)}.2.{part}") for part in _NORM)
