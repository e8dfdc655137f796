"""One station in detail: its components, and the spectrogram of the first."""

from math import isnan

import numpy as np
from bokeh.models import BoxAnnotation, ColumnDataSource, FixedTicker, Range1d, Span
from bokeh.plotting import figure

from seisbench_lcl.review.page.record_section import Spectrogram, StationRow, spectrogram_of, stacked
from seisbench_lcl.review.page.sheet import Sheet
from seisbench_lcl.review.page.web.section import OTHER_COLOUR, P_COLOUR, WINDOW_COLOUR

_TRACES, _IMAGE = 230, 190  # pixels


class Station:
    """Shows the chosen station.

    Attributes
    ----------
    traces, image : bokeh figures
        They share the axis of time.
    """

    def __init__(self) -> None:
        shared = {
            "sizing_mode": "stretch_width",
            "output_backend": "canvas",
            "min_border_left": 62,
            "min_border_right": 12,
        }
        tools = {"tools": "xpan,xwheel_zoom,xbox_zoom,reset", "active_drag": "xpan", "active_scroll": None}
        self.traces = figure(
            name="station figure", height=_TRACES, x_range=Range1d(-5, 25), y_range=Range1d(-3, 0), **tools, **shared
        )
        self.image = figure(
            name="spectrogram figure",
            height=_IMAGE,
            x_range=self.traces.x_range,
            y_range=Range1d(0, 20),
            **tools,
            **shared,
        )
        self._lines = ColumnDataSource({"x": [], "y": []})
        self._others = ColumnDataSource({"x": [], "y0": [], "y1": [], "text": []})
        self._name = ColumnDataSource({"x": [], "y": [], "text": []})
        self._power = ColumnDataSource({"image": [], "x": [], "dw": [], "dh": []})
        self._box = BoxAnnotation(fill_color=WINDOW_COLOUR, fill_alpha=0.07, line_color=None)
        self.traces.add_layout(self._box)
        self.traces.line("x", "y", color="#222222", line_width=0.9, source=self._lines)
        self.traces.segment(x0="x", x1="x", y0="y0", y1="y1", color=OTHER_COLOUR, line_width=1.5, source=self._others)
        self.traces.text("x", "y1", "text", text_font_size="11px", x_offset=3, text_baseline="top", source=self._others)
        self.traces.text("x", "y", "text", text_font_size="12px", text_baseline="bottom", source=self._name)
        self.image.image("image", x="x", y=0, dw="dw", dh="dh", palette="Viridis256", source=self._power)
        for plot in (self.traces, self.image):
            plot.add_layout(Span(location=0, dimension="height", line_color=P_COLOUR, line_width=1.5))
            plot.grid.visible = False
            plot.toolbar.logo = None
            plot.toolbar.autohide = True
        self.traces.yaxis.ticker = FixedTicker(ticks=[])
        self.traces.yaxis.axis_label = "Component"
        self.image.xaxis.axis_label = "Time after P (s)"
        self.image.yaxis.axis_label = "Frequency (Hz)"

    def show(self, sheet: Sheet | None, station: int, components: bool) -> None:
        """Show the chosen station of an event, or nothing while its records are being read."""
        view = sheet.views[station] if sheet and station < len(sheet.views) else None
        row = sheet.rows[station] if sheet and view else None
        x, y = stacked(row.lines, 0.0, 1.0) if row else (np.empty(0), np.empty(0))
        self._lines.data = {"x": x, "y": y}
        count = len(row.lines) if row else 0
        places = [0.5 - (i + 0.5) / count for i in range(count)]
        self.traces.yaxis.ticker.ticks = places
        self.traces.yaxis.major_label_overrides = dict(
            zip(places, [_plain(line.component) for line in row.lines] if row else [], strict=True)
        )
        self.traces.y_range.update(start=-0.52, end=0.68)
        self._power.data = _image(spectrogram_of(view.stream, view.decision.p_time) if view else None)
        if not row:
            return
        start, end = row.window
        self._box.update(left=start, right=end)
        more = min(10.0, 0.2 * (end - start))
        self.traces.x_range.update(start=start - more, end=end + more)
        others = [(phase, time) for phase, time in row.arrivals if not phase.upper().startswith("P")]
        self._others.data = {
            "x": [time for _, time in others],
            "y0": [-0.5] * len(others),
            "y1": [0.5] * len(others),
            "text": [phase for phase, _ in others],
        }
        self._name.data = {"x": [start - more], "y": [0.53], "text": [_words(row)]}


def _words(row: StationRow) -> str:
    facts = [row.name]
    if not isnan(row.distance):
        facts.append(f"{row.distance:.1f} km")
    facts.append(f"{row.label} {row.probabilities[row.label]:.2f}" if row.label else row.reason or "no decision")
    if not isnan(row.snr):
        facts.append(f"SNR {row.snr:.0f} dB")
    if not isnan(row.novelty):
        facts.append(f"novelty {row.novelty:.2f}")
    return "   ".join(facts)


def _image(found: Spectrogram | None) -> dict[str, list[object]]:
    if found is None:
        return {"image": [], "x": [], "dw": [], "dh": []}
    return {"image": [found.decibels], "x": [found.start], "dw": [found.end - found.start], "dh": [found.highest]}


def _plain(text: str) -> str:
    """Return a text in which Bokeh finds no formula."""
    return text.replace("$$", "$ $").replace("\\", "⧵")
