"""Weights name their backbone: they do not hold it, and work with no other."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import obspy
import pytest
from safetensors.numpy import load_file
from small_backbone import WEIGHTS, install

import seisbench_lcl as lcl
from seisbench_lcl.errors import HubError, WeightsError
from seisbench_lcl.models.lookup import load

LABELS = ["earthquake", "noise"]
ARGUMENTS = {"weights": WEIGHTS, "layers": ["down_branch.2.1", "softmax"]}


@pytest.fixture(autouse=True)
def stem(cache: Path) -> Path:
    return install(cache)


@pytest.fixture
def windows() -> np.ndarray:
    return (
        np.random.default_rng(0).normal(size=(16, 3, 1000)).cumsum(axis=2)
        ** np.array([1, 3])[np.arange(16) % 2, None, None]
    )


@pytest.fixture
def fitted(windows: np.ndarray) -> lcl.PhaseNetRidge:
    return lcl.PhaseNetRidge(labels=LABELS, in_samples=1000, extractor_args=ARGUMENTS).fit(windows, LABELS * 8)


def test_saved_weights_name_the_backbone(fitted, windows, tmp_path):
    fitted.save(tmp_path / "mine")
    tensors = load_file(tmp_path / "mine.safetensors")
    assert [name for name in tensors if name.startswith("extractor")] == ["extractor.probe"]
    assert (tmp_path / "mine.safetensors").stat().st_size < 100_000
    named = json.loads((tmp_path / "mine.json").read_text())["seisbench_lcl"]["backbones"]
    assert named == [backbone.model_dump() for backbone in fitted.backbones]
    assert (named[0]["model"], named[0]["weights"], named[0]["version"]) == ("PhaseNet", WEIGHTS, "1")
    again = load(tmp_path / "mine")
    np.testing.assert_array_equal(again.predict_proba(windows), fitted.predict_proba(windows))
    assert again.backbones == fitted.backbones == fitted.fresh().backbones


def test_another_backbone_is_refused(fitted, tmp_path, cache):
    fitted.save(tmp_path / "mine")
    install(cache, version="2", seed=1)
    assert load(tmp_path / "mine").backbones == fitted.backbones  # its own version is still there
    install(cache, version="1", seed=1)
    with pytest.raises(WeightsError, match="are not the weights that the model was trained with"):
        load(tmp_path / "mine")


def test_a_missing_backbone_is_asked_for(fitted, tmp_path, cache, monkeypatch):
    monkeypatch.setattr("seisbench.remote_model_root", "http://127.0.0.1:9/")
    fitted.save(tmp_path / "mine")
    shutil.rmtree(cache / "phasenet")
    with pytest.raises(HubError, match="run seisbench-lcl backbone PhaseNet/tiny --version 1 on a machine with a net"):
        load(tmp_path / "mine")


def test_streams(fitted, make_stream: Callable[..., obspy.Stream]):
    out = fitted.classify(make_stream(), stride=100, max_novelty=None)
    table = out.windows.to_dataframe()
    assert len(table) == 21
    np.testing.assert_allclose(table[LABELS].sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("model", "arguments"),
    [
        (lcl.PhaseNetKMeans, {"clusters": 2, "extractor_args": ARGUMENTS}),
        (lcl.PhaseNetSCAN, {"clusters": 2, "extractor_args": ARGUMENTS, "head_args": {"n_neighbours": 3, "epochs": 2}}),
        (
            lcl.PhaseNetNamedSCAN,
            {"labels": LABELS, "extractor_args": ARGUMENTS, "head_args": {"n_neighbours": 3, "epochs": 2}},
        ),
        (lcl.PhaseNetPhysicalRidge, {"labels": LABELS, "extractor_args": {"seisbench": ARGUMENTS}}),
    ],
)
def test_the_other_named_models(model, arguments, windows, tmp_path):
    built = model(in_samples=1000, **arguments)
    built.fit(windows, LABELS * 8 if built.learns_from_labels else None)
    built.save(tmp_path / "mine")
    again = model.load(tmp_path / "mine")
    np.testing.assert_array_equal(again.predict_proba(windows), built.predict_proba(windows))
    assert len(again.backbones) == 1
    assert "PhaseNet" in again.citation


def test_an_ensemble_names_the_backbones_of_its_members(fitted, windows, tmp_path):
    other = lcl.MiniRocketRidge(labels=LABELS, in_samples=1000, extractor_args={"max_features": 200})
    ensemble = lcl.DiscriminatorEnsemble([fitted, other.fit(windows, LABELS * 8)])
    assert ensemble.backbones == fitted.backbones
    ensemble.save(tmp_path / "mine")
    np.testing.assert_array_equal(load(tmp_path / "mine").predict_proba(windows), ensemble.predict_proba(windows))
