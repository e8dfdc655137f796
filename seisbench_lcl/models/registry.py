"""Extractors, heads and models by name: a container, filled by plugin discovery at the first look-up."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any, Literal, NamedTuple

from packaging.utils import canonicalize_name
from packaging.version import Version

from seisbench_lcl.errors import MissingPluginError, PluginError
from seisbench_lcl.extractors import FeatureExtractor, expression
from seisbench_lcl.heads import Head
from seisbench_lcl.wording import suggestion

BUILT_IN = "built-in"
"""Name of the plugin that holds the classes of this package."""

Kind = Literal["extractor", "head", "model"]
State = Literal["loaded", "failed", "not allowed", "missing"]


class Classes(NamedTuple):
    """The classes that one plugin registers, by name."""

    extractors: dict[str, type[Any]]
    heads: dict[str, type[Any]]
    models: dict[str, type[Any]]

    def of_kind(self, kind: Kind) -> dict[str, type[Any]]:
        """Return the classes of one kind."""
        return {"extractor": self.extractors, "head": self.heads, "model": self.models}[kind]


@dataclass
class Plugin:
    """One entry point, and the state of its plugin.

    Attributes
    ----------
    name : str
        Name of the entry point.
    distribution, version : str
        The installed distribution; empty if none has this name.
    state : {"loaded", "failed", "not allowed", "missing"}
    reason : str
        Why the plugin is not loaded.
    classes : Classes
        Its extractors, heads and models by name; empty unless it is loaded.

    Examples
    --------
    >>> str(Plugin("scattering", "seisbench-lcl-scattering", "0.1.0"))
    "'scattering' of seisbench-lcl-scattering 0.1.0"
    """

    name: str
    distribution: str = ""
    version: str = ""
    state: State = "loaded"
    reason: str = ""
    classes: Classes = field(default_factory=lambda: Classes({}, {}, {}))

    def __str__(self) -> str:
        return f"{self.name!r} of {self.distribution} {self.version}" if self.distribution else repr(self.name)


class Registry:
    """The installed classes, and the plugin of each.

    Attributes
    ----------
    plugins : list of Plugin
        All plugins, loaded or not, in the order in which they were added.
    classes : Classes
        The classes of all loaded plugins by name.

    Examples
    --------
    >>> from seisbench_lcl.plugins import registry
    >>> registry().head("ridge")
    <class 'seisbench_lcl.heads.ridge.Ridge'>
    """

    def __init__(self) -> None:
        self.plugins: list[Plugin] = []
        self.classes = Classes({}, {}, {})
        self._owners: dict[type, Plugin] = {}

    def add(self, plugin: Plugin, classes: Classes) -> None:
        """Add a plugin with its classes.

        Raises
        ------
        PluginError
            If one of the names is taken; then nothing is added.
        """
        for mine, known in zip(classes, self.classes, strict=True):
            for name in mine:
                # Case is ignored because weights are stored in a folder with the class name in lower case.
                if taken := next((cls for other, cls in known.items() if other.lower() == name.lower()), None):
                    raise PluginError(f"the name {name!r} is taken by {self._owners[taken]}")
        for mine, known in zip(classes, self.classes, strict=True):
            known.update(mine)
            self._owners |= {cls: plugin for cls in mine.values()}
        plugin.classes = classes
        self.plugins.append(plugin)

    def extractor(self, name: str) -> type[FeatureExtractor]:
        """Return an extractor class by name."""
        return self.find("extractor", name)

    def head(self, name: str) -> type[Head]:
        """Return a head class by name."""
        return self.find("head", name)

    def find(self, kind: Kind, name: str, source: str | None = None) -> type[Any]:
        """Return a class by its kind and name.

        Parameters
        ----------
        kind : {"extractor", "head", "model"}
        name : str
        source : str, optional
            Distribution that provides the class, for the error message.

        Raises
        ------
        MissingPluginError
            If no class has this name.
        """
        known = self.classes.of_kind(kind)
        if name not in known:
            raise self.missing(kind, name, known, source)
        return known[name]

    def build_extractor(
        self, names: str, shape: tuple[int, int, float], arguments: Mapping[str, Any], model: Mapping[str, Any]
    ) -> FeatureExtractor:
        """Build an extractor from its name or expression; see `seisbench_lcl.extractors.expression.build`."""
        return expression.build(names, self.extractor, shape, arguments, model)

    def owner(self, cls: type) -> Plugin | None:
        """Return the plugin that registered a class, or None."""
        return self._owners.get(cls)

    def check(self, part: str, needed: Mapping[str, str]) -> None:
        """Check that a class required by weights is installed.

        Parameters
        ----------
        part : str
            The last word is the kind of the class: "extractor", "head" or "model".
        needed : mapping
            The "name" of the class, and the "distribution" and "version" used for training.

        Raises
        ------
        MissingPluginError
            If no class has this name, or the installed one has another distribution or an older version.
        """
        name, distribution, version = needed["name"], needed["distribution"], needed["version"]
        kind: Kind = part.split()[-1]  # type: ignore[assignment]  # weights files are checked when they are read
        source = f"{distribution}>={version}"
        found = self._owners[self.find(kind, name, source)]
        if canonicalize_name(found.distribution) != canonicalize_name(distribution):
            raise MissingPluginError(
                f"the weights need the {kind} {name!r} of {distribution}, but the installed {kind} belongs to "
                f"{found.distribution}: pip uninstall {found.distribution}; pip install {source!r}"
            )
        if Version(found.version) < Version(version):
            raise MissingPluginError(
                f"the weights need the {kind} {name!r} of {source}, but {found.version} is installed: "
                f"pip install --upgrade {source!r}"
            )

    def missing(self, kind: str, name: str, known: Mapping[str, Any], source: str | None = None) -> MissingPluginError:
        """Return the error for an unknown name, with the nearest names, failed plugins, and the plugin to install."""
        skipped = [plugin for plugin in self.plugins if plugin.state != "loaded"]
        if source:
            wanted = canonicalize_name(source.partition(">")[0])
            skipped = [plugin for plugin in skipped if canonicalize_name(plugin.distribution) == wanted]
        fix = f"; it comes with {source}: pip install {source!r}" if source and not skipped else ""
        hint = suggestion(name, sorted(known), "seisbench-lcl plugins", "installed")
        failed = "".join(f"; plugin {plugin}: {plugin.state} ({plugin.reason})" for plugin in skipped)
        return MissingPluginError(f"no {kind} is called {name!r}; {hint}{failed}{fix}")


_fillers: list[Callable[[Registry], None]] = []


def fill_from(filler: Callable[[Registry], None]) -> None:
    """Set the function that fills the registry at the first look-up; `seisbench_lcl.plugins` sets it on import."""
    _fillers[:] = [filler]


@cache
def registry() -> Registry:
    """Return the registry. The first call fills it, so that importing seisbench_lcl imports no plugin."""
    if not _fillers:
        import_module("seisbench_lcl.plugins")  # by name, and late: plugins are built upon this module
    new = Registry()
    for fill in _fillers:
        fill(new)
    return new
