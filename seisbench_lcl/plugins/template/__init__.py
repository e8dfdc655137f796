"""A plugin as it is written anew: files with names to fill in, and what fills them."""

from seisbench_lcl.plugins.template.new import Kind, write_plugin

__all__ = ["Kind", "write_plugin"]
