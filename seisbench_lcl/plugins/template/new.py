"""Write a new plugin that passes its own tests without changes."""

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

Kind = Literal["extractor", "head", "model"]

_PREFIX = "seisbench-lcl-"
_LONGEST = 60
_IMPORTED = (
    "Any",
    "Discriminator",
    "FeatureExtractor",
    "Head",
    "Mapping",
    "Network",
    "Published",
    "Self",
    "Sequence",
    "Tensor",
    "TrainingError",
)
_OF_KIND = {
    "extractor": {
        "base": "FeatureExtractor",
        "base_package": "extractors",
        "hook": "register_feature_extractors",
        "summary": "A feature extractor for seisbench_lcl: the distribution of energy over a window.",
        "pair": 'extractor="$name", head="ridge", labels=["earthquake", "quarry blast"]',
        "options": "--extractor $name --head ridge",
    },
    "head": {
        "base": "Head",
        "base_package": "heads",
        "hook": "register_heads",
        "summary": "A cluster head for seisbench_lcl: clusters around the most different windows.",
        "pair": 'extractor="minirocket", head="$name", clusters=8',
        "options": "--extractor minirocket --head $name --clusters 8",
    },
    "model": {"summary": "A trained network for seisbench_lcl, with the weights that its authors publish."},
}


def write_plugin(name: str, kind: Kind, into: Path) -> list[Path]:
    """Write a distribution with one extractor, head or trained model, and tests that use the conformance kit.

    Parameters
    ----------
    name : str
        Name of the extractor or head, or of the extractor of the model: lower-case letters, digits and dashes. The
        distribution and its folder are called ``seisbench-lcl-<name>``.
    kind : {"extractor", "head", "model"}
    into : Path
        Parent of the new folder.

    Returns
    -------
    list of Path
        The written files; the first is the one to edit.

    Raises
    ------
    ConfigurationError
        If the name is not valid, or is taken.
    OutputError
        If the folder exists, or cannot be written; nothing is left behind.
    """
    name = name.removeprefix(_PREFIX)
    words = name.replace("-", "_").split("_")
    module = "_".join(words)
    if not (NAME.fullmatch(name) and all(words) and module.isidentifier()):
        raise ConfigurationError(
            "the name of a plugin must begin with a letter and consist of lower-case letters, digits and single "
            f"dashes, such as 'wavelet-energy', but is {name!r}"
        )
    cls = "".join(word.capitalize() for word in words)
    if iskeyword(module) or iskeyword(cls) or module == "plugin" or cls in _IMPORTED or len(name) > _LONGEST:
        raise ConfigurationError(
            f"a plugin must not be called {name!r}: choose a name of at most {_LONGEST} characters that is not a "
            "keyword of Python and is not used in the files of the plugin"
        )
    classes = registry().classes
    if name in (classes.heads if kind == "head" else classes.extractors):
        of_kind = "head" if kind == "head" else "extractor"
        raise ConfigurationError(f"another {of_kind} is called {name!r}: choose another name")
    if kind == "model" and cls.lower() in {other.lower() for other in classes.models}:
        raise ConfigurationError(f"another model is called {cls!r}: choose another name")
    folder = into / (_PREFIX + "-".join(words))
    if folder.exists():
        raise OutputError(f"{folder} already exists: remove it, or choose another name")
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
    templates = resources.files("seisbench_lcl.plugins.template")

    def text(name: str) -> str:
        return templates.joinpath(name).read_text(encoding="utf-8")

    def own(name: str) -> str:
        """Return the text for this kind, or else that for all kinds."""
        return text(f"{kind}/{name}" if (templates / kind / name).is_file() else f"common/{name}")

    return {
        f"{package}/{module}.py": text(f"{kind}/module.py.txt"),
        f"{package}/plugin.py": own("plugin.py.txt"),
        f"{package}/__init__.py": text("common/__init__.py.txt"),
        f"{package}/py.typed": "",
        f"tests/test_{module}.py": text(f"{kind}/test.py.txt"),
        "pyproject.toml": text("common/pyproject.toml.txt"),
        "README.md": own("README.md.txt"),
    }


def _write(files: dict[str, str], folder: Path) -> None:
    """Write all files to a temporary folder, and rename it at the end."""
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
