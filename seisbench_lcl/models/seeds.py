"""Seeds in nested arguments."""

from collections.abc import Mapping
from typing import Any


def with_seed(arguments: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return arguments with every seed replaced, at any depth."""
    return {
        key: seed if key == "seed" else with_seed(value, seed) if isinstance(value, Mapping) else value
        for key, value in arguments.items()
    }


def without_seeds(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments without seeds, at any depth."""
    return {
        key: without_seeds(value) if isinstance(value, Mapping) else value
        for key, value in arguments.items()
        if key != "seed"
    }
