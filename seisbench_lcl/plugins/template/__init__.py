"""Templates of a new plugin, and the function that fills them in."""

from seisbench_lcl.plugins.template.new import Kind, write_plugin

__all__ = ["Kind", "write_plugin"]
