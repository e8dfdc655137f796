"""The page of the API lists what is public, each class there has an example, and all examples give what they say."""

import doctest
import inspect
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

import seisbench_lcl

API = (Path(__file__).parents[1] / "docs" / "api.md").read_text()
# What only this package uses: commands, how its weights are made, how files are written, and the template of a plugin.
PRIVATE = tuple(f"seisbench_lcl.{room}" for room in ("cli", "recipes", "storage", "plugins.template"))
LISTED = re.findall(r"\.\. automodule:: (\S+)\n(?:   :members:(.*)\n)?", API)


def listed(module: str, members: str) -> Iterator[tuple[str, Any]]:
    """Yield the public names of a module, or those that the page chooses, with their objects."""
    found = import_module(module)
    own = [name for name, value in vars(found).items() if getattr(value, "__module__", "") == module]
    for name in members.replace(",", " ").split() or getattr(found, "__all__", own):
        part = getattr(found, name)
        if not name.startswith("_") and (inspect.isclass(part) or inspect.isroutine(part)):
            yield name, part


def test_the_page_lists_all_that_a_room_offers() -> None:
    shown = {id(part) for module, members in LISTED for _, part in listed(module, members)}
    rooms = [room.name for room in pkgutil.walk_packages(seisbench_lcl.__path__, "seisbench_lcl.") if room.ispkg]
    left_out = [
        f"{room}.{name}"
        for room in rooms
        if not room.startswith(PRIVATE)
        for name in getattr(import_module(room), "__all__", [])
        for part in [getattr(import_module(room), name)]
        if (inspect.isclass(part) or inspect.isfunction(part)) and id(part) not in shown
    ]
    assert not left_out


@pytest.mark.parametrize(("module", "members"), LISTED, ids=[module for module, _ in LISTED])
def test_examples_give_what_they_say(
    module: str, members: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE, verbose=False)
    for name, part in listed(module, members):
        tests = doctest.DocTestFinder().find(part, name, globs=dict(vars(import_module(part.__module__))))
        assert not inspect.isclass(part) or any(test.examples for test in tests), f"{name} has no example"
        for test in tests:
            report: list[str] = []
            runner.run(test, out=report.append)
            assert not runner.failures, "".join(report)
    plt.close("all")
