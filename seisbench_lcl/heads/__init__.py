"""Heads: features (B, F) in, class probabilities (B, K) out."""

from seisbench_lcl.heads.base import Head
from seisbench_lcl.heads.ridge import Ridge

__all__ = ["Head", "Ridge"]
