"""The application that holds the commands."""

import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # an ASCII terminal cannot show all names
    try:
        with _ended_by_sigterm():
            app()
    except (SeisBenchLCLError, OSError) as error:
        if not isinstance(error, SeisBenchLCLError):  # such as a full device, which also fails when Python exits
            _discard_output()
        errors.print("[bold red]error:[/] ", end="")
        say(f"{type(error).__name__}: {error}", errors)
        sys.exit(2)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Turn SIGTERM into an exit, so that temporary files and folders are removed."""
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _discard_output() -> None:
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
