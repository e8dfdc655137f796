"""Fill the registry with the classes of this package and, by entry points, with those of installed plugins."""

import logging
import os
import sys
from contextlib import redirect_stdout
from contextvars import ContextVar
from importlib.metadata import EntryPoint, entry_points

from packaging.utils import canonicalize_name
from packaging.version import Version

from seisbench_lcl._version import __version__
from seisbench_lcl.errors import PluginError
from seisbench_lcl.models.registry import BUILT_IN, Plugin, Registry, State
from seisbench_lcl.plugins import builtin
from seisbench_lcl.plugins.collection import collect
from seisbench_lcl.plugins.hookspecs import PROJECT

ALLOWED = "SEISBENCH_LCL_PLUGINS"
"""Environment variable with the plugins or distributions to load, separated by commas, or "none"."""

STRICT = "SEISBENCH_LCL_STRICT"
"""Environment variable; if 1, a plugin that cannot be loaded is an error."""

logger = logging.getLogger("seisbench")

_running: ContextVar[bool] = ContextVar("running", default=False)


def discover(registry: Registry) -> None:
    """Add the classes of this package, then those of each plugin.

    Each entry point is tried once. A plugin that fails in any way is skipped as a whole, and the reason is kept; the
    other plugins are loaded.

    Raises
    ------
    PluginError
        If SEISBENCH_LCL_STRICT is set and a plugin cannot be loaded.
    """
    if _running.get():
        raise PluginError("a plugin must not build a model while plugins are loaded, neither at import nor in a hook")
    own = Plugin(BUILT_IN, "seisbench-lcl", __version__)
    registry.add(own, collect(own.name, builtin))
    allowed = _allowed()
    token = _running.set(True)
    try:
        for entry in sorted(entry_points(group=PROJECT), key=lambda entry: (_source(entry), entry.name)):
            _load(registry, entry, allowed)
    finally:
        _running.reset(token)
    known = {name for plugin in registry.plugins for name in _names(plugin)}
    for name in sorted((allowed or set()) - known):
        _skip(registry, Plugin(name), "missing", f"{ALLOWED} lists it, but it is not installed")


def _load(registry: Registry, entry: EntryPoint, allowed: set[str] | None) -> None:
    plugin = Plugin(entry.name, *_source(entry))
    if allowed is not None and not allowed & _names(plugin):
        plugin.state, plugin.reason = "not allowed", f"{ALLOWED}={os.environ[ALLOWED]}"
        registry.plugins.append(plugin)
        return
    try:
        _check_metadata(plugin)
        with redirect_stdout(sys.stderr):  # standard output belongs to the running command
            registry.add(plugin, collect(plugin.name, entry.load()))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin can fail in any way, and must not stop the program
        _skip(registry, plugin, "failed", _reason(error), error)


def _skip(registry: Registry, plugin: Plugin, state: State, reason: str, error: BaseException | None = None) -> None:
    if os.environ.get(STRICT, "").strip().lower() not in ("", "0", "false", "no", "off"):
        raise PluginError(f"plugin {plugin}: {state} ({reason}); {STRICT} makes this an error") from error
    logger.warning("skipped plugin %s: %s", plugin, reason)
    plugin.state, plugin.reason = state, reason
    registry.plugins.append(plugin)


def _allowed() -> set[str] | None:
    """Return the canonical names of the allowed plugins; None allows all."""
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
    except KeyError:  # some versions of importlib.metadata raise this if the metadata lack a field
        return "", ""


def _check_metadata(plugin: Plugin) -> None:
    """Refuse a plugin that weights files could not name."""
    if plugin.name == BUILT_IN:
        raise PluginError(f"a plugin must not be called {BUILT_IN}")
    try:
        canonicalize_name(plugin.distribution, validate=True)
        Version(plugin.version)
    except ValueError as error:
        raise PluginError(f"its distribution has no valid name and version: {error}") from error


def _reason(error: BaseException) -> str:
    try:
        return str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
    except Exception:  # the message of the error cannot be formatted
        return type(error).__name__
