"""The documents say what is so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from seisbench_lcl.hub import weights

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "docs/index.md",
        "docs/guide.md",
        "docs/events.md",
        "docs/archive.md",
        "docs/training.md",
        "docs/travel.md",
        "docs/label_free.md",
        "docs/catalogues.md",
    ],
)
def test_python_in_the_documents_runs(name: str) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(), flags=re.DOTALL)
    assert blocks
    exec(compile("\n".join(blocks), name, "exec"), {"__name__": "documentation"})


def test_the_command_line_is_documented_as_it_is(tmp_path: Path) -> None:
    """Renew docs/cli.md with the command in CONTRIBUTING.md, which is run here."""
    command = next(line for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines() if "utils docs" in line)
    _, *arguments, _ = command.split()
    generated = tmp_path / "cli.md"
    subprocess.run([sys.executable, "-m", "typer", *arguments, generated], check=True, timeout=100)
    assert (ROOT / "docs" / "cli.md").read_text() == generated.read_text()


def test_every_card_is_in_the_documentation() -> None:
    page = (ROOT / "docs" / "weights.md").read_text()
    for file in weights.bundled().glob("*/*.json.v*"):
        assert f"../weights/{file.parent.name}/{file.name.split('.json')[0]}.md" in page
