"""``reproduce``: a committed recipe to weights and a card."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from command_tools import few_traces, files_in
from conftest import Done
from small_recipe import CARD

import seisbench_lcl as lcl
from seisbench_lcl.hub import weights
from seisbench_lcl.hub.card import Card

pytestmark = pytest.mark.timeout(120)

RECIPE = f"""
dataset = "dataset"
model = "MiniRocketRidge"
sampling-rate = 40.0
length = 8.0
version = "2"
description = "Made up."

[extractor-arg]
max_features = 84
{CARD}"""


def test_weights_and_card_of_a_committed_recipe(
    run: Callable[..., Done], dataset_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tmp_path / "recipes" / "high-low.toml"
    recipe.parent.mkdir()
    recipe.write_text(RECIPE)
    recipe.with_suffix(".md").write_text("# Weights of a test\n\n")
    own = ("reproduce", recipe, "--data", few_traces(dataset_folder), "--out", "o")
    done = run(*own)
    assert done.returncode == 2
    assert "put the recipe into a Git repository" in " ".join(done.stderr.split())
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    for command in (["init", "--quiet"], ["add", "recipes"], ["commit", "--quiet", "--message", "Add a recipe"]):
        subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True)
    done = run(*own)
    assert done.returncode == 0, done.stderr
    assert "fitting 24 windows of 4 events" in done.stderr
    names = ["high-low.json.v2", "high-low.md", "high-low.safetensors.v2"]
    assert files_in(tmp_path / "o") == [f"minirocketridge/{name}" for name in names]
    base = tmp_path / "o" / "minirocketridge" / "high-low"
    card, _ = Card.read(base.with_suffix(".md"))
    assert card.recipe.path == "recipes/high-low.toml"
    digest = weights.read(base, "2")[0]["seisbench_lcl"]["sha256"]
    assert f"wrote o/minirocketridge/high-low.md\nsha256 of the tensors: {digest}\n" in done.stdout
    assert card.weights_sha256 == digest
    assert sum(data.windows for data in card.training_data) == lcl.load(base).training_windows["windows"] == 8
    monkeypatch.setattr(weights, "bundled", lambda: tmp_path / "o")
    done = run(*own[:-1], "same")
    assert (done.returncode, f"{digest}, as in the package" in done.stdout) == (0, True)
    other = lcl.load(base)
    other.state_dict()["head.intercepts"][0] += 1
    other.save(base, version_str="2")
    done = run(*own[:-1], "other")
    assert (done.returncode, f"sha256 of the tensors: {digest}" in done.stdout) == (1, True)
    assert "these are not the weights of the package" in done.stderr
