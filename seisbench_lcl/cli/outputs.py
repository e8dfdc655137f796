"""Outputs of ``train`` and ``fine-tune``: weights and curves."""

import os
from pathlib import Path

from seisbench_lcl.cli.common import check_figure, errors, say, write_file
from seisbench_lcl.errors import OutputError
from seisbench_lcl.models.model import Model
from seisbench_lcl.plotting import loss_curves


def check_outputs(out: Path, report: Path | None, curves: Path | None) -> None:
    """Refuse, before the work, outputs that cannot be written.

    Raises
    ------
    OutputError
        If a folder cannot be written to, the report is a folder, or the suffix of the figure is unknown.
    """
    if curves:
        check_figure(curves)
    if report and report.is_dir():
        raise OutputError(f"{report} is a folder: name a file in it")
    for path in filter(None, (out, report, curves)):
        there = next(folder for folder in path.resolve().parents if folder.exists())
        is_device = path.exists() and not path.is_file()
        if not is_device and not (there.is_dir() and os.access(there, os.W_OK)):
            raise OutputError(f"cannot write {path}: {there} is not a writable folder")


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
