"""Weights files in SeisBench's layout: written whole or not at all, and read without unpickling.

Version V of the weights NAME has three files: ``NAME.json.vV`` (constructor arguments and metadata),
``NAME.safetensors.vV`` (the tensors, read by this package) and ``NAME.pt.vV`` (the same tensors, for stock SeisBench).
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors
from torch import Tensor

from seisbench_lcl.errors import WeightsError
from seisbench_lcl.storage.files import replace

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_FILE = re.compile(r"(.+)\.(?:json|safetensors|pt)(?:\.v(.+))?")
_AGAIN = "copy or download the weights again"


def paths(path: str | os.PathLike[str], version: str | None) -> dict[str, Path]:
    """Return the three files of a model, keyed "json", "safetensors" and "pt"."""
    base = Path(path)
    if not base.name:
        raise WeightsError(f"{str(path)!r} does not name a weights file")
    if version is not None and {"/", os.sep} & set(version):
        raise WeightsError(f"{version!r} is not a version: leave out {os.sep!r}")
    suffix = "" if version is None else f".v{version}"
    return {kind: base.with_name(f"{base.name}.{kind}{suffix}") for kind in ("json", "safetensors", "pt")}


def resolve(path: str | os.PathLike[str]) -> tuple[Path, str | None]:
    """Return the path of saved weights without suffix, and their version.

    Parameters
    ----------
    path : path
        Path without suffix, or one of the files of the weights. A path without suffix means the weights without a
        version if these exist, otherwise the newest version.
    """
    given = Path(path)
    if (file := _FILE.fullmatch(given.name)) and given.is_file():
        return given.with_name(file[1]), file[2]
    versions = available([given.parent]).get(given.name, {})
    if not versions or paths(given, None)["json"].exists():
        return given, None
    return given, newest(versions)


def write(
    path: str | os.PathLike[str], version: str | None, metadata: dict[str, Any], tensors: Mapping[str, Tensor]
) -> None:
    """Write the three files, each renamed into place once it is complete and synced; the JSON file comes last.

    Raises
    ------
    WeightsError
        If the folder cannot be written to.
    """
    files = paths(path, version)
    content = dump_tensors({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    digests = {"sha256": hashlib.sha256(content).hexdigest(), "description_sha256": _digest(metadata)}
    metadata["seisbench_lcl"] |= digests
    text = json.dumps(metadata, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        replace(files["safetensors"], lambda file: file.write_bytes(content))
        replace(files["pt"], lambda file: torch.save(dict(tensors), file))
        replace(files["json"], lambda file: file.write_text(text, encoding="utf-8"))
    except OSError as error:
        raise WeightsError(f"cannot write weights to {files['json'].parent}: {error}") from error


def read(path: str | os.PathLike[str], version: str | None) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read metadata and tensors, and check that they belong together.

    Raises
    ------
    WeightsError
        If a file is missing, truncated or changed, or a tensor holds NaN or infinite values.
    """
    files = paths(path, version)
    try:
        metadata = json.loads(files["json"].read_text(encoding="utf-8"))
        content = files["safetensors"].read_bytes()
    except FileNotFoundError as error:
        pickled = files["pt"].exists() and not files["safetensors"].exists()
        hint = (
            f"; {files['pt'].name} exists, but seisbench_lcl does not open pickles: save the model again with its save "
            "method"
            if pickled
            else "; check the path and the version"
        )
        raise WeightsError(f"no weights file {error.filename}{hint}") from error
    except (OSError, RecursionError, ValueError) as error:
        raise WeightsError(f"cannot read {files['json']}: {error}; {_AGAIN}") from error
    ours = metadata.get("seisbench_lcl") if isinstance(metadata, dict) else None
    if not isinstance(ours, dict) or not isinstance(metadata.get("model_args"), dict):
        raise WeightsError(f"{files['json']} does not describe a model of seisbench_lcl")
    _check_requirements(files["json"], ours.get("requires", {}))
    found = hashlib.sha256(content).hexdigest()
    if found != ours.get("sha256"):
        raise WeightsError(
            f"{files['safetensors']} is truncated or changed: its SHA-256 is {found}, but {files['json'].name} "
            f"states {ours.get('sha256')}; {_AGAIN}"
        )
    if _digest(metadata) != ours.get("description_sha256"):
        raise WeightsError(
            f"the description of the model in {files['json']} was changed, so its tensors could be misread: {_AGAIN}; "
            "to change a model, load it and save it again"
        )
    try:
        tensors = load_tensors(content)
    except SafetensorError as error:
        raise WeightsError(f"{files['safetensors']} is not a safetensors file: {error}") from error
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise WeightsError(f"tensor {name!r} of {files['safetensors']} holds NaN or infinite values")
    return metadata, tensors


def origin(path: str | os.PathLike[str], version: str | None) -> tuple[str, str | None]:
    """Return the model class of saved weights, and the plugin to install for it; None for a class of this package.

    Raises
    ------
    WeightsError
        As `read`.
    """
    ours = read(path, version)[0]["seisbench_lcl"]
    needed = ours.get("requires", {}).get("model")
    return str(ours.get("model")), needed and f"{needed['distribution']}>={needed['version']}"


def _check_requirements(file: Path, requires: Any) -> None:
    """Refuse requirements that cannot be compared with installed plugins, or shown in a pip command."""
    try:
        for part, needed in requires.items():
            canonicalize_name(needed["distribution"], validate=True)
            Version(needed["version"])
            if not isinstance(needed["name"], str) or part.split()[-1:] not in (["extractor"], ["head"], ["model"]):
                raise ValueError(f"{part!r} is {needed!r}")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"the requirements in {file} cannot be read ({type(error).__name__}: {error}): {_AGAIN}"
        ) from error


def bundled() -> Path:
    """Return the folder of the weights that are part of the package."""
    installed = Path(str(resources.files("seisbench_lcl"))) / "weights"
    return installed if installed.is_dir() else installed.parents[1] / "weights"


def available(folders: list[Path]) -> dict[str, dict[str, Path]]:
    """Return paths without suffixes by name and version; an earlier folder hides a later one."""
    found: dict[str, dict[str, Path]] = {}
    for folder in folders:
        for file in sorted(folder.glob("*.json.v*")) if folder.is_dir() else []:
            name, version = file.name.split(".json.v", 1)
            if paths(folder / name, version)["safetensors"].exists():
                found.setdefault(name, {}).setdefault(version, folder / name)
    return found


def check_name(name: str) -> None:
    """Refuse names that could lead out of the folder.

    Raises
    ------
    WeightsError
    """
    if not _NAME.fullmatch(name):
        raise WeightsError(
            f"{name!r} is not a name of pretrained weights: use letters, digits, '.', '_' and '-' only; for saved "
            "weights, use the path of an existing file"
        )


def file_digest(file: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def differ(path: Path, version: str, digests: Mapping[str, str]) -> bool:
    """Whether weights exist at a path, with other files than those with these digests.

    Parameters
    ----------
    path : Path
        Path without suffix.
    version : str
    digests : mapping
        Digests of the files "json" and "safetensors".
    """
    files = paths(path, version)
    return any(files[kind].exists() and file_digest(files[kind]) != digests[kind] for kind in ("json", "safetensors"))


def newest(versions: Iterable[str]) -> str:
    """Return the highest version."""

    def order(version: str) -> Version:
        try:
            return Version(version)
        except InvalidVersion:
            return Version("0")

    return max(versions, key=order)


def _digest(metadata: Mapping[str, Any]) -> str:
    """Hash the arguments that decide how tensors are read, such as the order of the labels."""
    return hashlib.sha256(json.dumps(metadata["model_args"], sort_keys=True).encode()).hexdigest()
