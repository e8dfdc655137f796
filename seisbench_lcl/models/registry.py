"""Extractors, heads and models by name: a container, which plugin discovery fills at the first look-up."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, NamedTuple

from packaging.utils import canonicalize_name
from packaging.version import Version

from seisbench_lcl.errors import MissingPluginError, PluginError
from seisbench_lcl.extractors import FeatureExtractor, expression
from seisbench_lcl.heads import Head

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
    """One entry point, and whether it was loaded.

    Attributes
    ----------
    name : str
        Name of the entry point.
    distribution, version : str
        The installed distribution; empty if nothing of this name is installed.
    state : {"loaded", "failed", "not allowed", "missing"}
    reason : str
        Why the plugin is not loaded.
    classes : Classes
        Its extractors, heads and models by name; empty unless it is loaded.
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
    """The installed classes, and the plugin that each of them belongs to.

    Attributes
    ----------
    plugins : list of Plugin
        All plugins, loaded or not, in the order in which they were added.
    classes : Classes
        The classes of all loaded plugins by name.
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
            If one of the names is taken; nothing is added then.
        """
        for mine, known in zip(classes, self.classes, strict=True):
            for name in mine:
                # The weights of a model are stored in a folder named after its class, in lower case.
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
            The distribution that is known to hold the class, for the error message.

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
        """Check that a class which weights need is installed.

        Parameters
        ----------
        part : str
            Its last word is the kind of the class: "extractor", "head" or "model".
        needed : mapping
            The "name" of the class, and the "distribution" and "version" that the weights were made with.

        Raises
        ------
        MissingPluginError
            If no class has this name, or it comes from another distribution or an older version.
        """
        name, distribution, version = needed["name"], needed["distribution"], needed["version"]
        kind: Kind = part.split()[-1]  # type: ignore[assignment]  # weights files are checked when they are read
        source = f"{distribution}>={version}"
        found = self._owners[self.find(kind, name, source)]
        if canonicalize_name(found.distribution) != canonicalize_name(distribution):
            raise MissingPluginError(
                f"the weights need the {kind} {name!r} of {distribution}, but the installed {kind} of this name "
                f"belongs to {found.distribution}: pip uninstall {found.distribution}; pip install {source!r}"
            )
        if Version(found.version) < Version(version):
            raise MissingPluginError(
                f"the weights need the {kind} {name!r} of {source}, but {found.version} is installed: "
                f"pip install --upgrade {source!r}"
            )

    def missing(self, kind: str, name: str, known: Mapping[str, Any], source: str | None = None) -> MissingPluginError:
        """Return the error for an unknown name: it lists what is installed, what failed, and what to install."""
        aside = [plugin for plugin in self.plugins if plugin.state != "loaded"]
        if source:
            wanted = canonicalize_name(source.partition(">")[0])
            aside = [plugin for plugin in aside if canonicalize_name(plugin.distribution) == wanted]
        mend = f"; it comes with {source}: pip install {source!r}" if source and not aside else ""
        listed = ", ".join(sorted(known))
        absent = "".join(f"; plugin {plugin}: {plugin.state} ({plugin.reason})" for plugin in aside)
        return MissingPluginError(f"no {kind} is called {name!r}; installed: {listed}{absent}{mend}")


_fillers: list[Callable[[Registry], None]] = []


def fill_from(filler: Callable[[Registry], None]) -> None:
    """Name the function that fills the registry at the first look-up; discovery calls this when it is imported."""
    _fillers[:] = [filler]


@cache
def registry() -> Registry:
    """Return the registry, filled at the first call: importing seisbench_lcl imports no plugin."""
    new = Registry()
    for fill in _fillers:
        fill(new)
    return new
