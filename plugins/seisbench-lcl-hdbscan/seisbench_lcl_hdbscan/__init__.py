"""The cluster head `hdbscan` for seisbench_lcl, which finds families of events and leaves other windows unknown."""

from seisbench_lcl_hdbscan.head import HDBSCAN

__all__ = ["HDBSCAN"]
