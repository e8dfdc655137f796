"""Recipe files: their fields, and whether the bundled recipes agree with their cards."""

from pathlib import Path
from typing import Any

import pytest
import tomlkit

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.hub import weights
from seisbench_lcl.hub.card import Card
from seisbench_lcl.recipes import Recipe

RECIPES = Path(__file__).parents[2] / "weights" / "recipes"
EVERY = sorted(RECIPES.glob("*/*.toml"))


@pytest.mark.parametrize("path", EVERY, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_bundled_recipes(path: Path) -> None:
    recipe = Recipe.read(path)
    assert path.parent.name in (recipe.model.lower(), "discriminatorensemble")
    assert path.with_suffix(".md").read_text().endswith("rows are the truth.\n\n")
    recipe.request().cuts()  # raises unless model, windows and cuts fit each other
    cards = {}
    for file in (weights.bundled() / path.parent.name).glob(f"{path.stem}.md*"):
        card, _ = Card.read(file)
        cards[card.version] = card
    if not cards:
        return  # not trained yet
    card = cards[recipe.version]
    about = recipe.card
    assert (card.task, card.state, card.summary, card.not_for) == (
        about.task,
        about.state,
        about.summary,
        about.not_for,
    )
    assert (card.licence, card.citation, card.valid_ranges) == (about.licence, about.citation, about.valid_ranges)
    assert (card.calibration and card.calibration.method) == about.calibration
    told = [
        (f"{data.name}, split {recipe.split}", data.sources, data.licence, data.note) for data in about.training_data
    ]
    assert [(data.name, data.sources, data.licence, data.note) for data in card.training_data] == told
    assert card.recipe.path == f"weights/recipes/{path.parent.name}/{path.name}"


def _without_licence(recipe: dict[str, Any]) -> None:
    del recipe["card"]["licence"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without_licence, r"card\.licence: Field required"),
        (lambda recipe: recipe.update({"lenght": 20.0}), "lenght: Extra inputs are not permitted"),
        (lambda recipe: recipe.update(copies="two"), "copies: Input should be a valid integer"),
        (lambda recipe: recipe.update(dataset=["a", "a"]), "dataset lists a name twice"),
        (lambda recipe: recipe.update(dataset=["mixed_3c", "b"]), "must describe each dataset"),
        (lambda recipe: recipe.update(whole={"b": "noise"}), r"whole names \['b'\], which are not in dataset"),
        (lambda recipe: recipe.update(clusters=3, members=2), "remove members or clusters"),
    ],
)
def test_invalid_recipes(tmp_path: Path, change: Any, message: str) -> None:
    recipe = tomlkit.parse((RECIPES / "minirocketridge" / "mixed-3c.toml").read_text())
    change(recipe)
    path = tmp_path / "r.toml"
    path.write_text(tomlkit.dumps(recipe))
    with pytest.raises(ConfigurationError, match=message):
        Recipe.read(path)


def test_files_that_are_not_recipes(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot read .*; a recipe is a TOML file"):
        Recipe.read(tmp_path / "absent.toml")
    (tmp_path / "r.toml").write_text("dataset = [")
    with pytest.raises(ConfigurationError, match="is not valid TOML"):
        Recipe.read(tmp_path / "r.toml")
