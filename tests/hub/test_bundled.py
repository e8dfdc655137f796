"""The weights of the package are a hub, and match its registry."""

from pathlib import Path

import numpy as np
import obspy
import pytest

from seisbench_lcl.hub import weights
from seisbench_lcl.hub.card import Card
from seisbench_lcl.hub.hubs import Hub
from seisbench_lcl.hub.publishing import verify
from seisbench_lcl.models.lookup import model_class

HUB = Hub.at(str(weights.bundled()))
OFFERS = {f"{offer.model}/{offer.name}.{offer.version}": offer for offer in HUB.offers()}


def test_the_registry_lists_every_weights_file() -> None:
    assert HUB.error is None
    listed = {file.path for offer in OFFERS.values() for file in offer.entry.files.values()}
    found = {
        str(Path(file.parent.name, file.name))
        for kind in ("json.v*", "safetensors.v*", "md*")
        for file in weights.bundled().glob(f"*/*.{kind}")
    }
    assert listed == found


@pytest.fixture
def offer(request):
    """The weights, with the pretrained models that they need in SeisBench's cache."""
    card, _ = Card.read(weights.bundled() / request.param.entry.files["card"].path)
    if card.backbones:
        request.getfixturevalue("backbones")
    return request.param


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS, indirect=True)
def test_weights_and_cards_match_the_registry(offer) -> None:
    verify(model_class(offer.model), offer)


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
def test_the_body_of_a_card_agrees_with_its_head(offer) -> None:
    card, body = Card.read(weights.bundled() / offer.entry.files["card"].path)
    assert (Path(__file__).parents[2] / card.recipe.path).is_file()
    for score in card.scores:
        assert f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]" in body
        assert f"{score.windows} station windows of {score.events} events" in body or "known elsewhere" in score.split
    assert "must not" in body
    for line in card.not_for:
        assert line in body.replace("`", "")


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS, indirect=True)
def test_bundled_weights_classify_a_stream(offer) -> None:
    model = model_class(offer.model).from_pretrained(offer.name, offer.version)
    stream = obspy.read()
    for trace in stream:
        trace.data = np.concatenate([trace.data, trace.data[::-1]])  # some weights need windows longer than its 30 s
    windows = model.classify(stream).windows.to_dataframe()
    decided = windows.query("reason == ''")
    assert len(decided)
    np.testing.assert_allclose(decided[model.labels].sum(axis=1), 1, atol=1e-5)
