"""The bridge to SeisBench: an extractor and a head, wrapped as a `WaveformModel`."""

from seisbench_lcl.models.backbone_tuning import fine_tune_backbone
from seisbench_lcl.models.discriminator import Discriminator
from seisbench_lcl.models.ensemble import DiscriminatorEnsemble
from seisbench_lcl.models.mixed import MixedEnsemble
from seisbench_lcl.models.registry import BUILT_IN, Plugin, Registry, registry

__all__ = [
    "BUILT_IN",
    "Discriminator",
    "DiscriminatorEnsemble",
    "MixedEnsemble",
    "Plugin",
    "Registry",
    "fine_tune_backbone",
    "registry",
]
