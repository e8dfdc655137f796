"""``seisbench-lcl detect``: from continuous records to a training set."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import obspy
import typer
from obspy import UTCDateTime

from seisbench_lcl.cli.common import errors, read_files, say
from seisbench_lcl.datasets.detection import detect_windows, read_archive
from seisbench_lcl.errors import ConfigurationError, OutputError


def detect(
    out: Annotated[Path, typer.Option(help="folder of the SeisBench dataset to write; it must not exist")],
    files: Annotated[list[str] | None, typer.Argument(help="miniSEED, SAC, or whatever else ObsPy reads")] = None,
    archive: Annotated[Path | None, typer.Option(help="root of an SDS archive, read day by day")] = None,
    station: Annotated[
        list[str] | None, typer.Option(help="of the archive: NET.STA or NET.STA.LOC.CHA, with * and ? (repeat)")
    ] = None,
    start: Annotated[str | None, typer.Option(help="time from which to read the archive")] = None,
    end: Annotated[str | None, typer.Option(help="time up to which to read the archive")] = None,
    sta: Annotated[float, typer.Option(help="seconds of the short average")] = 0.5,
    lta: Annotated[float, typer.Option(help="seconds of the long average")] = 10.0,
    on: Annotated[float, typer.Option(help="ratio at which a trigger begins")] = 3.5,
    off: Annotated[float, typer.Option(help="ratio at which a trigger ends")] = 1.5,
    band: Annotated[tuple[float, float], typer.Option(help="of the trigger, in Hz")] = (2.0, 15.0),
    before: Annotated[float, typer.Option(help="seconds to cut before the onset")] = 10.0,
    after: Annotated[float, typer.Option(help="seconds to cut after the onset")] = 30.0,
    interval: Annotated[float, typer.Option(help="least seconds between onsets of a station")] = 20.0,
    coincidence: Annotated[int, typer.Option(help="least number of stations of an event")] = 1,
    within: Annotated[float, typer.Option(help="seconds in which they must trigger")] = 10.0,
    components: Annotated[str, typer.Option(help="component codes in order; the first triggers")] = "ZNE",
    dev: Annotated[float, typer.Option(help="fraction of the events, the last ones, for split dev")] = 0.0,
) -> None:
    """Cut windows in which something happens out of continuous records: a dataset to train on without labels.

    Files are read all together, an archive day by day. Exit status 0: everything was read; 1: some was not, the rest
    is done; 2: nothing could be done.
    """
    broken: list[str] = []
    waveforms: obspy.Stream | Iterable[obspy.Stream]
    if archive is None:
        if not files or station or start or end:
            raise ConfigurationError("give files, or --archive with --station, --start and --end")
        waveforms, unread = read_files(files)
        broken += [f"{name}: {reason}" for name, reason in unread.items()]
    else:
        if files or not (station and start and end):
            raise ConfigurationError("--archive needs --station, --start and --end, and no files")
        waveforms = read_archive(archive, station, _time(start), _time(end), on_error=broken.append)
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
        for reason in broken:
            say(f"could not read {reason}", errors)
    if summary:
        say(str(summary))
        say(f"wrote {out}")
    if broken:
        raise typer.Exit(1 if summary else 2)


def _time(text: str) -> UTCDateTime:
    try:
        return UTCDateTime(text)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{text!r} is no time such as 2024-03-01T12:00: {error}") from error
