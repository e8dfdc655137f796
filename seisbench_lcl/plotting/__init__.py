"""Figures of stations over time, of clusters and their training, and of the reliability of probabilities.

All figures are independent of pyplot: they need no display and need not be closed.
"""

from seisbench_lcl.plotting.confusion import draw_confusion
from seisbench_lcl.plotting.curves import cluster_number_figure, loss_curves
from seisbench_lcl.plotting.embedding import MapMethod, embedding_map
from seisbench_lcl.plotting.exemplars import exemplars
from seisbench_lcl.plotting.reliability import Decisions, compare_reliability, draw_reliability, reliability_figure
from seisbench_lcl.plotting.stations import MAX_STATIONS, interesting_stations, plot_stations

__all__ = [
    "MAX_STATIONS",
    "Decisions",
    "MapMethod",
    "cluster_number_figure",
    "compare_reliability",
    "draw_confusion",
    "draw_reliability",
    "embedding_map",
    "exemplars",
    "interesting_stations",
    "loss_curves",
    "plot_stations",
    "reliability_figure",
]
