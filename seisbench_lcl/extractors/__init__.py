"""Feature extractors: windows (B, C, T) in, features (B, F) out."""

from seisbench_lcl.extractors.base import FeatureExtractor
from seisbench_lcl.extractors.minirocket import MiniRocket

__all__ = ["FeatureExtractor", "MiniRocket"]
