import re
from pathlib import Path

import numpy as np
import obspy
import pytest
import torch

import seisbench_lcl as lcl
from seisbench_lcl.errors import WeightsError
from seisbench_lcl.hub import weights


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    metadata = {"model_args": {}, "seisbench_lcl": {"model": "X"}}
    weights.write(tmp_path / "w", "1", metadata, {"a": torch.arange(5.0), "b": torch.ones(2, 3, dtype=torch.bool)})
    return tmp_path / "w"


def test_what_is_written_is_read(saved: Path) -> None:
    metadata, tensors = weights.read(saved, "1")
    assert metadata["seisbench_lcl"]["model"] == "X"
    assert torch.equal(tensors["a"], torch.arange(5.0))
    assert {file.name for file in saved.parent.iterdir()} == {"w.json.v1", "w.pt.v1", "w.safetensors.v1"}


def test_equal_tensors_make_equal_files(saved: Path) -> None:
    before = (saved.parent / "w.safetensors.v1").read_bytes()
    metadata, tensors = weights.read(saved, "1")
    weights.write(saved, "1", metadata, dict(reversed(tensors.items())))
    assert (saved.parent / "w.safetensors.v1").read_bytes() == before


@pytest.mark.parametrize("kind", ["json", "safetensors"])
@pytest.mark.parametrize("damage", ["truncated", "changed", "empty", "missing"])
def test_damaged_files_are_refused(saved: Path, kind: str, damage: str) -> None:
    file = weights.paths(saved, "1")[kind]
    content = file.read_bytes()
    if damage == "missing":
        file.unlink()
    elif damage == "changed":
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    else:
        file.write_bytes(content[: len(content) // 2 if damage == "truncated" else 0])
    with pytest.raises(WeightsError, match=re.escape(file.name)):
        weights.read(saved, "1")


def test_tensors_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    metadata = {"model_args": {}, "seisbench_lcl": {}}
    weights.write(tmp_path / "w", None, metadata, {"a": torch.tensor([1.0, torch.inf])})
    with pytest.raises(WeightsError, match=r"'a'.* holds NaN or infinite"):
        weights.read(tmp_path / "w", None)


def test_a_file_of_another_package_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.json").write_text('{"model_args": {"phases": "NPS"}}')
    (tmp_path / "w.safetensors").write_bytes(b"")
    with pytest.raises(WeightsError, match="does not describe a model of seisbench_lcl"):
        weights.read(tmp_path / "w", None)


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match="cannot write weights"):
        weights.write(tmp_path / "file" / "w", None, {"model_args": {}, "seisbench_lcl": {}}, {"a": torch.ones(1)})


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "a\\b", "a b"])
def test_names_that_could_leave_the_folder(name: str) -> None:
    with pytest.raises(WeightsError, match="is no name"):
        weights.check_name(name)


def test_versions_are_ordered_as_versions() -> None:
    path = Path("x")
    assert weights.newest({"2": path, "10": path, "odd": path}) == "10"


BUNDLED = sorted(weights.bundled().glob("*/*.json.v*"))


@pytest.mark.parametrize("file", BUNDLED, ids=[f"{file.parent.name} {file.name}" for file in BUNDLED])
def test_bundled_weights_have_a_card_and_classify(file: Path) -> None:
    name, version = file.name.split(".json.v")
    assert "must not" in file.with_name(f"{name}.md").read_text()
    model = getattr(lcl, weights.origin(file.with_name(name), version)[0]).from_pretrained(name, version)
    assert file.parent.name == model.name.lower()
    stream = obspy.read()
    for trace in stream:
        trace.data = np.concatenate([trace.data, trace.data[::-1]])  # some weights take windows longer than its 30 s
    windows = model.classify(stream).windows.to_dataframe()
    decided = windows.query("reason == ''")
    assert len(decided)
    np.testing.assert_allclose(decided[model.labels].sum(axis=1), 1, atol=1e-5)
