"""Cards on a terminal."""

from io import StringIO

from rich.console import Console

from seisbench_lcl.hub import weights
from seisbench_lcl.hub.card import Card
from seisbench_lcl.hub.card_view import render


def drawn(card: Card, body: str = "", width: int = 100) -> str:
    console = Console(file=StringIO(), width=width)
    console.print(render(card, body))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_every_field_is_drawn_and_markup_is_not_interpreted() -> None:
    card, body = Card.read(weights.bundled() / "resnet18" / "mixed-3c.md")
    card = card.model_copy(update={"task": "[bold]All[/bold]", "citation": ["[link=file:///x]A paper[/link]"]})
    text = drawn(card, width=1000)
    assert "ResNet18 mixed-3c, version 1, experimental\n[bold]All[/bold]" in text
    assert "[link=file:///x]A paper[/link]" in text
    assert all(what in text for what in (*card.not_for, *card.valid_ranges, card.summary, card.recipe.commit))
    assert "mixed_3c, dev (279 windows of 82 events)" in text
    assert "0.896 (0.859 to 0.937)" in text
    assert "Confusion" not in text
    assert "Confusion" in drawn(card, body)


def test_a_band_without_a_high_pass() -> None:
    card, _ = Card.read(weights.bundled() / "resnet18" / "mixed-3c.md")
    window = card.preprocessing.model_copy(update={"band": [0.0, 25.0]})
    assert ", up to 25 Hz, " in drawn(card.model_copy(update={"preprocessing": window}), width=1000)
    assert ", 1 to 18 Hz, " in drawn(card, width=1000)


def test_a_narrow_terminal_shows_whole_digests() -> None:
    card, _ = Card.read(weights.bundled() / "simclrkmeans" / "mixed-3c.md")
    text = "".join(drawn(card, width=60).split())
    assert card.split_manifest_sha256 in text
    assert "calibrationnone" in text
