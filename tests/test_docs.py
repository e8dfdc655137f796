"""The documents say what is so. The build of the pages runs their Python and their commands (docs/_ext/executed.py)."""

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from laboratory import perform
from typer.main import get_command

from seisbench_lcl.cli.app import app
from seisbench_lcl.hub import weights
from seisbench_lcl.plugins import builtin
from seisbench_lcl.testing._fresh_process import ORIGIN

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_python_in_the_readme_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    assert blocks
    exec(compile("\n".join(blocks), "README.md", "exec"), {"__name__": "documentation"})


def test_the_tables_of_the_readme_are_those_of_the_cards_and_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Renew the table of weights with `python docs/_ext/tables.py`."""
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    pytest.importorskip("docutils", reason="needs the extra docs")
    import tables

    readme = (ROOT / "README.md").read_text()
    assert readme == tables.renewed(readme)
    for model in builtin.register_models():
        assert f"`{model.__name__}`" in readme


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


@pytest.mark.parametrize("page", sorted({*ROOT.glob("*.md"), *ROOT.glob("plugins/*/*.md")}), ids=lambda page: page.stem)
def test_links_of_pages_outside_the_documentation_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!http)([^)#\s]*)#?([^)\s]*)\)", page.read_text()):
        there = page.parent / target if target else page
        assert there.exists(), f"{page.name} links to {target}"
        headings = re.findall(r"^#+ (.*)$", there.read_text(), flags=re.MULTILINE) if anchor else []
        slugs = {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
        assert not anchor or anchor in slugs, f"{page.name} links to {target}#{anchor}"


def commands_of(page: Path) -> Iterator[list[str]]:
    """Yield the calls of `seisbench-lcl` in the indented and fenced blocks of a page, without what a shell adds."""
    lines = page.read_text().replace("\\\n", " ").splitlines()
    for line in lines:
        code = re.match(r"(?: {4,}|\$ |)seisbench-lcl (.*)", line)
        if code and "[OPTIONS]" not in line:
            words = shlex.split(code[1], comments=True)
            ends = [words.index(mark) for mark in (">", "|", "&&") if mark in words]
            yield words[: min(ends, default=len(words))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_on_a_page_exists_with_its_options(page: Path) -> None:
    for words in commands_of(page):
        command, context, rest = get_command(app), None, list(words)
        while hasattr(command, "list_commands") and not rest[0].startswith("-"):
            context = command.make_context(command.name, [], parent=context, resilient_parsing=True)
            name = rest.pop(0) if rest[0] in command.list_commands(context) else "events"  # the default of `review`
            command = command.get_command(context, name)
            assert command, f"{page.name}: seisbench-lcl {shlex.join(words)}"
        options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        used = {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
        assert used <= options | {"--help", "-h"}, f"{page.name}: seisbench-lcl {shlex.join(words)}"


def test_a_page_is_run_while_it_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sphinx = pytest.importorskip("sphinx.application", reason="needs the extra docs")
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    (tmp_path / "conf.py").write_text(
        'extensions = ["myst_parser", "executed", "mathtext"]\n'
        'html_math_renderer = "mathtext"\nmyst_enable_extensions = ["dollarmath"]\n'
    )
    block = "```{0}\n{1}\n```\n"
    draw = "from matplotlib.figure import Figure\nFigure().savefig('drawn.png')\nprint(6 * 7, 'answers')"
    command = "$ seisbench-lcl --version\n$ export NAME=value\n$ echo $NAME of the environment"
    page = block.format("python", draw) + block.format("console", command)
    (tmp_path / "index.md").write_text(f"# Page\n\n{page}\n    never run\n\n$x < y^2$\n")
    built = tmp_path / "built"

    def build(path: str) -> str:
        warned = (tmp_path / "warnings").open("w")
        with warned:
            sphinx.Sphinx(tmp_path, tmp_path, built, built, "html", status=None, warning=warned).build()
        return re.sub(r"\x1b.*?m", "", (tmp_path / "warnings").read_text())

    assert not build("index")
    html = re.sub(r"<[^>]*?span[^>]*>", "", (built / "index.html").read_text())
    assert "42 answers" in html
    assert "seisbench-lcl 0." in html
    assert "value of the environment" in html
    assert "data:image/png;base64," in html
    assert 'alt="x &lt; y^2" src="data:image/svg+xml;base64,' in html
    (tmp_path / "index.md").write_text("# Page\n\n" + block.format("console", "$ seisbench-lcl classify nothing"))
    assert "a block fails" in build("index")
    assert Path.cwd().exists()
    assert "executed" in sys.modules
