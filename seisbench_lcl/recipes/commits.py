"""The Git commit of a recipe."""

import subprocess
from pathlib import Path

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.hub.card import RecipeReference


def committed(path: Path) -> RecipeReference:
    """Return the path of a recipe in its repository, and the last commit that changed it.

    Raises
    ------
    ConfigurationError
        If Git or the repository is missing, or the file is not committed in its present state.
    """
    path = path.resolve()
    root = Path(_git(path, "rev-parse", "--show-toplevel"))
    commit = _git(path, "log", "-1", "--format=%H", "--", path.name)
    if not commit or _git(path, "status", "--porcelain", "--", path.name):
        raise ConfigurationError(
            f"{path} is not committed in its present state, so a card could not name the recipe of the weights: commit "
            "it first, or name the commit"
        )
    return RecipeReference(path=path.relative_to(root.resolve()).as_posix(), commit=commit)


def _git(path: Path, *arguments: str) -> str:
    command = ["git", "-C", str(path.parent), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        told = str(getattr(error, "stderr", "") or error).strip()
        raise ConfigurationError(
            f"a card names the Git commit of its recipe, but the commit of {path} cannot be found: {told}; "
            "put the recipe into a Git repository, or name the commit"
        ) from error
