"""The page on plugins agrees with the code, and its commands work."""

import inspect
import re
from pathlib import Path

import pytest

from seisbench_lcl import PLUGIN_API_VERSION
from seisbench_lcl.plugins import Hooks
from seisbench_lcl.testing import CHECKS, Check

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "plugins.md").read_text()


def script_of(page):
    """Return all commands of a page as one script, because the reader stays in one shell."""
    blocks = re.findall(r"```(bash|python)\n(.*?)```", page, flags=re.DOTALL)
    script = "".join(text if language == "bash" else f"python - <<'EOF'\n{text}EOF\n" for language, text in blocks)
    # The checks that start processes run once, in `plugins --check`.
    return script.replace("python -m pytest", "python -m pytest -k 'not (process or import)'")


@pytest.mark.slow  # builds an environment
@pytest.mark.timeout(600)  # runs the tests of two plugins
def test_every_command_of_the_tutorial_works(laboratory):
    done = laboratory("bash", "-euxo", "pipefail", "-c", script_of(PAGE))
    assert re.search(r"part-energy +seisbench-lcl-part-energy +0\.1\.0 +extractors: part-energy", done.stdout)
    assert "all checks passed" in done.stdout
    assert len(re.findall(r"= \d+ passed", done.stdout)) == 2
    assert " failed" not in done.stdout


@pytest.mark.slow  # builds an environment
@pytest.mark.timeout(600)
def test_every_command_of_the_page_on_trained_models_works(laboratory):
    script = script_of((DOCS / "trained.md").read_text())
    done = laboratory("bash", "-euxo", "pipefail", "-c", script)
    assert len(re.findall(r"= \d+ passed", done.stdout)) == 1
    assert " failed" not in done.stdout
    assert "BlastNet/base, version 1, not on this machine" in done.stdout


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
