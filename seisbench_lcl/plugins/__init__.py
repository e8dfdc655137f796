"""Plugins: what installed packages add to the extractors, heads and models."""

from seisbench_lcl.plugins.hookspecs import PLUGIN_API_VERSION, Hooks, hookimpl
from seisbench_lcl.plugins.registry import BUILT_IN, Plugin, Registry, registry

__all__ = ["BUILT_IN", "PLUGIN_API_VERSION", "Hooks", "Plugin", "Registry", "hookimpl", "registry"]
