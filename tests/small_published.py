"""A small trained model that conforms.

Every class that a test defines is a model by its name, so it names published weights only inside the tests that need
them.
"""

import torch

from seisbench_lcl import Discriminator
from seisbench_lcl.hub.published import Published, check_tensors

ENTRY = Published(
    url="https://example.org/tiny.pt",
    sha256="0" * 64,
    licence="MIT",
    source="nobody, for tests",
    training_data="made-up windows",
    citation="nobody (2024)",
)


class Tiny(Discriminator, extractor="raw", head="linear", normalisation="joint-std"):
    """Samples of one component, and a linear layer."""

    def __init__(self, extractor=None, head=None, *, labels=("blast", "earthquake", "noise"), **description):
        own = {"sampling_rate": 50.0, "in_samples": 200, "component_order": "Z", "before": 1.0, "novelty_rate": None}
        super().__init__(extractor, head, labels=labels, **own | description)

    @classmethod
    def from_tensors(cls, name, tensors):
        check_tensors(tensors, {"weight": (3, 200), "bias": (3,)})
        model = cls()
        state = model.state_dict()
        state |= {"head.weight": tensors["weight"], "head.bias": tensors["bias"]}
        model.load_state_dict(state)
        return model.eval()


def tensors(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {"weight": torch.randn(3, 200, generator=generator), "bias": torch.randn(3, generator=generator)}


def trained(cls=Tiny):
    return cls.from_tensors("tiny", tensors())
