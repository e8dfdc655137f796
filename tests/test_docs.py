"""The documents say what is so."""

import re
from pathlib import Path

import pytest
from laboratory import perform

from seisbench_lcl.heads import SCAN
from seisbench_lcl.hub import weights
from seisbench_lcl.testing._fresh_process import ORIGIN

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "docs/index.md",
        "docs/guide.md",
        "docs/events.md",
        "docs/archive.md",
        "docs/live.md",
        "docs/training.md",
        "docs/travel.md",
        "docs/label_free.md",
        "docs/catalogues.md",
        "docs/order.md",
        "docs/review.md",
        "docs/adapt.md",
    ],
)
def test_python_in_the_documents_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for argument, value in {"n_heads": 2, "epochs": 5}.items():  # the blocks print no results of training
        monkeypatch.setitem(SCAN.__init__.__kwdefaults__, argument, value)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(), flags=re.DOTALL)
    assert blocks
    exec(compile("\n".join(blocks), name, "exec"), {"__name__": "documentation"})


def test_the_command_line_is_documented_as_it_is(tmp_path: Path) -> None:
    """Renew docs/cli.md with the command in CONTRIBUTING.md, which is run here."""
    command = next(line for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines() if "utils docs" in line)
    _, *arguments, _ = command.split()
    generated = tmp_path / "cli.md"
    command = ["python", "-m", "typer", *arguments, str(generated)]
    assert not ORIGIN.ask(perform, command, tmp_path, tmp_path / "printed.txt")
    assert (ROOT / "docs" / "cli.md").read_text() == generated.read_text()


def test_every_card_is_in_the_documentation() -> None:
    page = (ROOT / "docs" / "weights.md").read_text()
    for file in weights.bundled().glob("*/*.json.v*"):
        assert f"../weights/{file.parent.name}/{file.name.split('.json')[0]}.md" in page
