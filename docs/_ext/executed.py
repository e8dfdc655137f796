"""Run the code of a page while it is built, and show below each block what it prints and draws.

Blocks of ``python``, and the lines of ``console`` blocks that begin with ``$``, run in their order, in one namespace
and one empty folder for each page. Text that a block prints and PNG files that it writes into the folder are shown. A
block that fails is a warning, which the build turns into an error. ``run: false`` at the head of a page leaves its
blocks alone; indented blocks are never run.

All pages share the process of the build, which imports torch and SeisBench once: a Jupyter kernel for each page imports
them again, which takes longer than most pages.
"""

import base64
import io
import logging
import os
import shlex
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import matplotlib.pyplot as plt
import seisbench
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.logging import getLogger

from seisbench_lcl.cli import main

_WIDTH = "100"  # of the terminal that a page shows
_BLOCKS = {"python", "console"}

logger = getLogger(__name__)


def run_page(app: Sphinx, page: nodes.document) -> None:
    """Run the blocks of a page, and insert their output."""
    blocks = [node for node in page.findall(nodes.literal_block) if node.get("language") in _BLOCKS]
    settings = app.env.metadata[app.env.docname]
    if not blocks or str(settings.get("run")).lower() == "false" or app.env.docname in app.config.executed_exclude:
        return
    namespace = {"__name__": "page"}
    with _workplace() as folder:
        for block in blocks:
            seen = _pictures(folder)
            try:
                text = run_block(str(block["language"]), block.astext(), namespace)
            except (Exception, SystemExit):
                logger.warning("a block fails:\n%s", traceback.format_exc(), location=block)
                return
            new = [path for path, time in _pictures(folder).items() if seen.get(path) != time]
            _show(block, text, new)


def run_block(language: str, code: str, namespace: dict[str, Any]) -> str:
    """Run a block in the current folder, and return what it prints."""
    output = io.StringIO()
    with redirect_stdout(output), redirect_stderr(output):
        if language == "python":
            exec(compile(code, "<block>", "exec"), namespace)
        else:
            joined = code.replace("\\\n", " ")
            for line in joined.splitlines():
                if line.startswith("$ "):
                    _run_command(line[2:], output)
    plt.close("all")
    lines = output.getvalue().strip("\n").split("\n")
    return "\n".join(line.rstrip() for line in lines if "\r" not in line)  # no progress bars


def _run_command(line: str, output: io.StringIO) -> None:
    command = shlex.split(line, comments=True)
    if command[0] == "export":  # for the commands below
        name, _, value = command[1].partition("=")
        os.environ[name] = os.path.expandvars(value)
    elif command[0] == "seisbench-lcl":
        sys.argv = command
        status: Any = 0
        try:
            main()
        except SystemExit as error:
            status = error.code
        if status:
            raise RuntimeError(f"{line}: exit status {status}\n{output.getvalue()}")
    else:
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
        output.write(done.stdout + done.stderr)


@contextmanager
def _workplace() -> Iterator[Path]:
    """Work in an empty folder, with an empty cache of SeisBench and no hubs; then put all back."""
    before = os.getcwd(), dict(os.environ), sys.argv, seisbench.cache_model_root
    with TemporaryDirectory() as name:
        seisbench.cache_model_root = Path(name, "cache")
        folder = Path(name, "here")
        folder.mkdir()
        os.environ |= {"COLUMNS": _WIDTH, "SEISBENCH_LCL_HUBS": "none", "PWD": str(folder)}
        os.chdir(folder)
        try:
            yield folder
        finally:
            plt.close("all")
            logging.getLogger("seisbench").setLevel(logging.WARNING)
            os.chdir(before[0])
            os.environ.clear()
            os.environ |= before[1]
            sys.argv, seisbench.cache_model_root = before[2:]


def _pictures(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*.png"))}


def _show(block: nodes.literal_block, text: str, pictures: list[Path]) -> None:
    below: list[nodes.Node] = []
    if text:
        below.append(nodes.literal_block(text, text, language="text", classes=["output"]))
    for path in pictures:
        uri = f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
        below.append(nodes.image(uri=uri, alt=f"{path.name}, written by the code above"))
    parent = block.parent
    parent[parent.index(block) + 1 : parent.index(block) + 1] = below


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the extension to a build."""
    app.add_config_value("executed_exclude", [], "env", list)  # pages that cannot say `run: false` themselves
    app.connect("doctree-read", run_page, priority=100)  # before images are collected
    return {"parallel_read_safe": False, "parallel_write_safe": True}
