"""``seisbench-lcl new-plugin``: a plugin to begin with."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from seisbench_lcl.cli.common import say
from seisbench_lcl.plugins.template import Kind, write_plugin


def new_plugin(
    name: Annotated[str, typer.Argument(help="of the extractor or head, such as wavelet-energy")],
    kind: Annotated[Kind, typer.Option(help="what to begin with")],
    into: Annotated[Path, typer.Option(help="folder in which the plugin's own is made")] = Path(),
) -> None:
    """Write a plugin that works and passes its own tests, to be changed into your own."""
    files = write_plugin(name, kind, into)
    for file in files:
        say(str(file))
    folder = files[-1].parent
    say(f"\nNow change {files[0].name}, install it, and run its tests:")
    say(f"  cd {shlex.quote(str(folder))}\n  python -m pip install -e '.[test]'\n  python -m pytest")
