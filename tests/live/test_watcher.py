"""A watcher decides what `classify` decides on the whole record, whatever comes late, twice, or after a kill."""

import logging
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import obspy
import pandas as pd
import pytest
from killed_command import count_windows, run_until
from network_record import START, WEIGHTS, ListedSource, changes_in, damaged, packets_of, recorded, windows_in
from obspy import UTCDateTime
from seedlink_server import LOOPBACK, SeedLinkServer, records_of
from seisbench.util import ClassifyOutput

import seisbench_lcl as lcl
from seisbench_lcl.errors import OutputError
from seisbench_lcl.live import Change, Health, Watcher, engine, watch
from seisbench_lcl.live.outputs import JsonLines
from seisbench_lcl.live.pace import Pace
from seisbench_lcl.live.reporting import Reporter
from seisbench_lcl.live.settings import WatchSettings
from seisbench_lcl.live.sources import SeedLinkSource, StreamSelection
from seisbench_lcl.live.state import StateFile
from seisbench_lcl.live.stations import Stations
from seisbench_lcl.live.window_lines import WindowLines
from seisbench_lcl.models.model import Model
from seisbench_lcl.testing._fresh_process import ORIGIN
from seisbench_lcl.testing._subject import Failed

pytestmark = pytest.mark.timeout(120)

# Filters round differently where a record is cut, and MiniRocket counts samples above a bias.
TOLERANCE = 2e-3


@pytest.fixture(scope="module")
def fast() -> Model:
    return lcl.from_pretrained(WEIGHTS)


@pytest.fixture(scope="module")
def record() -> obspy.Stream:
    return damaged(recorded())


@pytest.fixture(scope="module")
def whole(fast: Model, record: obspy.Stream) -> ClassifyOutput:
    """What `classify` says of the whole record."""
    return fast.classify(record, aligned=True)


def assert_same_windows(found: pd.DataFrame, out: ClassifyOutput) -> None:
    expected = out.windows.to_dataframe().sort_values(["station", "start_time"], ignore_index=True)
    expected = expected[expected["coverage"] > 0].reset_index(drop=True)
    found = found[found["coverage"] > 0].reset_index(drop=True)
    assert not found.duplicated(["station", "start_time"]).any()
    assert list(found["start_time"]) == list(expected["start_time"])
    assert list(found["station"]) == list(expected["station"])
    assert list(found["reason"].str[:20]) == list(expected["reason"].str[:20])
    for label in out.windows.labels:
        np.testing.assert_allclose(found[label].astype(float), expected[label].astype(float), atol=TOLERANCE)


def assert_same_events(lines: Sequence[dict[str, Any]], out: ClassifyOutput) -> None:
    finals = {line["event"]: line for line in lines if line["kind"] == "final"}
    assert len({line["number"] for line in lines}) == len(lines)
    assert sorted(finals) == sorted(event.event for event in out.events)
    for event in out.events:
        line = finals[event.event]
        assert line["label"] == event.label
        assert [one["station"] for one in line["stations"]] == [one.station for one in event.stations]
        assert [UTCDateTime(one["p_time"]) for one in line["stations"]] == [one.p_time for one in event.stations]
        np.testing.assert_allclose(line["probabilities"][event.label], event.probability, atol=TOLERANCE)
    told = [line["id"] for line in lines if line["kind"] == "final"]
    assert len({*told}) == len(told)


def test_late_repeated_and_broken_packets_give_the_windows_and_events_of_the_whole_record(
    fast: Model, record: obspy.Stream, whole: ClassifyOutput, tmp_path: Path
) -> None:
    assert len(whole.events) >= 3
    assert max(len(event.stations) for event in whole.events) == 3
    assert (whole.windows.to_dataframe()["reason"] != "").sum() > 40
    seen: list[Health] = []
    watch(
        ListedSource(packets_of(record)), fast, tmp_path, windows="all", on_health=lambda health, _: seen.append(health)
    )
    assert_same_windows(windows_in(tmp_path), whole)
    lines = changes_in(tmp_path)
    assert_same_events(lines, whole)
    assert [line["number"] for line in lines] == [*range(1, len(lines) + 1)]
    first = {line["id"]: line["kind"] for line in reversed(lines)}
    assert {*first.values()} == {"provisional"}
    assert seen[-1].events == len(whole.events)
    assert seen[-1].open_events == 0
    assert seen[-1].errors["repeated packets"] > 0
    assert all(one.dropped == 0 for one in seen[-1].stations)
    assert len(list((tmp_path / "events").rglob("*.xml"))) == len(whole.events)


class Killed(BaseException):
    """The process ends here, as after SIGKILL: nothing else is written."""


def test_kills_anywhere_lose_nothing_and_repeat_nothing(
    fast: Model, record: obspy.Stream, whole: ClassifyOutput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, left, kills = random.Random(1), [4], [0]

    def deadly(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            before = rng.random() < 0.5
            left[0] -= 1
            if left[0] == 0 and before:
                raise Killed
            found = function(*arguments, **named)
            if left[0] == 0:
                raise Killed
            return found

        return wrapped

    for owner, name in ((StateFile, "save"), (JsonLines, "write"), (WindowLines, "write")):
        monkeypatch.setattr(owner, name, deadly(getattr(owner, name)))
    monkeypatch.setattr(engine, "_TAKEN", 40)
    monkeypatch.setattr(engine, "_SAVED", 0.05)
    packets = packets_of(record, seed=2)
    while True:
        left[0] = rng.randint(3, 25)
        try:
            watch(ListedSource(packets), fast, tmp_path, windows="all", quakeml=False)
        except Killed:
            kills[0] += 1
            if kills[0] < 12:
                continue
            left[0] = 10**9
            watch(ListedSource(packets), fast, tmp_path, windows="all", quakeml=False)
        break
    assert kills[0] >= 5
    assert_same_windows(windows_in(tmp_path), whole)
    lines = changes_in(tmp_path)
    assert [line["number"] for line in lines] == [*range(1, len(lines) + 1)]
    assert_same_events(lines, whole)
    contents = [str({name: line[name] for name in line if name not in ("number", "time")}) for line in lines]
    assert len({*contents}) == len(contents)


def test_a_stopped_watcher_writes_what_it_knows_and_the_next_goes_on(
    fast: Model, record: obspy.Stream, whole: ClassifyOutput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_TAKEN", 100)
    packets = packets_of(record, seed=3)
    hands: list[Watcher] = []
    stops = [3]

    def stopping(_: Health, changes: Sequence[Change]) -> None:
        stops[0] -= len(changes) > 2
        if stops[0] == 0:
            hands[-1].stop()

    monkeypatch.setattr("seisbench_lcl.live.reporting._VIEW", 0.0)
    for _ in range(2):
        watch(
            ListedSource(packets),
            fast,
            tmp_path,
            windows="all",
            on_health=stopping,
            started=hands.append,
            quakeml=False,
        )
    assert stops[0] <= 0
    assert_same_windows(windows_in(tmp_path), whole)
    assert_same_events(changes_in(tmp_path), whole)


def test_a_full_disk_stops_no_decision_and_loses_no_change(
    fast: Model,
    record: obspy.Stream,
    whole: ClassifyOutput,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    full, calls = [True], [0]

    def failing(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any) -> Any:
            calls[0] += 1
            full[0] = calls[0] < 12
            if full[0]:
                raise OutputError("No space left on device")
            return function(*arguments)

        return wrapped

    monkeypatch.setattr(StateFile, "save", failing(StateFile.save))
    monkeypatch.setattr(JsonLines, "write", failing(JsonLines.write))
    monkeypatch.setattr(engine, "_TAKEN", 40)
    with caplog.at_level(logging.INFO):
        watch(ListedSource(packets_of(record, seed=4)), fast, tmp_path, quakeml=False)
    assert_same_events(changes_in(tmp_path), whole)
    said = [one.getMessage() for one in caplog.records if "cannot be written: No space left" in one.getMessage()]
    assert 1 <= len(said) == len({text.partition(" cannot")[0] for text in said}) <= 2
    assert any("can be written again" in one.getMessage() for one in caplog.records)


def test_a_folder_belongs_to_one_watcher_and_one_choice_of_settings(fast: Model, tmp_path: Path) -> None:
    source = ListedSource(packets_of(recorded(40, ["AAA"])))
    second: list[str] = []

    def again(_: Watcher) -> None:
        with pytest.raises(OutputError, match="another watcher writes to"):
            watch(source, fast, tmp_path)
        second.append("refused")

    watch(source, fast, tmp_path, started=again)
    assert second == ["refused"]
    with pytest.raises(OutputError, match="belongs to other weights or settings"):
        watch(source, fast, tmp_path, threshold=0.7)
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(OutputError, match="is damaged"):
        watch(source, fast, tmp_path)


def test_samples_of_the_future_and_stations_with_one_component_are_named_once(
    fast: Model, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stream = recorded(120, ["AAA"]) + recorded(120, ["BBB"]).select(component="Z")
    future = recorded(8, ["FFF"])
    for trace in future:
        trace.stats.starttime = UTCDateTime() + 3600
    health: list[Health] = []
    with caplog.at_level(logging.INFO):
        watch(
            ListedSource([*packets_of(future), *packets_of(stream)]),
            fast,
            tmp_path,
            on_health=lambda one, _: health.append(one),
        )
    said = [one.getMessage() for one in caplog.records]
    assert len([text for text in said if "XX.FFF..HHZ sends samples of the future" in text]) == 1
    assert [text for text in said if "XX.BBB" in text and "lacks" in text] == [
        "XX.BBB..HH is not decided: it has HHZ, but lacks component N, E"
    ]
    assert health[-1].errors["packets of the future"] == len(packets_of(future))
    assert {one.station: one.windows > 0 for one in health[-1].stations} == {"XX.AAA..HH": True, "XX.BBB..HH": False}


def test_stations_without_data_are_named_once_and_again_when_they_are_back(
    fast: Model, caplog: pytest.LogCaptureFixture
) -> None:
    settings = WatchSettings(stride=100, margin=4.0)
    reporter = Reporter("a list", True, None)
    stations = Stations(fast, settings, engine.rules_of(fast, settings), reporter.say_once)
    first, second = recorded(40, ["AAA"]).slice(START, START + 20), recorded(40, ["AAA"]).slice(START + 20)
    for packet in first + recorded(40, ["BBB"]):
        stations.add(packet, 0.0)
    with caplog.at_level(logging.INFO):
        for clock in (50.0, 110.0, 120.0):
            reporter._look_for_quiet(stations, clock, 100.0)
        for packet in second:
            stations.add(packet, 130.0)
        reporter._look_for_quiet(stations, 140.0, 100.0)
    said = [one.getMessage() for one in caplog.records]
    assert said == ["no data for 100 s: XX.AAA..HH, XX.BBB..HH", "data again: XX.AAA..HH"]


def test_a_slow_model_drops_windows_evenly_says_so_and_catches_up(
    fast: Model, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = [8.0, 12.0, 15.0, 30.0, 9.0, 1.0, 1.0, 1.0]  # s that each takes
    factors: list[int] = []

    def update(pace: Pace, _: float) -> None:
        original(pace, rounds.pop(0) if rounds else 0.0)
        factors.append(pace.every)

    original = Pace.update
    monkeypatch.setattr(Pace, "update", update)
    monkeypatch.setattr(engine, "_TAKEN", 25)
    health: list[Health] = []
    packets = packets_of(recorded(300, ["AAA"]), seed=5)
    source = ListedSource(packets, is_live=True)
    with caplog.at_level(logging.INFO):
        watch(
            source,
            fast,
            tmp_path,
            windows="all",
            behind_after=10.0,
            buffer=2000.0,
            on_health=lambda one, _: health.append(one),
        )
    assert factors[:8] == [1, 2, 4, 8, 8, 4, 2, 1]
    said = [one.getMessage() for one in caplog.records]
    assert [text for text in said if "until they keep up, one window in 2 of each station is decided" in text]
    assert "decisions keep up again: all windows are decided" in said
    (station,) = health[-1].stations
    found = windows_in(tmp_path)
    expected = fast.classify(recorded(300, ["AAA"]), aligned=True).windows.to_dataframe()
    assert station.dropped > 20
    assert station.windows == len(found)
    assert station.windows + station.dropped == len(expected)
    steps = found["start_time"].diff().dt.total_seconds()
    assert {1.0, 2.0, 4.0} <= {*steps.dropna()} <= {*np.arange(1.0, 9.0)}
    both = found.merge(expected, on=["station", "start_time"])
    assert len(both) == len(found)
    np.testing.assert_allclose(both["noise_x"].astype(float), both["noise_y"].astype(float), atol=TOLERANCE)


def test_a_real_server_that_breaks_off_gives_the_windows_of_the_record(
    fast: Model, whole: ClassifyOutput, record: obspy.Stream, tmp_path: Path
) -> None:
    records = records_of(record.select(station="AAA") + record.select(station="BBB"))
    before = recorded(8, ["AAA", "BBB"])
    for trace in before:
        trace.stats.starttime -= 200
    with SeedLinkServer(records_of(before)) as server:  # so that it knows the streams
        source = SeedLinkSource(
            LOOPBACK,
            StreamSelection.parse("XX_AAA:HH?,XX_BBB:HH?"),
            server.port,
            first_wait=0.05,
            timeout=2.0,
            keepalive=0.5,
        )

        def serve() -> None:
            while not server.clients:
                time.sleep(0.01)
            time.sleep(0.2)  # until the client has asked for all its streams
            server.feed(records[: len(records) // 2])
            time.sleep(0.5)
            server.drop()
            server.feed(records[len(records) // 2 :])

        hands: list[Watcher] = []
        Thread(target=serve, daemon=True).start()
        limit = time.monotonic() + 30
        tails = {"XX.AAA..HH", "XX.BBB..HH"}

        def look(health: Health, _: Sequence[Change]) -> None:
            if sum(one.windows for one in health.stations) >= expected or time.monotonic() > limit:
                hands[0].stop()

        table = whole.windows.to_dataframe()
        table = table[table["station"].isin(tails) & (table["coverage"] > 0)]
        expected = len(table)
        watch(source, fast, tmp_path, windows="all", on_health=look, started=hands.append, wait=4.0, quakeml=False)
    found = windows_in(tmp_path)
    found = found[found["coverage"] > 0].merge(table, on=["station", "start_time"], how="outer", indicator=True)
    assert {*found["_merge"]} == {"both"}
    np.testing.assert_allclose(found["noise_x"].astype(float), found["noise_y"].astype(float), atol=TOLERANCE)
    assert found["latency"].notna().all()


def test_at_picks_the_windows_are_those_of_classify_there(
    fast: Model, backbones: Path, tmp_path: Path, record: obspy.Stream
) -> None:
    settings: dict[str, Any] = {"picker": "PhaseNet/original", "picker_args": {"P_threshold": 0.3}}
    part = record.select(station="AAA").copy().trim(endtime=START + 140)
    for folder, seed in (("one", 6), ("other", 7)):
        watch(ListedSource(packets_of(part, seed=seed)), fast, tmp_path / folder, windows="all", **settings)
    one, other = windows_in(tmp_path / "one"), windows_in(tmp_path / "other")
    assert list(one["start_time"]) == list(other["start_time"])  # whenever packets come
    picks = [UTCDateTime(str(start)) + 2 for start in one["start_time"]]
    assert min(abs(pick - (START + 45 + 4.7)) for pick in picks) < 1
    table = fast.classify(part, arrivals=picks).windows.to_dataframe()
    assert len(table) == len(one)
    np.testing.assert_allclose(table["noise"].astype(float), one["noise"].astype(float), atol=TOLERANCE)
    assert any(line["kind"] == "final" for line in changes_in(tmp_path / "one"))


@pytest.mark.slow
def test_a_command_that_is_killed_again_and_again_tells_each_change_once(
    whole: ClassifyOutput, record: obspy.Stream, tmp_path: Path
) -> None:
    rng, folder, out = random.Random(0), tmp_path / "record", tmp_path / "out"
    folder.mkdir()
    for number, trace in enumerate(record):
        trace.write(str(folder / f"{number}.mseed"), "MSEED")
    command = ["--quiet", "watch", "--source", f"replay:{folder}", "--speed", "100", "--windows", "all"]
    command += ["--weights", WEIGHTS, "--out", str(out)]
    kills = 0
    while kills < 8:
        windows = count_windows(out) + rng.randint(20, 150)
        try:
            ORIGIN.ask(run_until, windows, rng.uniform(0, 0.1), out, command)
            break
        except Failed as error:
            if not str(error).endswith("exit status -9"):
                raise
            kills += 1
    else:
        ORIGIN.ask(run_until, 10**9, 0.0, out, command)
    assert kills >= 3
    assert_same_windows(windows_in(out), whole)
    told = changes_in(out)
    assert [line["number"] for line in told] == [*range(1, len(told) + 1)]
    assert_same_events(told, whole)
