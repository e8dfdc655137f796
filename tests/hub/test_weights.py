import re
from pathlib import Path

import pytest
import torch

from seisbench_lcl.errors import WeightsError
from seisbench_lcl.hub import weights


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    metadata = {"model_args": {}, "seisbench_lcl": {"model": "X"}}
    weights.write(tmp_path / "w", "1", metadata, {"a": torch.arange(5.0), "b": torch.ones(2, 3, dtype=torch.bool)})
    return tmp_path / "w"


def test_read_undoes_write(saved: Path) -> None:
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


def test_nan_and_infinite_tensors_are_refused(tmp_path: Path) -> None:
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
def test_names_that_could_lead_out_of_the_folder(name: str) -> None:
    with pytest.raises(WeightsError, match="is not a name"):
        weights.check_name(name)


def test_versions_are_ordered_as_versions() -> None:
    path = Path("x")
    assert weights.newest({"2": path, "10": path, "odd": path}) == "10"


def test_resolve_finds_the_meant_weights(tmp_path: Path) -> None:
    path = tmp_path / "w"
    assert weights.resolve(path) == (path, None)  # nothing is saved, and load reports the missing file
    for version in ("2", "10"):
        weights.write(path, version, {"model_args": {}, "seisbench_lcl": {}}, {"a": torch.ones(1)})
    assert weights.resolve(path) == weights.resolve(str(path)) == (path, "10")
    assert weights.resolve(f"{path}.json.v2") == (path, "2")
    assert weights.resolve(f"{path}.json.v3") == (tmp_path / "w.json.v3", None)
    weights.write(path, None, {"model_args": {}, "seisbench_lcl": {}}, {"a": torch.ones(1)})
    assert weights.resolve(path) == weights.resolve(f"{path}.json") == (path, None)
    for kind in ("json", "safetensors", "pt"):
        assert weights.resolve(f"{path}.{kind}.v10") == (path, "10")
        assert weights.resolve(f"{path}.{kind}") == (path, None)


def test_a_version_with_a_folder_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"'\.\./1' is not a version"):
        weights.paths("w", "../1")
