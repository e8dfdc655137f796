"""Extractors and heads by name: the built-in ones, and those that installed packages add through entry points."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

import pluggy

from seisbench_lcl._version import __version__
from seisbench_lcl.errors import MissingPluginError
from seisbench_lcl.extractors import (
    VGG16,
    FeatureExtractor,
    Inception10,
    MiniRocket,
    Physical,
    Raw,
    ResNet18,
    SimCLR,
    SpectrogramAutoencoder,
    SpectrogramCNN,
    SpectrogramUNet,
    expression,
)
from seisbench_lcl.heads import DEC, GMM, SCAN, Head, KMeans, Linear, Ridge, Stack

PROJECT = "seisbench_lcl"
"""Name of the pluggy project and of the entry-point group."""

PLUGIN_API_VERSION = 1

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

T = TypeVar("T", bound=type[FeatureExtractor] | type[Head])


class Hooks:
    """What a plugin may implement."""

    @hookspec
    def register_feature_extractors(self) -> list[type[FeatureExtractor]]:
        """Return the feature extractors that the plugin adds."""
        raise NotImplementedError

    @hookspec
    def register_heads(self) -> list[type[Head]]:
        """Return the heads that the plugin adds."""
        raise NotImplementedError


class _BuiltIn:
    @hookimpl
    def register_feature_extractors(self) -> list[type[FeatureExtractor]]:
        return [
            Inception10,
            MiniRocket,
            Physical,
            Raw,
            ResNet18,
            SimCLR,
            SpectrogramAutoencoder,
            SpectrogramCNN,
            SpectrogramUNet,
            VGG16,
        ]

    @hookimpl
    def register_heads(self) -> list[type[Head]]:
        return [DEC, GMM, SCAN, KMeans, Linear, Ridge, Stack]


class Registry:
    """The classes that are installed, and the plugins that failed, each with its reason.

    Attributes
    ----------
    failures : dict from "distribution:plugin" to reason
        A plugin that does not load is set aside here, whole; the others go on.
    """

    def __init__(self) -> None:
        self.failures: dict[str, str] = {}
        self._sources: dict[type, tuple[str, str]] = {}
        self._extractors: dict[str, type[FeatureExtractor]] = {}
        self._heads: dict[str, type[Head]] = {}
        self._add("built-in", _BuiltIn(), ("seisbench-lcl", __version__))
        for entry in entry_points(group=PROJECT):
            source = _source(entry)
            try:
                self._add(entry.name, entry.load(), source)
            except (Exception, SystemExit) as error:  # a plugin can fail in any way, and must not take the host down
                self.failures[f"{source[0]}:{entry.name}"] = f"{type(error).__name__}: {error}"

    def extractor(self, name: str, source: str | None = None) -> type[FeatureExtractor]:
        """Return the class of an extractor by name; `source` is the distribution known to hold it."""
        return self._find("feature extractor", self._extractors, name, source)

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
        return self._find("head", self._heads, name, source)

    def source(self, cls: type) -> tuple[str, str]:
        """Return the distribution that a registered class came from, and its version."""
        return self._sources[cls]

    def _find(self, kind: str, known: dict[str, T], name: str, source: str | None) -> T:
        if name in known:
            return known[name]
        failed = "".join(f"; plugin {k!r} did not load ({reason})" for k, reason in self.failures.items())
        mend = f"; it comes with {source}: pip install {source}" if source else ""
        raise MissingPluginError(
            f"no {kind} is called {name!r}; installed are {', '.join(sorted(known))}{failed}{mend}"
        )

    def _add(self, plugin: str, implementation: object, source: tuple[str, str]) -> None:
        manager = pluggy.PluginManager(PROJECT)
        manager.add_hookspecs(Hooks)
        manager.register(implementation, plugin)
        manager.check_pending()
        extractors = self._named(FeatureExtractor, self._extractors, manager.hook.register_feature_extractors(), source)
        heads = self._named(Head, self._heads, manager.hook.register_heads(), source)
        self._extractors |= extractors
        self._heads |= heads
        self._sources |= dict.fromkeys([*extractors.values(), *heads.values()], source)

    def _named(self, base: T, known: dict[str, T], found: list[list[T]], source: tuple[str, str]) -> dict[str, T]:
        named: dict[str, T] = {}
        for cls in (cls for classes in found for cls in classes):
            if not (isinstance(cls, type) and issubclass(cls, base)):
                raise TypeError(f"{cls!r} is not a subclass of {base.__name__}")
            if taken := known.get(cls.name) or named.get(cls.name):
                raise ValueError(f"the name {cls.name!r} is taken by {self._sources.get(taken, source)[0]}")
            named[cls.name] = cls
        return named


@cache
def registry() -> Registry:
    """Return the registry, built at the first call: importing seisbench_lcl imports no plugin."""
    return Registry()


def _source(entry: EntryPoint) -> tuple[str, str]:
    assert entry.dist is not None  # None only for entry points made by hand
    return entry.dist.name, entry.dist.version
