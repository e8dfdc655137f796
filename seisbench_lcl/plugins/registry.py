"""Extractors, heads and models by name: the built-in ones, and those that installed packages add by entry points."""

import logging
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from packaging.utils import canonicalize_name
from packaging.version import Version

from seisbench_lcl._version import __version__
from seisbench_lcl.errors import MissingPluginError, PluginError
from seisbench_lcl.extractors import expression
from seisbench_lcl.extractors.base import FeatureExtractor
from seisbench_lcl.heads.base import Head
from seisbench_lcl.plugins.collection import Classes, collect
from seisbench_lcl.plugins.hookspecs import PROJECT

BUILT_IN = "built-in"
"""Name of the plugin that is the package itself."""

ALLOWED = "SEISBENCH_LCL_PLUGINS"
STRICT = "SEISBENCH_LCL_STRICT"

State = Literal["loaded", "failed", "not allowed", "missing"]
logger = logging.getLogger("seisbench")

_building: ContextVar[bool] = ContextVar("building", default=False)


@dataclass
class Plugin:
    """One entry point of the group, and what became of it.

    Attributes
    ----------
    name : str
        Of the entry point.
    distribution, version : str
        What was installed by pip; empty where nothing of the name is.
    state : {"loaded", "failed", "not allowed", "missing"}
    reason : str
        Why it is not loaded.
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
    """The classes that are installed, and the plugins that they come with.

    Each entry point is tried once. A plugin that fails in any way is set aside, whole, with its reason; the others go
    on. The environment variable SEISBENCH_LCL_PLUGINS names the plugins that are allowed, by their own names or their
    distributions', separated by commas; "none" allows none. With SEISBENCH_LCL_STRICT=1 a plugin that is set aside is
    an error.

    Attributes
    ----------
    plugins : list of Plugin
        The built-in one first.
    classes : Classes
        The extractors, heads and models of all of them by name.

    Raises
    ------
    PluginError
        If SEISBENCH_LCL_STRICT is set and a plugin cannot be used.
    """

    def __init__(self) -> None:
        from seisbench_lcl.plugins import builtin  # which needs the models, and they need the registry

        if _building.get():
            raise PluginError("no model can be made while plugins are loaded: neither at import nor in a hook")
        self.plugins: list[Plugin] = []
        self.classes = Classes({}, {}, {})
        self._owners: dict[type, Plugin] = {}
        own = Plugin(BUILT_IN, "seisbench-lcl", __version__)
        self._take(own, collect(own.name, builtin))
        entries = sorted(entry_points(group=PROJECT), key=lambda entry: (_source(entry), entry.name))
        allowed = _allowed()
        token = _building.set(True)
        try:
            for entry in entries:
                self._try(entry, allowed)
        finally:
            _building.reset(token)
        known = {name for plugin in self.plugins for name in _names(plugin)}
        for name in sorted((allowed or set()) - known):
            self._set_aside(Plugin(name), "missing", f"{ALLOWED} names it, but it is not installed")

    def extractor(self, name: str, source: str | None = None) -> type[FeatureExtractor]:
        """Return the class of an extractor by name; `source` is the distribution known to hold it."""
        return self._find("extractor", self.classes.extractors, name, source)

    def build_extractor(
        self, names: str, shape: tuple[int, int, float], arguments: Mapping[str, Any], model: Mapping[str, Any]
    ) -> FeatureExtractor:
        """Make an extractor by its name or expression; see `seisbench_lcl.extractors.expression.build`."""
        return expression.build(names, self.extractor, shape, arguments, model)

    def learns_from_labels(self, names: str) -> bool:
        """Whether an extractor, by its name or expression, learns from labels."""
        return any(self.extractor(name).supervised for name in expression.leaves(names))

    def head(self, name: str, source: str | None = None) -> type[Head]:
        """Return the class of a head by name; `source` is the distribution known to hold it."""
        return self._find("head", self.classes.heads, name, source)

    def owner(self, cls: type) -> Plugin | None:
        """Return the plugin that registered a class, if one did."""
        return self._owners.get(cls)

    def check(self, part: str, needed: Mapping[str, str]) -> None:
        """Check that something which weights need is installed.

        Parameters
        ----------
        part : str
            Whose last word is what it is: "extractor", "head" or "model".
        needed : mapping
            With its "name", and the "distribution" and "version" that the weights were made with.

        Raises
        ------
        MissingPluginError
            If there is none of the name, it is another distribution's, or older.
        """
        name, distribution, version = needed["name"], needed["distribution"], needed["version"]
        kind = part.split()[-1]
        kinds = {
            "extractor": self.classes.extractors,
            "head": self.classes.heads,
            "model": self.classes.models,
        }
        source = f"{distribution}>={version}"
        found = self._owners[self._find(kind, kinds[kind], name, source)]
        if canonicalize_name(found.distribution) != canonicalize_name(distribution):
            raise MissingPluginError(
                f"the weights need the {kind} {name!r} of {distribution}, but the one that is installed is of "
                f"{found.distribution}: pip uninstall {found.distribution}; pip install {source!r}"
            )
        if Version(found.version) < Version(version):
            raise MissingPluginError(
                f"the weights need the {kind} {name!r} of {source}, but {found.version} is installed: "
                f"pip install --upgrade {source!r}"
            )

    def missing(self, kind: str, name: str, known: Mapping[str, Any], source: str | None = None) -> MissingPluginError:
        """Return the error of a name that is not known: what there is, what failed, and what to install."""
        aside = [plugin for plugin in self.plugins if plugin.state != "loaded"]
        if source:
            wanted = canonicalize_name(source.partition(">")[0])
            aside = [plugin for plugin in aside if canonicalize_name(plugin.distribution) == wanted]
        mend = f"; it comes with {source}: pip install {source!r}" if source and not aside else ""
        listed = ", ".join(sorted(known))
        absent = "".join(f"; plugin {plugin}: {plugin.state} ({plugin.reason})" for plugin in aside)
        return MissingPluginError(f"no {kind} is called {name!r}; installed are {listed}{absent}{mend}")

    def _find(self, kind: str, known: Mapping[str, type[Any]], name: str, source: str | None) -> type[Any]:
        if name not in known:
            raise self.missing(kind, name, known, source)
        return known[name]

    def _try(self, entry: EntryPoint, allowed: set[str] | None) -> None:
        plugin = Plugin(entry.name, *_source(entry))
        if allowed is not None and not allowed & _names(plugin):
            plugin.state, plugin.reason = "not allowed", f"{ALLOWED}={os.environ[ALLOWED]}"
            self.plugins.append(plugin)
            return
        try:
            _check_metadata(plugin)
            with redirect_stdout(sys.stderr):  # which belongs to the command that runs
                self._take(plugin, collect(plugin.name, entry.load()))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin can fail in any way, and must not take the host down
            self._set_aside(plugin, "failed", _told(error), error)

    def _take(self, plugin: Plugin, classes: Classes) -> None:
        for mine, known in zip(classes, self.classes, strict=True):
            for name in mine:
                # Weights lie in a folder called like the class, in small letters.
                if taken := next((cls for other, cls in known.items() if other.lower() == name.lower()), None):
                    raise PluginError(f"the name {name!r} is taken by {self._owners[taken]}")
        for mine, known in zip(classes, self.classes, strict=True):
            known.update(mine)
            self._owners |= {cls: plugin for cls in mine.values()}
        plugin.classes = classes
        self.plugins.append(plugin)

    def _set_aside(self, plugin: Plugin, state: State, reason: str, error: BaseException | None = None) -> None:
        if os.environ.get(STRICT, "").strip().lower() not in ("", "0", "false", "no", "off"):
            raise PluginError(f"plugin {plugin}: {state} ({reason}); {STRICT} makes this an error") from error
        logger.warning("plugin %s is set aside: %s", plugin, reason)
        plugin.state, plugin.reason = state, reason
        self.plugins.append(plugin)


@cache
def registry() -> Registry:
    """Return the registry, built at the first call: importing seisbench_lcl imports no plugin."""
    return Registry()


def _allowed() -> set[str] | None:
    """Return the canonical names of the plugins that are allowed, None for all."""
    text = os.environ.get(ALLOWED, "").strip()
    if not text:
        return None
    if text.lower() == "none":
        return set()
    return {canonicalize_name(name.strip()) for name in text.split(",") if name.strip()}


def _names(plugin: Plugin) -> set[str]:
    return {canonicalize_name(plugin.name), canonicalize_name(plugin.distribution)}


def _source(entry: EntryPoint) -> tuple[str, str]:
    assert entry.dist is not None  # None only for entry points made by hand
    try:
        return entry.dist.name or "", entry.dist.version or ""
    except KeyError:  # which some versions of importlib.metadata raise for what the metadata lack
        return "", ""


def _check_metadata(plugin: Plugin) -> None:
    """Refuse what weights could not name."""
    if plugin.name == BUILT_IN:
        raise PluginError(f"a plugin cannot be called {BUILT_IN}")
    try:
        canonicalize_name(plugin.distribution, validate=True)
        Version(plugin.version)
    except ValueError as error:
        raise PluginError(f"its distribution has no name and version that weights can tell: {error}") from error


def _told(error: BaseException) -> str:
    try:
        return str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
    except Exception:  # of an error that cannot say what it is
        return type(error).__name__
