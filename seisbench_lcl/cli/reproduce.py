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
    """Train the weights of a recipe, score them, and write them with their card."""
    check_outputs(out / recipe.stem, None, None)
    made = made_by(recipe, data, out, memory=memory, tell=lambda text: say(text, errors), progress=progress)
    for path in made.files.values():
        say(f"wrote {path}")
    say(f"sha256 of the tensors: {made.sha256}{_beside_bundled(made)}")


def _beside_bundled(made: Reproduced) -> str:
    """Say whether the package holds the same weights; empty if it has no weights of this name."""
    name, version = made.card.name, made.card.version
    base = weights.bundled() / made.card.model.lower() / name
    if not weights.paths(base, version)["json"].exists():
        return ""
    known = weights.read(base, version)[0]["seisbench_lcl"]["sha256"]
    return ", as in the package" if known == made.sha256 else f", but {known} in the package"
