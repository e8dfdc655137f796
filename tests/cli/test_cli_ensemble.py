"""``ensemble``: several weights as one model."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command_tools import SHAPE, saved_models, strict
from conftest import Done

import seisbench_lcl as lcl

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def run(run: Callable[..., Done]) -> Callable[..., Done]:
    return strict(run)


@pytest.fixture
def weights(dataset_folder: Path) -> Path:
    return saved_models(dataset_folder)


def test_weights_as_one_model(run: Callable[..., Done], weights: Path, tmp_path: Path) -> None:
    both = ("--weights", weights / "network", "--weights", weights / "rocket.json")
    done = run("ensemble", *both, "--out", "w/two", "--description", "of two", "--version", 3)
    assert "2 members: ResNet18, MiniRocketRidge" in done.stdout
    made = lcl.DiscriminatorEnsemble.load(tmp_path / "w" / "two", "3")
    assert made.weights_docstring == "of two"
    windows = np.random.default_rng(0).normal(size=(8, 3, SHAPE["in_samples"]))
    np.testing.assert_array_equal(
        made.predict_proba(windows), lcl.DiscriminatorEnsemble.load(weights / "both").predict_proba(windows)
    )
    done = run("ensemble", *both, "--weights", tmp_path / "w" / "two.json.v3", "--out", "w/four")
    assert "4 members: ResNet18, MiniRocketRidge, ResNet18, MiniRocketRidge" in done.stdout
    again = ("ensemble", *both, "--out", "w/four")
    assert "w/four.json exists already: change --out or --version" in run(*again, expect=2).stderr
    run(*again, "--version", 2)
    assert "2 members" in run(*again, "--overwrite").stdout


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["network"], "an ensemble needs at least two members, but got 1"),
        (["network", "clusters"], "member 1 (WaveformKMeans) learns without labels: clusters cannot vote"),
        (
            ["network", "mixed-3c"],
            "must agree in labels, but member 1 (EnvelopePhysicalRidge) has ['earthquake', 'noise'",
        ),
        (["network", "absent"], "no weights file"),
        (["network", "broken"], "is truncated or changed"),
    ],
)
def test_weights_that_do_not_fit_together(
    run: Callable[..., Done], weights: Path, tmp_path: Path, names: list[str], message: str
) -> None:
    for file in weights.glob("rocket.*"):
        shutil.copy(file, tmp_path / file.name.replace("rocket", "broken"))
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    paths = {"mixed-3c": "mixed-3c", "broken": tmp_path / "broken"}
    options = [word for name in names for word in ("--weights", paths.get(name, weights / name))]
    assert message in run("ensemble", *options, "--out", "w", expect=2).stderr
    assert list(tmp_path.glob("w*")) == []
