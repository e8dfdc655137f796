"""``ensemble``: several weights as one model."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import obspy
import pandas as pd
import pytest
from command_tools import SHAPE, is_png, saved_models, strict
from conftest import Done

import seisbench_lcl as lcl
from seisbench_lcl.datasets import open_dataset, read_member_windows

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
        (["network", "mixed-3c"], "EnvelopePhysicalRidge/mixed-3c shares no class with ResNet18/network: it knows"),
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


def test_members_that_differ(run: Callable[..., Done], weights: Path, dataset_folder: Path, tmp_path: Path) -> None:
    both = ("--weights", weights / "rocket", "--weights", weights / "vertical")
    done = run("ensemble", *both, "--merge", "explosion=slide", "--out", "w/mixed")
    assert "2 members that vote on the classes that they know:" in done.stdout
    assert "slide (QuakeML: slide): PhysicalRidge/vertical (explosion)" in done.stdout
    assert "high (QuakeML: other event): MiniRocketRidge/rocket, PhysicalRidge/vertical" in done.stdout
    made = lcl.load(tmp_path / "w" / "mixed")
    assert isinstance(made, lcl.MixedEnsemble)
    assert (made.labels, made.weights) == (["high", "low", "slide"], [0.5, 0.5])

    done = run("evaluate", "--dataset", dataset_folder, "--weights", "w/mixed", "--report", "report.md")
    assert "recall[high]" in done.stdout
    data = read_member_windows(open_dataset(dataset_folder), made.window_preprocessing).in_split("dev")
    truth = [made.labels.index(label) for label in data.labels]
    accuracy = np.mean(made.predict_proba(data.windows).argmax(axis=1) == truth)
    assert f"| accuracy | {accuracy:.3f}" in (tmp_path / "report.md").read_text()

    options = ("--weights", "w/mixed", "--dataset", dataset_folder)
    for command in (("evaluate", *options, "--folds", 2), ("fine-tune", *options, "--out", "w/tuned")):
        refused = run(*command, expect=2).stderr
        assert "(MiniRocketRidge/rocket, PhysicalRidge/vertical) differ in classes or windows and are" in refused
    again = run("ensemble", "--weights", "w/mixed", "--weights", weights / "other", "--out", "w/more", expect=2)
    assert "w/mixed is an ensemble of members that differ, with a vote of its own: name the weights" in again.stderr

    obspy.read().write(tmp_path / "a.mseed", "MSEED")
    done = run("classify", "a.mseed", "--weights", "w/mixed", "--out", "a.csv", "--max-novelty", 1e9, "--plot", "a.png")
    table = pd.read_csv(tmp_path / "a.csv")
    assert {"high", "low", "slide", "spread", "voters", "weights"} <= {*table}
    assert "MiniRocketRidge/rocket, PhysicalRidge/vertical" in set(table["voters"])
    assert is_png(tmp_path / "a.png")


def test_a_vote_is_calibrated_on_labelled_events(
    run: Callable[..., Done], weights: Path, dataset_folder: Path, tmp_path: Path
) -> None:
    both = ("--weights", weights / "rocket", "--weights", weights / "vertical")
    done = run("ensemble", *both, "--calibrate", dataset_folder, "--split", "all", "--out", "w/fitted")
    made = lcl.load(tmp_path / "w" / "fitted")
    data = read_member_windows(open_dataset(dataset_folder), made.window_preprocessing)
    again = lcl.MixedEnsemble([lcl.load(weights / "rocket"), lcl.load(weights / "vertical")])
    again.calibrate(data.windows, data.labels, data.groups)
    assert str(again.calibration) in done.stdout
    np.testing.assert_allclose(made.weights, again.weights)
    np.testing.assert_allclose(made.temperatures, again.temperatures)
    assert f"MiniRocketRidge/rocket: weight {made.weights[0]:.2f}, temperature" in done.stdout
    assert "no window shows explosion: the fit may learn that this never occurs" in done.stdout
    unknown = run(
        "ensemble", *both, "--calibrate", dataset_folder, "--label-column", "region", "--out", "w/x", expect=2
    )
    assert "the model does not know the labels ['north', 'south']" in unknown.stderr
    for merge, message in (
        ("px=explosion", "merge maps 'px', which is neither a label of a member nor the QuakeML type"),
        ("low=bang", "'bang', which is not a QuakeML event type"),
        ("low", "--merge takes key=value, but got 'low'"),
    ):
        assert message in run("ensemble", *both, "--merge", merge, "--out", "w/x", expect=2).stderr
    assert not list((tmp_path / "w").glob("x*"))
