"""The one pipeline behind the command and the recipe."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_recipe import CARD

import seisbench_lcl as lcl
from seisbench_lcl.datasets import Cuts, open_dataset, read_windows
from seisbench_lcl.errors import ConfigurationError, DatasetError, MissingPluginError
from seisbench_lcl.evaluation.event_calibration import EventCalibration
from seisbench_lcl.hub.card import RecipeReference
from seisbench_lcl.hub.weights import read
from seisbench_lcl.recipes import reproduce
from seisbench_lcl.training import Columns, Training, TrainingRequest, recorded_cuts, training_sections

SMALL: dict[str, Any] = {
    "model": "MiniRocketRidge",
    "length": 5.0,
    "before": 1.0,
    "extractor_args": {"max_features": 168},
}
RECIPE = f"""
dataset = "dataset"
model = "MiniRocketRidge"
length = 5.0
before = 1.0

[extractor-arg]
max_features = 168
{CARD}"""


def train(folder: Path, **changes: Any) -> Training:
    request = TrainingRequest(**SMALL | changes)
    training = Training(request, open_dataset(folder, request.components))
    training.read()
    training.fit()
    return training


def test_command_recipe_and_request_give_the_same_weights(run: Callable, dataset_folder: Path, tmp_path: Path) -> None:
    """With all settings of the windows left to their defaults, where the command and the recipe once differed."""
    train(dataset_folder).model.save(tmp_path / "request")
    same = ("--model", "MiniRocketRidge", "--length", 5, "--before", 1, "--extractor-arg", "max_features=168")
    done = run("train", "--dataset", dataset_folder, "--out", "command", *same)
    assert done.returncode == 0, done.stderr
    recipe = tmp_path / "high-low.toml"
    recipe.write_text(RECIPE)
    recipe.with_suffix(".md").write_text("# Weights of a test\n\n")
    made = reproduce(recipe, dataset_folder, tmp_path / "out", source=RecipeReference(path="r.toml", commit="1" * 40))
    digests = {read(tmp_path / name, None)[0]["seisbench_lcl"]["sha256"] for name in ("request", "command")}
    assert digests == {made.sha256}


def test_stages_are_those_of_the_library(dataset_folder: Path) -> None:
    training = train(dataset_folder, max_shift=0.5, copies=1)
    model = lcl.MiniRocketRidge(
        labels=["high", "low"], in_samples=500, before=1.0, extractor_args={"max_features": 168}
    )
    data = read_windows(open_dataset(dataset_folder), model.preprocessing, cuts=Cuts(0.5, 1)).in_split("train")
    np.testing.assert_array_equal(training.learnt.windows, data.windows)
    model.fit(data.windows, data.labels, data.groups)
    np.testing.assert_array_equal(model.predict_proba(data.windows), training.model.predict_proba(data.windows))
    (section,) = training_sections(training.model, training.learnt)
    assert "32 station windows of 16 events" in section.markdown


def test_weights_record_how_windows_were_cut(dataset_folder: Path, tmp_path: Path) -> None:
    model = train(dataset_folder, max_shift=0.5, copies=1, refine=0.2, min_snr=-20.0).model
    model.save(tmp_path / "w")
    loaded = lcl.load(tmp_path / "w")
    cut = {"max_shift": 0.5, "copies": 1, "refine": 0.2, "min_snr": -20.0}
    assert loaded.training_windows == cut | {"windows": 32}
    assert recorded_cuts(loaded) == Cuts(0.5, 1, 0.2)
    assert recorded_cuts(loaded, refine=0.0) == Cuts(0.5, 1)
    assert recorded_cuts(loaded, max_shift=0.3) == Cuts(0.3, 2, 0.2)  # the number of copies belongs to the shift
    assert recorded_cuts(lcl.from_pretrained("MiniRocketRidge/mixed-3c")) == Cuts(1.0, 2)  # nothing is recorded
    assert recorded_cuts(lcl.from_pretrained("ResNet18/mixed-3c")) == Cuts()


def test_votes_are_calibrated_by_events_held_out(dataset_folder: Path, tmp_path: Path) -> None:
    training = train(dataset_folder, max_shift=0.5, copies=1)
    model, learnt = training.model, training.learnt
    held_out = model.held_out
    assert held_out is not None
    events = dict.fromkeys(learnt.groups)
    rows = {
        event: [i for i in range(len(learnt)) if learnt.groups[i] == event and not learnt.shifts[i]] for event in events
    }
    means = [held_out[own].mean(axis=0) for own in rows.values()]
    truth = [model.labels.index(learnt.labels[own[0]]) for own in rows.values()]
    expected = EventCalibration.fit(means, truth, [len(own) for own in rows.values()], "mean")
    assert model.event_calibration is not None
    found = EventCalibration(**model.event_calibration)
    np.testing.assert_allclose(found.apply(means, 3), expected.apply(means, 3), atol=1e-3)
    assert found.rule == "mean"
    model.save(tmp_path / "w")
    assert lcl.load(tmp_path / "w").event_calibration == model.event_calibration
    model.fit(learnt.windows, learnt.labels)
    assert model.event_calibration is None  # it belonged to the other fit
    assert train(dataset_folder, model="MiniRocketKMeans", clusters=2).model.event_calibration is None


def test_all_windows_and_other_columns(dataset_folder: Path) -> None:
    training = train(dataset_folder, columns=Columns(label="region", group="source_id"), split="all", copies=0)
    assert len(training.learnt) == len(training.data) == 48
    assert training.model.labels == ["north", "south"]


def test_clusters(dataset_folder: Path) -> None:
    training = train(dataset_folder, model="MiniRocketKMeans", clusters=2)
    assert (training.data.shifts == 0).all()
    headings = [section.heading for section in training_sections(training.model, training.learnt)]
    assert headings == ["Clusters", "Scores of the clusters", "Features"]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"clusters": 3}, ConfigurationError, "MiniRocketRidge learns from labels and has no clusters"),
        ({"model": "MiniRocketSCAN"}, ConfigurationError, "set the number of clusters"),
        ({"model": "MiniRocketSCAN", "clusters": 3, "labels": ["high"]}, ConfigurationError, "do not apply until"),
        ({"members": 0}, ConfigurationError, "members must be 1 or more"),
        ({"min_snr": float("inf")}, ConfigurationError, "min_snr must be a finite number of dB"),
        ({"max_shift": 3.0}, ConfigurationError, "moves P out of the window"),
        ({"copies": 1, "max_shift": 0.0}, ConfigurationError, "would equal the unshifted window"),
        ({"model": "PhaseNet"}, MissingPluginError, "no model is called 'PhaseNet'"),
        ({"model": "Discriminator"}, ConfigurationError, "needs the names of an extractor and a head"),
        ({"extractor": "raw"}, ConfigurationError, "MiniRocketRidge is minirocket with ridge"),
        ({"before": 9.0}, ConfigurationError, "P arrival must"),
    ],
)
def test_requests_that_contradict_themselves(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        TrainingRequest(**SMALL | changes)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"split": "test"}, DatasetError, "no usable window is in split test"),
        ({"columns": Columns(label="kind")}, DatasetError, "no column 'kind'"),
        ({"labels": ["high", "blast"]}, DatasetError, "no trace is labelled"),
        ({"min_snr": 200.0}, DatasetError, "has a signal-to-noise ratio of 200 dB"),
    ],
)
def test_datasets_that_do_not_fit(
    dataset_folder: Path, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        train(dataset_folder, **changes)
