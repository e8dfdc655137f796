"""A new plugin on disk; the test of docs/plugins.md shows that it works."""

import ast

import pytest
import tomlkit

from seisbench_lcl._version import __version__
from seisbench_lcl.errors import ConfigurationError, OutputError
from seisbench_lcl.plugins.template import write_plugin


@pytest.mark.parametrize("kind", ["extractor", "head", "model"])
@pytest.mark.parametrize("name", ["part-energy", "seisbench-lcl-part-energy", "part_energy"])
def test_all_names_follow_from_one(tmp_path, kind, name):
    files = write_plugin(name, kind, tmp_path / "new")
    folder = tmp_path / "new" / "seisbench-lcl-part-energy"
    assert files[0] == folder / "seisbench_lcl_part_energy" / "part_energy.py"
    assert sorted(files) == sorted(path for path in folder.rglob("*") if path.is_file())
    name = name.removeprefix("seisbench-lcl-")
    project = tomlkit.parse((folder / "pyproject.toml").read_text())["project"]
    assert project["name"] == "seisbench-lcl-part-energy"
    assert project["dependencies"] == [f"seisbench-lcl>={__version__}"]
    assert project["entry-points"]["seisbench_lcl"] == {name: "seisbench_lcl_part_energy.plugin"}
    for file in files:
        assert "$" not in file.read_text()
        if file.suffix == ".py":
            ast.parse(file.read_text())
    assert f'name = "{name}"' in files[0].read_text()
    if kind == "model":
        assert "class PartEnergyEncoder(Network)" in files[0].read_text()
    assert "class PartEnergy(" in files[0].read_text()
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize("name", ["", "Wavelet", "two words", "9lives", "a--b", "-a", "a-", "../a", "a/b", "a.b", "ä"])
def test_wrong_names_are_refused(tmp_path, name):
    with pytest.raises(ConfigurationError, match="lower-case letters, digits and single dashes"):
        write_plugin(name, "extractor", tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["class", "lambda", "none", "plugin", "head", "network", "tensor", "a" * 61])
def test_keywords_and_names_used_in_the_files_are_refused(tmp_path, name):
    with pytest.raises(ConfigurationError, match="a plugin must not be called"):
        write_plugin(name, "head", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_taken_names_are_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="another head is called 'ridge'"):
        write_plugin("ridge", "head", tmp_path)
    with pytest.raises(ConfigurationError, match="another extractor is called 'resnet18'"):
        write_plugin("resnet18", "model", tmp_path)
    with pytest.raises(ConfigurationError, match="another model is called 'PhasenetRidge'"):
        write_plugin("phasenet-ridge", "model", tmp_path)
    write_plugin("ridge", "extractor", tmp_path)  # extractors and heads may share a name
    with pytest.raises(OutputError, match="seisbench-lcl-ridge already exists"):
        write_plugin("ridge", "extractor", tmp_path)


def test_a_folder_that_cannot_be_written_to_is_left_as_it_was(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        write_plugin("part-energy", "extractor", tmp_path / "file")


def test_nothing_half_written_stays(tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError("no space left on device")

    monkeypatch.setattr("pathlib.Path.rename", fail)
    with pytest.raises(OutputError, match="no space left"):
        write_plugin("part-energy", "extractor", tmp_path)
    assert not list(tmp_path.iterdir())
