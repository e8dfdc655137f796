"""Desk and controller with views that only remember: verdicts, undo, events not ready, trouble that is told."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from obspy import UTCDateTime
from review_samples import HTML, START, inventory, many, records

import seisbench_lcl as lcl
from seisbench_lcl.events.quarries import Quarry
from seisbench_lcl.events.source import Found, StreamSource
from seisbench_lcl.review import Verdict, VerdictFile, read_verdicts
from seisbench_lcl.review.page.controller import Controller
from seisbench_lcl.review.page.desk import Desk
from seisbench_lcl.review.page.material import open_material
from seisbench_lcl.review.page.ready import Ready
from seisbench_lcl.review.page.review import Review
from seisbench_lcl.review.page.similar import Similar
from seisbench_lcl.review.page.surroundings import Surroundings

DECISIONS = many(60, crowded=30)


@dataclass
class Remembers:
    """All views in one, as a carrier."""

    facts: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, Any] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    shown: tuple[Any, ...] = ()
    wav: bytes = b""
    arrived: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.head, self.listing = _Shows(self.facts), _Shows(self.rows)
        self.map = self.section = self.station = self.sound = self

    def show(self, sheet: Any, station: int, components: bool) -> None:
        self.shown = (sheet, station, components)

    def show_events(self, events: Any) -> None:
        self.on_map = list(events)

    def show_event(self, event: str | None, sheet: Any) -> None:
        self.here = event

    def box(self) -> tuple[float, float, float, float]:
        return 8.05, 45.9, 8.35, 46.25

    def play(self, wav: bytes) -> None:
        self.wav = wav

    def tell(self, message: str, trouble: bool = False) -> None:
        self.told.append(message)

    def toggle_help(self) -> None:
        self.told.append("help")

    def soon(self, event: str) -> None:
        if not event:  # it has learnt
            self.arrived.set()


class _Shows:
    def __init__(self, facts: dict[str, Any]) -> None:
        self._facts = facts

    def show(self, facts: Any) -> None:
        self._facts.clear()
        self._facts.update(facts)


class Tab:
    def __init__(self, review: Review) -> None:
        self.views = Remembers()
        self.desk = Desk(review.material.decisions, review.table, review.book, review.labels, review.order)
        shared = review.material, review.ready, review.keys, review.similar, review.learning
        self.controller = Controller(self.desk, *shared, self.views)
        self.controller.start()
        self.does(wanted={"order": "time"})

    def does(self, **message: Any) -> "Tab":
        self.controller.handle(message)
        return self

    def press(self, key: str) -> "Tab":
        return self.does(key=key, event=self.desk.event)

    def until_read(self) -> "Tab":
        for _ in range(200):
            if self.views.shown[0] is not None:
                return self
            time.sleep(0.02)
            self.controller.ready(self.desk.event or "")
        raise AssertionError("the event was not read")


@pytest.fixture
def review(tmp_path: Path) -> Iterator[Review]:
    material = open_material(
        DECISIONS,
        StreamSource(records(DECISIONS[:12])),
        inventory=inventory(),
        surroundings=Surroundings("Europe/Berlin", (Quarry("Pit", 46.0, 8.0),)),
    )
    review = Review(material, tmp_path / "verdicts", "Ana", labels=["collapse"], keys={"collapse": "x"})
    yield review
    review.close()


def test_verdicts_go_to_the_file_and_the_desk_goes_on(review: Review) -> None:
    tab = Tab(review)
    for key in ("Enter", "2", "x", "u"):
        tab.press(key)
    said = read_verdicts(review.book.folder).latest
    assert [(said[f"smi:local/{i:05d}"].label, said[f"smi:local/{i:05d}"].kind) for i in range(4)] == [
        ("earthquake", "label"),
        ("explosion", "label"),
        ("collapse", "label"),
        (None, "undecided"),
    ]
    assert (said["smi:local/00001"].shown, said["smi:local/00001"].weights) == ("earthquake", DECISIONS[0].weights)
    assert tab.desk.event == "smi:local/00004"
    assert [row["verdict"] for row in tab.views.rows["rows"][:5]] == [
        "earthquake",
        "explosion",
        "collapse",
        "undecided",
        "",
    ]
    tab.press("Backspace").press("Backspace")
    assert tab.desk.event == "smi:local/00002"
    assert set(read_verdicts(review.book.folder).latest) == {"smi:local/00000", "smi:local/00001"}
    tab.press("ArrowLeft")
    assert tab.views.facts["verdict"] == "explosion"
    tab.press("3")
    assert read_verdicts(review.book.folder).latest["smi:local/00001"].label == "noise"  # the last one wins


def test_nobody_judges_an_event_that_was_not_on_screen(review: Review) -> None:
    tab = Tab(review)
    for message in ({"key": "1"}, {"label": "noise"}, {"action": "undecided"}, {"key": "Enter"}, {"key": "w"}):
        tab.does(**message, event="smi:local/00009")
    assert read_verdicts(review.book.folder).latest == {}
    assert all(words.startswith("too fast") for words in tab.views.told)
    assert len(tab.views.told) == 5


def test_trouble_is_told_and_nothing_is_lost(review: Review) -> None:
    tab = Tab(review)
    tab.does(go="smi:local/00006").press("Enter")
    tab.does(wanted={"after": "yesterday"}).does(go="nowhere").does(label="eartquake", event=tab.desk.event)
    tab.does(wanted={"order": "size"}).does(key="~")
    expected = ("nothing to accept", "'yesterday' is not a time", "no decision on event", "none of the types", "order")
    for words, told in zip(expected, tab.views.told, strict=True):
        assert words in told
    tab.does(wanted={"text": "no such event"})
    assert (tab.desk.event, tab.views.rows["total"], tab.views.here) == (None, 0, None)
    assert "no event fits" in tab.views.facts["place"]
    tab.press("1").press("ArrowRight").press("Backspace").press(" ")
    assert read_verdicts(review.book.folder).latest == {}
    os_moved = review.book.file.path.rename(review.book.file.path.with_suffix(".old"))
    tab.does(wanted={"text": ""}).press("1")
    assert "moved or removed" in tab.views.told[-1]
    assert tab.views.facts["verdict"] == ""
    assert os_moved.read_bytes() == b""


def test_an_event_is_shown_when_it_is_read_with_its_stations_by_distance(review: Review) -> None:
    tab = Tab(review).does(go="smi:local/00003").until_read()
    sheet, station, components = tab.views.shown
    assert (len(sheet.rows), station, components) == (30, 0, False)
    distances = [row.distance for row in sheet.rows]
    assert distances == sorted(distances)
    assert {line.component for line in sheet.rows[0].lines} == {"Z", "N", "E"}
    tab.press("ArrowDown").press("c").press(" ")
    assert tab.views.shown[1:] == (1, True)
    assert tab.views.wav[:4] == b"RIFF"
    tab.press("w")
    assert read_verdicts(review.book.folder).wrong_picks == {"smi:local/00003": {sheet.rows[1].name}}
    assert tab.desk.event == "smi:local/00003"
    assert tab.views.facts["wrong"] == [sheet.rows[1].name]
    tab.does(station=99).does(station=-1)
    assert tab.views.shown[1] == 1
    assert tab.views.facts["context"][0] == "Friday, 01:30 Europe/Berlin"
    assert tab.views.facts["context"][1].startswith("quarry Pit at ")


def test_missing_records_and_html_stay_in_the_list_as_what_they_are(review: Review) -> None:
    tab = Tab(review).does(go="smi:local/00004").until_read()
    [row] = tab.views.shown[0].rows
    assert (row.name, row.reason, row.lines) == ("YY.GONE..HH", "no waveform", ())
    tab.press(" ")
    assert tab.views.told[-1] == "this station has no record to play"
    tab.does(wanted={"text": "<img"}).until_read()
    assert tab.views.facts["event"] == HTML
    assert {row.name for row in tab.views.shown[0].rows} == {"XX.S00..HH", "<b>.<i>X</i>..HH"}


def test_only_what_the_map_shows_is_listed(review: Review) -> None:
    tab = Tab(review).does(wanted={"on_map": True})
    assert tab.views.on_map == tab.desk.events
    assert 0 < len(tab.desk.events) < 60
    tab.does(wanted={"on_map": False}).does(page=1)
    assert [tab.views.rows[name] for name in ("start", "total", "size")] == [50, 60, 50]


def test_two_analysts_their_agreement_and_two_tabs(review: Review, tmp_path: Path) -> None:
    tab, other = Tab(review), Tab(review)
    tab.press("1").press("1").press("2")
    assert other.does(go="smi:local/00001").views.facts["verdict"] == "earthquake"
    with VerdictFile(tmp_path / "verdicts", "Ben") as file:
        for i, label in enumerate(("earthquake", "noise", "explosion")):
            file.record(Verdict(f"smi:local/{i:05d}", label, "label", "Ben", UTCDateTime(), "", "w"))
    tab.does(go="smi:local/00001")
    assert tab.views.facts["others"] == ["Ben: noise"]
    assert tab.views.facts["agreement"] == ["Ana and Ben: kappa 0.50 on 3 events", "they differ on 1 event"]
    tab.does(wanted={"reviewed": "disagreed"})
    assert tab.desk.events == ["smi:local/00001"]
    with (tmp_path / "verdicts" / "Ben.jsonl").open("a") as torn:
        torn.write('{"event": "smi:lo')
    tab.does(wanted={"reviewed": "any"})
    assert any("unfinished" in note for note in tab.views.facts["notes"])


def test_the_page_learns_and_says_how_much_better_it_became(tmp_path: Path, model: lcl.MiniRocketRidge) -> None:
    """A "slide" is a new class: low frequencies, while earthquakes are at 6 Hz, and noise has no onset."""
    decisions = many(20, crowded=2)
    stream = records(decisions)
    for k, trace in enumerate(stream):
        number = round((trace.stats.starttime + 17 - START) / 600)
        if number % 3 == 1:
            trace.data = np.random.default_rng(k).normal(0, 100, len(trace)).astype(np.float32)
        elif number % 3 == 2:
            trace.data[2000:] += 9000 * np.sin(np.arange(len(trace) - 2000) / 12).astype(np.float32)
    review = Review(open_material(decisions, StreamSource(stream), weights=model), tmp_path, "Ana", labels=["slide"])
    tab = Tab(review)
    tab.does(action="learn")
    assert tab.views.arrived.wait(20)
    assert "the verdicts hold no label" in review.learning.lines[0]
    for i in (0, 1, 2, 3, 7, 8, 9, 10, 11, 12, 13, 14):
        label = ("earthquake", "noise", "slide")[i % 3]
        tab.does(go=f"smi:local/{i:05d}").does(label=label, event=f"smi:local/{i:05d}")
    tab.views.arrived.clear()
    tab.does(action="learn")
    assert tab.views.facts["learnt"] == ["learning from the verdicts …"]
    tab.press("ArrowLeft")  # the page goes on
    assert tab.views.arrived.wait(60)
    tab.controller.ready("")
    told = tab.views.facts["learnt"]
    assert told[0].startswith("12 events labelled by Ana (4 earthquake, 4 noise, 4 slide)")
    assert any("new classes: slide" in line for line in told)
    [path] = tmp_path.glob("adapted_*.json")
    assert told[-1].startswith(f"wrote {path.with_suffix('')}")
    assert lcl.load(path.with_suffix("")).labels == [*model.labels, "slide"]
    curve = tab.views.facts["curve"]
    assert curve["words"].startswith("accuracy by number of labels, on 8 events reviewed")
    assert [labels for labels, *_ in curve["points"]] == [0, 8]
    assert all(0 <= low <= value <= high <= 1 for _, value, low, high in curve["points"])
    review.close()


def test_a_source_that_fails_leaves_the_page_alive(tmp_path: Path) -> None:
    class Fails:
        def read(self, *request: Any) -> Found:
            raise RuntimeError("the disk is gone")

    material = open_material(DECISIONS[:3], Fails())
    review = Review(material, tmp_path, "Ana")
    tab = Tab(review).until_read()
    assert tab.views.facts["problem"] == "no records: the disk is gone"
    tab.press("1")
    assert len(read_verdicts(tmp_path).latest) == 1
    review.close()


def test_what_is_wanted_most_is_prepared_first_and_old_events_are_dropped() -> None:
    made: list[str] = []
    gate, done = threading.Event(), threading.Semaphore(0)

    def prepare(event: str) -> str:
        gate.wait()
        made.append(event)
        return event.upper()

    ready = Ready(prepare, room=3)
    ready.want("one", ["a", "b", "c"], lambda event: done.release())
    time.sleep(0.05)  # "a" is begun
    ready.want("one", ["d", "e"], lambda event: done.release())
    ready.want("two", ["f"], lambda event: done.release())
    gate.set()
    for _ in range(3):
        assert done.acquire(timeout=5)
    assert made[0] == "a"
    assert set(made) == {"a", "d", "e", "f"}
    assert (ready.get("a"), ready.get("e"), ready.get("f")) == (None, "E", "F")
    ready.forget("two")
    ready.close()


def test_similar_events_are_the_nearest_that_were_labelled() -> None:
    rng = np.random.default_rng(0)
    features = {f"e{i}": rng.normal(size=40).astype(np.float32) * np.geomspace(1, 1000, 40) for i in range(9)}
    features["twin"] = features["e3"] + 1e-3
    found = Similar(features).nearest("e3", {"twin": "noise", "e1": "blast", "e5": "blast", "unknown": "x", "e3": "y"})
    assert found[0] == ("twin", pytest.approx(0, abs=1e-2))
    scale = np.std(list(features.values()), axis=0)
    slow = {k: np.sqrt(np.mean(((features[k] - features["e3"]) / scale) ** 2)) for k in ("e1", "e5")}
    assert found[1:] == sorted(
        ((k, pytest.approx(v, rel=1e-4)) for k, v in slow.items()), key=lambda pair: slow[pair[0]]
    )
    assert Similar(features).nearest("none", {"e1": "a"}) == []
