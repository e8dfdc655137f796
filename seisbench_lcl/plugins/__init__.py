"""Plugins: extractors, heads and models from installed packages."""

from seisbench_lcl.models.registry import BUILT_IN, Plugin, Registry, fill_from, registry
from seisbench_lcl.plugins.discovery import discover
from seisbench_lcl.plugins.hookspecs import PLUGIN_API_VERSION, Hooks, hookimpl

__all__ = ["BUILT_IN", "PLUGIN_API_VERSION", "Hooks", "Plugin", "Registry", "discover", "hookimpl", "registry"]

fill_from(discover)
