"""The server of the tests speaks SeedLink: ObsPy's client reads from it. And why we have a client of our own."""

import time
from threading import Thread

import obspy
import pytest
from obspy.clients.seedlink.basic_client import Client
from obspy.clients.seedlink.client.seedlinkconnection import SeedLinkConnection
from obspy.clients.seedlink.seedlinkexception import SeedLinkException
from seedlink_server import LOOPBACK, SeedLinkServer, records_of

pytestmark = pytest.mark.timeout(30)


def example() -> obspy.Stream:
    stream = obspy.read()
    for trace in stream:
        trace.data = trace.data.astype("int32")
    return stream


def test_the_client_of_obspy_reads_lists_and_windows() -> None:
    stream = example()
    start = stream[0].stats.starttime
    with SeedLinkServer(records_of(stream), first=0xFFFFF0) as server:
        client = Client(LOOPBACK, server.port)
        assert client.get_info(level="channel") == [("BW", "RJOB", "", f"EH{c}") for c in "ENZ"]
        found = client.get_waveforms("BW", "RJOB", "", "EH?", start + 5, start + 20)
    wanted = stream.slice(start + 5, start + 20).sort()
    for one, other in zip(found.sort(), wanted, strict=True):
        assert (one.id, one.stats.starttime) == (other.id, other.stats.starttime)
        assert (one.data == other.data).all()


def test_the_client_of_obspy_does_not_connect_without_a_timeout() -> None:
    with SeedLinkServer(records_of(example())) as server:
        connection = SeedLinkConnection()
        connection.set_sl_address(f"{LOOPBACK}:{server.port}")
        with pytest.raises(SeedLinkException, match="not supported between instances of 'float' and 'NoneType'"):
            connection.connect()
        connection.disconnect()


def test_the_client_of_obspy_refuses_all_packets_after_a_stray_byte(caplog: pytest.LogCaptureFixture) -> None:
    records = records_of(example())
    with SeedLinkServer(records[:1]) as server:
        connection = SeedLinkConnection(timeout=20)
        connection.set_sl_address(f"{LOOPBACK}:{server.port}")
        connection.add_stream("BW", "RJOB", "EH?", -1, None)
        connection.set_begin_time("2009,8,24,0,20,0")
        assert connection.collect().get_sequence_number() == 1
        server.send_raw(b"x")
        server.feed(records[1:])
        answers: list[object] = []
        thread = Thread(target=lambda: answers.append(connection.collect()), daemon=True)
        thread.start()
        while caplog.text.count("bad packet") < len(records) - 2 and thread.is_alive():
            time.sleep(0.01)
        connection.terminate()
        server.drop()
        thread.join(5)
        assert answers == [b"SLTERMINATE"]  # ours goes on: test_strange_bytes_are_passed_over
