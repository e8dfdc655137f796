"""``seisbench-lcl compare``: models on the same windows, splits and seeds, from a file that says which."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from seisbench_lcl import comparison
from seisbench_lcl.cli.common import check_folder, complain, console, errors, remark, say
from seisbench_lcl.wording import counted


def compare(
    table: Annotated[Path, typer.Argument(metavar="TABLE.toml", help="what to compare, and the tables to make of it")],
    out: Annotated[Path, typer.Option(help="folder of the results; finished runs are not repeated")],
    data: Annotated[Path, typer.Option(help="folder that holds the folder of the dataset")] = Path(),
    repeats: Annotated[
        int | None, typer.Option(min=1, help="do only this many repeats of each model, from the first on")
    ] = None,
    stage: Annotated[
        list[str] | None,
        typer.Option(
            help="do one stage alone: targets, predictions, metrics or tables (repeatable); by default all four"
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=0, help="processes on this machine, of one thread each; 0 for this process alone")
    ] = 0,
    dask: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Dask scheduler whose workers see the same folders")
    ] = None,
) -> None:
    """Compare models on the same windows, splits and seeds, beside the numbers that papers print.

    Each of four stages writes files that others can read: the frozen targets, the predictions of each model and seed
    with a card, the metrics, and the tables and figures. Finished runs are not repeated, so an interrupted comparison
    goes on where it was, and the stage of the tables never trains.

    Exit status 0: all runs are done; 1: some failed, and the tables name them; 2: the comparison could not go on.
    """
    plan = comparison.Plan.read(table)
    check_folder(out)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
    ) as bar:
        line = bar.add_task("runs", total=None)
        job = comparison.Comparison(plan, table.parent, data, out, repeats, tell=remark)
        failed, written = comparison.compare(
            job,
            comparison.stages_of(stage) if stage else comparison.STAGES,
            workers=workers,
            address=dask,
            done=lambda count, total: bar.update(line, completed=count, total=total),
        )
    for file in written:
        if file.suffix == ".md":
            console.print(file.read_text(encoding="utf-8"), markup=False, highlight=False, soft_wrap=True)
        say(f"wrote {file}")
    if failed:
        complain(f"{counted(len(failed), 'run')} failed; the cards in {out} say why", "failed: ")
        raise typer.Exit(1)
