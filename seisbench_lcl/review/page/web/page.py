"""One tab of the review page: the views of a controller, laid out."""

from functools import partial
from pathlib import Path
from typing import Any

import panel as pn
from bokeh.document import Document

from seisbench_lcl.review.page.controller import Controller
from seisbench_lcl.review.page.desk import Desk
from seisbench_lcl.review.page.review import Review
from seisbench_lcl.review.page.screen import colours_of, head_facts, help_facts, list_facts
from seisbench_lcl.review.page.web.islands import EventList, Head, KeysAndSound
from seisbench_lcl.review.page.web.map import Map
from seisbench_lcl.review.page.web.section import Section
from seisbench_lcl.review.page.web.station import Station

_LAYOUT = Path(__file__).with_name("page.html")
_ONCE = ("accept", "undecided", "wrong pick", "undo", "play", "help", "components")
_ANSWERED = ("accept", "undecided", "wrong pick", "undo", "next", "back", "help")


class Page:
    """One tab: views, and the controller that they tell.

    Parameters
    ----------
    review : Review
        Shared by all tabs.
    document : bokeh Document
        Of the tab.
    """

    def __init__(self, review: Review, document: Document) -> None:
        self._document = document
        desk = Desk(review.material.decisions, review.table, review.book, review.labels, review.order)
        keys, colours = review.keys, colours_of(review.labels)
        types = [*filter(None, keys.types.values())]
        known = [*types, *keys.actions.values()]
        once, answered = (
            [*types, *(key for name, key in keys.actions.items() if name in some)] for some in (_ONCE, _ANSWERED)
        )
        self.listing = EventList(self._told, list_facts(desk, colours))
        self.head = Head(self._told, head_facts(desk, review.material, None, keys, colours, review.similar))
        self.sound = KeysAndSound(self._told, known, once, help_facts(keys), answered)
        self.map = Map(review.table, colours, review.material.inventory, lambda event: self._told({"go": event}))
        self.section = Section(colours, lambda row: self._told({"station": row}))
        self.station = Station()
        shared = review.material, review.ready, keys, review.similar, review.learning
        self.controller = Controller(desk, *shared, self)
        self.controller.start()

    def soon(self, event: str) -> None:
        """Tell the page, from another thread, that an event is ready."""
        self._document.add_next_tick_callback(partial(self._held, self.controller.ready, event))

    def close(self) -> None:
        """Prepare nothing more for this tab."""
        self.controller.close()

    def layout(self) -> pn.Template:
        """Return the page."""
        template = pn.Template(_LAYOUT.read_text(encoding="utf-8"))
        parts = {
            "listing": self.listing,
            "head": self.head,
            "keys": self.sound,
            "map": self.map.figure,
            "section": self.section.figure,
            "traces": self.station.traces,
            "image": self.station.image,
        }
        for name, part in parts.items():
            template.add_panel(name, part if isinstance(part, pn.viewable.Viewable) else pn.pane.Bokeh(part))
        return template

    def _told(self, message: Any) -> None:
        self._held(self.controller.handle, message)

    def _held(self, call: Any, argument: Any) -> None:
        """Send all changes of a call at once, so that the browser draws once."""
        with pn.io.hold(self._document):
            call(argument)
