"""Hooks that a plugin may implement."""

import pluggy

from seisbench_lcl.extractors import FeatureExtractor
from seisbench_lcl.heads import Head
from seisbench_lcl.models.discriminator import Discriminator

PROJECT = "seisbench_lcl"
"""Name of the pluggy project and of the entry-point group."""

PLUGIN_API_VERSION = 1
"""Version of the hooks, of `FeatureExtractor` and of `Head`, raised by changes that a plugin must follow.

A plugin states the lowest and highest version that it supports: ``PLUGIN_API = (1, 1)``.
"""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Hooks:
    """Functions that a plugin may implement; each returns a list of classes.

    Examples
    --------
    >>> from seisbench_lcl.plugins import hookimpl
    >>> @hookimpl
    ... def register_heads():
    ...     return []
    """

    @hookspec
    def register_feature_extractors(self) -> list[type[FeatureExtractor]]:
        """Return the feature extractors that the plugin adds."""
        raise NotImplementedError

    @hookspec
    def register_heads(self) -> list[type[Head]]:
        """Return the heads that the plugin adds."""
        raise NotImplementedError

    @hookspec
    def register_models(self) -> list[type[Discriminator]]:
        """Return the named pairs of extractor and head that the plugin adds."""
        raise NotImplementedError
