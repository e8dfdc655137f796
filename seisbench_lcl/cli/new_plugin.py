"""``seisbench-lcl new-plugin``: start a plugin."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from seisbench_lcl.cli.common import say
from seisbench_lcl.plugins.template import Kind, write_plugin


def new_plugin(
    name: Annotated[str, typer.Argument(help="name of the extractor, head or trained network, such as wavelet-energy")],
    kind: Annotated[Kind, typer.Option(help="what the plugin adds")],
    into: Annotated[Path, typer.Option(help="folder in which the folder of the plugin is created")] = Path(),
) -> None:
    """Write a working plugin with passing tests, as a starting point for your own."""
    files = write_plugin(name, kind, into)
    for file in files:
        say(str(file))
    folder = files[-1].parent
    say(f"\nEdit {files[0].name}, install the plugin, and run its tests:")
    say(f"  cd {shlex.quote(str(folder))}\n  python -m pip install -e '.[test]'\n  python -m pytest")
