"""``seisbench-lcl seiscomp``: decisions as hints for SeisComP's scevent, and the commands that bring them there."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from seisbench_lcl.cli.common import check_writable, remark, say
from seisbench_lcl.events import read_tables
from seisbench_lcl.events.seiscomp import VERSIONS, write_hints
from seisbench_lcl.wording import counted


def seiscomp(
    dump: Annotated[Path, typer.Argument(help="SCML with the events, their origins and picks, of scxmldump -fPAM")],
    table: Annotated[Path, typer.Option(help="decisions, as catalog --table writes them")],
    out: Annotated[Path, typer.Option(help="SCML with the hints, to be dispatched")],
    scml: Annotated[
        str | None, typer.Option(help=f"version of SCML to write, {' or '.join(VERSIONS)}; by default that of the dump")
    ] = None,
    overwrite_types: Annotated[
        bool, typer.Option("--overwrite-types", help="hint at events whose type a person or another program has set")
    ] = False,
    noise_as_not_existing: Annotated[
        bool, typer.Option("--noise-as-not-existing", help="hint that an event of noise is 'not existing'")
    ] = False,
) -> None:
    """Prepare decisions for SeisComP: hints on picks, from which scevent sets the types of events.

    The commands that dispatch the hints and refresh the events are printed on standard output, so that you can read
    them first, and then run them with a shell. docs/seiscomp.md says what to set in scevent once.
    """
    check_writable(out)
    hinted = write_hints(
        dump,
        read_tables(table),
        out,
        version=scml,
        overwrite=overwrite_types,
        noise_as_not_existing=noise_as_not_existing,
    )
    remark(f"{counted(len(hinted.events), 'event')} with hints on {counted(hinted.picks, 'pick')}, written to {out}")
    for left_out, why in (
        (len(hinted.typed), "have a type of a person or another program: see --overwrite-types"),
        (len(hinted.without), "have no picks that could carry a hint"),
    ):
        if left_out:
            remark(f"{counted(left_out, 'event')} left out: they {why}")
    if hinted.disputed:
        remark(f"{counted(hinted.disputed, 'pick')} without a hint: two events of different types have them")
    if not hinted.events:
        raise typer.Exit(1)
    say(f"scdispatch -i {shlex.quote(str(out))} -O merge-without-remove")
    for event in hinted.events:
        say(f"scsendjournal {shlex.quote(event)} EvRefresh")
        say(f"scsendjournal {shlex.quote(event)} EvTypeCertainty suspected")
