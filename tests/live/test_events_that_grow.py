"""Detections and events that grow step by step end as those of `classify`, whatever the steps."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from obspy import UTCDateTime

from seisbench_lcl.live.changes import Change, decision_from, plain_decision
from seisbench_lcl.live.grown_events import Front, News
from seisbench_lcl.live.hits import Hit, OpenHits, Rules
from seisbench_lcl.live.network import Network
from seisbench_lcl.live.segment import SECOND
from seisbench_lcl.models.detected_events import detected_events
from seisbench_lcl.models.detections import LabelledDetection
from seisbench_lcl.models.results import WindowList
from seisbench_lcl.models.station_windows import StationWindows
from seisbench_lcl.waveforms.station import StationId

LABELS = ("earthquake", "noise", "surface event")
RULES = Rules(
    LABELS,
    ("noise",),
    0.5,
    {"earthquake": "earthquake", "noise": None, "surface event": "other event"},
    "Z",
    "weights",
    2.0,
    1.0,
    20.0,
)
START = UTCDateTime(2024, 3, 1).ns
PATIENT = 1e5  # s for which events wait for stations that are late
STATIONS = [StationId("XX", code, "", band) for code, band in (("A", "HH"), ("A", "HN"), ("B", "HH"), ("C", "HH"))]


def windows_of(rng: random.Random, seconds: int, station: StationId = STATIONS[0]) -> StationWindows:
    """Return a window every second: noise with bursts of either label, and some without a decision."""
    rows, second = np.full((seconds, 3), (0.05, 0.9, 0.05), dtype=np.float32), rng.randint(0, 60)
    while second < seconds:
        label = rng.choice((0, 0, 2))
        for _ in range(rng.randint(1, 40)):
            if rng.random() < 0.8 and second < seconds:
                peak = round(rng.uniform(0.5, 1), 4)
                rows[second] = round((1 - peak) / 2, 5)
                rows[second, label] = peak
            second += 1
            if rng.random() < 0.1:
                label = rng.choice((0, 2))
        second += rng.choice((5, 15, 25, 60, 120))
    for _ in range(seconds // 100):
        first = rng.randrange(seconds)
        rows[first : first + rng.choice((1, 3, 15, 30))] = np.nan
    novelty = {"novelty": np.where(np.isnan(rows[:, 0]), np.nan, 0.5)}
    return StationWindows(
        station, UTCDateTime(ns=START), 1.0, 20.0, rows, np.ones(seconds), np.full(seconds, ""), novelty
    )


def part(block: StationWindows, first: int, end: int) -> list[StationWindows]:
    """Return the windows that start from one second to before another."""
    first, end = max(first, 0), min(end, len(block))
    if first >= end:
        return []
    novelty = {"novelty": block.diagnostics["novelty"][first:end]}
    arrays = block.probabilities[first:end], block.coverage[first:end], block.reasons[first:end]
    return [StationWindows(block.station, block.time(first), 1.0, 20.0, *arrays, novelty)]


def detections_of(*blocks: StationWindows, at_arrivals: bool = False) -> list[LabelledDetection]:
    """Return the detections of whole records."""
    windows = WindowList(
        LABELS, blocks, before=2.0, event_types=RULES.event_types, weights="weights", at_arrivals=at_arrivals
    )
    return list(windows.detections(0.5, ignore=["noise"]))


def rows(detections: Sequence[LabelledDetection]) -> list[tuple[object, ...]]:
    return sorted(
        (d.start_time.ns, d.end_time.ns, d.onset.ns, d.label, d.n_windows, json.dumps(d.probabilities))
        for d in detections
    )


@given(st.integers(0, 10**6), st.booleans())
def test_closed_detections_are_those_of_all_windows(seed: int, at_arrivals: bool) -> None:
    rng = random.Random(seed)
    block = windows_of(rng, 900)
    rules = replace(RULES, at_arrivals=at_arrivals)
    growing, closed, second = OpenHits(STATIONS[0], rules), [], 0
    while second < 950:
        end = second + rng.randint(1, 60)
        plain = json.loads(json.dumps(growing.to_dict(), allow_nan=False))
        growing = OpenHits(STATIONS[0], rules)
        growing.resume(plain)
        growing.add(part(block, second, end))
        closed += growing.close(START + end * SECOND)
        second = end
    assert growing.hits == []
    assert rows(closed) == rows(detections_of(block, at_arrivals=at_arrivals))


@given(st.integers(0, 10**6))
@settings(max_examples=6)
def test_final_events_are_those_of_all_detections(seed: int) -> None:
    """Stations are up to 30 s apart; the network's state passes through JSON now and then."""
    rng = random.Random(seed)
    blocks = {station: windows_of(rng, 300, station) for station in STATIONS}
    delays = {station: rng.randint(0, 30) for station in STATIONS}
    network, growing = Network(RULES, 10.0, PATIENT), {one: OpenHits(one, RULES) for one in STATIONS}
    news: list[News] = []
    second = 0
    while second < 400:
        end = second + rng.randint(1, 20)
        closed, fronts = [], {}
        for station, own in growing.items():
            own.add(part(blocks[station], second - delays[station], end - delays[station]))
            last = START + (end - delays[station]) * SECOND
            closed += own.close(last)
            fronts[station] = Front(last + 2 * SECOND, own.first)
        news += network.update(
            closed, [one for own in growing.values() for one in own.detections()], fronts, float(end)
        )
        if rng.random() < 0.2:
            plain = json.loads(json.dumps(network.to_dict()))
            network = Network(RULES, 10.0, PATIENT)
            network.resume(plain, float(end))
        second = end
    news += network.update([], [one for own in growing.values() for one in own.detections()], {}, 1e9, ended=True)
    expected = detected_events(detections_of(*blocks.values()), LABELS, RULES.event_types, 10.0, "weights")
    finals = [one.decision for one in news if one.kind == "final"]
    plain_finals = sorted(json.dumps(plain_decision(one)) for one in finals)
    assert plain_finals == sorted(json.dumps(plain_decision(one)) for one in expected)
    assert network.late == 0
    assert len(finals) == len(expected)
    kinds: dict[str, list[str]] = {}
    for one in news:
        kinds.setdefault(one.id, []).append(one.kind)
    for told in kinds.values():
        assert told[0] == "provisional"
        assert told[-1] in ("final", "withdrawn")
        assert {*told[1:-1]} <= {"updated"}
    assert network.open == []


def test_a_change_passes_through_json() -> None:
    hits = [Hit(START + i * SECOND, (0.91, 0.05, 0.04), 1.0, float("nan")) for i in range(3)]
    detections = [one for station in STATIONS[2:] for one in RULES.detections(station, hits)]
    (decision,) = detected_events(detections, LABELS, RULES.event_types, 10.0, "weights")
    assert json.dumps(plain_decision(decision_from(plain_decision(decision)))) == json.dumps(plain_decision(decision))
    change = Change("updated", decision, 4.25, UTCDateTime(2024, 3, 1), 7, "smi:local/one")
    plain = json.loads(json.dumps(change.to_dict(), allow_nan=False))
    assert Change.from_dict(plain).to_dict() == plain
    assert [one["novelty"] for one in plain["stations"]] == [None, None]
    assert np.isnan(Change.from_dict(plain).decision.stations[0].novelty)


def test_a_station_that_comes_after_an_event_is_final_makes_no_event_of_its_own() -> None:
    hits = [Hit(START + i * SECOND, (0.9, 0.05, 0.05), 1.0, 0.5) for i in range(3)]
    one, other = (RULES.detections(station, hits) for station in STATIONS[2:])
    network = Network(RULES, 10.0, 5.0)
    far = {STATIONS[2]: Front(START + 300 * SECOND, None)}
    assert [item.kind for item in network.update(one, [], far, 0.0)] == ["provisional", "final"]
    assert network.update(other, [], far, 1.0) == []
    assert (network.late, network.finished, network.open) == (1, 1, [])


def test_events_of_too_few_stations_are_not_told() -> None:
    hits = [Hit(START + i * SECOND, (0.9, 0.05, 0.05), 1.0, 0.5) for i in range(3)]
    one, other = (RULES.detections(station, hits) for station in STATIONS[2:])
    network, near = Network(RULES, 10.0, 60.0, min_stations=2), {STATIONS[2]: Front(START, None)}
    assert network.update(one, [], near, 0.0) == []
    assert [item.kind for item in network.update(other, [], near, 1.0)] == ["provisional"]
    assert [item.kind for item in network.update([], [], {}, 2.0, ended=True)] == ["final"]
