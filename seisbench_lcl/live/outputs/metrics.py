"""How a watcher is, for Prometheus, on loopback."""

from collections.abc import Iterable, Iterator
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from seisbench_lcl.errors import OutputError
from seisbench_lcl.live.health import Health

LOOPBACK = "127.0.0.1"
_PREFIX = "seisbench_lcl_"


class MetricsServer:
    """Serves the last health as text of Prometheus at http://127.0.0.1:PORT/metrics.

    Parameters
    ----------
    port : int
        0 takes any that is free.

    Attributes
    ----------
    url : str

    Raises
    ------
    OutputError
        If the port is taken.
    """

    def __init__(self, port: int) -> None:
        self._health = _LastHealth()
        registry = CollectorRegistry()
        registry.register(self._health)
        try:
            self._server: WSGIServer
            self._thread: Thread
            self._server, self._thread = start_http_server(port, LOOPBACK, registry)
        except (OSError, OverflowError) as error:
            raise OutputError(f"cannot serve metrics at {LOOPBACK}:{port}: {error}; choose another port") from error
        self.url = f"http://{LOOPBACK}:{self._server.server_port}/metrics"

    def update(self, health: Health) -> None:
        """Serve this from now on."""
        self._health.last = health

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(2.0)


class _LastHealth(Collector):
    """Turns a health into metrics when somebody asks."""

    def __init__(self) -> None:
        self.last: Health | None = None

    def collect(self) -> Iterator[Metric]:
        if self.last is None:
            return
        health = self.last
        yield _gauge("time_seconds", "When these numbers were taken, in s since 1970", health.time.timestamp)
        yield _gauge("connected", "Whether data come (1) or not (0)", health.connected)
        yield _gauge("behind", "Whether windows are dropped because decisions do not keep up", health.behind)
        yield _gauge("queue_packets", "Packets that wait to be buffered", health.queue)
        yield _gauge("memory_megabytes", "Resident memory of the process", health.memory_mb)
        yield _gauge("windows_per_second", "Decisions in a second, lately", health.windows_per_second)
        yield _gauge("open_events", "Events that may still change", health.open_events)
        events = CounterMetricFamily(f"{_PREFIX}events", "Final events since the start")
        events.add_metric([], health.events)
        yield events
        errors = CounterMetricFamily(f"{_PREFIX}errors", "What failed, and how often since the start", labels=["what"])
        for what, number in health.errors.items():
            errors.add_metric([what], number)
        yield errors
        for name, text, values in (
            (
                "delay_seconds",
                "From the last sample of a station to now",
                [(s.station, s.delay) for s in health.stations],
            ),
            (
                "buffered_seconds",
                "Waveforms of a station in memory",
                [(s.station, s.buffered) for s in health.stations],
            ),
        ):
            yield _by_station(GaugeMetricFamily(f"{_PREFIX}{name}", text, labels=["station"]), values)
        for name, text, counts in (
            ("windows", "Windows of a station that were decided on", [(s.station, s.windows) for s in health.stations]),
            ("dropped", "Windows of a station that were dropped", [(s.station, s.dropped) for s in health.stations]),
        ):
            yield _by_station(CounterMetricFamily(f"{_PREFIX}{name}", text, labels=["station"]), counts)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{_PREFIX}{name}", text, value=float(value))


def _by_station(family: Any, values: Iterable[tuple[str, float | None]]) -> Metric:
    for station, value in values:
        if value is not None:
            family.add_metric([station], value)
    return family
