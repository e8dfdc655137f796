"""``seisbench-lcl detect``: make a training dataset from continuous records."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import obspy
import typer

from seisbench_lcl.cli.common import check_writable, complain, errors, find_files, parse_time, read_files, say
from seisbench_lcl.datasets.detection import detect_windows, read_archive
from seisbench_lcl.errors import ConfigurationError, OutputError


def detect(
    out: Annotated[Path, typer.Option(help="folder of the new SeisBench dataset; it must not exist")],
    files: Annotated[list[str] | None, typer.Argument(help="miniSEED, SAC or another format that ObsPy reads")] = None,
    archive: Annotated[Path | None, typer.Option(help="root of an SDS archive, which is read day by day")] = None,
    station: Annotated[
        list[str] | None,
        typer.Option(help="station as NET.STA or NET.STA.LOC.CHA; * and ? are wildcards (repeatable)"),
    ] = None,
    start: Annotated[str | None, typer.Option(help="start time in the archive")] = None,
    end: Annotated[str | None, typer.Option(help="end time in the archive")] = None,
    sta: Annotated[float, typer.Option(help="length of the short-term average in seconds")] = 0.5,
    lta: Annotated[float, typer.Option(help="length of the long-term average in seconds")] = 10.0,
    on: Annotated[float, typer.Option(help="STA/LTA ratio that starts a trigger")] = 3.5,
    off: Annotated[float, typer.Option(help="STA/LTA ratio that ends a trigger")] = 1.5,
    band: Annotated[tuple[float, float], typer.Option(help="frequency band of the trigger in Hz")] = (2.0, 15.0),
    before: Annotated[float, typer.Option(help="length of record before the onset in seconds")] = 10.0,
    after: Annotated[float, typer.Option(help="length of record after the onset in seconds")] = 30.0,
    interval: Annotated[float, typer.Option(help="shortest time between onsets of a station in seconds")] = 20.0,
    coincidence: Annotated[int, typer.Option(help="smallest number of stations of an event")] = 1,
    within: Annotated[float, typer.Option(help="time within which they must trigger, in seconds")] = 10.0,
    components: Annotated[str, typer.Option(help="component codes in order; the first one triggers")] = "ZNE",
    dev: Annotated[float, typer.Option(help="fraction of the events, the latest ones, for split dev")] = 0.0,
) -> None:
    """Detect events by STA/LTA in continuous records, and write them as a dataset to train on without labels.

    Files are read together, an archive day by day. A name is a pattern only if no file has this name. Exit status 0:
    everything was read; 1: a file was not read completely; 2: nothing was written.
    """
    if os.path.lexists(out):
        raise OutputError(f"{out} exists already: choose another folder, or remove it")
    check_writable(out)
    lost: list[str] = []
    waveforms: obspy.Stream | Iterable[obspy.Stream]
    if archive is None:
        if not files or station or start or end:
            raise ConfigurationError("pass files, or --archive with --station, --start and --end")
        inputs = find_files(files)
        waveforms, unread = read_files(inputs)
        lost = inputs.absent + unread
    else:
        if files or not (station and start and end):
            raise ConfigurationError("--archive needs --station, --start and --end, and takes no files")
        waveforms = read_archive(archive, station, parse_time(start), parse_time(end), on_error=lost.append)
    summary = None
    try:
        if archive or waveforms:
            with errors.status("detecting"):
                summary = detect_windows(
                    waveforms,
                    out,
                    sta=sta,
                    lta=lta,
                    on=on,
                    off=off,
                    band=band,
                    before=before,
                    after=after,
                    interval=interval,
                    coincidence=coincidence,
                    within=within,
                    component_order=components,
                    dev=dev,
                )
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {out}: {error}") from error
    finally:
        for line in dict.fromkeys(lost):
            complain(line)
    if summary:
        say(str(summary))
        say(f"wrote {out}")
    if lost:
        raise typer.Exit(1 if summary else 2)
