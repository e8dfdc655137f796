"""How a pair of extractor and head learns, read from the tags of their classes."""

from typing import NamedTuple

from seisbench_lcl.extractors import expression
from seisbench_lcl.models.registry import registry


class Traits(NamedTuple):
    """How a model learns.

    Attributes
    ----------
    supervised : bool
        Whether the head learns from labels; otherwise it finds clusters.
    needs_labels : bool
        Whether the head or the extractor learns from labels.
    augments : bool
        Whether training uses each window once, as picked: networks augment windows themselves, and clusters should
        describe windows as they are. Other models learn from shifted copies by default.
    """

    supervised: bool
    needs_labels: bool
    augments: bool


def traits_of(extractor: str, head: str) -> Traits:
    """Return the traits of an extractor, by name or expression, and a head.

    Raises
    ------
    MissingPluginError
        If one of them is not installed.
    """
    supervised = registry().head(head).supervised
    leaves = [registry().extractor(name) for name in expression.leaves(extractor)]
    needs_labels = supervised or any(leaf.supervised for leaf in leaves)
    augments = not supervised or any(leaf.supervised or leaf.trained_in_epochs for leaf in leaves)
    return Traits(supervised, needs_labels, augments)
