"""An FDSN service on loopback that is asked again and again, fails, and comes back."""

import io
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import obspy
import pytest
from obspy import Trace, UTCDateTime

from seisbench_lcl.errors import SourceError
from seisbench_lcl.live.sources import FdsnPollingSource, StreamSelection, background

pytestmark = pytest.mark.timeout(60)

WADL = b"""<?xml version="1.0"?>
<application xmlns="http://wadl.dev.java.net/2009/02"><resources base="http://127.0.0.1/fdsnws/dataselect/1/">
<resource path="query"><method name="GET"><request>
%s
</request></method></resource></resources></application>""" % b"\n".join(
    b'<param name="%s" style="query" type="xs:string"/>' % name
    for name in (b"starttime", b"endtime", b"network", b"station", b"location", b"channel")
)


def samples(start: UTCDateTime, end: UTCDateTime) -> Trace | None:
    """Return what the ground did between two times: each sample tells its own."""
    first, last = -int(-start.timestamp * 10 // 1), int(end.timestamp * 10)
    if last < first:
        return None
    header = {"network": "XX", "station": "A", "channel": "HHZ", "sampling_rate": 10.0}
    data = np.arange(first, last + 1) % 1_000_000
    return Trace(data.astype(np.int32), {**header, "starttime": UTCDateTime(first / 10)})


class Handler(BaseHTTPRequestHandler):
    server: "Service"

    def do_GET(self) -> None:
        self.give(200, WADL) if self.path.endswith("/dataselect/1/application.wadl") else self.give(404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        lines = [line.split() for line in body.splitlines() if "=" not in line]
        self.server.asked.append(lines)
        if self.server.code != 200:
            self.give(self.server.code)
            return
        found = [samples(UTCDateTime(line[4]), min(UTCDateTime(line[5]), UTCDateTime() - 1)) for line in lines[:1]]
        stream = obspy.Stream([trace for trace in found if trace])
        content = io.BytesIO()
        if stream:
            stream.write(content, "MSEED")
        self.give(200 if stream else 204, content.getvalue())

    def give(self, code: int, content: bytes = b"") -> None:
        self.send_response(code)
        if code != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass


class Service(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.code = 200
        self.asked: list[list[list[str]]] = []


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr(background, "TICK", 0.05)
    with Service() as made:
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        yield made
        made.shutdown()


def polling(service: Service, streams: str = "XX_A:HHZ,XX_B:00HH?") -> FdsnPollingSource:
    url = f"http://127.0.0.1:{service.server_port}"
    return FdsnPollingSource(url, StreamSelection.parse(streams), interval=0.15, span=20, longest_wait=0.3)


def test_each_sample_comes_once_through_failures_and_pauses(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    source, found = polling(service), []
    packets = source.packets({})
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < 1.9:
        service.code = 503 if 0.6 < passed < 1.1 else 200
        packet = next(packets)
        found += [] if packet is None else [packet]
    source.close()
    data = np.concatenate([packet.data for packet in found])
    assert np.all(np.diff(data) == 1)
    assert len(found) > 3
    assert len(data) > 190
    assert caplog.text.count("trying again, at most every 0.3 s") == 1
    assert caplog.text.count("data come again") == 1
    assert caplog.text.count("has no data of XX_B:00HH? so far") == 1
    assert [line[:4] for line in service.asked[-1]] == [["XX", "A", "*", "HHZ"], ["XX", "B", "00", "HH?"]]
    assert UTCDateTime(service.asked[-1][0][4]) >= found[0].stats.endtime


def test_it_goes_on_where_it_was(service: Service) -> None:
    known = UTCDateTime(round(UTCDateTime().timestamp) - 3600)
    source = polling(service)
    packet = next(packet for packet in source.packets({"XX.A..HHZ": known}) if packet is not None)
    source.close()
    assert packet.stats.starttime == known + 0.1


@pytest.mark.parametrize("code", [401, 503])
def test_a_service_that_fails_at_first_is_an_error(service: Service, code: int) -> None:
    service.code = code
    with pytest.raises(SourceError, match=f"http://127.0.0.1:{service.server_port} (cannot be used|did not answer)"):
        list(polling(service).packets({}))
