"""Models by name for the benchmarks, including those of plugins and any pair of extractor and head."""

import seisbench_lcl as lcl
from seisbench_lcl.models.lookup import model_class


def described(name: str) -> tuple[type[lcl.Discriminator], dict[str, str]]:
    """Return the model class, and the names of its parts if the name is a pair such as "scattering:ridge"."""
    extractor, separator, head = name.partition(":")
    return (lcl.Discriminator, {"extractor": extractor, "head": head}) if separator else (model_class(name), {})
