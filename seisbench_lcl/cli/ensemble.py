"""``seisbench-lcl ensemble``: several weights that vote as one."""

from typing import Annotated

import typer

from seisbench_lcl.cli.common import say
from seisbench_lcl.cli.options import Out, Version
from seisbench_lcl.cli.outputs import save
from seisbench_lcl.models import DiscriminatorEnsemble
from seisbench_lcl.models.lookup import find_model


def ensemble(
    weights: Annotated[list[str], typer.Option(help="path of saved weights (repeat); of an ensemble, its members")],
    out: Out,
    description: Annotated[str, typer.Option(help="what the weights are, kept in their file")] = "",
    version: Version = None,
) -> None:
    """Make one model of several, whose probability is the mean of theirs."""
    members = [member for path in weights for member in find_model(path).members]
    save(DiscriminatorEnsemble(members), out, description, version)
    say(f"{len(members)} members: {', '.join(member.name for member in members)}")
