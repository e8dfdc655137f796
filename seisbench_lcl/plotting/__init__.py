"""Figures: stations over time, clusters and how they were found, and how far to trust probabilities."""

from seisbench_lcl.plotting.curves import cluster_number_figure, loss_curves
from seisbench_lcl.plotting.embedding import MapMethod, embedding_map
from seisbench_lcl.plotting.exemplars import exemplars
from seisbench_lcl.plotting.reliability import reliability_figure
from seisbench_lcl.plotting.stations import MAX_STATIONS, plot_stations

__all__ = [
    "MAX_STATIONS",
    "MapMethod",
    "cluster_number_figure",
    "embedding_map",
    "exemplars",
    "loss_curves",
    "plot_stations",
    "reliability_figure",
]
