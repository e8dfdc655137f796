"""``new-plugin``: files on disk, and the next steps in words."""

from collections.abc import Callable
from pathlib import Path

import pytest
from command_tools import files_in
from conftest import Done


@pytest.mark.parametrize("kind", ["extractor", "head", "model"])
def test_files_and_next_steps_are_printed(run: Callable[..., Done], tmp_path: Path, kind: str) -> None:
    done = run("new-plugin", "part-energy", "--kind", kind, "--into", "my plugins")
    assert done.returncode == 0, done.stderr
    files, _, steps = done.stdout.partition("\n\n")
    assert sorted(files.splitlines()) == files_in(tmp_path)
    assert steps.startswith("Edit part_energy.py, install the plugin, and run its tests:\n")
    assert "  cd 'my plugins/seisbench-lcl-part-energy'\n" in steps


def test_a_name_that_is_refused(run: Callable[..., Done], tmp_path: Path) -> None:
    done = run("new-plugin", "Part Energy", "--kind", "head")
    assert done.returncode == 2
    assert "lower-case letters, digits and single dashes" in " ".join(done.stderr.split())
    assert files_in(tmp_path) == []
