"""Models by name for the benchmarks, including those of plugins and any pair of extractor and head."""

from collections.abc import Mapping
from typing import Any

import seisbench_lcl as lcl
from seisbench_lcl.models.lookup import model_class
from seisbench_lcl.models.seeds import with_seed


def described(name: str) -> tuple[type[lcl.Discriminator], dict[str, str]]:
    """Return the model class, and the names of its parts if the name is a pair such as "scattering:ridge"."""
    extractor, separator, head = name.partition(":")
    return (lcl.Discriminator, {"extractor": extractor, "head": head}) if separator else (model_class(name), {})


def seeded(
    cls: type[lcl.Discriminator], seed: int, shape: Mapping[str, Any], arguments: Mapping[str, Any] | None = None
) -> lcl.Discriminator:
    """Make an unfitted model, with the seed for each part that has one; `arguments` are those of its parts."""
    plain = cls(**shape, **(arguments or {}))
    parts = {"extractor_args": plain.extractor.config(), "head_args": plain.head.config()}
    return cls(**shape, **{part: with_seed(config, seed) for part, config in parts.items()})
