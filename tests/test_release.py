"""What a release states in several places: version, Pythons, extras."""

import re
from pathlib import Path

import pytest
import yaml

from seisbench_lcl._version import __version__

ROOT = Path(__file__).parents[1]
PROJECT = (ROOT / "pyproject.toml").read_text()
MATRIX = (ROOT / ".ci" / "matrix").read_text()
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "gate.yml").read_text())


def test_the_version_is_the_same_everywhere() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == __version__
    released = re.findall(r"^## \[(\d.*?)\]", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert released[0] == __version__


def test_the_pythons_are_those_that_are_tried() -> None:
    classified = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', PROJECT)
    assert re.search(r"pythons=\((3.*)\)", MATRIX)[1].split() == classified
    assert WORKFLOW["jobs"]["pythons"]["strategy"]["matrix"]["python"] == classified
    table = (ROOT / "docs" / "release.md").read_text()
    assert list(dict.fromkeys(re.findall(r"^\| (3\.\d+)", table, flags=re.MULTILINE))) == classified


def test_each_extra_for_users_is_tried_alone() -> None:
    section = PROJECT.partition("[project.optional-dependencies]")[2].partition("\n[")[0]
    extras = {*re.findall(r"^(\w+) = ", section, flags=re.MULTILINE)} - {"test", "lint", "docs"}
    assert {*re.search(r"for extra in (.*?); do", MATRIX)[1].split()} == extras
    tried = (ROOT / ".ci" / "matrix_extras.py").read_text()
    assert all(f"\ndef {extra}(folder: Path)" in tried for extra in extras)


def test_every_dependency_has_a_lowest_version() -> None:
    """Without one, the lowest version that pip may choose is that of twenty years ago."""
    section = PROJECT.partition("\ndependencies = [")[2].partition("\n]")[0]
    assert [line for line in section.splitlines() if line.strip() and ">=" not in line] == []


@pytest.mark.parametrize("job", WORKFLOW["jobs"])
def test_the_workflow_runs_files_that_exist_and_waits_for_the_gate(job: str) -> None:
    steps = WORKFLOW["jobs"][job]["steps"]
    for script in re.findall(r"(?<!\S)\.ci/\w+", " ".join(step.get("run", "") for step in steps)):
        assert (ROOT / script).stat().st_mode & 0o100, f"{script} cannot be executed"
    needed = job
    while needed != "gate":
        needed = WORKFLOW["jobs"][needed]["needs"]
    assert WORKFLOW["jobs"][job]["timeout-minutes"] <= 60
