"""The application that holds the commands."""

import io
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated

import typer

from seisbench_lcl._version import __version__
from seisbench_lcl.cli.lazy import LazyGroup
from seisbench_lcl.cli.terminal import complain, is_verbose, say, set_verbosity
from seisbench_lcl.errors import SeisBenchLCLError

app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    help="Tell earthquakes, blasts, slides and noise apart with SeisBench models.",
)


def _print_version(asked: bool) -> None:
    if asked:
        say(f"seisbench-lcl {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="show the version", callback=_print_version, is_eager=True)
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="print only results and errors: no progress, remarks or warnings")
    ] = False,
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose",
            "-v",
            count=True,
            show_default=False,
            help="log information, and show where errors come from; twice for details",
        ),
    ] = 0,
) -> None:
    """Act on the options of all commands."""
    set_verbosity(quiet, verbose)


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
        if is_verbose():
            traceback.print_exc()
        complain(f"{type(error).__name__}: {error}", "error: ")
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
