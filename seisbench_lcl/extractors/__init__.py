"""Feature extractors: windows (B, C, T) in, features (B, F) out."""

from seisbench_lcl.extractors._network import Network
from seisbench_lcl.extractors.base import FeatureExtractor
from seisbench_lcl.extractors.inception10 import Inception10Encoder
from seisbench_lcl.extractors.minirocket import MiniRocket
from seisbench_lcl.extractors.physical import Physical
from seisbench_lcl.extractors.raw import Raw
from seisbench_lcl.extractors.resnet18 import ResNet18Encoder
from seisbench_lcl.extractors.seisbench import SeisBenchEncoder
from seisbench_lcl.extractors.seisbench_network import SeisBenchNetwork
from seisbench_lcl.extractors.simclr import SimCLR
from seisbench_lcl.extractors.spectrogram_autoencoder import SpectrogramAutoencoder
from seisbench_lcl.extractors.spectrogram_cnn import SpectrogramCNNEncoder
from seisbench_lcl.extractors.spectrogram_unet import SpectrogramUNet
from seisbench_lcl.extractors.vgg16 import VGG16Encoder

__all__ = [
    "FeatureExtractor",
    "Inception10Encoder",
    "MiniRocket",
    "Network",
    "Physical",
    "Raw",
    "ResNet18Encoder",
    "SeisBenchEncoder",
    "SeisBenchNetwork",
    "SimCLR",
    "SpectrogramAutoencoder",
    "SpectrogramCNNEncoder",
    "SpectrogramUNet",
    "VGG16Encoder",
]
