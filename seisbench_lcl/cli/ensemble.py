"""``seisbench-lcl ensemble``: combine several weights into one model."""

from typing import Annotated

import typer

from seisbench_lcl.cli.common import say
from seisbench_lcl.cli.options import Out, Version
from seisbench_lcl.cli.outputs import Overwrite, check_weights, save
from seisbench_lcl.models import DiscriminatorEnsemble
from seisbench_lcl.models.lookup import find_model


def ensemble(
    weights: Annotated[list[str], typer.Option(help="weights of a member (repeatable), or of an ensemble of members")],
    out: Out,
    description: Annotated[str, typer.Option(help="description of the weights, stored in their file")] = "",
    version: Version = None,
    overwrite: Overwrite = False,
) -> None:
    """Combine several models into one that averages their probabilities."""
    check_weights(out, version, overwrite)
    members = [member for path in weights for member in find_model(path).members]
    save(DiscriminatorEnsemble(members), out, description, version)
    say(f"{len(members)} members: {', '.join(member.name for member in members)}")
