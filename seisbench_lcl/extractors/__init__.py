"""Feature extractors: windows (B, C, T) in, features (B, F) out."""

from seisbench_lcl.extractors.base import FeatureExtractor
from seisbench_lcl.extractors.minirocket import MiniRocket
from seisbench_lcl.extractors.raw import Raw
from seisbench_lcl.extractors.simclr import SimCLR
from seisbench_lcl.extractors.spectrogram_autoencoder import SpectrogramAutoencoder
from seisbench_lcl.extractors.spectrogram_unet import SpectrogramUNet

__all__ = ["FeatureExtractor", "MiniRocket", "Raw", "SimCLR", "SpectrogramAutoencoder", "SpectrogramUNet"]
