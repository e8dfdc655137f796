"""The page on plugins agrees with the code, and its commands work."""

import inspect
import re
from pathlib import Path

import pytest
from laboratory import commands_of

from seisbench_lcl import PLUGIN_API_VERSION
from seisbench_lcl.plugins import Hooks
from seisbench_lcl.testing import CHECKS, Check

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "plugins.md").read_text()


def commands(page):
    """Return the commands of a page; the checks that start processes run once, in `plugins --check`."""
    once = ["-k", "not (process or import)"]
    return [
        command + (once if command == ["python", "-m", "pytest"] else []) for command in commands_of(page.read_text())
    ]


@pytest.mark.slow  # builds an environment
@pytest.mark.timeout(600)  # runs the tests of two plugins
def test_every_command_of_the_tutorial_works(laboratory):
    printed = laboratory.run(commands(DOCS / "plugins.md"))
    assert re.search(r"part-energy +seisbench-lcl-part-energy +0\.1\.0 +extractors: part-energy", printed)
    assert "all checks passed" in printed
    assert len(re.findall(r"= \d+ passed", printed)) == 2
    assert " failed" not in printed


@pytest.mark.slow  # builds an environment
@pytest.mark.timeout(600)
def test_every_command_of_the_page_on_trained_models_works(laboratory):
    printed = laboratory.run(commands(DOCS / "trained.md"))
    assert len(re.findall(r"= \d+ passed", printed)) == 1
    assert " failed" not in printed
    assert "BlastNet/base, version 1, not on this machine" in printed


def test_every_hook_is_in_the_reference():
    hooks = {name: function for name, function in vars(Hooks).items() if not name.startswith("_")}
    rows = dict(re.findall(r"^\| `(register_\w+)\(\)` \| (.*) \|$", PAGE, flags=re.MULTILINE))
    assert set(rows) == set(hooks)
    for name, function in hooks.items():
        assert inspect.getdoc(function) == f"Return {rows[name]}."
        assert list(inspect.signature(function).parameters) == ["self"]
    assert f"PLUGIN_API = ({PLUGIN_API_VERSION}, {PLUGIN_API_VERSION})" in PAGE
    assert f"and is {PLUGIN_API_VERSION}." in PAGE


def test_every_check_is_in_the_table():
    """Print the table with `python tests/test_plugin_docs.py` to update the page."""
    assert table() in PAGE


def table() -> str:
    rows = [
        f"| {check.name} | {kinds(check)} | {' '.join(check.description.split(chr(10) * 2)[0].split())} |"
        for check in CHECKS
    ]
    return "\n".join(["| check | applies to | requirement |", "| --- | --- | --- |", *rows]) + "\n"


def kinds(check: Check) -> str:
    *first, last = check.kinds
    return f"{', '.join(first)} and {last}" if first else last


if __name__ == "__main__":
    print(table())
