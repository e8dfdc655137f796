"""What ``train`` and ``fine-tune`` leave behind: weights, curves, scores."""

import os
from pathlib import Path

from seisbench_lcl.cli.common import check_figure, console, errors, say, write_file
from seisbench_lcl.ensemble import Model
from seisbench_lcl.errors import OutputError
from seisbench_lcl.evaluation.scored import held_out_in_training
from seisbench_lcl.plotting import loss_curves
from seisbench_lcl.training import LabelledWindows


def check_outputs(out: Path, report: Path | None, curves: Path | None) -> None:
    """Refuse, before the work, what could not be written after it.

    Raises
    ------
    OutputError
        If a folder cannot be written to, a report is a folder, or a figure has no known suffix.
    """
    if curves:
        check_figure(curves)
    if report and report.is_dir():
        raise OutputError(f"{report} is a folder: give the name of a file in it")
    for path in filter(None, (out, report, curves)):
        there = next(folder for folder in path.resolve().parents if folder.exists())
        is_device = path.exists() and not path.is_file()
        if not is_device and not (there.is_dir() and os.access(there, os.W_OK)):
            raise OutputError(f"cannot write {path}: {there} is no folder, or cannot be written to")


def save(model: Model, out: Path, description: str, version: str | None) -> None:
    """Save a model, and say so."""
    model.save(out, description, version)
    say(f"wrote {out}.{{json,safetensors,pt}}{'' if version is None else '.v' + version}")


def draw_curves(model: Model, path: Path | None) -> None:
    """Draw the losses of a training, if there is a file for them and they were epoch by epoch."""
    if path and model.histories:
        figure = loss_curves(model.histories)
        write_file(path, lambda file: figure.savefig(file, dpi=120))
    elif path:
        say(f"no {path}: nothing of {model.name} is trained epoch by epoch", errors)


def held_out_scores(model: Model, data: LabelledWindows) -> str:
    """Print what training says of windows whose events it held out, and return it as Markdown."""
    section = held_out_in_training(model, data)
    if section is None:
        return ""
    console.rule(section.heading[0].lower() + section.heading[1:])
    console.print(section.content)
    return section.markdown
