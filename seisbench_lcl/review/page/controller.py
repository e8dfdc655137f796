"""What happens when a key is pressed or something is clicked: the desk changes, then the views show it."""

from collections.abc import Mapping
from typing import Any

from obspy import UTCDateTime

from seisbench_lcl.errors import ConfigurationError, SeisBenchLCLError
from seisbench_lcl.review.order import ReviewOrder
from seisbench_lcl.review.page.desk import Desk
from seisbench_lcl.review.page.keys import Keys
from seisbench_lcl.review.page.learning_job import LearningJob
from seisbench_lcl.review.page.material import Material
from seisbench_lcl.review.page.ready import Ready
from seisbench_lcl.review.page.record_section import filtered, longest
from seisbench_lcl.review.page.screen import PAGE, colours_of, curve_facts, head_facts, list_facts, said
from seisbench_lcl.review.page.sheet import Sheet
from seisbench_lcl.review.page.similar import Similar
from seisbench_lcl.review.page.sound import as_wav
from seisbench_lcl.review.page.views import Carrier

_AHEAD = 4  # events to prepare after the one on the desk


class Controller:
    """Joins the desk of one tab with its views.

    Every verdict names the event that was on screen when the key was pressed; if the desk has gone on meanwhile, the
    verdict does not count, so that nobody judges an event that was not seen.

    Parameters
    ----------
    desk : Desk
    material : Material
    ready : Ready of Sheet
    keys : Keys
    similar : Similar
    learning : LearningJob
    carrier : Carrier
    """

    def __init__(
        self,
        desk: Desk,
        material: Material,
        ready: Ready[Sheet],
        keys: Keys,
        similar: Similar,
        learning: LearningJob,
        carrier: Carrier,
    ) -> None:
        self.desk, self.material, self.keys = desk, material, keys
        self._ready, self._similar, self._learning, self._carrier = ready, similar, learning, carrier
        self._colours = colours_of(desk.labels)
        self._components = False
        self._first: int | None = None  # row of the list that was turned to

    def start(self) -> None:
        """Show everything."""
        self._carrier.map.show_events(self.desk.events)
        self._show()

    def close(self) -> None:
        """Prepare nothing more for this tab."""
        self._ready.forget(self)

    def handle(self, message: Mapping[str, Any]) -> None:
        """Do what a view was asked; trouble is told, never raised.

        Parameters
        ----------
        message : mapping
            One of ``key``, ``label``, ``action``, ``go`` (an event), ``station`` (a row), ``page`` (of the list),
            ``wanted`` (settings of `Wanted`) and ``hello`` (the page has loaded); and ``event``, the one on screen,
            for verdicts.
        """
        try:
            self._handle(message)
        except SeisBenchLCLError as error:
            self._carrier.sound.tell(str(error), trouble=True)

    def ready(self, event: str) -> None:
        """Show an event that was still being read; "" means that learning has ended."""
        if event in ("", self.desk.event):
            self._show(moved=False)

    def _handle(self, message: Mapping[str, Any]) -> None:
        if "key" in message:
            kind, name = self.keys.meaning(str(message["key"])) or ("", "")
            message = {**message, {"type": "label"}.get(kind, kind): name} if kind else {}
        if "label" in message and self._seen(message):
            self._recorded(self.desk.label(str(message["label"])))
        elif "action" in message:
            self._act(str(message["action"]), message)
        elif "go" in message:
            self.desk.go(str(message["go"]))
            self._show()
        elif "station" in message:
            self._choose_station(int(message["station"]))
        elif "page" in message:
            self._turn(int(message["page"]))
        elif "hello" in message:
            self._show(moved=False)
        elif "wanted" in message:
            self._want(dict(message["wanted"]))

    def _act(self, action: str, message: Mapping[str, Any]) -> None:
        desk = self.desk
        if action == "accept" and self._seen(message):
            self._recorded(desk.accept())
        elif action == "undecided" and self._seen(message):
            self._recorded(desk.undecided())
        elif action == "wrong pick" and self._seen(message):
            self._wrong_pick()
        elif action in ("next", "back"):
            if desk.move(1 if action == "next" else -1):
                self._show()
            else:
                self._carrier.sound.tell(f"this is the {'last' if action == 'next' else 'first'} event of the list")
        elif action == "undo":
            verdict = desk.undo()
            if verdict is None:
                self._carrier.sound.tell("nothing to take back")
            else:
                self._show()
                self._carrier.sound.tell(f"took back: {said(verdict)}")
        elif action == "play":
            self._play()
        elif action in ("station above", "station below"):
            self._choose_station(desk.station + (1 if action == "station below" else -1))
        elif action == "components":
            self._components = not self._components
            self._show_records(self._sheet())
        elif action == "learn":
            self._learn()
        elif action == "help":
            self._carrier.sound.toggle_help()

    def _seen(self, message: Mapping[str, Any]) -> bool:
        if message.get("event", self.desk.event) == self.desk.event:
            return True
        self._carrier.sound.tell(
            "too fast: that event was no longer on the desk, so nothing was recorded", trouble=True
        )
        return False

    def _recorded(self, words: str) -> None:
        """Go on to the next event: the verdict is on disk."""
        if self.desk.move(1):
            self._show()
        else:
            self._show(moved=False)
            words = f"{words}; this was the last event of the list"
        self._carrier.sound.tell(words)

    def _wrong_pick(self) -> None:
        sheet = self._sheet()
        rows = sheet.rows if sheet else ()
        words = self.desk.wrong_pick(rows[self.desk.station].name if rows else "")
        self._show(moved=False)
        self._carrier.sound.tell(words)

    def _choose_station(self, station: int) -> None:
        sheet = self._sheet()
        if sheet and 0 <= station < len(sheet.rows):
            self.desk.station = station
            self._show_records(sheet)

    def _turn(self, page: int) -> None:
        self._first = page * PAGE
        self._carrier.listing.show(list_facts(self.desk, self._colours, self._first))

    def _want(self, wanted: dict[str, Any]) -> None:
        for name in ("after", "before"):
            if name in wanted:
                wanted[name] = _time(wanted[name])
        if "on_map" in wanted:
            wanted["box"] = self._carrier.map.box() if wanted.pop("on_map") else None
        self.desk.change(**wanted)
        self._first = None
        self._carrier.map.show_events(self.desk.events)
        self._show()

    def _play(self) -> None:
        sheet = self._sheet()
        trace = longest(sheet.views[self.desk.station].stream) if sheet and sheet.views else None
        if trace is None:
            self._carrier.sound.tell("this station has no record to play")
            return
        self._carrier.sound.play(as_wav(*filtered(trace, self.material.preprocessing)))

    def _learn(self) -> None:
        """Begin to learn from the verdicts; the page goes on meanwhile."""
        useful, everybody = self.desk.useful, self.desk.book.everybody
        sample = useful.sample(everybody.latest.keys()) if isinstance(useful, ReviewOrder) else ()
        if not self._learning.start(everybody, sample, lambda: self._carrier.soon("")):
            self._carrier.sound.tell("it is learning already")
        self._show(moved=False)

    def _sheet(self) -> Sheet | None:
        return self._ready.get(self.desk.event) if self.desk.event is not None else None

    def _show(self, moved: bool = True) -> None:
        desk, carrier = self.desk, self._carrier
        self._ready.want(self, desk.upcoming(_AHEAD), carrier.soon)
        sheet = self._sheet()
        if moved:
            self._first = None
        facts = head_facts(desk, self.material, sheet, self.keys, self._colours, self._similar)
        carrier.head.show({**facts, "learnt": self._learning.lines, "curve": curve_facts(self._learning.curve)})
        carrier.listing.show(list_facts(desk, self._colours, self._first))
        carrier.map.show_event(desk.event, sheet)
        self._show_records(sheet)

    def _show_records(self, sheet: Sheet | None) -> None:
        empty = Sheet("") if self.desk.event is None else None
        for view in (self._carrier.section, self._carrier.station):
            view.show(sheet or empty, self.desk.station, self._components)


def _time(text: Any) -> UTCDateTime | None:
    if not text:
        return None
    try:
        return UTCDateTime(str(text).replace(" ", "T"), iso8601=True)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{text!r} is not a time such as 2024-03-01T12:00") from error
