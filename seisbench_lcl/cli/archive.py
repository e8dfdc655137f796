"""``seisbench-lcl archive``: decide on a network's archive, show how far a run is, and take events out of it."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from seisbench_lcl import archive, storage
from seisbench_lcl.archive.results import StationStatus, by_station
from seisbench_lcl.archive.run import LIFETIME
from seisbench_lcl.archive.settings import Kept
from seisbench_lcl.cli.common import (
    check_writable,
    complain,
    console,
    errors,
    parse_span,
    parse_time,
    progress,
    remark,
    say,
)
from seisbench_lcl.cli.options import (
    Channels,
    MaxNovelty,
    MinCoverage,
    ModelClass,
    RejectBelow,
    Stride,
    Threshold,
    Weights,
    parse_channels,
    without_omitted,
)
from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.events.detected import detected_catalog
from seisbench_lcl.events.tables import check_tables, write_tables
from seisbench_lcl.models.decision_list import DecisionList
from seisbench_lcl.waveforms.channels import INSTRUMENTS
from seisbench_lcl.waveforms.network import read_inventory
from seisbench_lcl.wording import counted

app = typer.Typer(
    no_args_is_help=True,
    help="Decide on a network's archive, show how far a run is, and take events out of the results.",
)

_SHOWN = 20

_Results = Annotated[Path, typer.Argument(metavar="RESULTS", help="folder of the results")]
_Json = Annotated[bool, typer.Option("--json", help="print JSON")]
_From = Annotated[str | None, typer.Option("--start", help="events from this time on (UTC)")]
_Until = Annotated[str | None, typer.Option("--end", help="events before this time (UTC)")]
_Travel = Annotated[float | None, typer.Option(help="longest time in s that P takes from one station to another (20)")]
_Inventory = Annotated[Path | None, typer.Option(help="StationXML of the network, for --travel-time")]
_MinStations = Annotated[int, typer.Option(min=1, help="leave out events with fewer stations")]


@app.command()
def run(
    waveforms: Annotated[
        list[str],
        typer.Argument(
            metavar="SDS_ROOT",
            help="root of an SDS archive, fdsn:NAME or the address of an FDSN service; or files, folders and patterns, "
            "which are indexed once",
        ),
    ],
    weights: Weights,
    start: Annotated[str, typer.Option(help="decide from this time on (UTC)")],
    end: Annotated[str, typer.Option(help="decide before this time (UTC)")],
    out: Annotated[Path, typer.Option(help="folder of the results; it belongs to one model")],
    model: ModelClass = None,
    station: Annotated[
        list[str] | None, typer.Option(help="station as NET.STA; * and ? are wildcards (repeatable)")
    ] = None,
    instruments: Annotated[
        str, typer.Option(help="band and instrument codes to use; an empty text takes every channel")
    ] = ",".join(INSTRUMENTS),
    stride: Stride = 1.0,
    threshold: Threshold = None,
    min_coverage: MinCoverage = None,
    max_novelty: MaxNovelty = None,
    reject_below: RejectBelow = None,
    channels: Channels = None,
    windows: Annotated[
        Kept, typer.Option(help="windows to keep: none, top (probability of the label), all (float16 of each label)")
    ] = "none",
    picks: Annotated[
        Path | None, typer.Option(help="table of P picks, .csv or .parquet: decide at these, not at every stride")
    ] = None,
    picker: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL/WEIGHTS", help="SeisBench picker, such as PhaseNet/original: decide at its P picks"
        ),
    ] = None,
    pick_threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="smallest probability of a pick of --picker")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="processes on this machine; by default one per core, 0 for none")
    ] = None,
    dask: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Dask scheduler whose workers see the same folders")
    ] = None,
    lifetime: Annotated[
        float, typer.Option(min=0, help="seconds after which a process is replaced by a fresh one; 0 for never")
    ] = LIFETIME,
    as_json: Annotated[
        bool, typer.Option("--json", help="print a line of JSON for each batch and for the end, instead of a bar")
    ] = False,
) -> None:
    """Decide on all of an archive. Finished days are not repeated: run the command again to go on, or to add new days.

    Exit status 0: all station-days were dealt with; 1: some failed three times; 2: the run could not go on.
    """
    limits = without_omitted(
        min_coverage=min_coverage,
        max_novelty=max_novelty,
        reject_below=reject_below,
        channels=parse_channels(channels),
    )
    if pick_threshold is not None and picker is None:
        raise ConfigurationError("--pick-threshold needs --picker")
    with _told(as_json) as tell:
        report = archive.run(
            waveforms[0] if len(waveforms) == 1 else waveforms,
            weights,
            out,
            start=parse_time(start),
            end=parse_time(end),
            model=model,
            stations=station or (),
            instruments=tuple(code.strip() for code in instruments.split(",") if code.strip()),
            stride=stride,
            limits=limits,
            windows=windows,
            picks=picks,
            picker=picker,
            picker_args={} if pick_threshold is None else {"P_threshold": pick_threshold},
            workers=workers,
            dask=dask,
            lifetime=lifetime or None,
            progress=tell,
            indexing=progress("indexing"),
            **without_omitted(threshold=threshold),
        )
    for path, problem in list(report.problems.items())[:_SHOWN]:
        complain(f"{path}: {problem}")
    if report.ignored:
        remark(f"left out {counted(report.ignored, 'file')}: not a recording, or not named as in an SDS archive")
    found, failed = archive.status(out)
    if as_json:
        say(json.dumps({"end": _described(report.progress)}))
    else:
        _show(found, failed)
        if lost := sum(one.statuses["gaps"] + one.statuses["empty"] for one in found):
            remark(f"{counted(lost, 'day')} with gaps or empty: seisbench-lcl archive status {out} --reasons")
        say(f"results in {out}: seisbench-lcl archive events {out}")
    if report.failed:
        raise typer.Exit(1)


@app.command()
def status(
    results: _Results,
    reasons: Annotated[bool, typer.Option("--reasons", help="list each day that is not done, with the reason")] = False,
    as_json: _Json = False,
) -> None:
    """Show what became of the days of each station, even while a run goes on."""
    days = archive.station_days(results)
    found, failed = by_station(days), [one for one in days if one.status == "failed"]
    lost = [one for one in days if one.status != "done"] if reasons else failed
    if as_json:
        stations = [vars(one) | {"statuses": dict(one.statuses)} for one in found]
        told = {"days": [asdict(one) for one in lost]} if reasons else {}
        say(json.dumps({"stations": stations, "failed": [asdict(one) for one in failed], **told}))
        return
    _show(found, () if reasons else failed)
    for one in lost if reasons else ():
        say(f"{one.station} {one.day} {one.status}: {one.reason}")


@app.command()
def events(
    results: _Results,
    out: Annotated[
        Path | None,
        typer.Option(help="table of events, .csv or .parquet; that of the stations goes beside it, as NAME_stations"),
    ] = None,
    start: _From = None,
    end: _Until = None,
    travel_time: _Travel = None,
    inventory: _Inventory = None,
    min_stations: _MinStations = 1,
) -> None:
    """Join detections of several stations into events, and decide on each by the mean of its stations."""
    if out:
        check_writable(*check_tables(out))
    found = _events(results, start, end, travel_time, inventory, min_stations)
    written = write_tables(found, out) if out else []
    console.print(found, markup=False, highlight=False)
    for path in written:
        say(f"wrote {path}")


@app.command()
def export(
    results: _Results,
    out: Annotated[Path, typer.Option(help="catalogue, QuakeML")],
    start: _From = None,
    end: _Until = None,
    travel_time: _Travel = None,
    inventory: _Inventory = None,
    min_stations: _MinStations = 1,
) -> None:
    """Write the events of several stations as a QuakeML catalogue: types, picks at detections, no origins."""
    check_writable(out)
    found = _events(results, start, end, travel_time, inventory, min_stations)
    if not found:
        raise DatasetError(f"{results} has no events of {counted(min_stations, 'station')} or more in this time span")
    storage.write_file(out, lambda file: detected_catalog(found).write(str(file), "QUAKEML"))
    say(f"wrote {counted(len(found), 'event')} to {out}")


def _events(
    results: Path,
    start: str | None,
    end: str | None,
    travel_time: float | None,
    inventory: Path | None,
    min_stations: int,
) -> DecisionList:
    if travel_time is not None and travel_time <= 0:
        raise ConfigurationError(f"--travel-time must be a positive number of seconds, but is {travel_time:g}")
    span = parse_span(start, end)
    return archive.network_events(
        results,
        start=span.get("starttime"),
        end=span.get("endtime"),
        travel_time=travel_time,
        inventory=read_inventory(inventory) if inventory else None,
        min_stations=min_stations,
    )


@contextmanager
def _told(as_json: bool) -> Iterator[Any]:
    """Yield a function that shows how far a run is: a bar, or lines of JSON."""
    if as_json:
        yield lambda one: say(json.dumps(_described(one)))
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} station-days"),
        TimeElapsedColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=errors, transient=True) as bar:
        line = bar.add_task("planning", total=0)
        seen: set[str] = set()

        def tell(one: archive.Progress) -> None:
            if one.dashboard and one.dashboard not in seen:
                seen.add(one.dashboard)
                remark(f"dashboard: {one.dashboard}")
            if one.before and "before" not in seen:
                seen.add("before")
                remark(f"{one.before} of {counted(one.total, 'station-day')} were done before")
            speed = f"{one.windows_per_second:.0f} windows/s, " if one.done else ""
            told = f"{counted(len(one.stations), 'station')}, {speed}{counted(one.detections, 'detection')}"
            bar.update(line, total=one.total - one.before, completed=one.done, description=told)

        yield tell


def _described(one: archive.Progress) -> dict[str, Any]:
    """Return progress as JSON types."""
    left = one.seconds_left
    return {
        "station_days": one.total,
        "done_before": one.before,
        **{status: one.statuses[status] for status in ("done", "gaps", "empty", "failed")},
        "stations": len(one.stations),
        "windows": one.windows,
        "detections": one.detections,
        "seconds": round(one.seconds, 3),
        "windows_per_second": round(one.windows_per_second, 1),
        "seconds_left": None if left != left else round(left, 1),
        "dashboard": one.dashboard,
        "parts": {name: round(seconds, 3) for name, seconds in one.parts.items()},
    }


def _show(found: list[StationStatus], failed: Iterable[archive.Entry]) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("station")
    table.add_column("days")
    for title in ("done", "gaps", "empty", "failed", "coverage", "windows", "detections"):
        table.add_column(title, justify="right")
    for one in found:
        days = one.first if one.first == one.last else f"{one.first} to {one.last}"
        counts = [str(one.statuses[status]) for status in ("done", "gaps", "empty", "failed")]
        coverage = "" if one.coverage is None else f"{100 * one.coverage:.1f}%"
        cells = [one.station, days, *counts, coverage, str(one.windows), str(one.detections)]
        table.add_row(*map(Text, cells))
    console.print(table)
    for entry in list(failed)[:_SHOWN]:
        complain(f"{entry.station} {entry.day} failed: {entry.reason}")
