"""``seisbench-lcl classify``: files in, table and figure out."""

import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TextIO

import numpy as np
import obspy
import pandas as pd
import typer

from seisbench_lcl import storage
from seisbench_lcl.cli.common import (
    check_figure,
    check_writable,
    complain,
    console,
    errors,
    find_files,
    parse_span,
    read_files,
    say,
    select_stations,
)
from seisbench_lcl.cli.options import (
    Channels,
    Device,
    MaxNovelty,
    MinCoverage,
    ModelClass,
    RejectBelow,
    Stride,
    Threads,
    Threshold,
    Weights,
    parse_channels,
    without_omitted,
)
from seisbench_lcl.errors import ConfigurationError, OutputError, WaveformError
from seisbench_lcl.events.detected import detected_catalog
from seisbench_lcl.events.tables import check_tables, write_tables
from seisbench_lcl.models.decision_list import DecisionList
from seisbench_lcl.models.lookup import describe_weights, find_model
from seisbench_lcl.models.model import Model
from seisbench_lcl.models.results import WindowList
from seisbench_lcl.plotting import MAX_STATIONS, plot_stations
from seisbench_lcl.waveforms import StationId

_STANDARD_OUTPUT = Path("-")
_QUAKEML = {".xml", ".qml", ".quakeml"}


def classify(
    files: Annotated[
        list[str],
        typer.Argument(help="miniSEED, SAC or any other format that ObsPy reads; of a folder, all files below it"),
    ],
    weights: Weights,
    model: ModelClass = None,
    station: Annotated[
        list[str] | None,
        typer.Option(help="station as NET.STA or NET.STA.LOC.CHA; * and ? are wildcards (repeatable)"),
    ] = None,
    start: Annotated[str | None, typer.Option(help="use samples from this time on (UTC)")] = None,
    end: Annotated[str | None, typer.Option(help="use samples up to this time (UTC)")] = None,
    stride: Stride = 1.0,
    threshold: Threshold = None,
    min_coverage: MinCoverage = None,
    max_novelty: MaxNovelty = None,
    reject_below: RejectBelow = None,
    channels: Channels = None,
    out: Annotated[Path | None, typer.Option(help="CSV table of all windows; - is standard output")] = None,
    detections: Annotated[
        Path | None,
        typer.Option(help="detections, as QuakeML (.xml, .qml, .quakeml) or as a CSV table; - is standard output"),
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(
            help="what several stations detected, as QuakeML or as a table, .csv or .parquet; that of stations lies "
            "beside it, NAME_stations"
        ),
    ] = None,
    travel_time: Annotated[
        float | None, typer.Option(help="longest time in s that P takes from one station of --events to another (20)")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="figure; the suffix sets the format")] = None,
    threads: Threads = None,
    device: Device = "cpu",
) -> None:
    """Classify recordings. All files are read together, so components may be in separate files.

    A name is a pattern only if no file has this name. In a folder, hidden files are skipped, and files that are no
    recordings are left out. Windows lie between --start and --end, which are times such as 2024-03-01T12:00. Omitted
    limits use the values stored with the weights, otherwise those in brackets.

    Exit status 0: all files were read and all stations classified; 1: a file was not read completely, or a station not
    classified; 2: nothing was classified.
    """
    span = parse_span(start, end)
    discriminator: Model = find_model(weights, model).to(device)
    inputs = find_files(files)
    _check_outputs(inputs.files, out, detections, *_event_files(events), plot)
    stream, unread = read_files(inputs, **span)
    lost = inputs.absent + unread
    undecided: list[str] = []
    try:
        if not (stream or lost):
            raise WaveformError(f"the files hold no samples{' in this time span' if span else ''}")
        if stream and station:
            stream, undecided = select_stations(stream, station)
        if stream:
            limits = without_omitted(
                threshold=threshold,
                min_coverage=min_coverage,
                max_novelty=max_novelty,
                reject_below=reject_below,
                travel_time=travel_time,
                channels=parse_channels(channels),
            )
            windows = classify_stream(discriminator, stream, stride, limits, out, detections, events, plot)
            undecided += _undecided(windows)
    finally:
        for line in [*lost, *undecided]:
            complain(line)
        if lost:
            count = len(inputs.files) + len(inputs.absent)
            complain(f"{len(lost)} of {count} files could not be read completely")
    if lost or undecided:
        raise typer.Exit(1 if stream else 2)


def _check_outputs(inputs: list[Path], *outputs: Path | None) -> None:
    """Refuse an output that would overwrite an input or cannot be written; the last output is the figure."""
    named = [output for output in outputs if output]
    if named.count(_STANDARD_OUTPUT) > 1:
        raise OutputError("- is named for two outputs: write one table to standard output")
    files = [output for output in named if output != _STANDARD_OUTPUT]
    recordings = {path.resolve() for path in inputs}
    for output in files:
        if output.resolve() in recordings:
            raise OutputError(f"{output} is one of the recordings: choose another name for the output")
    check_writable(*files)
    if plot := outputs[-1]:
        check_figure(plot)


def _undecided(windows: WindowList) -> list[str]:
    """Return a message for each station of which the model computed no window, such as one without a component."""
    computed: dict[StationId, bool] = {}
    reasons: dict[StationId, str] = {}
    for block in windows.blocks:
        any_value = block.decided.any() or any((~np.isnan(values)).any() for values in block.diagnostics.values())
        computed[block.station] = computed.get(block.station, False) or bool(any_value)
        reasons.setdefault(block.station, block.reasons[0])
    return [f"{station} was not classified: {reasons[station]}" for station, done in computed.items() if not done]


def _event_files(path: Path | None) -> list[Path]:
    if path is None:
        return []
    return [path] if path.suffix.lower() in _QUAKEML else list(check_tables(path))


def _write_events(found: DecisionList, path: Path, component: str) -> list[Path]:
    if path.suffix.lower() not in _QUAKEML:
        return write_tables(found, path)
    storage.write_file(path, lambda to: detected_catalog(found, component).write(to, "QUAKEML"))
    return [path]


def classify_stream(
    model: Model,
    stream: obspy.Stream,
    stride: float,
    limits: Mapping[str, Any],
    out: Path | None,
    detections: Path | None,
    events: Path | None,
    plot: Path | None,
) -> WindowList:
    """Classify a stream, write the requested files, and only then print the weights and the results.

    `limits` are arguments of `StreamModel.classify`. Files are written first, because a closed pipe ends the command
    at the first line that it prints. One that cannot be written stops neither the others nor the results. If a table
    goes to standard output, everything else is printed on standard error.
    """
    samples = round(stride * model.sampling_rate) if math.isfinite(stride) else 0
    if samples < 1:
        raise ConfigurationError(
            f"stride must be at least one sample, {1 / model.sampling_rate:g} s, but is {stride:g}"
        )
    with errors.status("classifying"):
        result = model.classify(stream, stride=samples, **limits)

    def draw(file: Path) -> None:
        plot_stations(stream, result.windows, model.preprocessing, result.detections).savefig(file, dpi=120)

    def table(frame: pd.DataFrame, to: Path | TextIO) -> None:
        """Write a CSV table, with times of ISO 8601, and the weights in the last column."""
        frame.insert(len(frame.columns), "weights", result.windows.weights, allow_duplicates=True)
        frame.to_csv(to, index=False, date_format="%Y-%m-%dT%H:%M:%S.%fZ")

    def windows_to(to: Path | TextIO) -> None:
        table(result.windows.to_dataframe(), to)

    def detections_to(to: Path | TextIO) -> None:
        if isinstance(to, Path) and to.suffix.lower() in _QUAKEML:
            result.detections.to_catalog().write(str(to), "QUAKEML")
        else:
            table(result.detections.to_dataframe(), to)

    outputs: list[tuple[Path | None, Callable[[Any], None]]] = [
        (out, windows_to),
        (detections, detections_to),
        (plot, draw),
    ]
    written: list[Path] = []
    failures: list[OutputError] = []
    for path, write in outputs:
        if path and path != _STANDARD_OUTPUT:
            try:
                storage.write_file(path, write)
                written.append(path)
            except OutputError as error:
                failures.append(error)
    if events:
        try:
            written += _write_events(result.events, events, result.windows.component)
        except OutputError as error:
            failures.append(error)
    to = console
    for path, write in outputs:
        if path == _STANDARD_OUTPUT:
            to = errors
            write(sys.stdout)
    say(describe_weights(model), to)
    to.print()
    to.print(result.windows, markup=False, highlight=False)
    to.print()
    to.print(result.detections, markup=False, highlight=False)
    if len(result.events) < len(result.detections):  # several stations detected the same
        to.print()
        to.print(result.events, markup=False, highlight=False)
    for path in written:
        say(f"wrote {path}", to)
    n_stations = len({block.station for block in result.windows.blocks})
    if plot in written and n_stations > MAX_STATIONS:
        say(f"the figure shows {MAX_STATIONS} of {n_stations} stations, those with the most evidence of events", to)
    if failures:
        raise OutputError("; ".join(map(str, failures)))
    return result.windows
