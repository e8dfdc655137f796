"""What ``train`` and ``fine-tune`` leave behind: weights, curves, scores."""

import os
from pathlib import Path

import numpy as np

from seisbench_lcl.cli.common import Model, check_figure, console, errors, say, voters, write_file
from seisbench_lcl.errors import OutputError
from seisbench_lcl.evaluation import EvaluationReport
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
    """Print what training says of windows whose events it held out, and return it as Markdown.

    Shifted copies are left out: they are no windows of their own.
    """
    if model.held_out is None:
        return ""
    rows = np.isfinite(model.held_out[:, 0]) & (data.shifts == 0)
    each = [member.held_out for member in voters(model)]
    if all(found is None or np.isfinite(found).all() for found in each):
        title = "Training windows, the head fitted without each event in turn"
    elif len(each) == 1:
        title = "Events that training held out, by which it chose the epoch and the temperature"
    else:
        title = "Training windows, each by those members alone that held its event out"
    truth = data.truth(model.labels)[rows]
    scores = EvaluationReport.from_predictions(model.held_out[rows], truth, data.groups[rows], model.labels)
    console.rule(title[0].lower() + title[1:])
    console.print(scores)
    return f"### {title}\n\n{scores.to_markdown()}\n"
