"""An FDSN service on loopback that answers, has nothing, refuses, fails, breaks off and hangs."""

import io
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import obspy
import pytest
from obspy import UTCDateTime

from seisbench_lcl.errors import ConfigurationError, WaveformError
from seisbench_lcl.events import fdsn, open_waveforms
from seisbench_lcl.events.fdsn import FdsnSource
from seisbench_lcl.events.source import Site

WADL = b"""<?xml version="1.0"?>
<application xmlns="http://wadl.dev.java.net/2009/02"><resources base="http://127.0.0.1/fdsnws/dataselect/1/">
<resource path="query"><method name="GET"><request>
%s
</request></method></resource></resources></application>""" % b"\n".join(
    b'<param name="%s" style="query" type="xs:string"/>' % name
    for name in (b"starttime", b"endtime", b"network", b"station", b"location", b"channel")
)
START = UTCDateTime(2024, 3, 1, 12)
SITES = [Site("XX", f"S{i}") for i in range(4)]
Answer = Callable[["Handler", list[str]], None]


class Handler(BaseHTTPRequestHandler):
    server: "Service"

    def do_GET(self) -> None:
        found = self.path.endswith("/dataselect/1/application.wadl")
        self.give(200 if found else 404, WADL if found else b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        lines = [line for line in body.splitlines() if "=" not in line]
        self.server.asked.append(lines)
        answers = self.server.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self, lines)

    def give(self, code: int, content: bytes = b"", length: int | None = None) -> None:
        self.send_response(code)
        if code != 204:
            self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass


class Service(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = [data]
        self.asked: list[list[str]] = []
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        pass


def content(lines: list[str]) -> bytes:
    """Return miniSEED of the stations in a request, one component each."""
    stream = obspy.Stream()
    for line in lines:
        network, station, _, channel, start, _ = line.split()
        if channel == "HH?":
            made = obspy.read()[:1]
            made[0].stats.update({"network": network, "station": station, "channel": "HHZ"})
            made[0].stats.starttime = UTCDateTime(start)
            stream += made
    file = io.BytesIO()
    stream.write(file, "MSEED")
    return file.getvalue()


def data(handler: Handler, lines: list[str]) -> None:
    handler.give(200, content(lines))


def code(number: int) -> Answer:
    return lambda handler, lines: handler.give(number, b"" if number == 204 else b"as told")


def broken(handler: Handler, lines: list[str]) -> None:
    whole = content(lines)
    handler.give(200, whole[: len(whole) // 2], len(whole))
    handler.close_connection = True


def hangs(handler: Handler, lines: list[str]) -> None:
    handler.server.over.wait(20)


def drips(handler: Handler, lines: list[str]) -> None:
    """Send a byte now and then: no time-out of a socket ends this."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    while not handler.server.over.wait(0.05):
        handler.wfile.write(b"0")
        handler.wfile.flush()


@pytest.fixture
def service() -> Iterator[Service]:
    server = Service()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


def stations(source: FdsnSource) -> tuple[set[str], dict[Site, str]]:
    found = source.read(SITES, START, START + 20, ("HH", "EH"))
    return {trace.stats.station for trace in found.stream}, dict(found.problems)


def source_of(service: Service, **settings: float) -> FdsnSource:
    return FdsnSource(service.url, **{"timeout": 5.0, "attempts": 3, "pause": 0.01} | settings)


def test_all_stations_are_asked_for_at_once(service: Service) -> None:
    assert stations(source_of(service)) == ({"S0", "S1", "S2", "S3"}, {})
    assert len(service.asked) == 1
    assert service.asked[0][0].split()[:4] == ["XX", "S0", "*", "HH?"]
    assert len(service.asked[0]) == 8


def test_no_data_is_no_problem_and_is_not_asked_for_again(service: Service) -> None:
    service.answers = [code(204)]
    assert stations(source_of(service)) == (set(), {})
    assert len(service.asked) == 1


def test_a_request_that_is_too_large_is_halved(service: Service) -> None:
    def two_lines_at_most(handler: Handler, lines: list[str]) -> None:
        (data if len(lines) <= 2 else code(413))(handler, lines)

    service.answers = [two_lines_at_most]
    assert stations(source_of(service)) == ({"S0", "S1", "S2", "S3"}, {})
    assert [len(lines) for lines in service.asked] == [8, 4, 2, 2, 4, 2, 2]
    service.answers = [code(413)]
    found, problems = stations(source_of(service))
    assert not found
    assert set(problems) == set(SITES)
    assert all("too much data" in problem for problem in problems.values())


@pytest.mark.parametrize("failure", [code(503), code(429), code(500), broken])
def test_a_failure_that_passes_is_overcome(service: Service, failure: Answer) -> None:
    service.answers = [failure, failure, data]
    assert stations(source_of(service)) == ({"S0", "S1", "S2", "S3"}, {})
    assert len(service.asked) == 3


@pytest.mark.parametrize("failure", [hangs, drips])
def test_a_service_that_hangs_costs_its_time_limit_and_no_more(service: Service, failure: Answer) -> None:
    service.answers = [failure]
    source = source_of(service, timeout=0.3, attempts=2)
    began = time.monotonic()
    found, problems = stations(source)
    assert time.monotonic() - began < 3
    assert not found
    assert set(problems) == set(SITES)
    assert "did not answer in 2 attempts" in problems[SITES[0]]
    stations(source)
    with pytest.raises(WaveformError, match="3 requests in a row failed: try again later"):
        stations(source)


def test_pauses_double(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(fdsn.time, "sleep", pauses.append)
    service.answers = [code(503)]
    stations(source_of(service, attempts=4, pause=2.0))
    assert pauses == [2.0, 4.0, 8.0]


@pytest.mark.parametrize("refusal", [401, 403])
def test_a_service_that_refuses_us_stops_the_run(service: Service, refusal: int) -> None:
    service.answers = [code(refusal)]
    with pytest.raises(WaveformError, match="cannot be used"):
        stations(source_of(service))
    assert len(service.asked) == 1


def test_a_service_that_is_none_stops_the_run(service: Service) -> None:
    with pytest.raises(WaveformError, match="NOSUCH cannot be used"):
        stations(FdsnSource("NOSUCH"))
    port = service.server_port
    service.server_close()
    with pytest.raises(WaveformError, match="cannot be used"):
        stations(FdsnSource(f"http://127.0.0.1:{port}", attempts=1, timeout=5))


def test_a_second_run_takes_answers_from_disk(service: Service, tmp_path: Path) -> None:
    where = f"fdsn:{service.url}"
    first = open_waveforms(where, cache=tmp_path).read(SITES, START, START + 20, ("HH", "BH"))
    again = open_waveforms(where, cache=tmp_path).read(SITES[::-1], START, START + 20, ("BH", "HH"))
    assert len(service.asked) == 1
    assert {t.id: t.data.tolist() for t in again.stream} == {t.id: t.data.tolist() for t in first.stream}
    part = open_waveforms(where, cache=tmp_path).read(SITES[1:3], START + 5, START + 9, ("HH",))
    assert len(service.asked) == 1
    whole = first.stream.select(station="S[12]").slice(START + 5, START + 9)
    assert {t.id: t.data.tolist() for t in part.stream} == {t.id: t.data.tolist() for t in whole}
    service.answers = [code(204)]
    for _ in range(2):  # data that is not there yet may come
        open_waveforms(where, cache=tmp_path).read(SITES, START + 1, START + 21, ("HH",))
    open_waveforms(where, cache=tmp_path).read([Site("XX", "NEW"), SITES[0]], START, START + 20, ("HH",))
    assert len(service.asked) == 4
    assert [line.split()[1] for line in service.asked[-1]] == ["NEW"]


def test_settings_out_of_range_are_refused() -> None:
    for settings in ({"timeout": 0}, {"attempts": 0}, {"pause": -1}):
        with pytest.raises(ConfigurationError):
            FdsnSource("EARTHSCOPE", **settings)
