"""Figures of decisions on events: stations with their records and votes, maps, and decisions against the truth.

As all figures of the package, they are independent of pyplot: they need no display and need not be closed.
"""

from seisbench_lcl.events.figures.files import write_panels
from seisbench_lcl.events.figures.panel import event_panel
from seisbench_lcl.events.figures.scored import score_figure
from seisbench_lcl.events.figures.station_map import station_map

__all__ = ["event_panel", "score_figure", "station_map", "write_panels"]
