"""Heads: features (B, F) in, class probabilities (B, K) out."""

from seisbench_lcl.heads.base import Head
from seisbench_lcl.heads.dec import DECHead
from seisbench_lcl.heads.gmm import GMM
from seisbench_lcl.heads.kmeans import KMeans
from seisbench_lcl.heads.linear import Linear
from seisbench_lcl.heads.named_scan import NamedSCAN
from seisbench_lcl.heads.ridge import Ridge
from seisbench_lcl.heads.scan import SCAN
from seisbench_lcl.heads.stack import Stack

__all__ = ["GMM", "SCAN", "DECHead", "Head", "KMeans", "Linear", "NamedSCAN", "Ridge", "Stack"]
