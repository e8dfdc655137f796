"""One tab with the clusters of a model: the map with its lasso, the chosen family, and its exemplars."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import panel as pn
from bokeh.document import Document
from bokeh.models import ColumnDataSource, LassoSelectTool, Range1d, Span, TapTool
from bokeh.plotting import figure

from seisbench_lcl.review.page.cluster_review import ClusterController, ClusterReview
from seisbench_lcl.review.page.keys import title
from seisbench_lcl.review.page.record_section import Line, stacked
from seisbench_lcl.review.page.screen import colours_of
from seisbench_lcl.review.page.web.islands import ClusterPanel, KeysAndSound
from seisbench_lcl.review.page.web.section import P_COLOUR

_LAYOUT = Path(__file__).with_name("clusters.html")
_MARKERS = ("circle", "square", "triangle", "diamond", "inverted_triangle", "hex", "plus", "star")
_ROW = 62  # pixels of a record


class ClusterPage:
    """One tab: views, and the controller that they tell.

    Parameters
    ----------
    review : ClusterReview
        Shared by all tabs.
    document : bokeh Document
        Of the tab.
    """

    def __init__(self, review: ClusterReview, document: Document) -> None:
        self._document, self._colours = document, colours_of(review.labels)
        clusters = review.families.clusters
        self._windows = ColumnDataSource(
            {
                "x": review.places[:, 0],
                "y": review.places[:, 1],
                "marker": [_MARKERS[k % len(_MARKERS)] for k in clusters],
                "colour": [self._colours[""]] * len(clusters),
            },
            name="windows",
        )
        lasso = LassoSelectTool(continuous=False)
        self.map = figure(
            name="cluster map",
            height=620,
            sizing_mode="stretch_width",
            tools=[lasso, TapTool(), "pan", "wheel_zoom", "box_select", "reset"],
            active_drag=lasso,
            active_scroll="wheel_zoom",
            output_backend="canvas",
        )
        self.map.scatter(
            "x",
            "y",
            marker="marker",
            color="colour",
            size=8,
            alpha=0.75,
            nonselection_alpha=0.4,
            selection_line_color="#111111",
            source=self._windows,
        )
        self.map.axis.visible = False
        self.map.grid.visible = False
        self.map.toolbar.logo = None
        self._windows.selected.on_change("indices", self._selected)
        self._lines = ColumnDataSource({"x": [], "y": []}, name="exemplar lines")
        self._titles = ColumnDataSource({"x": [], "y": [], "text": []}, name="exemplar titles")
        start = -review.model.preprocessing.before
        self._start = start
        self.records = figure(
            name="exemplars",
            height=_ROW * 6,
            sizing_mode="stretch_width",
            tools="",
            toolbar_location=None,
            x_range=Range1d(start, start + review.model.preprocessing.seconds),
            y_range=Range1d(-6, 0.6),
            output_backend="canvas",
        )
        self.records.line("x", "y", color="#222222", line_width=0.8, source=self._lines)
        self.records.text("x", "y", "text", text_font_size="11px", text_baseline="top", source=self._titles)
        self.records.add_layout(Span(location=0, dimension="height", line_color=P_COLOUR))
        self.records.yaxis.visible = False
        self.records.grid.visible = False
        self.records.xaxis.axis_label = "Time after P (s)"
        keys = review.keys
        known = [*filter(None, keys.types.values()), keys.actions["undo"], keys.actions["help"]]
        explained = [(title(key), f"the family is: {label}") for label, key in keys.types.items() if key]
        explained += [
            (title(keys.actions["undo"]), "take back the last type, of all its events"),
            (title(keys.actions["help"]), "show or hide this help"),
            ("drag", "draw around a family on the map"),
            ("click", "see the records of a window"),
        ]
        self.sound = KeysAndSound(self._told, known, known, explained, known)
        self.panel = ClusterPanel(self._told, {"labels": [], "parts": [], "clusters": [], "notes": []})
        self._busy = False
        self.controller = ClusterController(review, self)
        self.controller.start()

    def show_facts(self, facts: Mapping[str, Any]) -> None:
        """Show what is chosen."""
        self.panel.show(facts)

    def show_map(self, given: Sequence[str], chosen: Sequence[int]) -> None:
        """Colour the windows by the types given, and mark those chosen."""
        colours = [self._colours.get(label, "#000000") for label in given]
        if colours != list(self._windows.data["colour"]):
            self._windows.patch({"colour": [(slice(None), colours)]})
        if list(chosen) != list(self._windows.selected.indices):
            self._busy = True
            self._windows.selected.indices = list(chosen)
            self._busy = False

    def show_records(self, records: Sequence[tuple[str, tuple[Line, ...]]]) -> None:
        """Show records below each other, each with its title."""
        gap = np.full(1, np.nan, np.float32)
        lines = [stacked(own, -i - 0.08, 0.78) for i, (_, own) in enumerate(records)]
        self._lines.data = {
            name: np.concatenate([part for line in lines for part in (line[k], gap)] or [gap])
            for name, k in (("x", 0), ("y", 1))
        }
        self._titles.data = {
            "x": [self._start] * len(records),
            "y": [0.48 - i for i in range(len(records))],
            "text": [f" {words}" for words, _ in records],
        }
        count = max(2, len(records))
        self.records.y_range.update(start=0.45 - count, end=0.55)
        self.records.height = 60 + _ROW * count

    def tell(self, message: str, trouble: bool = False) -> None:
        """Show a message for a few seconds."""
        self.sound.tell(message, trouble)

    def toggle_help(self) -> None:
        """Show the help, or hide it."""
        self.sound.toggle_help()

    def close(self) -> None:
        """Do nothing more for this tab."""

    def layout(self) -> pn.Template:
        """Return the page."""
        template = pn.Template(_LAYOUT.read_text(encoding="utf-8"))
        template.add_panel("map", pn.pane.Bokeh(self.map))
        template.add_panel("panel", self.panel)
        template.add_panel("records", pn.pane.Bokeh(self.records))
        template.add_panel("keys", self.sound)
        return template

    def _selected(self, name: str, old: Sequence[int], new: Sequence[int]) -> None:
        if not self._busy:
            self._told({"chosen": list(new)})

    def _told(self, message: Any) -> None:
        with pn.io.hold(self._document):
            self.controller.handle(message)
