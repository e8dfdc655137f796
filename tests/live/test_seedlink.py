"""A SeedLink server that breaks off, stalls, repeats, restarts and sends nonsense, and what the source makes of it."""

import io
import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Thread
from typing import Any

import numpy as np
import obspy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obspy import Trace, UTCDateTime
from seedlink_server import LOOPBACK, SeedLinkServer, records_of, text_record

from seisbench_lcl.errors import ConfigurationError, SourceError
from seisbench_lcl.live.sources import SeedLinkSource, StreamSelection, background, seedlink, seedlink_link
from seisbench_lcl.live.sources.seedlink_packets import PacketBuffer

pytestmark = pytest.mark.timeout(30)

START = UTCDateTime(2024, 3, 1, 12)
QUICK = {"first_wait": 0.02, "longest_wait": 0.1, "keepalive": 0.2, "timeout": 1.5}
FROM_START = {"XX.ABC..HHZ": START - 1}


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "TICK", 0.05)
    monkeypatch.setattr(seedlink, "TICK", 0.05)
    monkeypatch.setattr(seedlink_link, "_ANSWER", 1.0)


def made(seconds: float = 60.0, ids: str = "XX.ABC..HH", components: str = "ZNE", seed: int = 0) -> obspy.Stream:
    rng = np.random.default_rng(seed)
    network, station, location, instrument = ids.split(".")
    codes = {"network": network, "station": station, "location": location, "sampling_rate": 100.0, "starttime": START}
    return obspy.Stream(
        [
            Trace(rng.integers(-9000, 9000, round(seconds * 100), dtype=np.int32), {**codes, "channel": instrument + c})
            for c in components
        ]
    )


def source(server: SeedLinkServer, streams: str = "XX_ABC:HH?", **options: Any) -> SeedLinkSource:
    return SeedLinkSource(LOOPBACK, StreamSelection.parse(streams), server.port, **{**QUICK, **options})


class Reading:
    """Reads a source; the packets so far, and how long nothing came."""

    def __init__(self, source: SeedLinkSource, since: dict[str, UTCDateTime]) -> None:
        self.source, self.packets, self.silences = source, source.packets(since), 0
        self.stream = obspy.Stream()

    def __enter__(self) -> "Reading":
        return self

    def __exit__(self, *_: object) -> None:
        self.source.close()
        assert list(self.packets)[2100:] == []  # what waited, and then the end

    def until(self, enough: Callable[[], bool], within: float = 10.0) -> None:
        limit = time.monotonic() + within
        while not enough():
            assert time.monotonic() < limit, f"only {self.stream}"
            packet = next(self.packets)
            if packet is None:
                self.silences += 1
            else:
                self.stream.append(packet)

    def until_whole(self, wanted: obspy.Stream) -> None:
        """Read until there is all of a stream, and hold it against the original, sample by sample."""
        number = sum(len(trace) for trace in wanted)
        self.until(lambda: sum({(t.id, t.stats.starttime.ns): len(t) for t in self.stream}.values()) >= number)
        for one, other in zip(self.merged(), wanted.copy().sort(), strict=True):
            assert (one.id, one.stats.starttime) == (other.id, other.stats.starttime)
            assert np.array_equal(one.data, other.data)

    def merged(self) -> obspy.Stream:
        return self.stream.copy().sort().merge(-1) if self.stream else self.stream


def wait_for(what: Callable[[], Any]) -> None:
    limit = time.monotonic() + 10
    while not what():
        assert time.monotonic() < limit
        time.sleep(0.005)


def test_data_are_those_of_the_record_from_the_last_known_sample_on() -> None:
    stream = made()
    since = {f"XX.ABC..HH{c}": START + 50 + n for n, c in enumerate("ZNE")}
    other = made(ids="XX.ABC..HN") + made(ids="XX.DEF..HH")
    with SeedLinkServer(records_of(stream + other)) as server, Reading(source(server), since) as reading:
        reading.until(lambda: reading.silences > 0)
        assert [t.stats.endtime for t in reading.merged()] == [START + 59.99] * 3
        assert all(START + 10 < t.stats.starttime <= START + 20 for t in reading.merged())
        assert "TIME 2024,03,01,12,00,20" in server.commands  # late packets may have been missed
        assert "SELECT HH?" in server.commands
        assert {trace.id for trace in reading.stream} == {trace.id for trace in stream}


def test_without_a_known_sample_data_begin_with_what_comes_next() -> None:
    first, second = records_of(made())[:20], records_of(made())[20:]
    with SeedLinkServer(first) as server, Reading(source(server), {}) as reading:
        reading.until(lambda: reading.silences > 2)
        assert not reading.stream
        server.feed(second)
        reading.until(lambda: len(reading.stream) == len(second))


def test_nothing_is_lost_when_the_server_breaks_off_or_comes_back_with_other_numbers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stream = made()
    parts = np.array_split(np.arange(len(records := records_of(stream))), 6)
    fed = [[records[i] for i in part] for part in parts]
    with SeedLinkServer(fed[0], first=0xFFFFFE) as server, Reading(source(server), FROM_START) as reading:
        reading.until(lambda: len(reading.stream) == len(fed[0]))
        server.drop()
        server.feed(fed[1])
        reading.until(lambda: len({bytes(t.data) for t in reading.stream}) == len(fed[0] + fed[1]))
        assert [r.getMessage().split(": ", 1)[1] for r in caplog.records if r.levelno == logging.WARNING] == [
            "the server closed the connection; trying again, at most every 0.1 s",
            "data come again",
        ] or "reset" in caplog.text
        for number, part in enumerate(fed[2:]):
            server.shut()
            time.sleep(0.15)  # several attempts meet nobody
            server.restart(first=1 + 3 * number)
            wait_for(lambda: server.clients)
            server.feed(part)
        reading.until_whole(stream)
    assert caplog.text.count("trying again") == caplog.text.count("come again") == 5


def test_a_server_that_falls_silent_is_left(caplog: pytest.LogCaptureFixture) -> None:
    stream = made()
    records = records_of(stream)
    with SeedLinkServer(records[:9]) as server, Reading(source(server), FROM_START) as reading:
        reading.until(lambda: len(reading.stream) == 9)
        server.stalled = True
        reading.until(lambda: reading.silences > 15)
        assert "INFO ID" in server.commands
        assert "nothing came" not in caplog.text  # its answers are signs of life
        server.mute = True
        server.feed(records[9:])
        reading.until(lambda: "nothing came for 1.5 s" in caplog.text)
        server.mute = server.stalled = False
        reading.until_whole(stream)


def test_packets_out_of_order_and_repeated_come_as_they_are() -> None:
    records = records_of(made())
    order = [*np.random.default_rng(1).permutation(len(records)), 3, 3, 4]
    with SeedLinkServer(records[:1]) as server, Reading(source(server), FROM_START) as reading:
        reading.until(lambda: len(reading.stream) == 1)
        server.feed([records[i] for i in order])
        reading.until(lambda: len(reading.stream) == 1 + len(order))
        starts = [trace.stats.starttime for trace in reading.stream[1:]]
        expected = [obspy.read(io.BytesIO(records[i]))[0].stats.starttime for i in order]
        assert starts == expected


def test_strange_bytes_are_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    stream = made()
    records = records_of(stream)
    damaged = records[5][:80] + bytes(range(256)) + records[5][336:]
    with SeedLinkServer(records[:5]) as server, Reading(source(server), FROM_START) as reading:
        reading.until(lambda: len(reading.stream) == 5)
        junk = np.random.default_rng(0).bytes(3000)
        for data in (b"x", junk, b"SL00" + junk, b"SL000007" + damaged, b"SL000007" + records[5][:100], b"SLINFO *"):
            server.send_raw(data)
        time.sleep(0.1)
        server.feed(records[5:])
        reading.until_whole(stream)
    assert caplog.text.count("bytes that are no packets") == 1
    assert caplog.text.count("damaged records") == 1


@given(st.data())
def test_packets_are_found_in_any_chunks_of_bytes_with_anything_in_between(data: st.DataObject) -> None:
    records = records_of(made(6))
    sent, numbers = b"", []
    for record in records:
        sent += data.draw(st.binary(max_size=30) | st.just(b""))
        numbers.append(data.draw(st.integers(0, 0xFFFFFF)))
        sent += b"SL%06X" % numbers[-1] + record
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=8)))
    buffer, found = PacketBuffer(), []
    for first, last in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        found += buffer.add(sent[first:last])
    assert [(packet.number, packet.record) for packet in found] == list(zip(numbers, records, strict=True))
    assert buffer.strange + 520 * len(records) == len(sent)


def test_logs_and_states_of_health_are_left_out_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    records = [*records_of(made(5)), text_record(b"clock locked", "LOG", "XX", "ABC")]
    records += records_of(made(5, "XX.ABC..AC", "E") + made(5, "XX.ABC..VM", "Z") + made(5, "XX.ABC..HD", "F"))
    with SeedLinkServer(records) as server:
        with Reading(source(server, "XX_ABC"), FROM_START) as reading:
            reading.until(lambda: reading.silences > 0)
            assert {trace.stats.channel for trace in reading.stream} == {"HHZ", "HHN", "HHE"}
        assert caplog.text.count("record no ground motion") == 1
        with Reading(source(server, "XX_ABC:HDF LOG"), {"XX.ABC..HDF": START - 1}) as reading:  # as asked for
            reading.until(lambda: reading.silences > 0)
            assert {trace.stats.channel for trace in reading.stream} == {"HDF"}


def test_a_server_without_time_or_lists_is_asked_for_what_comes_next(caplog: pytest.LogCaptureFixture) -> None:
    records = records_of(made())
    with SeedLinkServer(records[:9]) as server:
        server.knows_time = server.knows_streams = False
        with Reading(source(server, "XX_ABC:HH?,XX_NONE:HH?"), FROM_START) as reading:
            reading.until(lambda: server.clients > 0)
            server.feed(records[9:])
            reading.until(lambda: len(reading.stream) == len(records) - 9)
        assert "does not have XX_NONE" in caplog.text
        assert refusal(source(server, "XX_NONE:HH?")).endswith("has none of the streams XX_NONE")


def test_wildcards_in_stations_are_looked_up_and_missing_streams_named(caplog: pytest.LogCaptureFixture) -> None:
    stream = made(9) + made(9, "XX.ABD.00.HH") + made(9, "YY.ABE..HH")
    with SeedLinkServer(records_of(stream)) as server:
        start = {trace.id: START - 1 for trace in stream}
        with Reading(source(server, "XX_A*:HHZ,YY_ABE:00HH?,YY_Q*"), start) as reading:
            reading.until(lambda: reading.silences > 0)
            assert {trace.id for trace in reading.stream} == {"XX.ABC..HHZ", "XX.ABD.00.HHZ"}
        assert "has no such stream now: YY_ABE:00HH?, YY_Q*" in caplog.text
        wrong = refusal(source(server, "XX_ABC:BH?,ZZ_B"))
        assert "has none of the streams XX_ABC:BH?, ZZ_B; it has XX.ABC..HHE, XX.ABC..HHN" in wrong


def test_a_packet_of_the_future_does_not_move_the_place_to_go_on_from() -> None:
    stream = made(9, components="Z")
    ahead = stream.copy()
    ahead[0].stats.starttime = UTCDateTime() + 86_400
    with SeedLinkServer(records_of(stream)) as server, Reading(source(server), FROM_START) as reading:
        reading.until(lambda: reading.silences > 0)
        server.feed(records_of(ahead))
        reading.until(lambda: any(t.stats.endtime > UTCDateTime() for t in reading.stream))
        server.drop()
        wait_for(lambda: server.commands.count("END") == 2)
        assert server.commands[-2] == "TIME 2024,03,01,11,59,38"


@pytest.fixture
def other_port() -> Iterator[tuple[int, list[bytes]]]:
    """A server that says something else as soon as somebody connects."""
    says: list[bytes] = []
    with socket.create_server((LOOPBACK, 0)) as listening:

        def answer() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection:
                        connection.sendall(says[0])
                        connection.recv(100)
                        time.sleep(0.3)

        Thread(target=answer, daemon=True).start()
        yield listening.getsockname()[1], says
        listening.shutdown(socket.SHUT_RDWR)


def refusal(source: SeedLinkSource) -> str:
    with pytest.raises(SourceError) as caught:
        list(source.packets({}))
    return str(caught.value)


def test_what_cannot_be_mended_by_waiting_is_an_error_at_once(
    other_port: tuple[int, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = StreamSelection.parse("XX_ABC")
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        nobody = free.getsockname()[1]
    found = refusal(SeedLinkSource(LOOPBACK, streams, nobody))
    assert found.startswith(f"cannot connect to seedlink 127.0.0.1:{nobody}: ")
    assert found.endswith("refused; check the host and the port, usually 18000")

    monkeypatch.setattr(seedlink_link, "_ANSWER", 0.2)
    port, says = other_port
    for greeting, problem in (
        (b"SSH-2.0-OpenSSH_9.2\r\n", "it answers 'SSH-2.0-OpenSSH_9.2' and not as a SeedLink server"),
        (b"", "it does not answer as a SeedLink server"),
    ):
        says[:] = [greeting]
        found = refusal(SeedLinkSource(LOOPBACK, streams, port))
        assert found == f"seedlink 127.0.0.1:{port} cannot be used: {problem}; SeedLink usually listens at port 18000"
    with SeedLinkServer() as server:
        server.greeting = b"SeedLink v4.0 (test) :: SLPROTO:4.0\r\nTest\r\n"
        assert "it speaks SeedLink 4 only, and not 3" in refusal(source(server, "XX_ABC"))

    assert "is no name of a host" in refusal(SeedLinkSource("a" * 70, streams))
    monkeypatch.setattr(socket, "getaddrinfo", unknown_host)
    assert refusal(SeedLinkSource("nowhere", streams)).startswith(
        "cannot connect to seedlink nowhere:18000: [Errno -2]"
    )
    with pytest.raises(ConfigurationError, match="timeout must be longer than keepalive"):
        SeedLinkSource(LOOPBACK, streams, timeout=10)


def unknown_host(*_: object, **__: object) -> None:
    raise socket.gaierror(-2, "Name or service not known")


def test_closing_from_another_thread_ends_the_packets_soon() -> None:
    with SeedLinkServer(records_of(made(9))) as server:
        watched = source(server)
        Thread(target=lambda: (time.sleep(0.3), watched.close()), daemon=True).start()
        begun = time.monotonic()
        assert len([p for p in watched.packets(FROM_START) if p is not None]) >= 3
        assert time.monotonic() - begun < 2
        wait_for(lambda: not server.clients)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_is_lost_whatever_happens_in_whatever_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stream = made(120) + made(120, "XX.DEF.00.BH", seed=1)
    records = records_of(stream)
    parts = [[records[i] for i in part] for part in np.array_split(np.arange(len(records)), 12)]
    since = {trace.id: START - 1 for trace in stream}
    with SeedLinkServer(parts[0]) as server, Reading(source(server, "XX_ABC:HH?,XX_D*:00BH?"), since) as reading:
        for number, part in enumerate(parts[1:]):
            reading.until(lambda: server.clients > 0)
            what = rng.choice(["drop", "restart", "garbage", "stall", "mute", "again", "shuffle"])
            if what == "drop":
                server.drop()
            elif what == "restart":
                server.restart(first=int(rng.integers(0xFFFFFF)))
            elif what == "garbage":
                server.send_raw(rng.bytes(700))
            elif what in ("stall", "mute"):
                setattr(server, {"stall": "stalled", "mute": "mute"}[what], True)
                silences = reading.silences
                reading.until(lambda silences=silences: reading.silences > silences + 3)
                server.stalled = server.mute = False
            elif what == "again":
                server.feed(parts[number])
            elif what == "shuffle":
                part = [part[i] for i in rng.permutation(len(part))]
            server.feed(part)
        reading.until_whole(stream)
