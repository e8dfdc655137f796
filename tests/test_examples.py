"""Every public class has an example, and the examples of all that docs/api.md lists give what they say."""

import doctest
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

API = (Path(__file__).parents[1] / "docs" / "api.md").read_text()
LISTED = re.findall(r"\.\. automodule:: (\S+)\n(?:   :members:(.*)\n)?", API)


def listed(module: str, members: str) -> Iterator[tuple[str, Any]]:
    """Yield the public names of a module, or those that the page chooses, with their objects."""
    found = import_module(module)
    own = [name for name, value in vars(found).items() if getattr(value, "__module__", "") == module]
    for name in members.replace(",", " ").split() or getattr(found, "__all__", own):
        part = getattr(found, name)
        if not name.startswith("_") and (inspect.isclass(part) or inspect.isroutine(part)):
            yield name, part


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
