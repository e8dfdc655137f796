"""The page on plugins agrees with the code, and its commands work."""

import inspect
import re
from pathlib import Path

import pytest

from seisbench_lcl import PLUGIN_API_VERSION
from seisbench_lcl.plugins import Hooks
from seisbench_lcl.testing import CHECKS

PAGE = (Path(__file__).parents[1] / "docs" / "plugins.md").read_text()


@pytest.mark.slow  # builds an environment
@pytest.mark.timeout(600)  # runs the tests of two plugins
def test_every_command_of_the_tutorial_works(laboratory):
    """Run all commands as one script, because the reader stays in one shell."""
    blocks = re.findall(r"```(bash|python)\n(.*?)```", PAGE, flags=re.DOTALL)
    assert {language for language, _ in blocks} == {"bash", "python"}
    script = "".join(text if language == "bash" else f"python - <<'EOF'\n{text}EOF\n" for language, text in blocks)
    # The checks that start processes run once, in `plugins --check`.
    script = script.replace("python -m pytest", "python -m pytest -k 'not (process or import)'")
    done = laboratory("bash", "-euxo", "pipefail", "-c", script)
    assert re.search(r"part-energy +seisbench-lcl-part-energy +0\.1\.0 +extractors: part-energy", done.stdout)
    assert "all checks passed" in done.stdout
    assert len(re.findall(r"= \d+ passed", done.stdout)) == 2
    assert " failed" not in done.stdout


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
        f"| {check.name} | {' and '.join(check.kinds)} | {' '.join(check.description.split(chr(10) * 2)[0].split())} |"
        for check in CHECKS
    ]
    return "\n".join(["| check | applies to | requirement |", "| --- | --- | --- |", *rows]) + "\n"


if __name__ == "__main__":
    print(table())
