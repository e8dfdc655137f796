"""The classes that this package adds to seisbench-lcl; its entry point refers to this module."""

import seisbench_lcl as lcl
from seisbench_lcl.extractors import FeatureExtractor
from seisbench_lcl_quakexnet.models import QuakeXNet
from seisbench_lcl_quakexnet.quakexnet import QuakeXNetEncoder

PLUGIN_API = (1, 1)


@lcl.hookimpl
def register_feature_extractors() -> list[type[FeatureExtractor]]:
    """Return the extractor `quakexnet`."""
    return [QuakeXNetEncoder]


@lcl.hookimpl
def register_models() -> list[type[lcl.Discriminator]]:
    """Return the named model."""
    return [QuakeXNet]
