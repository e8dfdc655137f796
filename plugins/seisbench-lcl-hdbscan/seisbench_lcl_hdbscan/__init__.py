"""The cluster head `hdbscan` of seisbench_lcl: families of events, as many as there are, and everything else."""

from seisbench_lcl_hdbscan.head import HDBSCAN

__all__ = ["HDBSCAN"]
