"""The classes of this package, registered in the same way as those of a plugin."""

from seisbench_lcl.extractors import (
    FeatureExtractor,
    Inception10Encoder,
    MiniRocket,
    Physical,
    Raw,
    ResNet18Encoder,
    SeisBenchEncoder,
    SeisBenchNetwork,
    SimCLR,
    SpectrogramAutoencoder,
    SpectrogramCNNEncoder,
    SpectrogramUNet,
    VGG16Encoder,
)
from seisbench_lcl.heads import GMM, SCAN, DECHead, Head, KMeans, Linear, NamedSCAN, Ridge, Stack
from seisbench_lcl.models import ensemble as ensemble  # these two are no pairs, and are found once they are imported
from seisbench_lcl.models import mixed as mixed
from seisbench_lcl.models import named as models
from seisbench_lcl.models.discriminator import Discriminator
from seisbench_lcl.plugins.hookspecs import PLUGIN_API_VERSION, hookimpl

PLUGIN_API = (PLUGIN_API_VERSION, PLUGIN_API_VERSION)


@hookimpl
def register_feature_extractors() -> list[type[FeatureExtractor]]:
    """Return the extractors of the package."""
    return [
        Inception10Encoder,
        MiniRocket,
        Physical,
        Raw,
        ResNet18Encoder,
        SeisBenchEncoder,
        SeisBenchNetwork,
        SimCLR,
        SpectrogramAutoencoder,
        SpectrogramCNNEncoder,
        SpectrogramUNet,
        VGG16Encoder,
    ]


@hookimpl
def register_heads() -> list[type[Head]]:
    """Return the heads of the package."""
    return [GMM, SCAN, DECHead, KMeans, Linear, NamedSCAN, Ridge, Stack]


@hookimpl
def register_models() -> list[type[Discriminator]]:
    """Return the named models of the package."""
    return [
        models.AutoencoderGMM,
        models.DEC,
        models.EnvelopeMiniRocketRidge,
        models.EnvelopePhysicalRidge,
        models.HybridRidge,
        models.Inception10,
        models.MiniRocketKMeans,
        models.MiniRocketRidge,
        models.MiniRocketSCAN,
        models.PhaseNetKMeans,
        models.PhaseNetNamedSCAN,
        models.PhaseNetPhysicalRidge,
        models.PhaseNetRidge,
        models.PhaseNetSCAN,
        models.PhysicalRidge,
        models.ResNet18,
        models.SimCLRKMeans,
        models.SpectrogramCNN,
        models.UNetGMM,
        models.VGG16,
        models.WaveformKMeans,
    ]
