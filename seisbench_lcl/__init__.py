"""Event discrimination for SeisBench: earthquakes, blasts, slides and noise on any ObsPy stream."""

import seisbench.models

from seisbench_lcl._version import __version__
from seisbench_lcl.errors import SeisBenchLCLError
from seisbench_lcl.models.discriminator import Discriminator
from seisbench_lcl.models.ensemble import DiscriminatorEnsemble
from seisbench_lcl.models.lookup import from_pretrained, load
from seisbench_lcl.models.named import (
    DEC,
    VGG16,
    AutoencoderGMM,
    EnvelopeMiniRocketRidge,
    EnvelopePhysicalRidge,
    HybridRidge,
    Inception10,
    MiniRocketKMeans,
    MiniRocketRidge,
    MiniRocketSCAN,
    PhysicalRidge,
    ResNet18,
    SimCLRKMeans,
    SpectrogramCNN,
    UNetGMM,
    WaveformKMeans,
)
from seisbench_lcl.plugins import PLUGIN_API_VERSION, hookimpl

__all__ = [
    "DEC",
    "PLUGIN_API_VERSION",
    "VGG16",
    "AutoencoderGMM",
    "Discriminator",
    "DiscriminatorEnsemble",
    "EnvelopeMiniRocketRidge",
    "EnvelopePhysicalRidge",
    "HybridRidge",
    "Inception10",
    "MiniRocketKMeans",
    "MiniRocketRidge",
    "MiniRocketSCAN",
    "PhysicalRidge",
    "ResNet18",
    "SeisBenchLCLError",
    "SimCLRKMeans",
    "SpectrogramCNN",
    "UNetGMM",
    "WaveformKMeans",
    "__version__",
    "from_pretrained",
    "hookimpl",
    "load",
]

for _model in (Discriminator, *Discriminator.__subclasses__(), DiscriminatorEnsemble):
    # Scripts find the models where they find PhaseNet; SeisBench's own names stay its own.
    if not hasattr(seisbench.models, _model.__name__):
        setattr(seisbench.models, _model.__name__, _model)
