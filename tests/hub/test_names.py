from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seisbench_lcl.errors import HubError
from seisbench_lcl.hub import names, weights

GOOD = "MiniRocketRidge", "mixed-3c", "1.0"


def test_paths_are_those_of_seisbench(tmp_path) -> None:
    model, name, version = GOOD
    written = weights.paths(tmp_path / model.lower() / name, version)
    implied = names.implied_paths(*GOOD)
    for kind in ("json", "safetensors"):
        assert implied[kind] == (str(written[kind].relative_to(tmp_path)),)
    assert implied["card"] == ("minirocketridge/mixed-3c.md", "minirocketridge/mixed-3c.md.v1.0")


@pytest.mark.parametrize("bad", ["", "1A", "_A", "A-B", "A/B", "A\n", "Ä", "A" * 101])
def test_wrong_names_of_classes(bad: str) -> None:
    with pytest.raises(HubError, match="not a name of a model class"):
        names.check_class(bad)


@pytest.mark.parametrize(
    "bad", ["", ".", "..", "../a", "a/b", "a\\b", "-a", "a b", "a\n", "a\0", "ä", "a" * 101, "a.json.v2"]
)
def test_wrong_names_of_weights(bad: str) -> None:
    with pytest.raises(HubError, match="name of weights"):
        names.check_name(bad)


@pytest.mark.parametrize("bad", ["", ".1", "1..2", "..", "1/2", "1\n", "1 ", "١", "1" * 51])
def test_wrong_versions(bad: str) -> None:
    with pytest.raises(HubError, match="not a version"):
        names.check_version(bad)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "/a",
        "a/",
        "a//b",
        ".",
        "a/./b",
        "../a",
        "a/../b",
        "a\\..\\b",
        "C:/a",
        "C:a",
        "a\n",
        "a\0b",
        "\x9b2J",
        "//h/a",
    ],
)
def test_wrong_paths_inside_a_hub(bad: str) -> None:
    with pytest.raises(HubError, match="not a path inside a hub"):
        names.check_path(bad)


@given(st.text(alphabet="ab./\\:~ \n\0é", max_size=12))
def test_accepted_paths_stay_inside_on_every_system(path: str) -> None:
    try:
        names.check_path(path)
    except HubError:
        return
    for system in (PurePosixPath, PureWindowsPath):
        joined = system("root") / path
        assert joined.parts[0] == "root"
        assert ".." not in joined.parts
        assert not joined.is_absolute()


def test_messages_neither_flood_nor_control_a_terminal() -> None:
    with pytest.raises(HubError) as error:
        names.check_version("\x1b[2J" + "x" * 10_000)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 300
