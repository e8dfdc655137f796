"""The record section: all stations of an event below each other, aligned on P, with their probabilities."""

from collections.abc import Callable, Mapping
from math import isnan
from typing import Any

import numpy as np
from bokeh.events import Tap
from bokeh.models import ColumnDataSource, FixedTicker, Range1d
from bokeh.plotting import figure

from seisbench_lcl.review.page.record_section import StationRow, stacked
from seisbench_lcl.review.page.sheet import Sheet

P_COLOUR, OTHER_COLOUR, WINDOW_COLOUR, CHOSEN_COLOUR = "#d55e00", "#cc79a7", "#0072b2", "#fff3c4"
_ROW, _EDGE = 54, 62  # pixels of a station, and of the axis with the margins
_BARS = 0.22  # width of the bars beside the records, as a fraction of theirs
_TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500)


class Section:
    """Shows an event's stations, and tells which one was clicked.

    Parameters
    ----------
    colours : mapping from label to colour
    chosen : callable
        Called with the number of the row that was clicked.

    Attributes
    ----------
    figure : bokeh figure
    """

    def __init__(self, colours: Mapping[str, str], chosen: Callable[[int], None]) -> None:
        self._colours, self._chosen, self._rows = colours, chosen, 0
        self.figure = figure(
            name="section figure",
            height=_EDGE + 3 * _ROW,
            sizing_mode="stretch_width",
            x_range=Range1d(-10, 40),
            y_range=Range1d(-3, 1),
            tools="",
            toolbar_location=None,
            output_backend="canvas",
            min_border_left=8,
            min_border_right=8,
        )
        self._sources = {name: ColumnDataSource(data=_empty(name), name=f"section {name}") for name in _COLUMNS}
        plot, sources = self.figure, self._sources
        plot.hbar(y="y", left="left", right="right", height=1.0, color=CHOSEN_COLOUR, source=sources["chosen"])
        boxes = {"left": "left", "right": "right", "top": "top", "bottom": "bottom"}
        plot.quad(**boxes, color=WINDOW_COLOUR, alpha=0.09, source=sources["windows"])
        plot.segment(x0="x", x1="x", y0="y0", y1="y1", color="colour", line_width=1.5, source=sources["arrivals"])
        plot.line("x", "y", color="#222222", line_width=0.8, source=sources["lines"])
        plot.quad(**boxes, color="colour", source=sources["bars"])
        plot.text(
            "x", "y", "text", text_font_size="11px", text_baseline="top", color="#111111", source=sources["names"]
        )
        plot.text(
            "x", "y", "text", text_font_size="11px", text_baseline="bottom", color="#aa3333", source=sources["why"]
        )
        plot.yaxis.visible = False
        plot.grid.visible = False
        plot.xaxis.axis_label = "Time after P (s); right: probabilities"
        plot.xaxis.ticker = FixedTicker(ticks=[0])
        plot.outline_line_color = None
        plot.on_event(Tap, self._tapped)

    def show(self, sheet: Sheet | None, station: int, components: bool) -> None:
        """Show an event, or that its records are still being read."""
        rows = sheet.rows if sheet else ()
        words = "" if sheet is None else sheet.problem or "no stations"
        start, end = _span(rows)
        width = end - start
        data = {name: _empty(name) for name in _COLUMNS}
        lines = [stacked(row.lines if components else row.lines[:1], -i, 0.92) for i, row in enumerate(rows)]
        gap = np.full(1, np.nan, np.float32)
        for column, k in (("x", 0), ("y", 1)):
            data["lines"][column] = np.concatenate([part for line in lines for part in (line[k], gap)] or [gap])
        for i, row in enumerate(rows):
            self._draw(data, row, -i, start, end)
        if rows:
            data["chosen"] = {"y": [-station], "left": [start], "right": [end + (_BARS + 0.03) * width]}
        else:
            data["why"] = {"x": [start], "y": [0], "text": [words or "reading the records …"]}
        self._rows = len(rows)
        for name, source in self._sources.items():
            source.data = data[name]
        step = next((tick for tick in _TICKS if width / tick <= 10), 1000)
        self.figure.xaxis.ticker.ticks = [t for t in range(-1000 * step, 1000 * step, step) if start <= t <= end]
        self.figure.x_range.update(start=start, end=end + (_BARS + 0.03) * width)
        count = max(1, len(rows))
        self.figure.y_range.update(start=-count + 0.45, end=0.55)
        self.figure.height = _EDGE + _ROW * max(2, count)
        self.figure.tags = [sheet.event if sheet else None]

    def _draw(self, data: dict[str, dict[str, Any]], row: StationRow, y: int, start: float, end: float) -> None:
        _add(data["windows"], left=row.window[0], right=row.window[1], top=y + 0.48, bottom=y - 0.48)
        _add(data["arrivals"], x=0.0, y0=y - 0.48, y1=y + 0.48, colour=P_COLOUR)
        for phase, time in row.arrivals:
            if start <= time <= end and not phase.upper().startswith("P"):
                _add(data["arrivals"], x=time, y0=y - 0.48, y1=y + 0.48, colour=OTHER_COLOUR)
        distance = "" if isnan(row.distance) else f"  {row.distance:.0f} km"
        source = "" if row.p_source == "pick" else f"  P {row.p_source}"
        _add(data["names"], x=start, y=y + 0.47, text=f" {row.name}{distance}{source}")
        if row.reason or not row.lines:
            _add(data["why"], x=start, y=y - 0.45, text=f" {row.reason or 'no waveform'}")
        left, width = end + 0.03 * (end - start), _BARS * (end - start)
        for label, probability in row.probabilities.items():
            right = left + probability * width
            colour = self._colours.get(label, "#000000")
            _add(data["bars"], left=left, right=right, top=y + 0.25, bottom=y - 0.25, colour=colour)
            left = right

    def _tapped(self, event: Tap) -> None:
        row = round(-event.y)
        if 0 <= row < self._rows:
            self._chosen(row)


_COLUMNS = {
    "chosen": ("y", "left", "right"),
    "windows": ("left", "right", "top", "bottom"),
    "arrivals": ("x", "y0", "y1", "colour"),
    "lines": ("x", "y"),
    "bars": ("left", "right", "top", "bottom", "colour"),
    "names": ("x", "y", "text"),
    "why": ("x", "y", "text"),
}


def _empty(name: str) -> dict[str, Any]:
    return {column: [] for column in _COLUMNS[name]}


def _add(data: dict[str, Any], **values: Any) -> None:
    for column, value in values.items():
        data[column].append(value)


def _span(rows: tuple[StationRow, ...]) -> tuple[float, float]:
    """Return the time shown, in seconds after P: a little more than the widest window."""
    start = min((row.window[0] for row in rows), default=-5.0)
    end = max((row.window[1] for row in rows), default=25.0)
    more = min(10.0, 0.2 * (end - start))
    return start - more, end + more
