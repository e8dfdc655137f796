"""A new plugin on disk, which passes its own tests as it stands."""

import shutil
from importlib import resources
from keyword import iskeyword
from pathlib import Path
from string import Template
from tempfile import mkdtemp
from typing import Literal

from seisbench_lcl._version import __version__
from seisbench_lcl.errors import ConfigurationError, OutputError
from seisbench_lcl.models.registry import registry
from seisbench_lcl.plugins.collection import NAME
from seisbench_lcl.plugins.hookspecs import PLUGIN_API_VERSION

Kind = Literal["extractor", "head"]

_PREFIX = "seisbench-lcl-"
_LONGEST = 60
_IMPORTED = ("Any", "ConfigurationError", "FeatureExtractor", "Head", "NotFittedError", "Tensor", "TrainingError")
_OF_KIND = {
    "extractor": {
        "base": "FeatureExtractor",
        "base_package": "extractors",
        "hook": "register_feature_extractors",
        "summary": "A feature extractor for seisbench_lcl: how the energy of a window is spread over its length.",
        "pair": 'extractor="$name", head="ridge", labels=["earthquake", "quarry blast"]',
        "options": "--extractor $name --head ridge",
    },
    "head": {
        "base": "Head",
        "base_package": "heads",
        "hook": "register_heads",
        "summary": "A cluster head for seisbench_lcl: windows that are as unlike each other as can be.",
        "pair": 'extractor="minirocket", head="$name", clusters=8',
        "options": "--extractor minirocket --head $name --clusters 8",
    },
}


def write_plugin(name: str, kind: Kind, into: Path) -> list[Path]:
    """Write a distribution of its own with one extractor or head, and tests that use the conformance kit.

    Parameters
    ----------
    name : str
        Of the extractor or head: small letters, digits and dashes. The distribution is called
        ``seisbench-lcl-<name>``, and so is its folder.
    kind : {"extractor", "head"}
    into : Path
        Where the folder is made.

    Returns
    -------
    list of Path
        The files, beginning with the one to change.

    Raises
    ------
    ConfigurationError
        If the name cannot be one, or is taken.
    OutputError
        If the folder is there already, or cannot be written; nothing is left behind.
    """
    name = name.removeprefix(_PREFIX)
    words = name.replace("-", "_").split("_")
    module = "_".join(words)
    if not (NAME.fullmatch(name) and all(words) and module.isidentifier()):
        raise ConfigurationError(
            f"a plugin is named by small letters, digits and single dashes, beginning with a letter, such as "
            f"'wavelet-energy'; found {name!r}"
        )
    cls = "".join(word.capitalize() for word in words)
    if iskeyword(module) or iskeyword(cls) or module == "plugin" or cls in _IMPORTED or len(name) > _LONGEST:
        raise ConfigurationError(
            f"{name!r} cannot be the name of a plugin: it is a word of Python or of the plugin's own files, or longer "
            f"than {_LONGEST} characters"
        )
    classes = registry().classes
    if name in (classes.extractors if kind == "extractor" else classes.heads):
        raise ConfigurationError(f"the name {name!r} is taken by another {kind}: choose another name")
    folder = into / (_PREFIX + "-".join(words))
    if folder.exists():
        raise OutputError(f"{folder} is there already: remove it, or choose another name")
    own = {key: Template(text).substitute(name=name) for key, text in _OF_KIND[kind].items()}
    fill = own | {
        "api": str(PLUGIN_API_VERSION),
        "cls": cls,
        "distribution": folder.name,
        "host_version": __version__,
        "kind": kind,
        "module": module,
        "name": name,
        "package": folder.name.replace("-", "_"),
    }
    files = _files(kind, module, fill["package"])
    try:
        into.mkdir(parents=True, exist_ok=True)
        _write({path: Template(text).substitute(fill) for path, text in files.items()}, folder)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error}") from error
    return [folder / path for path in files]


def _files(kind: Kind, module: str, package: str) -> dict[str, str]:
    there = resources.files("seisbench_lcl.plugins.template")

    def text(name: str) -> str:
        return there.joinpath(name).read_text(encoding="utf-8")

    return {
        f"{package}/{module}.py": text(f"{kind}/module.py.txt"),
        f"{package}/plugin.py": text("common/plugin.py.txt"),
        f"{package}/__init__.py": text("common/__init__.py.txt"),
        f"{package}/py.typed": "",
        f"tests/test_{module}.py": text(f"{kind}/test.py.txt"),
        "pyproject.toml": text("common/pyproject.toml.txt"),
        "README.md": text("common/README.md.txt"),
    }


def _write(files: dict[str, str], folder: Path) -> None:
    """Write all files beside their place, and give them their folder at once."""
    temporary = Path(mkdtemp(prefix=".new-plugin-", dir=folder.parent))
    try:
        temporary.chmod(0o755)
        for path, text in files.items():
            file = temporary / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
