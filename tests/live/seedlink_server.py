"""A small SeedLink 3 server on loopback that replays miniSEED records, and misbehaves when it is told to.

It speaks HELLO, CAPABILITIES, STATION, SELECT, DATA, FETCH, TIME, END, INFO and BYE in multi-station mode, from one
ring that grows by `feed`. ObsPy's own client reads from it (`tests/live/test_seedlink_server.py`).
"""

import asyncio
import re
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from io import BytesIO
from threading import Thread
from typing import Any

import numpy as np
import obspy
from obspy import UTCDateTime
from obspy.io.mseed.util import get_record_information

RECORD = 512
LOOPBACK = "127.0.0.1"


def records_of(stream: obspy.Stream) -> list[bytes]:
    """Return a stream as miniSEED records of 512 bytes, in the order in which they end, as an archive sends them."""
    found = []
    for trace in stream:
        buffer = BytesIO()
        copy = trace.copy()
        copy.data = np.ascontiguousarray(trace.data)
        encoding = "STEIM2" if copy.data.dtype.kind == "i" else "FLOAT32"
        copy.data = copy.data.astype(np.int32 if encoding == "STEIM2" else np.float32)
        copy.write(buffer, "MSEED", reclen=RECORD, encoding=encoding)
        data = buffer.getvalue()
        found += [data[start : start + RECORD] for start in range(0, len(data), RECORD)]
    return sorted(found, key=lambda record: RingEntry.of(0, record).end.ns)


def text_record(text: bytes, channel: str = "INF", network: str = "XX", station: str = "INFO") -> bytes:
    """Return a miniSEED record that holds text, as logs and answers to INFO do."""
    assert len(text) <= RECORD - 56
    header = b"000001D " + f"{station:5.5}  {channel:3.3}{network:2.2}".encode()
    header += struct.pack(">HHBBBBH", 2024, 1, 0, 0, 0, 0, 0) + struct.pack(
        ">HhhBBBBlHH", len(text), 0, 0, 0, 0, 0, 1, 0, 56, 48
    )
    blockette = struct.pack(">HHBBBB", 1000, 0, 0, 1, 9, 0)
    return (header + blockette + text).ljust(RECORD, b"\0")


@dataclass(frozen=True)
class RingEntry:
    """A record in the ring, under its number."""

    number: int
    record: bytes
    network: str
    station: str
    location: str
    channel: str
    start: UTCDateTime
    end: UTCDateTime

    @classmethod
    def of(cls, number: int, record: bytes) -> "RingEntry":
        info = get_record_information(BytesIO(record))
        codes = (str(info[name]).strip() for name in ("network", "station", "location", "channel"))
        return cls(number, record, *codes, info["starttime"], info["endtime"])


@dataclass
class Wish:
    """What a client wants of a station: selectors, and from which record or time on."""

    network: str
    station: str
    selectors: list[str] = field(default_factory=list)
    first: int | None = None  # number of a record
    start: UTCDateTime | None = None
    end: UTCDateTime | None = None
    fetches: bool = False  # ends with what there is

    def has(self, entry: RingEntry) -> bool:
        if not (fnmatchcase(entry.network, self.network) and fnmatchcase(entry.station, self.station)):
            return False
        code = f"{entry.location or '--':2}{entry.channel}"
        patterns = [p.split(".")[0] for p in self.selectors]
        if patterns and not any(fnmatchcase(code, p if len(p) == 5 else f"??{p}") for p in patterns):
            return False
        return not (self.start and entry.end < self.start) and not (self.end and entry.start > self.end)


class SeedLinkServer:
    """The server, in a thread of its own; a context manager.

    Attributes
    ----------
    port : int
    commands : list of str
        All that clients have sent.
    knows_time, knows_streams : bool
        Whether TIME and INFO STREAMS are answered other than by ERROR.
    greeting : bytes
        The answer to HELLO.
    stalled, mute : bool
        Whether it sends no packets, or answers nothing at all.
    """

    def __init__(self, records: Iterable[bytes] = (), *, first: int = 1) -> None:
        self.commands: list[str] = []
        self.greeting = b"SeedLink v3.1 (loopback) :: SLPROTO:3.1 CAP\r\nTest network\r\n"
        self.knows_time = self.knows_streams = True
        self.stalled = False  # sends no packets
        self.mute = False  # answers nothing any more
        self.port = 0
        self._ring: list[RingEntry] = []
        self._next = first
        self._writers: set[asyncio.StreamWriter] = set()
        self._sent: set[asyncio.StreamWriter] = set()  # clients that get packets
        self._loop = asyncio.new_event_loop()
        self._server: Any = None
        self._append(records)

    def __enter__(self) -> "SeedLinkServer":
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def feed(self, records: Iterable[bytes]) -> None:
        """Add records to the ring, in the order given: out of order, and again, if the test wants it so."""
        records = list(records)
        self._do(self._soon(lambda: self._append(records)))

    def send_raw(self, data: bytes) -> None:
        """Send bytes to all clients that get packets."""
        self._do(self._soon(lambda: [writer.write(data) for writer in self._sent]))

    def drop(self) -> None:
        """Close all connections; new ones are welcome."""
        self._do(self._drop())

    def shut(self) -> None:
        """Stop, as when the machine goes down; the ring stays."""
        self._do(self._shut())

    def restart(self, *, first: int, keep: bool = True) -> None:
        """Come back at the same port, with other numbers for the records, or without the old ones."""
        self._do(self._shut())
        old = [entry.record for entry in self._ring] if keep else []
        self._ring.clear()
        self._next = first
        self._append(old)
        self._do(self._listen())

    @property
    def clients(self) -> int:
        """Number of clients that get packets."""
        return len(self._sent)

    def _append(self, records: Iterable[bytes]) -> None:
        for record in records:
            self._ring.append(RingEntry.of(self._next, record))
            self._next = (self._next + 1) % 0x1000000

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _soon(self, act: Callable[[], object]) -> None:
        act()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _drop(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()
        while self._writers:
            await asyncio.sleep(0.005)

    async def _shut(self) -> None:
        if self._server is not None:
            await asyncio.sleep(0.02)  # who has just connected is served
            self._server.close()
            await self._drop()
            await asyncio.sleep(0.01)  # transports close
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._converse(reader, writer)
        finally:
            self._writers.discard(writer)
            self._sent.discard(writer)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wishes: list[Wish] = []
        sending: asyncio.Task[None] | None = None
        try:
            while line := await _line(reader):
                self.commands.append(line)
                word, *rest = line.split()
                word = word.upper()
                if self.mute:
                    continue
                if word == "HELLO":
                    writer.write(self.greeting)
                elif word == "BYE":
                    return
                elif word == "INFO":
                    self._info(rest[0].upper(), writer)
                elif word == "END":
                    sending = asyncio.create_task(self._send(wishes, writer))
                else:
                    writer.write(b"OK\r\n" if self._takes(word, rest, wishes) else b"ERROR\r\n")
                await writer.drain()
        finally:
            if sending:
                sending.cancel()

    def _takes(self, word: str, rest: list[str], wishes: list[Wish]) -> bool:
        """Return whether a command is accepted."""
        if word == "CAPABILITIES":
            return True
        if word == "STATION" and 1 <= len(rest) <= 2:
            network = rest[1] if len(rest) == 2 else "*"
            there = any(fnmatchcase(e.network, network) and fnmatchcase(e.station, rest[0]) for e in self._ring)
            if there:
                wishes.append(Wish(network, rest[0]))
            return there
        if word == "SELECT" and wishes and len(rest) == 1 and re.fullmatch(r"([\w?-]{2})?[\w?]{3}(\.\w)?", rest[0]):
            wishes[-1].selectors.append(rest[0])
            return True
        if word in ("DATA", "FETCH") and wishes:
            wishes[-1].first = int(rest[0], 16) if rest else None
            wishes[-1].fetches = word == "FETCH"
            return True
        if word == "TIME" and self.knows_time and wishes and rest:
            wishes[-1].start, wishes[-1].end, *_ = [*map(_time, rest), None]
            return wishes[-1].start <= UTCDateTime()  # as ringserver does
        return False

    async def _send(self, wishes: list[Wish], writer: asyncio.StreamWriter) -> None:
        """Send what there is, and then what comes."""
        self._sent.add(writer)
        begun, place, ring = len(self._ring), 0, self._ring
        while True:
            while place < len(ring) and not (self.stalled or self.mute):
                entry = ring[place]
                if any(w.has(entry) and (w.start or place >= self._from(w, begun)) for w in wishes):
                    writer.write(f"SL{entry.number:06X}".encode() + entry.record)
                    await writer.drain()
                place += 1
            if place >= len(ring) and all(w.fetches or (w.end and w.end < UTCDateTime()) for w in wishes):
                writer.write(b"END")
                return
            await asyncio.sleep(0.005)

    def _from(self, wish: Wish, begun: int) -> int:
        """Return the place in the ring of the first record for a wish without a time."""
        places = [place for place, entry in enumerate(self._ring) if entry.number == wish.first]
        return places[0] if wish.first is not None and places else begun

    def _info(self, level: str, writer: asyncio.StreamWriter) -> None:
        inside = ""
        if level == "CAPABILITIES":
            names = ("dialup", "multistation", "window-extraction", "info:id", "info:stations", "info:streams")
            inside = "".join(f'<capability name="{name}"/>' for name in names)
        elif level in ("STATIONS", "STREAMS") and self.knows_streams:
            inside = "".join(self._stations(level == "STREAMS"))
        elif level != "ID":
            writer.write(b"ERROR\r\n")
            return
        text = f'<?xml version="1.0"?><seedlink software="loopback" organization="Test">{inside}</seedlink>'.encode()
        parts = [text[start : start + 456] for start in range(0, len(text), 456)]
        for number, part in enumerate(parts, 1):
            head = b"SLINFO *" if number < len(parts) else b"SLINFO  "
            writer.write(head + text_record(part))

    def _stations(self, streams: bool) -> Iterable[str]:
        for network, station in sorted({(e.network, e.station) for e in self._ring}):
            own = [e for e in self._ring if (e.network, e.station) == (network, station)]
            numbers = f'begin_seq="{own[0].number:06X}" end_seq="{own[-1].number:06X}"'
            yield f'<station name="{station}" network="{network}" description="" {numbers} stream_check="enabled">'
            for location, channel in sorted({(e.location, e.channel) for e in own}) if streams else ():
                yield f'<stream location="{location}" seedname="{channel}" type="D"/>'
            yield "</station>"


async def _line(reader: asyncio.StreamReader) -> str:
    """Return a command, which ends in a carriage return; "" at the end."""
    try:
        return (await reader.readuntil(b"\r")).decode().strip()
    except (asyncio.IncompleteReadError, ConnectionError):
        return ""


def _time(text: str) -> UTCDateTime:
    return UTCDateTime(*map(int, text.split(",")))
