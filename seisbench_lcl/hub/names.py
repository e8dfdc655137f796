"""Names and paths of a hub: what a registry from outside may say, and where each file of a model lies."""

import re

from seisbench_lcl.errors import HubError, WeightsError
from seisbench_lcl.hub import weights

REGISTRY = "registry.json"
HF_REPOSITORY = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*)@([0-9a-f]{40})")
"""A repository of the Hugging Face Hub at one commit; a branch or a short commit could come to mean other files."""

_CLASS = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,49}")
_LONGEST_NAME = 100  # file names of model, kind, version and temporary file together stay below 255 bytes
_FORBIDDEN = re.compile(r"[\\:\x00-\x1f\x7f-\x9f]")


def check_class(name: str) -> str:
    """Return the name of a model class, if it is one.

    Raises
    ------
    HubError
    """
    if not _CLASS.fullmatch(name):
        raise HubError(
            f"{_short(name)} is no name of a model class: a letter, then letters, digits and '_', 100 at most"
        )
    return name


def check_name(name: str) -> str:
    """Return the name of weights, if it is one.

    Raises
    ------
    HubError
        Also if the name holds ".json.v": files that SeisBench keeps are split there into name and version.
    """
    try:
        weights.check_name(name)
    except WeightsError as error:
        raise HubError(
            f"{_short(name)} is no name of weights: a letter or digit, then letters, digits, '.', '_' and '-'"
        ) from error
    if len(name) > _LONGEST_NAME:
        raise HubError(f"{_short(name)} is too long for a name of weights: {len(name)} characters, 100 at most")
    if ".json.v" in name:
        raise HubError(f"{_short(name)} is no name of weights: '.json.v' stands between name and version of a file")
    return name


def check_version(version: str) -> str:
    """Return a version, if it is one.

    Raises
    ------
    HubError
    """
    if not _VERSION.fullmatch(version) or ".." in version:
        raise HubError(
            f"{_short(version)} is no version: a digit or letter, then digits, letters, '.', '_' and '-', "
            "50 at most and no '..'"
        )
    return version


def check_path(path: str) -> str:
    """Return the path of a file below the root of a hub, if it stays there on every system.

    Raises
    ------
    HubError
    """
    if _FORBIDDEN.search(path) or not all(part not in ("", ".", "..") for part in path.split("/")):
        raise HubError(
            f"{_short(path)} is no path inside a hub: folders and a file name between single '/', none of them '.' "
            "or '..', without backslash, colon and control characters, and no '/' at either end"
        )
    return path


def implied_paths(model: str, name: str, version: str) -> dict[str, str]:
    """Return where the files of a model lie below the root of a hub, keyed "json" and "safetensors".

    Raises
    ------
    HubError
        If one of the three is no such name.
    """
    base = f"{check_class(model).lower()}/{check_name(name)}"
    return {kind: f"{base}.{kind}.v{check_version(version)}" for kind in ("json", "safetensors")}


def implied_cards(model: str, name: str, version: str) -> tuple[str, str]:
    """Return where the card of a model may lie: shared by all versions, or of this version alone.

    Raises
    ------
    HubError
        If one of the three is no such name.
    """
    card = f"{check_class(model).lower()}/{check_name(name)}.md"
    return card, f"{card}.v{check_version(version)}"


def _short(text: str) -> str:
    """Quote what may have come from outside, so that it can neither flood nor steer a terminal."""
    return ascii(text if len(text) <= 100 else text[:97] + "...")
