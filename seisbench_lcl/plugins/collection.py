"""Collect the classes of one plugin, and check them before use."""

import re
from collections.abc import Iterable
from inspect import isabstract
from typing import Any

import pluggy

from seisbench_lcl._version import __version__
from seisbench_lcl.errors import PluginError
from seisbench_lcl.extractors import FeatureExtractor
from seisbench_lcl.heads import Head
from seisbench_lcl.models.discriminator import Discriminator
from seisbench_lcl.models.registry import Classes
from seisbench_lcl.plugins.hookspecs import PLUGIN_API_VERSION, PROJECT, Hooks

# Other characters have a meaning in file names, or in expressions such as "envelope>minirocket+physical".
NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")

_RESERVED = ("Discriminator", "DiscriminatorEnsemble", "MixedEnsemble")


def collect(plugin: str, implementation: object) -> Classes:
    """Call the hooks of a plugin.

    Parameters
    ----------
    plugin : str
        Name of the plugin.
    implementation : object
        Target of its entry point: a module, or any object with hooks.

    Raises
    ------
    PluginError
        If it was written for another API, implements no hook, or does not return valid classes.
    pluggy.PluginValidationError
        If it implements an unknown hook, or a hook with unknown arguments.
    """
    _check_api(implementation)
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    manager.register(implementation, plugin)
    manager.check_pending()
    if not manager.get_hookcallers(implementation):
        raise PluginError(
            f"it implements no hook: decorate {' or '.join(f'{name}()' for name in vars(Hooks) if name[0] != '_')} "
            "with seisbench_lcl.hookimpl"
        )
    return Classes(
        _by_name(_returned(manager.hook.register_feature_extractors), FeatureExtractor),
        _by_name(_returned(manager.hook.register_heads), Head),
        _by_name(_returned(manager.hook.register_models), Discriminator),
    )


def _check_api(implementation: object) -> None:
    stated = getattr(implementation, "PLUGIN_API", None)
    numbers = stated if isinstance(stated, tuple) else ()
    if [type(number) for number in numbers] != [int, int] or numbers[0] > numbers[1]:
        raise PluginError(
            f"it must state the lowest and highest plugin API that it supports, as "
            f"PLUGIN_API = ({PLUGIN_API_VERSION}, {PLUGIN_API_VERSION}), but its PLUGIN_API is {stated!r}"
        )
    lowest, highest = numbers
    if not lowest <= PLUGIN_API_VERSION <= highest:
        older = "seisbench-lcl" if lowest > PLUGIN_API_VERSION else "the plugin"
        raise PluginError(
            f"it supports plugin API {lowest} to {highest}, but seisbench_lcl {__version__} has "
            f"{PLUGIN_API_VERSION}: update {older}"
        )


def _returned(hook: pluggy.HookCaller) -> list[Any]:
    if any(implementation.hookwrapper or implementation.wrapper for implementation in hook.get_hookimpls()):
        raise PluginError(f"{hook.name} is a wrapper, but must return classes: use hookimpl without arguments")
    results = hook()
    if len(results) < len(hook.get_hookimpls()):
        raise PluginError(f"{hook.name} returned None, but must return a list of classes")
    for found in results:
        if not isinstance(found, list | tuple):
            raise PluginError(f"{hook.name} must return a list of classes, but returned {found!r}")
    return [cls for found in results for cls in found]


def _by_name(classes: Iterable[Any], base: type) -> dict[str, type[Any]]:
    named: dict[str, type[Any]] = {}
    for cls in classes:
        if not (isinstance(cls, type) and issubclass(cls, base)):
            raise PluginError(f"{cls!r} is not a subclass of {base.__name__}")
        if isabstract(cls):
            lacking = ", ".join(sorted(cls.__abstractmethods__))  # type: ignore[attr-defined]
            raise PluginError(f"{cls.__name__} is abstract: it must implement {lacking}")
        name = _name(cls)
        if name in named:
            raise PluginError(f"it registers the name {name!r} twice")
        named[name] = cls
    return named


def _name(cls: type[Any]) -> str:
    if not issubclass(cls, FeatureExtractor | Head):
        if cls.pair is None:
            raise PluginError(
                f"{cls.__name__} has no extractor and head: write class {cls.__name__}(Discriminator, extractor=..., "
                "head=...)"
            )
        if cls.__name__ in _RESERVED:
            raise PluginError(f"a model must not be called {cls.__name__}, which is a class of seisbench_lcl")
        return cls.__name__
    name = getattr(cls, "name", None)
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        raise PluginError(
            f"{cls.__name__} needs a name of lower-case letters, digits, '_' and '-', but its name is {name!r}"
        )
    return name
