"""Outputs of commands that make weights: weights, report and curves."""

from pathlib import Path
from typing import Annotated

import typer

from seisbench_lcl.cli.common import check_figure, check_folder, errors, say, write_file
from seisbench_lcl.errors import OutputError
from seisbench_lcl.hub import weights
from seisbench_lcl.models.model import Model
from seisbench_lcl.plotting import loss_curves

Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace existing weights")]


def check_weights(out: Path, version: str | None, overwrite: bool) -> None:
    """Refuse, before the work, to replace existing weights unless the user asks for it.

    Raises
    ------
    OutputError
    """
    existing = [file for file in weights.paths(out, version).values() if file.exists()]
    if existing and not overwrite:
        raise OutputError(f"{existing[0]} exists already: change --out or --version, or replace it with --overwrite")


def check_outputs(out: Path, report: Path | None, curves: Path | None) -> None:
    """Refuse, before the work, outputs that cannot be written.

    Raises
    ------
    OutputError
        If a folder cannot be written to, the report is a folder, the suffix of the figure is unknown, or report and
        figure are one file.
    """
    if report and curves and report.resolve() == curves.resolve():
        raise OutputError(f"{report} cannot be both the report and the figure: name two files")
    if curves:
        check_figure(curves)
    if report and report.is_dir():
        raise OutputError(f"{report} is a folder: name a file in it")
    for path in filter(None, (out, report, curves)):
        check_folder(path)


def save(model: Model, out: Path, description: str, version: str | None) -> None:
    """Save a model, and say so."""
    model.save(out, description, version)
    say(f"wrote {out}.{{json,safetensors,pt}}{'' if version is None else '.v' + version}")


def draw_curves(model: Model, path: Path | None) -> None:
    """Draw the losses of a training in epochs, if a file is given."""
    if path and model.histories:
        figure = loss_curves(model.histories)
        write_file(path, lambda file: figure.savefig(file, dpi=120))
    elif path:
        say(f"{path} was not written: {model.name} is not trained in epochs", errors)
