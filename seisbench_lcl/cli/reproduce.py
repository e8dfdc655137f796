"""``seisbench-lcl reproduce``: make weights and their card from a recipe."""

from pathlib import Path
from typing import Annotated

import typer

from seisbench_lcl.cli.common import errors, progress, say
from seisbench_lcl.cli.outputs import check_outputs
from seisbench_lcl.hub import weights
from seisbench_lcl.recipes import Reproduced
from seisbench_lcl.recipes import reproduce as made_by


def reproduce(
    recipe: Annotated[Path, typer.Argument(help="TOML file, such as weights/recipes/minirocketridge/mixed-3c.toml")],
    data: Annotated[
        Path | None,
        typer.Option(help="folder that holds the datasets; by default SeisBench downloads them"),
    ] = None,
    out: Annotated[Path, typer.Option(help="folder for the weights and their card")] = Path("reproduced"),
    memory: Annotated[float, typer.Option(help="windows to keep in memory, in GB; more go to temporary files")] = 1.0,
) -> None:
    """Train the weights of a recipe, score them, and write them with their card.

    Exit status 1: the package has other weights of this name and version.
    """
    check_outputs(out / recipe.stem, None, None)
    made = made_by(recipe, data, out, memory=memory, tell=lambda text: say(text, errors), progress=progress)
    for path in made.files.values():
        say(f"wrote {path}")
    known = _bundled_digest(made)
    say(f"sha256 of the tensors: {made.sha256}{', as in the package' if known == made.sha256 else ''}")
    if known not in (None, made.sha256):
        say(f"these are not the weights of the package, whose sha256 is {known}", errors)
        raise typer.Exit(1)


def _bundled_digest(made: Reproduced) -> str | None:
    """Return the digest of the weights of this name and version in the package; None if it has none."""
    base = weights.bundled() / made.card.model.lower() / made.card.name
    if not weights.paths(base, made.card.version)["json"].exists():
        return None
    return str(weights.read(base, made.card.version)[0]["seisbench_lcl"]["sha256"])
