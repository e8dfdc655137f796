"""The page in a real browser: keys, mouse, a killed server, odd names, and no request to anywhere else."""

import json
import multiprocessing
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from obspy import UTCDateTime
from review_samples import HTML, inventory, many, records, small_clusters

from seisbench_lcl.events.source import StreamSource
from seisbench_lcl.review import Verdict, VerdictFile, read_verdicts

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
N = 10_000
TOKEN = "a-token-for-tests"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome is installed"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the server runs in a forked process, which Windows lacks"),
]

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra test)")
server = pytest.importorskip("seisbench_lcl.review.page.web.server", reason="Panel is not installed (extra review)")
from seisbench_lcl.review.page.cluster_review import ClusterReview  # noqa: E402
from seisbench_lcl.review.page.material import open_material  # noqa: E402
from seisbench_lcl.review.page.review import Review  # noqa: E402
from seisbench_lcl.review.page.web.cluster_page import ClusterPage  # noqa: E402


class Forked:
    """A server in a process of its own, that can be killed and started again on the same port."""

    def __init__(self, review: Callable[[], Any], port: int, **settings: Any) -> None:
        self._review, self.port, self._settings = review, port, settings
        self.start()

    def start(self) -> None:
        self._process = multiprocessing.get_context("fork").Process(target=self._serve, daemon=True)
        self._process.start()
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the server does not listen")

    def _serve(self) -> None:
        os.closerange(3, 1024)  # Playwright ends when nobody else holds its pipes
        # In a thread: Playwright's event loop, which the fork copied, seems to run in the main one.
        thread = threading.Thread(target=self._run)
        thread.start()
        thread.join()

    def _run(self) -> None:
        server.ReviewServer(self._review(), self.port, token=TOKEN, **self._settings).run(browse=False)

    def kill(self) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.join()


class Served(Forked):
    """A server with ten thousand events."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        decisions = many(N)
        material = open_material(decisions, StreamSource(records(decisions[:14])), inventory=inventory())
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/{TOKEN}"
        super().__init__(lambda: Review(material, folder, "Ana", labels=["collapse"], keys={"collapse": "x"}), port)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("verdicts"))
    yield served
    served.kill()


class Browser:
    """One tab, and what it asked for."""

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.url = page, url
        self.asked: list[str] = []
        self.trouble: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        page.on("dialog", lambda dialog: (self.trouble.append("dialog"), dialog.dismiss()))
        self.open()

    def open(self) -> None:
        self.page.goto(self.url)
        self.settled()

    @property
    def event(self) -> str:
        return str(self.page.get_attribute("#head", "data-event"))

    def settled(self) -> None:
        self.page.wait_for_selector("#head[data-reading=false]")

    def choose(self, event: str) -> None:
        """Click on an event in the list."""
        self.page.click(f"tr.row[data-event='{event}']")
        self.page.wait_for_selector(f"#head[data-event='{event}'][data-reading=false]")

    def press(self, key: str, moves: bool = True) -> None:
        before = self.event
        self.page.keyboard.press(key)
        if moves:
            self.page.wait_for_function("before => globalThis.seisbench_lcl_event !== before", arg=before)
            self.settled()

    def told(self, words: str) -> None:
        self.page.wait_for_selector(f".message:not([hidden]) >> text={words}")

    def column(self, source: str, column: str, until: Callable[[list[Any]], bool] = bool) -> list[Any]:
        """Return a column of what a figure draws, when it fits."""
        script = (
            "([source, column]) => Array.from(Bokeh.documents[0].get_model_by_name(source).get_column(column) ?? [])"
        )
        for _ in range(100):
            if until(found := self.page.evaluate(script, [source, column])):
                return found
            time.sleep(0.05)
        raise AssertionError(f"{source} {column}: {str(found)[:200]}")

    def field(self, name: str) -> Any:
        return self.page.locator(f"[data-field={json.dumps(name)}]")


@pytest.fixture(scope="module")
def opened(served: Served) -> Iterator[Browser]:
    arguments = [
        "--no-sandbox",
        "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--autoplay-policy=no-user-gesture-required",
    ]
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield Browser(chromium.new_page(viewport={"width": 1400, "height": 1000}), served.url)
        chromium.close()


@pytest.fixture
def browser(opened: Browser) -> Browser:
    """The browser with all events in order of time: tests may run in any order, and one by one."""
    opened.page.keyboard.press("Escape")
    if opened.field("text").input_value():
        opened.field("text").fill("")
        opened.field("text").press("Enter")
        opened.field("text").press("Escape")
    for name, value in (("reviewed", "any"), ("order", "time")):
        if opened.field(name).input_value() != value:
            opened.field(name).select_option(value)
    opened.page.wait_for_selector(f"text={N} of {N} events")
    opened.page.wait_for_selector("th.by:not(.up):has-text('time')")
    opened.settled()
    return opened


def test_without_the_token_there_is_nothing(served: Served) -> None:
    for path in ("/", "/review", f"/{TOKEN}x", "/admin", f"/{TOKEN[:-1]}"):
        with pytest.raises(HTTPError) as caught:
            urlopen(f"http://127.0.0.1:{served.port}{path}")
        assert caught.value.code == 404
        assert TOKEN not in caught.value.read().decode()


@pytest.mark.parametrize(("origin", "status"), [("http://elsewhere.example", 403), ("http://127.0.0.1:{port}", 101)])
def test_another_site_cannot_open_a_connection(served: Served, origin: str, status: int) -> None:
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    headers = {**upgrade, "Sec-WebSocket-Key": "a2V5a2V5a2V5a2V5a2V5aw==", "Origin": origin.format(port=served.port)}
    connection = HTTPConnection("127.0.0.1", served.port, timeout=10)
    connection.request("GET", f"/{TOKEN}/ws", headers=headers)
    assert connection.getresponse().status == status
    connection.close()


def test_keys_lead_through_ten_events_and_verdicts_are_on_disk_first(browser: Browser, served: Served) -> None:
    browser.choose("smi:local/00000")
    seen = []
    for i in range(10):
        seen.append(event := browser.event)
        if i == 6:
            browser.press("Enter", moves=False)
            browser.told("the model has not decided")
        browser.press({2: "2", 4: "ArrowRight", 6: "u"}.get(i, "Enter"))
        assert (event in read_verdicts(served.folder).latest) == (i != 4)
    assert len(set(seen)) == 10
    corrected = read_verdicts(served.folder).latest[seen[2]]
    assert (corrected.label, corrected.shown, corrected.analyst) == ("explosion", "earthquake", "Ana")


def test_undo_leads_back_and_the_verdict_is_gone(browser: Browser, served: Served) -> None:
    browser.choose(event := "smi:local/00012")
    browser.press("x")
    assert read_verdicts(served.folder).latest[event].label == "collapse"
    browser.press("Backspace")
    assert browser.event == event
    assert event not in read_verdicts(served.folder).latest


def test_two_keys_at_once_judge_only_the_event_that_was_seen(browser: Browser, served: Served) -> None:
    browser.choose(event := "smi:local/00013")
    before = read_verdicts(served.folder).latest
    browser.page.evaluate(
        "() => { for (const key of ['1', '2']) document.dispatchEvent(new KeyboardEvent('keydown', { key })) }"
    )
    browser.told("too fast")
    browser.settled()
    after = read_verdicts(served.folder).latest
    assert set(after) - set(before) == {event}
    assert after[event].label == "earthquake"


def test_a_killed_server_has_lost_nothing(browser: Browser, served: Served) -> None:
    browser.choose("smi:local/00008")
    browser.press("3")
    browser.press("2")
    before = read_verdicts(served.folder).latest
    served.kill()
    browser.press("1", moves=False)
    browser.told("no answer from the server")
    served.start()
    browser.open()
    assert read_verdicts(served.folder).latest == before
    browser.field("reviewed").select_option("done")
    browser.page.wait_for_selector(f"text={len(before)} of {N} events")
    script = "rows => rows.map((row) => [row.dataset.event, row.children[5].textContent.replace(/ \\(.*/, '')])"
    shown = dict(browser.page.locator("tr.row").evaluate_all(script))
    assert shown == {event: verdict.label or verdict.kind for event, verdict in before.items()}
    assert (shown["smi:local/00008"], shown["smi:local/00009"]) == ("noise", "explosion")


def test_names_with_html_stay_text(browser: Browser) -> None:
    browser.field("text").fill("<IMG")
    browser.field("text").press("Enter")
    browser.page.wait_for_selector(f"text=1 of {N} events")
    browser.settled()
    assert browser.event == HTML
    assert browser.page.locator("h2").inner_text() == HTML
    assert browser.page.locator("img").count() == 0  # Playwright looks into shadow DOM
    names = browser.column("section names", "text", lambda texts: len(texts) == 2)
    assert names[1].strip().startswith("<b>.<i>X</i>..HH")
    assert browser.trouble == []


def test_typing_into_a_field_is_no_verdict(browser: Browser, served: Served) -> None:
    before = read_verdicts(served.folder).latest
    browser.field("text").fill("")
    browser.field("text").press_sequentially("12u")
    browser.field("text").press("Enter")
    browser.page.wait_for_selector(f"text=0 of {N} events")
    browser.field("text").fill("")
    browser.field("text").press("Enter")
    browser.page.wait_for_selector(f"text={N} of {N} events")
    browser.field("text").press("Escape")
    assert read_verdicts(served.folder).latest == before


def test_a_hundred_stations_and_none(browser: Browser) -> None:
    browser.choose("smi:local/00003")
    texts = browser.column("section names", "text", lambda texts: len(texts) == 100)
    assert texts[0].strip().startswith("XX.S")
    assert "km" in texts[0]
    assert len(browser.column("section lines", "y")) < 100_000
    assert len(browser.column("section bars", "left")) == 300
    browser.choose("smi:local/00004")
    assert browser.column("section why", "text", lambda texts: len(texts) == 1) == [" no waveform"]
    assert browser.column("map here", "x", lambda x: not x) == []


def test_the_mouse_does_what_keys_do(browser: Browser, served: Served) -> None:
    browser.choose("smi:local/00010")
    browser.page.click("button:has-text('wrong pick')")
    browser.told("wrong pick at XX.S")
    browser.page.click("button:has-text('noise')")
    browser.page.wait_for_selector("#head[data-event='smi:local/00011']")
    said = read_verdicts(served.folder)
    assert said.latest["smi:local/00010"].label == "noise"
    assert len(said.wrong_picks["smi:local/00010"]) == 1
    browser.page.click("th:has-text('time')")
    browser.page.wait_for_selector("th.by.up:has-text('time')")
    browser.page.wait_for_selector(f"#head[data-event='smi:local/{N - 1:05d}']")
    browser.page.click("th:has-text('time')")
    browser.page.wait_for_selector("#head[data-event='smi:local/00000'][data-reading=false]")


def test_stations_components_sound_and_help(browser: Browser) -> None:
    browser.choose("smi:local/00009")
    browser.column("section chosen", "y", lambda y: y == [0])
    one = len(browser.column("section lines", "y"))
    browser.press("ArrowDown", moves=False)
    browser.column("section chosen", "y", lambda y: y == [-1])
    browser.press("c", moves=False)
    browser.column("section lines", "y", lambda y: len(y) > 2 * one)
    browser.press("c", moves=False)
    browser.press(" ", moves=False)
    browser.page.wait_for_selector(".message[data-played=yes]", state="attached")
    assert not browser.page.locator(".help").is_visible()
    browser.press("h", moves=False)
    browser.page.wait_for_selector("text=it is: collapse")
    browser.press("Escape", moves=False)
    browser.page.wait_for_selector(".help", state="hidden")


def test_another_analyst_who_differs_is_listed(browser: Browser, served: Served) -> None:
    browser.choose(event := "smi:local/00001")
    browser.press("3")
    agreed = browser.event
    browser.press("1")
    with VerdictFile(served.folder, "Ben <b>") as file:
        for name, label in ((event, "explosion"), (agreed, "earthquake")):
            file.record(Verdict(name, label, "label", "Ben <b>", UTCDateTime(), "", "weights"))
    browser.field("reviewed").select_option("disagreed")
    browser.page.wait_for_selector(f"text=1 of {N} events")
    browser.page.wait_for_selector("text=Ben <b>: explosion")
    browser.page.wait_for_selector("text=/Ana and Ben <b>: kappa 0\\.\\d\\d on 2 events; they differ on 1 event/")


def test_a_narrow_window_needs_no_sideways_scrolling(browser: Browser) -> None:
    browser.page.set_viewport_size({"width": 420, "height": 800})
    browser.page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")
    left = browser.page.locator("button:has-text('accept')").bounding_box()
    assert left is not None
    assert left["x"] + left["width"] <= 420
    browser.page.set_viewport_size({"width": 1400, "height": 1000})


def test_a_family_is_drawn_around_and_named(browser: Browser, tmp_path: Path) -> None:
    model, data = small_clusters()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def review() -> Any:
        return ClusterReview(model, data, tmp_path, "Ana", labels=["<b>slow", "fast"])

    forked = Forked(review, port, page=ClusterPage)
    tab = browser.page.context.browser.new_page()
    tab.set_viewport_size({"width": 1200, "height": 900})
    tab.goto(f"http://127.0.0.1:{port}/{TOKEN}")
    tab.wait_for_selector("#families >> text=0 windows of 0 events chosen")
    where = """() => {
      const plot = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name("cluster map"));
      const box = (plot.canvas_view ?? plot.canvas).el.getBoundingClientRect();
      const [x, y] = ["x", "y"].map((axis) => plot.model.renderers[0].data_source.get_column(axis)[0]);
      const frame = plot.frame;
      return [box.x + frame.x_scale.compute(x), box.y + frame.y_scale.compute(y)];
    }"""
    x, y = tab.evaluate(where)
    tab.mouse.move(x - 9, y - 9)
    tab.mouse.down()
    for to in ((x + 9, y - 9), (x + 9, y + 9), (x - 9, y + 9), (x - 9, y - 9)):
        tab.mouse.move(*to, steps=4)
    tab.mouse.up()
    tab.wait_for_selector("#families >> text=/^[1-9]\\d* windows? of [1-9]\\d* events? chosen/")
    tab.keyboard.press("1")
    tab.wait_for_selector(".message:not([hidden]) >> text=/<b>slow: recorded for/")
    assert read_verdicts(tmp_path).labels[data.groups[0]] == "<b>slow"
    tab.close()
    forked.kill()


def test_nothing_was_asked_from_elsewhere(browser: Browser, served: Served) -> None:
    own = (f"http://127.0.0.1:{served.port}/", f"blob:http://127.0.0.1:{served.port}/", "data:")
    assert len(browser.asked) > 10
    assert [url for url in browser.asked if not url.startswith(own)] == []
    assert browser.trouble == []
