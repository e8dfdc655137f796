"""``seisbench-lcl classify``: files in, table and figure out."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import obspy
import typer

from seisbench_lcl.cli.common import check_figure, errors, read_files, say, write_file
from seisbench_lcl.cli.options import Weights
from seisbench_lcl.errors import ConfigurationError, OutputError
from seisbench_lcl.models.lookup import find_model
from seisbench_lcl.models.model import Model
from seisbench_lcl.models.results import WindowList
from seisbench_lcl.plotting import MAX_STATIONS, plot_stations


def classify(
    files: Annotated[list[str], typer.Argument(help="miniSEED, SAC or any other format that ObsPy reads")],
    weights: Weights,
    model: Annotated[str | None, typer.Option(help="class of the weights; by default EnvelopePhysicalRidge")] = None,
    stride: Annotated[float, typer.Option(help="seconds between windows")] = 1.0,
    threshold: Annotated[float | None, typer.Option(help="smallest probability of a detection (0.5)")] = None,
    min_coverage: Annotated[
        float | None, typer.Option(help="smallest fraction of samples in each component of a window (0.95)")
    ] = None,
    max_novelty: Annotated[
        float | None, typer.Option(help="abstain above this novelty; 1 is the limit of the weights (1)")
    ] = None,
    reject_below: Annotated[float | None, typer.Option(help="abstain if no label is as probable as this (0)")] = None,
    out: Annotated[Path | None, typer.Option(help="CSV table of all windows")] = None,
    detections: Annotated[Path | None, typer.Option(help="CSV table of detections")] = None,
    plot: Annotated[Path | None, typer.Option(help="figure; the suffix sets the format")] = None,
) -> None:
    """Classify recordings. All files are read together, so components may be in separate files.

    Omitted limits use the values stored with the weights, otherwise those in brackets.

    Exit status 0: all files were read; 1: some files could not be read; 2: nothing was classified.
    """
    discriminator: Model = find_model(weights, model)
    _check_outputs(files, out, detections, plot)
    stream, broken = read_files(files)
    if stream:
        asked = {
            "threshold": threshold,
            "min_coverage": min_coverage,
            "max_novelty": max_novelty,
            "reject_below": reject_below,
        }
        limits = {name: value for name, value in asked.items() if value is not None}  # others as stored in the weights
        classify_stream(discriminator, stream, stride, limits, out, detections, plot)
    for name, reason in broken.items():
        say(f"cannot read {name}: {reason}", errors)
    if broken:
        errors.print(f"{len(broken)} of {len(files)} files could not be read")
        raise typer.Exit(1 if stream else 2)


def _check_outputs(files: list[str], *outputs: Path | None) -> None:
    """Refuse an output that would overwrite an input or cannot be written; the last output is the figure."""
    inputs = {Path(name).resolve() for name in files}
    for output in filter(None, outputs):
        if output.resolve() in inputs:
            raise OutputError(f"{output} is one of the recordings: choose another name for the output")
        if output.is_dir():
            raise OutputError(f"{output} is a folder: name a file in it")
    if plot := outputs[-1]:
        check_figure(plot)


def classify_stream(
    model: Model,
    stream: obspy.Stream,
    stride: float,
    limits: Mapping[str, Any],
    out: Path | None,
    detections: Path | None,
    plot: Path | None,
) -> None:
    """Classify a stream, print the results, and write the requested files.

    `limits` are arguments of `StreamModel.classify`.
    """
    samples = round(stride * model.sampling_rate) if math.isfinite(stride) else 0
    if samples < 1:
        raise ConfigurationError(
            f"stride must be at least one sample, {1 / model.sampling_rate:g} s, but is {stride:g}"
        )
    with errors.status("classifying"):
        result = model.classify(stream, stride=samples, **limits)
    say(str(result.windows))
    say(str(result.detections))
    if out:
        write_file(out, lambda file: result.windows.to_dataframe().to_csv(file, index=False))
    if detections:
        write_file(detections, lambda file: result.detections.to_dataframe().to_csv(file, index=False))
    if plot:
        figure = plot_stations(stream, result.windows, model.preprocessing, result.detections)
        write_file(plot, lambda file: figure.savefig(file, dpi=120))
        _mention_missing_stations(result.windows)


def _mention_missing_stations(windows: WindowList) -> None:
    stations = {block.station for block in windows.blocks}
    if len(stations) > MAX_STATIONS:
        say(f"the figure shows the first {MAX_STATIONS} of {len(stations)} stations")
