"""Weights written and read by a model; the files themselves are tested in tests/hub/test_weights.py."""

import json
from pathlib import Path

import pytest
import torch

import seisbench_lcl as lcl
from seisbench_lcl.errors import NotFittedError, WeightsError
from seisbench_lcl.hub import weights


def test_an_unfitted_model_has_nothing_to_save(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError, match="MiniRocketRidge is not fitted, so there is nothing to save"):
        lcl.MiniRocketRidge(labels=["a", "b"]).save(tmp_path / "w")
    assert list(tmp_path.iterdir()) == []


def test_saved_and_loaded(pretrained: lcl.MiniRocketRidge, tmp_path: Path) -> None:
    pretrained.save(tmp_path / "folder" / "w", "a description", "2.1")
    files = sorted(file.name for file in (tmp_path / "folder").iterdir())
    assert files == ["w.json.v2.1", "w.pt.v2.1", "w.safetensors.v2.1"]
    loaded = lcl.MiniRocketRidge.load(tmp_path / "folder" / "w", "2.1")
    assert loaded.weights_docstring == "a description"
    assert loaded.weights_version == "2.1"
    assert loaded.training_windows is None
    assert "training_windows" not in json.loads((tmp_path / "folder" / files[0]).read_text())["seisbench_lcl"]
    for name, tensor in pretrained.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)


def test_tensors_keep_the_names_of_version_0_1(pretrained: lcl.MiniRocketRidge) -> None:
    """Stock SeisBench and older files know the novelty detector as `unlikeness`."""
    names = pretrained.state_dict().keys()
    assert "unlikeness.threshold" in names
    assert not any(name.startswith("novelty_detector") for name in names)
    assert pretrained.novelty_detector is pretrained.get_submodule("unlikeness")


def test_tensors_of_another_description_are_refused(pretrained: lcl.MiniRocketRidge, tmp_path: Path) -> None:
    metadata, tensors = weights.read(weights.bundled() / "minirocketridge" / "mixed-3c", "1")
    del tensors["head.bias" if "head.bias" in tensors else "head.intercepts"]
    weights.write(tmp_path / "w", None, metadata, tensors)
    with pytest.raises(WeightsError, match=r"tensors do not fit the description of the model: head\.intercepts: None"):
        lcl.MiniRocketRidge.load(tmp_path / "w")
    pretrained.save(tmp_path / "ridge")
    with pytest.raises(WeightsError, match="holds weights of MiniRocketRidge, not of ResNet18"):
        lcl.ResNet18.load(tmp_path / "ridge")
