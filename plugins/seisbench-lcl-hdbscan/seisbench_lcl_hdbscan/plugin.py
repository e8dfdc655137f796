"""The classes that this package adds to seisbench_lcl."""

from seisbench_lcl import hookimpl
from seisbench_lcl.heads import Head
from seisbench_lcl_hdbscan.head import HDBSCAN

PLUGIN_API = (1, 1)
"""Lowest and highest supported version of the plugin API."""


@hookimpl
def register_heads() -> list[type[Head]]:
    """Return the cluster head."""
    return [HDBSCAN]
