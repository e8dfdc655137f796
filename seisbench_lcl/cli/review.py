"""``seisbench-lcl review``: a page on which an analyst looks at doubtful events and says what they are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from seisbench_lcl.cli.common import load_discriminator, parse_pairs, remark, say
from seisbench_lcl.cli.options import (
    Dataset,
    GroupColumn,
    LabelColumn,
    PickColumn,
    SplitColumn,
    Threads,
    Weights,
    read_dataset,
)
from seisbench_lcl.cli.outputs import check_weights
from seisbench_lcl.events.quarries import read_quarries
from seisbench_lcl.plotting import MapMethod
from seisbench_lcl.review import serve, serve_clusters
from seisbench_lcl.review.page.surroundings import Surroundings
from seisbench_lcl.review.serving import LOOPBACK, user_name
from seisbench_lcl.training import Columns

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


@app.command()
def clusters(
    dataset: Dataset,
    weights: Weights,
    verdicts: Annotated[Path, typer.Option(help="folder of the verdicts, one on each event of a family")],
    model: Annotated[str | None, typer.Option(help="class of the weights; by default MiniRocketSCAN")] = None,
    out: Annotated[
        Path | None, typer.Option(help="path of the weights with named clusters that the page writes, without suffix")
    ] = None,
    analyst: Analyst = None,
    label: Annotated[list[str] | None, typer.Option(help="type that can be given (repeatable)")] = None,
    key: Annotated[list[str] | None, typer.Option(metavar="NAME=KEY", help="key of a type (repeatable)")] = None,
    label_column: LabelColumn = "source_type",
    group_column: GroupColumn = "source_id",
    split_column: SplitColumn = "split",
    pick_column: PickColumn = None,
    split: Annotated[str, typer.Option(help="split to use; 'all' means every window")] = "all",
    method: Annotated[MapMethod, typer.Option(help="method of the map; umap needs umap-learn")] = "tsne",
    seed: Annotated[int, typer.Option(help="seed of the map")] = 0,
    port: Port = 0,
    address: Address = LOOPBACK,
    no_browser: NoBrowser = False,
    threads: Threads = None,
) -> None:
    """Review the clusters of a model: draw around a family on a map, look at it, split it, and say what it is.

    Windows without labels will do. A type is a verdict on each event of the family, on disk at once; the page can also
    write weights whose clusters have the types that you gave most of their windows.
    """
    if out:
        check_weights(out, None, overwrite=False)
    discriminator = load_discriminator(model, weights, "MiniRocketSCAN")
    columns = Columns(label=label_column, group=group_column, split=split_column, pick=pick_column)
    data = read_dataset(dataset, discriminator.preprocessing, columns, split, unlabelled=True)
    serve_clusters(
        discriminator,
        data,
        verdicts,
        analyst=analyst or user_name(),
        labels=label or (),
        keys=parse_pairs(key or [], "--key"),
        out=out,
        method=method,
        seed=seed,
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
