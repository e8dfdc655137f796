"""``seisbench-lcl-quakexnet``: install the published weights from a local file."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from seisbench_lcl.errors import SeisBenchLCLError
from seisbench_lcl.hub import published
from seisbench_lcl_quakexnet.models import QuakeXNet

app = typer.Typer(no_args_is_help=True, help="The network QuakeXNet, as a plugin of seisbench-lcl.")


@app.callback()
def _options() -> None:
    """Make `install` a command by name, although it is the only one."""


@app.command()
def install(
    file: Annotated[Path, typer.Argument(help="the published file base.pt.v1, or its tensors as safetensors")],
    name: Annotated[str, typer.Option(help="name of the weights")] = "base",
) -> None:
    """Check a local copy of the published weights, and install it in SeisBench's cache: no network is needed."""
    path = published.install(QuakeXNet, name, file)
    version = QuakeXNet.published[name].version
    typer.echo(f"wrote {path}.{{json,safetensors,pt}}.v{version}")
    typer.echo(QuakeXNet.published[name].describe())


def main() -> None:
    """Run the application; an expected error is one message on standard error, and exit status 2."""
    try:
        app()
    except SeisBenchLCLError as error:
        typer.echo(f"error: {type(error).__name__}: {error}", err=True)
        sys.exit(2)
