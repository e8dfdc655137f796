"""The weights of the package are a hub, and all of them are as it declares."""

from pathlib import Path

import pytest

from seisbench_lcl.hub import weights
from seisbench_lcl.hub.hubs import Hub
from seisbench_lcl.hub.publishing import verify
from seisbench_lcl.models.lookup import model_class

HUB = Hub.at(str(weights.bundled()))
OFFERS = {f"{offer.model}/{offer.name}.{offer.version}": offer for offer in HUB.offers()}


def test_every_file_of_weights_is_in_the_registry() -> None:
    assert HUB.error is None
    named = {file.path for offer in OFFERS.values() for file in offer.entry.files.values()}
    found = {
        str(Path(file.parent.name, file.name))
        for kind in ("json.v*", "safetensors.v*", "md")
        for file in weights.bundled().glob(f"*/*.{kind}")
    }
    assert named == found


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
def test_weights_and_cards_are_as_declared(offer) -> None:
    verify(model_class(offer.model), offer)
