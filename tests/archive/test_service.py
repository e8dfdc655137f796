"""An FDSN service as a source of an archive: planned by its channels, read block by block."""

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from obspy import Inventory, UTCDateTime
from obspy.core.inventory import Channel, Network, Station
from sds_archive import MIDNIGHT, WEIGHTS, assert_same_rows, recorded, write_sds

from seisbench_lcl import archive
from seisbench_lcl.errors import WaveformError

WADL = b"""<?xml version="1.0"?>
<application xmlns="http://wadl.dev.java.net/2009/02"><resources base="http://127.0.0.1/fdsnws/%s/1/">
<resource path="query"><method name="GET"><request>%s</request></method></resource></resources></application>"""
NAMES = (b"starttime", b"endtime", b"network", b"station", b"location", b"channel", b"level")
NAMES += (b"minlatitude", b"maxlatitude", b"minlongitude", b"maxlongitude")
STREAM = recorded(1, ("ABC",))
SPAN = {"start": MIDNIGHT - 60, "end": MIDNIGHT + 60}


def inventory() -> bytes:
    def channel(code: str) -> Channel:
        return Channel(code, "", 0, 0, 0, 0, start_date=UTCDateTime(2020, 1, 1), end_date=MIDNIGHT + 7200)

    stations = [
        Station("ABC", 0, 0, 0, channels=[channel(f"HH{component}") for component in "ZNE"]),
        Station("LONG", 0, 0, 0, channels=[channel("LHZ")]),
        Station("OLD", 0, 0, 0, channels=[Channel("HHZ", "", 0, 0, 0, 0, end_date=UTCDateTime(2021, 1, 1))]),
    ]
    file = io.BytesIO()
    Inventory([Network("XX", stations=stations)]).write(file, "STATIONXML")
    return file.getvalue()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        service = urlsplit(self.path).path.split("/")[2]
        if self.path.endswith("application.wadl") and service in ("dataselect", "station"):
            names = b"".join(b'<param name="%s" style="query" type="xs:string"/>' % name for name in NAMES)
            self.give(WADL % (service.encode(), names))
        else:
            self.give(inventory() if service == "station" else b"", 200 if service == "station" else 404)

    def do_POST(self) -> None:
        lines = self.rfile.read(int(self.headers["Content-Length"])).decode().splitlines()
        asked = next(line.split() for line in lines if " HH?" in line)
        start, end = (UTCDateTime(text) for text in asked[-2:])
        file = io.BytesIO()
        if found := STREAM.slice(start, end):
            found.write(file, "MSEED")
        self.give(file.getvalue(), 200 if found else 204)

    def give(self, content: bytes, code: int = 200) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_service_gives_the_rows_of_the_same_data_in_files(service: str, tmp_path: Path) -> None:
    root = write_sds(tmp_path / "sds", STREAM)
    archive.run(root, WEIGHTS, tmp_path / "files", **SPAN, windows="top", workers=0)
    report = archive.run(service, WEIGHTS, tmp_path / "asked", **SPAN, windows="top", workers=0)
    assert report.progress.stations == {"XX.ABC"}
    assert_same_rows(tmp_path / "asked", tmp_path / "files", "detections", "windows")
    with pytest.raises(WaveformError, match=r"no waveforms of XX\.OLD"):
        archive.run(service, WEIGHTS, tmp_path / "asked", **SPAN, stations=["XX.OLD"], workers=0)


def test_a_service_that_is_not_there_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(WaveformError, match="did not list its stations"):
        archive.run("http://127.0.0.1:9", WEIGHTS, tmp_path / "out", **SPAN, workers=0)
