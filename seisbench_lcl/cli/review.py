"""``seisbench-lcl review``: a page on which an analyst looks at doubtful events and says what they are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from seisbench_lcl.cli.common import parse_pairs, remark, say
from seisbench_lcl.cli.options import Threads
from seisbench_lcl.events.quarries import read_quarries
from seisbench_lcl.review import serve
from seisbench_lcl.review.page.surroundings import Surroundings
from seisbench_lcl.review.serving import LOOPBACK, user_name

Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one")]
Address = Annotated[str, typer.Option(help="IP address to listen on; others than loopback can be reached by others")]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="print the address, and open no browser")]
Analyst = Annotated[str | None, typer.Option(help="who decides; by default the name of the user")]


class _EventsByDefault(TyperGroup):
    """``review decisions.parquet`` means ``review events decisions.parquet``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = ["events", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_EventsByDefault,
    no_args_is_help=True,
    help="Review events on a page in the browser: look at the doubtful ones, and say what they are with one key.",
)


@app.command()
def events(
    decisions: Annotated[Path, typer.Argument(help="table of events that catalog --table wrote, .csv or .parquet")],
    waveforms: Annotated[
        list[str],
        typer.Option(
            help="files, folders and patterns (repeatable); or sds:FOLDER, fdsn:NAME, or the address of an FDSN service"
        ),
    ],
    catalog: Annotated[
        Path | None, typer.Option(help="catalogue, for places, other picks, and types that are set already")
    ] = None,
    inventory: Annotated[Path | None, typer.Option(help="StationXML, for the places of stations")] = None,
    weights: Annotated[
        str | None, typer.Option(help="weights whose windows are shown; by default those that the decisions name")
    ] = None,
    analyst: Analyst = None,
    verdicts: Annotated[
        Path | None, typer.Option(help="folder of the verdicts; by default NAME_review beside the table NAME")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="type that can be given beside those of the model (repeatable)")
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=KEY",
            help="key of a type or an action, such as earthquake=e or next=n (repeatable); h on the page lists all",
        ),
    ] = None,
    quarries: Annotated[
        Path | None, typer.Option(help="table or GeoJSON file of quarries, whose distance is shown beside")
    ] = None,
    timezone: Annotated[str, typer.Option(help="time zone of the local hour that is shown beside")] = "UTC",
    port: Port = 0,
    address: Address = LOOPBACK,
    no_browser: NoBrowser = False,
    threads: Threads = None,
) -> None:
    """Review events: the records of each event, and one key to say what it is.

    Each verdict is on disk before the next event is shown, in one file for each analyst. Stop the server by Ctrl-C;
    the same command goes on where you ended. The word "events" may be left out.
    """
    serve(
        decisions,
        waveforms[0] if len(waveforms) == 1 else waveforms,
        catalog=catalog,
        inventory=inventory,
        weights=weights,
        analyst=analyst or user_name(),
        verdicts=verdicts,
        labels=label or (),
        keys=parse_pairs(key or [], "--key"),
        surroundings=Surroundings(timezone, tuple(read_quarries(quarries)) if quarries else ()),
        port=port,
        address=address,
        browser=not no_browser,
        ready=_announce,
    )


def _announce(url: str, notes: Sequence[str]) -> None:
    for note in notes:
        remark(note)
    say(f"reviewing at {url}")
    if f"//{LOOPBACK}:" not in url:
        remark("anybody in the network who knows this address can read and write: keep it to yourself")
    say("stop it by Ctrl-C; every verdict is on disk already")
