"""How a watcher is: for Prometheus, and in the terminal."""

import io
import math
from collections.abc import Iterator
from typing import Any
from urllib.request import urlopen

import pytest
from changes_samples import TIME, changed
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from seisbench_lcl.errors import OutputError
from seisbench_lcl.live.health import Health, StationHealth
from seisbench_lcl.live.outputs import Metrics, TerminalView, serve_metrics

pytestmark = pytest.mark.timeout(60)


def health(number: int = 2, **changes: Any) -> Health:
    rows = [StationHealth(f"XX.S{i:03}..HH", 1.5 + i, 60.0, 100 + i, i, "noise") for i in range(number)]
    numbers = {"queue": 3, "memory_mb": 512.5, "open_events": 1, "events": 7, "windows_per_second": 2.5}
    return Health(
        TIME, "seedlink host:18000", **{"connected": True, "behind": False, "stations": rows, **numbers, **changes}
    )


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    served = serve_metrics(0)
    yield served
    served.close()


def scraped(served: Metrics) -> dict[tuple[str, ...], float]:
    with urlopen(served.url) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def test_prometheus_reads_the_last_health(metrics: Metrics) -> None:
    assert metrics.url.startswith("http://127.0.0.1:")
    assert scraped(metrics) == {}
    metrics.update(health(errors={"hook": 4}, behind=True))
    found = scraped(metrics)
    assert found["seisbench_lcl_connected",] == found["seisbench_lcl_behind",] == 1
    assert found["seisbench_lcl_memory_megabytes",] == 512.5
    assert found["seisbench_lcl_events_total",] == 7
    assert found["seisbench_lcl_errors_total", "hook"] == 4
    assert found["seisbench_lcl_delay_seconds", "XX.S001..HH"] == 2.5
    assert found["seisbench_lcl_windows_total", "XX.S001..HH"] == 101
    assert found["seisbench_lcl_dropped_total", "XX.S001..HH"] == 1
    unknown = StationHealth("XX.A..HH", None, 0.0, 0, 0, None)
    metrics.update(health(stations=[unknown]))
    assert ("seisbench_lcl_delay_seconds", "XX.A..HH") not in (found := scraped(metrics))
    assert all(math.isfinite(value) for value in found.values())


def test_a_port_that_is_taken_is_an_error(metrics: Metrics) -> None:
    with pytest.raises(OutputError, match=r"cannot serve metrics at 127.0.0.1:\d+: .*; choose another port"):
        serve_metrics(int(metrics.url.split(":")[2].split("/")[0]))
    with pytest.raises(OutputError, match="choose another port"):
        serve_metrics(70_000)


def shown(state: Health, changes: list[Any], height: int = 40) -> str:
    console = Console(file=io.StringIO(), width=110, height=height, force_terminal=True, color_system=None)
    with TerminalView(console) as view:
        view.update(state, changes)
    return console.file.getvalue()


def test_the_view_shows_stations_delays_and_the_last_decisions() -> None:
    text = shown(health(errors={"[red]hook": 4}, connected=False, behind=True), [changed()])
    for part in (
        "seedlink host:18000  2024-03-01 12:00:00  no data  behind: windows are dropped",
        "2.5 windows/s, queue 3, 512 MB, events: 1 open, 7 final",
        "errors: [red]hook 4",
        "XX.S001..HH",
        "11:59:20",
        "blast",
        "2 of 2",
    ):
        assert part in text
    assert "  1.5 " in text


def test_of_many_stations_those_that_are_late_are_shown() -> None:
    text = shown(health(500), [], height=24)
    assert "XX.S499..HH" in text
    assert "XX.S001..HH" not in text
    assert "and 488 others, with shorter delay" in text
