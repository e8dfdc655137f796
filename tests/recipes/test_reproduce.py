"""From a recipe to weights: as with the commands, from a committed recipe, and without overwriting weights."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from small_recipe import CARD

from seisbench_lcl import MiniRocketRidge
from seisbench_lcl.errors import ConfigurationError, DatasetError, OutputError
from seisbench_lcl.evaluation.placement import SHIFTS
from seisbench_lcl.hub import weights
from seisbench_lcl.hub.card import Card, RecipeReference
from seisbench_lcl.recipes import reproduce
from seisbench_lcl.recipes.commits import committed

RECIPE = f"""
dataset = "dataset"
model = "MiniRocketRidge"
length = 5.0
before = 1.0
max-shift = 0.5
copies = 1
min-snr = 0.0
version = "2"
description = "Made up."

[extractor-arg]
max_features = 168

[evaluate]
folds = 2
by = "region"
{CARD}"""

SOURCE = RecipeReference(path="r.toml", commit="1" * 40)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipes" / "high-low.toml"
    path.parent.mkdir()
    path.write_text(RECIPE)
    path.with_suffix(".md").write_text("# Weights of a test\n\n")
    return path


def test_weights_are_those_of_train(recipe: Path, dataset_folder: Path, tmp_path: Path, run: Callable) -> None:
    told: list[str] = []
    made = reproduce(recipe, dataset_folder, tmp_path / "out", source=SOURCE, tell=told.append)
    card, body = Card.read(made.files["card"])
    (tmp_path / "train.toml").write_text(body.partition("```toml\n")[2].partition("```")[0])
    done = run("train", "--dataset", dataset_folder, "--config", "train.toml", "--out", tmp_path / "by-hand")
    assert done.returncode == 0, done.stderr
    assert weights.read(tmp_path / "by-hand", "2")[0]["seisbench_lcl"]["sha256"] == made.sha256
    assert told[-1].startswith("fitting ")
    assert told[-1] in done.stderr
    again = reproduce(recipe, dataset_folder, tmp_path / "again", source=SOURCE)
    assert again.sha256 == made.sha256
    assert again.files["card"].read_bytes() == made.files["card"].read_bytes()

    evaluated = run(
        *("evaluate", "--dataset", dataset_folder, "--weights", tmp_path / "by-hand.json.v2", "--report", "dev.md")
    )
    assert evaluated.returncode == 0, evaluated.stderr
    assert (tmp_path / "dev.md").read_text() in body
    assert body.startswith("# Weights of a test\n\n### Recognition of region")
    assert card.model == "MiniRocketRidge"
    assert {score.split for score in card.scores} == {
        "dev",
        "2 folds of events, trained anew",
        "region held out, trained anew",
        "region held out, trained anew, of classes known elsewhere",
        "events held out, trained anew, of classes known elsewhere",
    }
    assert card.training_data[0].windows == 32
    assert [at.shift for at in card.placement] == sorted([0, *SHIFTS])
    assert {at.windows for at in card.placement} == {16}
    dev = {(score.level, score.metric): score.value for score in card.scores if score.split == "dev"}
    assert card.calibration is not None
    assert card.calibration.ece_event == dev["event", "ece"]
    assert MiniRocketRidge.load(tmp_path / "out" / "minirocketridge" / "high-low", "2").labels == ["high", "low"]
    with pytest.raises(OutputError, match="weights of a version never change"):
        reproduce(recipe, dataset_folder, tmp_path / "out", source=SOURCE)


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_commit_of_a_recipe(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="put the recipe into a Git repository"):
        committed(recipe)
    git(tmp_path, "init", "--quiet")
    with pytest.raises(ConfigurationError, match="does not have any commits yet"):
        committed(recipe)
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "Begin")
    with pytest.raises(ConfigurationError, match="is not committed in its present state"):
        committed(recipe)
    git(tmp_path, "add", "recipes")
    git(tmp_path, "commit", "--quiet", "--message", "Add a recipe")
    first = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "other").touch()
    git(tmp_path, "add", "other")
    git(tmp_path, "commit", "--quiet", "--message", "Add something else")
    assert committed(recipe) == RecipeReference(path="recipes/high-low.toml", commit=first)
    recipe.write_text(recipe.read_text() + "\n")
    with pytest.raises(ConfigurationError, match="is not committed in its present state"):
        committed(recipe)


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        ('"MiniRocketRidge"', '"MiniRocketSCAN"', ConfigurationError, "labels|clusters"),
        ("before = 1.0", "before = 9.0", ConfigurationError, "P arrival must be inside the window"),
        ("max_features", "most_features", ConfigurationError, "most_features"),
        ('version = "2"', 'version = "../2"', ValueError, "is not a version"),
        ('version = "2"', 'version = "2"\nsplit = "learn"', DatasetError, "no usable window is in split learn"),
        ("folds = 2", 'split = "hidden"', DatasetError, "no usable window is in split hidden; available: dev, train"),
    ],
)
def test_recipes_that_cannot_be_followed(
    recipe: Path, dataset_folder: Path, tmp_path: Path, old: str, new: str, error: type[Exception], message: str
) -> None:
    recipe.write_text(recipe.read_text().replace(old, new))
    with pytest.raises(error, match=message):
        reproduce(recipe, dataset_folder, tmp_path / "out", source=SOURCE)
    assert not (tmp_path / "out").exists()
