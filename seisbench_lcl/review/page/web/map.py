"""The map of events and stations; it needs no tiles, so no network."""

from collections.abc import Callable, Mapping, Sequence
from math import cos, isnan, radians

import numpy as np
import obspy
import pandas as pd
from bokeh.events import Tap
from bokeh.models import ColumnDataSource, DataRange1d
from bokeh.plotting import figure

from seisbench_lcl.review.page.sheet import Sheet

_HEIGHT = 300
_NEAR = 0.03  # of the width of the map, within which a click means an event
_SMALLEST = 0.02  # degrees across


class Map:
    """Shows where events and stations are, and tells which event was clicked.

    Parameters
    ----------
    table : DataFrame
        Of `seisbench_lcl.review.page.listing.listing`.
    colours : mapping from label to colour
    inventory : obspy.Inventory or None
    chosen : callable
        Called with the id of an event.

    Attributes
    ----------
    figure : bokeh figure
    """

    def __init__(
        self,
        table: pd.DataFrame,
        colours: Mapping[str, str],
        inventory: obspy.Inventory | None,
        chosen: Callable[[str], None],
    ) -> None:
        self._table, self._colours, self._chosen = table, colours, chosen
        self._places = dict(zip(table.index, zip(table["longitude"], table["latitude"], strict=True), strict=True))
        self._shown = table.iloc[:0]
        middle = float(np.nanmedian(table["latitude"])) if table["latitude"].notna().any() else 0.0
        self._shrink = max(0.05, cos(radians(middle)))
        ranges = [DataRange1d(range_padding=0.08, default_span=1.0, min_interval=_SMALLEST) for _ in range(2)]
        self.figure = figure(
            name="map figure",
            height=_HEIGHT,
            sizing_mode="stretch_width",
            x_range=ranges[0],
            y_range=ranges[1],
            match_aspect=True,
            aspect_scale=self._shrink,
            tools="pan,wheel_zoom,box_zoom,reset",
            active_drag="pan",
            active_scroll="wheel_zoom",
            output_backend="canvas",
        )
        self._events = ColumnDataSource({"x": [], "y": [], "colour": []}, name="map events")
        self._here = ColumnDataSource({"x": [], "y": []}, name="map here")
        self._stations = ColumnDataSource({"x": [], "y": [], "colour": []}, name="map stations")
        places = sorted({(s.longitude, s.latitude) for network in inventory or () for s in network})
        known = ColumnDataSource({"x": [x for x, _ in places], "y": [y for _, y in places]})
        plot = self.figure
        triangles = plot.scatter("x", "y", marker="triangle", size=6, color="#bbbbbb", source=known)
        dots = plot.scatter("x", "y", size=6, color="colour", alpha=0.55, line_color=None, source=self._events)
        plot.scatter("x", "y", marker="triangle", size=10, color="colour", line_color="#111111", source=self._stations)
        plot.scatter(
            "x", "y", marker="star", size=18, color="#f0e442", line_color="#111111", line_width=1.5, source=self._here
        )
        for axis in ranges:
            axis.renderers = [triangles, dots]
        plot.xaxis.axis_label, plot.yaxis.axis_label = "Longitude (°)", "Latitude (°)"
        plot.toolbar.logo = None
        plot.toolbar.autohide = True
        plot.on_event(Tap, self._tapped)

    def show_events(self, events: Sequence[str]) -> None:
        """Show these events instead of others."""
        chosen = self._table.loc[list(events)]
        self._shown = chosen[chosen["latitude"].notna()]
        self._events.data = {
            "x": self._shown["longitude"].to_numpy(),
            "y": self._shown["latitude"].to_numpy(),
            "colour": [self._colours[label] for label in self._shown["label"]],
        }

    def show_event(self, event: str | None, sheet: Sheet | None) -> None:
        """Mark an event, and show its stations."""
        x, y = self._places.get(event or "", (np.nan, np.nan))
        self._here.data = {"x": [], "y": []} if isnan(x) else {"x": [x], "y": [y]}
        rows = [row for row in (sheet.rows if sheet else ()) if not isnan(row.place[0])]
        self._stations.data = {
            "x": [row.place[1] for row in rows],
            "y": [row.place[0] for row in rows],
            "colour": [self._colours.get(row.label, self._colours[""]) for row in rows],
        }

    def box(self) -> tuple[float, float, float, float] | None:
        """Return west, south, east and north of what is shown, in degrees; None if there are no places."""
        x, y = self.figure.x_range, self.figure.y_range
        edges = x.start, y.start, x.end, y.end
        return None if any(edge is None or isnan(edge) for edge in edges) else edges

    def _tapped(self, event: Tap) -> None:
        box = self.box()
        if self._shown.empty or box is None:
            return
        across = (self._shown["longitude"] - event.x) * self._shrink
        away = np.hypot(across, self._shown["latitude"] - event.y)
        if float(away.min()) <= _NEAR * (box[2] - box[0]) * self._shrink:
            self._chosen(str(away.idxmin()))
