"""What a release states in several places: version, Pythons, extras."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from packaging.version import Version

from seisbench_lcl._version import __version__
from seisbench_lcl.models import named

ROOT = Path(__file__).parents[1]
PROJECT = (ROOT / "pyproject.toml").read_text()
MATRIX = (ROOT / ".ci" / "matrix").read_text()
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "gate.yml").read_text())


def test_the_version_is_the_same_everywhere() -> None:
    """Until the release, the version ends in ".dev0"."""
    version = Version(__version__).base_version
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == version
    released = re.findall(r"^## \[(\d.*?)\]", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert released[0] == version


def test_the_papers_of_named_models_are_cited() -> None:
    def plain(title: str) -> str:
        return re.sub(r"[^a-z0-9]", "", title.lower())

    references = yaml.safe_load((ROOT / "CITATION.cff").read_text())["references"]
    titles = [plain(reference["title"]) for reference in references]
    citations = [getattr(model, "default_citation", None) or "" for model in vars(named).values()]
    papers = {paper for citation in citations for paper in citation.splitlines()}
    assert len(papers) > 10
    assert [paper for paper in papers if not any(title in plain(paper) for title in titles)] == []


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


def test_the_links_of_the_readme_work_on_an_index_page(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    for name in ("README.md", ".ci/readme"):
        shutil.copy(ROOT / name, tmp_path / name)
    subprocess.run([tmp_path / ".ci" / "readme", "https://host/us/lcl", "v1"], check=True)
    before, after = (
        re.findall(r"(!?)\[[^]]*\]\(([^)]*)\)", (folder / "README.md").read_text()) for folder in (ROOT, tmp_path)
    )
    assert any(image for image, _ in before)
    for (image, link), (_, made) in zip(before, after, strict=True):
        absolute = f"https://host/us/lcl/{'raw' if image else 'blob'}/v1/{link}"
        assert made == (link if link.startswith("https://") else absolute)
        assert link.startswith("https://") or (ROOT / link.partition("#")[0]).exists()
