"""How long an analyst waits on the review page: from a key to the next event, in headless Chromium.

    python benchmarks/review_page.py --events 10 100 10000 --keys 30

A server in a process of its own serves made-up events with records of 60 s at 100 Hz, three components. A key says
"accept"; the clock stops in the frame after the record section of the next event was painted. Half a second lies
between keys, in which the next events are prepared; "in a hurry" there is none. Needs Panel, Playwright and chromium.
"""

import argparse
import multiprocessing
import platform
import shutil
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import obspy
from obspy import UTCDateTime
from playwright.sync_api import sync_playwright

from seisbench_lcl.events import EventDecision, Origin, StationDecision
from seisbench_lcl.events.source import StreamSource
from seisbench_lcl.review.page.material import open_material
from seisbench_lcl.review.page.review import Review
from seisbench_lcl.review.page.web.server import ReviewServer

START, LABELS, TOKEN = UTCDateTime(2024, 3, 1), ("earthquake", "explosion", "noise"), "benchmark"
WATCH = """
() => {
  globalThis.waited = [];
  document.addEventListener("keydown", () => {
    const begin = performance.now();
    const before = Bokeh.documents[0].get_model_by_name("section figure").tags[0];
    const look = () => {
      const now = Bokeh.documents[0].get_model_by_name("section figure").tags[0];
      if (now && now !== before) requestAnimationFrame(() => waited.push(performance.now() - begin));
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }, true);
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="+", default=[10, 100, 10_000])
    parser.add_argument("--stations", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--keys", type=int, default=30)
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {multiprocessing.cpu_count()} cores\n")
    print("| events | stations | load (s) | key to next event: median, largest (ms) | in a hurry |")
    print("| ---: | ---: | ---: | ---: | ---: |", flush=True)
    for stations in arguments.stations:
        for events in arguments.events:
            measure(events, stations, min(arguments.keys, events // 2 - 1))


def measure(events: int, stations: int, keys: int) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(events, stations, 2 * keys, port))
    server.start()
    try:
        wait_for(port)
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-background-networking"]
            )
            page = chromium.new_page(viewport={"width": 1400, "height": 1000})
            begin = time.perf_counter()
            page.goto(f"http://127.0.0.1:{port}/{TOKEN}")
            page.wait_for_selector("#head[data-reading=false]")
            load = time.perf_counter() - begin
            page.locator("[data-field=order]").select_option("time")
            page.wait_for_selector("#head[data-event='event 0'][data-reading=false]")
            time.sleep(2)
            page.evaluate(WATCH)
            calm = press(page, keys, pause=0.5)
            hurried = press(page, keys, pause=0.0)
            chromium.close()
    finally:
        server.kill()
        server.join()
    told = [f"{np.median(waits):.0f}, {max(waits):.0f}" for waits in (calm, hurried)]
    print(f"| {events:,} | {stations} | {load:.1f} | {told[0]} | {told[1]} |", flush=True)


def press(page: Any, keys: int, pause: float) -> list[float]:
    """Press a key, wait until the next event is painted, and return how long each took, in ms."""
    page.evaluate("() => { waited.length = 0 }")
    for i in range(keys):
        page.keyboard.press("Enter")
        page.wait_for_function("n => waited.length === n", arg=i + 1, timeout=60_000)
        time.sleep(pause)
    found: list[float] = page.evaluate("() => waited")
    return found


def serve(events: int, stations: int, with_records: int, port: int) -> None:
    decisions = [decided(i, stations) for i in range(events)]
    source = StreamSource(records(decisions[: with_records + 5]))
    with tempfile.TemporaryDirectory() as folder:
        review = Review(open_material(decisions, source), Path(folder), "benchmark")
        ReviewServer(review, port, token=TOKEN).run(browse=False)


def wait_for(port: int) -> None:
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError("the server does not listen")


def decided(number: int, stations: int) -> EventDecision:
    rng = np.random.default_rng(number)
    shares = dict(zip(LABELS, rng.dirichlet([4, 2, 1]).tolist(), strict=True))
    first, second = sorted(shares.values())[:0:-1]
    time = START + 120 * number
    parts = tuple(
        StationDecision(f"XX.S{i:02d}..HH", time + 0.2 * i, "pick", shares, "", 0.5, 1.0, 10.0) for i in range(stations)
    )
    label = max(shares, key=shares.__getitem__)
    origin = Origin("", time, 46 + rng.normal(), 8 + rng.normal(), 5000.0)
    return EventDecision(
        f"event {number}", label, label, shares, first - second, 0.0, stations, 0, "", "mean", "made up", parts, origin
    )


def records(decisions: list[EventDecision]) -> obspy.Stream:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(50, 6000)).astype(np.float32)
    stream = obspy.Stream()
    for decision in decisions:
        for station in decision.stations:
            network, code, _, _ = station.station.split(".")
            for component in "ZNE":
                header = {"network": network, "station": code, "channel": f"HH{component}", "sampling_rate": 100.0}
                data = noise[rng.integers(50)]
                stream += obspy.Trace(data, {**header, "starttime": station.p_time - 20})
    return stream


if __name__ == "__main__":
    main()
