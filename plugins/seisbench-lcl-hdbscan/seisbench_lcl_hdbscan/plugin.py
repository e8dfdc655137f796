"""What the plugin adds to seisbench_lcl."""

from seisbench_lcl import hookimpl
from seisbench_lcl.heads import Head
from seisbench_lcl_hdbscan.head import HDBSCAN

PLUGIN_API = (1, 1)
"""Lowest and highest version of the plugin interface that this one works with."""


@hookimpl
def register_heads() -> list[type[Head]]:
    """Return the cluster head."""
    return [HDBSCAN]
