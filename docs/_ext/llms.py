"""Write llms.txt beside the pages: each page with its first sentence and the address of its source, for programs."""

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

_FRONT = "index"


def write(app: Sphinx, failed: Exception | None) -> None:
    """Write the file after the pages of a build."""
    if failed or app.builder.format != "html":
        return
    env = app.env
    lines = [f"# {app.config.project}", "", f"> {_first_paragraph(app, _FRONT)}", "", "## Pages", ""]
    for page in env.toctree_includes[_FRONT]:
        title = env.titles[page].astext()
        lines.append(f"- [{title}](_sources/{page}.md.txt): {_first_paragraph(app, page)}")
    Path(app.outdir, "llms.txt").write_text("\n".join(lines) + "\n")


def _first_paragraph(app: Sphinx, page: str) -> str:
    paragraph = next(iter(app.env.get_doctree(page).findall(nodes.paragraph)), None)
    return " ".join(paragraph.astext().split()) if paragraph else ""


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the file when a build has finished."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True}
