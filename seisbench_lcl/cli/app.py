"""The application that holds the commands."""

import sys

import typer

from seisbench_lcl.cli.classify import classify
from seisbench_lcl.cli.clusters import clusters
from seisbench_lcl.cli.common import errors, say
from seisbench_lcl.cli.demo import demo
from seisbench_lcl.cli.detect import detect
from seisbench_lcl.cli.ensemble import ensemble
from seisbench_lcl.cli.evaluate import evaluate
from seisbench_lcl.cli.fine_tune import fine_tune
from seisbench_lcl.cli.hub import app as hub
from seisbench_lcl.cli.name import name
from seisbench_lcl.cli.new_plugin import new_plugin
from seisbench_lcl.cli.plugins import plugins
from seisbench_lcl.cli.reproduce import reproduce
from seisbench_lcl.cli.train import train
from seisbench_lcl.errors import SeisBenchLCLError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Tell earthquakes, blasts, slides and noise apart with SeisBench models.",
)
for command in (
    classify,
    train,
    fine_tune,
    ensemble,
    evaluate,
    detect,
    clusters,
    name,
    plugins,
    new_plugin,
    reproduce,
    demo,
):
    app.command()(command)
app.add_typer(hub, name="hub")


def main() -> None:
    """Run the application; an expected error is one message on standard error, and exit status 2."""
    try:
        app()
    except SeisBenchLCLError as error:
        errors.print("[bold red]error:[/] ", end="")
        say(f"{type(error).__name__}: {error}", errors)
        sys.exit(2)
