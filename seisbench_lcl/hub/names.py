"""Names and paths of a hub: the names that a registry may hold, and the path of each file of a model."""

import re

from seisbench_lcl.errors import HubError, WeightsError
from seisbench_lcl.hub import weights

REGISTRY = "registry.json"
SIGNATURE = f"{REGISTRY}.minisig"
HF_REPOSITORY = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*)@([0-9a-f]{40})")
"""A repository of the Hugging Face Hub at one commit; a branch or a short commit could later mean other files."""

_CLASS = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,49}")
_LONGEST_NAME = 100  # keeps file names with kind, version and temporary suffix below 255 bytes
_FORBIDDEN = re.compile(r"[\\:\x00-\x1f\x7f-\x9f]")


def check_class(name: str) -> str:
    """Return the name of a model class if it is valid.

    Raises
    ------
    HubError
    """
    if not _CLASS.fullmatch(name):
        raise HubError(
            f"{_short(name)} is not a name of a model class: use a letter, then letters, digits and '_', at most 100 "
            "characters"
        )
    return name


def check_name(name: str) -> str:
    """Return the name of weights if it is valid.

    Raises
    ------
    HubError
        Also if the name holds ".json.v", which separates name and version in SeisBench's file names.
    """
    try:
        weights.check_name(name)
    except WeightsError as error:
        raise HubError(
            f"{_short(name)} is not a name of weights: use a letter or digit, then letters, digits, '.', '_' and '-'"
        ) from error
    if len(name) > _LONGEST_NAME:
        raise HubError(f"{_short(name)} is too long for a name of weights: {len(name)} characters, but at most 100")
    if ".json.v" in name:
        raise HubError(f"{_short(name)} is not a name of weights: '.json.v' separates name and version of a file")
    return name


def check_version(version: str) -> str:
    """Return a version if it is valid.

    Raises
    ------
    HubError
    """
    if not _VERSION.fullmatch(version) or ".." in version:
        raise HubError(
            f"{_short(version)} is not a version: use a digit or letter, then digits, letters, '.', '_' and '-', at "
            "most 50 characters and no '..'"
        )
    return version


def check_path(path: str) -> str:
    """Return the path of a file below the root of a hub if it stays there on every system.

    Raises
    ------
    HubError
    """
    if _FORBIDDEN.search(path) or not all(part not in ("", ".", "..") for part in path.split("/")):
        raise HubError(
            f"{_short(path)} is not a path inside a hub: separate folders and file name by single '/', without '.', "
            "'..', backslash, colon and control characters, and without '/' at either end"
        )
    return path


def implied_paths(model: str, name: str, version: str) -> dict[str, tuple[str, ...]]:
    """Return the allowed paths of the files of a model below the root of a hub, by kind.

    Kinds are "json", "safetensors" and "card". A card has two paths: shared by all versions, or of this version only.

    Raises
    ------
    HubError
        If class, name or version is not valid.
    """
    base, suffix = f"{check_class(model).lower()}/{check_name(name)}", f"v{check_version(version)}"
    return {
        "json": (f"{base}.json.{suffix}",),
        "safetensors": (f"{base}.safetensors.{suffix}",),
        "card": (f"{base}.md", f"{base}.md.{suffix}"),
    }


def _short(text: str) -> str:
    """Quote text from outside, so that it can neither flood nor control a terminal."""
    return ascii(text if len(text) <= 100 else text[:97] + "...")
