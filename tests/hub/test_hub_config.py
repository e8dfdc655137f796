import sys
from pathlib import Path

import pytest

from seisbench_lcl.errors import HubError
from seisbench_lcl.hub.config import config_file, hubs


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of the configuration file of a user without file and variable."""
    monkeypatch.delenv("SEISBENCH_LCL_HUBS", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr("seisbench_lcl.hub.config.user_config_dir", lambda name: str(tmp_path / name))
    config_file().parent.mkdir()
    return config_file()


def test_no_hub_by_default(file: Path) -> None:
    assert hubs() == []
    file.parent.rmdir()
    file.parent.touch()
    assert hubs() == []


@pytest.mark.skipif(sys.platform != "linux", reason="the folder depends on the system")
def test_the_file_is_in_the_configuration_folder_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from platformdirs import user_config_dir

    monkeypatch.setattr("seisbench_lcl.hub.config.user_config_dir", user_config_dir)
    assert config_file() == tmp_path / "seisbench_lcl" / "hubs.toml"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://a.example/hub", ["https://a.example/hub"]),
        (" https://a,/b\n\thf://c/d@e , https://a ", ["https://a", "/b", "hf://c/d@e"]),
        ("none", []),
        ("", ["https://of.the/file"]),
        (" , ", ["https://of.the/file"]),
    ],
)
def test_the_variable_overrides_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch, value: str, expected: list[str]
) -> None:
    file.write_text('hubs = ["https://of.the/file"]')
    monkeypatch.setenv("SEISBENCH_LCL_HUBS", value)
    assert hubs() == expected


def test_the_file_keeps_its_order_and_its_folders_are_relative_to_it(file: Path) -> None:
    file.write_text(
        'hubs = ["https://é.example", "lab hub", "/data/hub", "~/hub", "https://é.example"]', encoding="utf-8"
    )
    assert hubs() == ["https://é.example", str(file.parent / "lab hub"), "/data/hub", "~/hub"]
    file.write_text("hubs = []")
    assert hubs() == []


@pytest.mark.parametrize(
    "text", ["", "hubs", 'hubs = "https://a"', "hubs = [1]", 'hub = ["https://a"]', "hubs = []\nother = 1", "\ufeff\0"]
)
def test_an_error_states_the_path_of_a_wrong_file(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(HubError, match=r"hubs\.toml"):
        hubs()


def test_a_file_that_cannot_be_read_is_refused(file: Path) -> None:
    file.write_bytes(b"\xff")
    with pytest.raises(HubError, match="cannot read"):
        hubs()
    file.unlink()
    file.mkdir()
    with pytest.raises(HubError, match="cannot read"):
        hubs()
