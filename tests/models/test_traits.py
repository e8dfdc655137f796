"""How models learn, from the tags of extractors and heads."""

import pytest

import seisbench_lcl as lcl
from seisbench_lcl.errors import ConfigurationError


@pytest.mark.parametrize(
    ("model", "extractor", "head", "expected"),
    [
        (lcl.EnvelopePhysicalRidge, None, None, (True, True, False)),
        (lcl.HybridRidge, None, None, (True, True, False)),
        (lcl.SimCLRKMeans, None, None, (False, False, True)),
        (lcl.Discriminator, "physical+envelope>resnet18", "ridge", (True, True, True)),
        (lcl.Discriminator, "physical+envelope>resnet18", "kmeans", (False, True, True)),
        (lcl.Discriminator, "physical+envelope>simclr", "stack", (True, True, True)),
    ],
)
def test_traits(
    model: type[lcl.Discriminator], extractor: str | None, head: str | None, expected: tuple[bool, bool, bool]
) -> None:
    assert model.traits(extractor, head) == expected


def test_a_pair_without_names_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="Discriminator needs the names of an extractor and a head"):
        lcl.Discriminator.traits("raw")
