"""One connection to a SeedLink server, protocol 3: greeting, questions, subscription, packets.

ObsPy 1.5 has a client, but one that cannot watch for months: it connects over IPv4 only, and not at all while its
timeout is None; a timeout that lasts ends `collect`; `collect` waits in `recv` for up to `netto`, so that nobody can
stop it or see that nothing comes; a closed connection counts as silence until `netto` has passed; and after one
lost byte it refuses every later packet.
"""

import re
import socket
import time
from contextlib import suppress
from typing import NamedTuple

from lxml import etree
from obspy import UTCDateTime
from typing_extensions import Self

from seisbench_lcl.live.sources.seedlink_packets import Packet, PacketBuffer, text_of
from seisbench_lcl.live.sources.selection import StreamId

_ANSWER = 15.0  # s for the answer to a command
_LISTING = 60.0  # s for the list of all streams, which may be megabytes
_LONGEST_LINE = 4096  # bytes
_CHUNK = 1 << 16


class LinkError(Exception):
    """The connection is of no use any more."""


class ProtocolError(LinkError):
    """The other side does not speak SeedLink 3."""


class Greeting(NamedTuple):
    """What a server says of itself."""

    software: str
    organisation: str


class SeedLinkLink:
    """A connection to a server, greeted.

    Parameters
    ----------
    host : str
    port : int
    timeout : float
        Longest time in s to connect.

    Attributes
    ----------
    greeting : Greeting
    strange : int
        Bytes received that belong to no packet.

    Raises
    ------
    OSError
        If there is no connection.
    ProtocolError
        If it is no SeedLink server, or one that speaks protocol 4 alone.
    """

    def __init__(self, host: str, port: int, timeout: float = _ANSWER) -> None:
        try:
            self._socket = socket.create_connection((host, port), timeout)
        except UnicodeError as error:
            raise OSError(f"{host!r} is no name of a host") from error
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._rest = b""
        self._buffer: PacketBuffer | None = None
        try:
            self.greeting = self._greet()
        except BaseException:
            self.close()
            raise

    @property
    def strange(self) -> int:
        """Bytes received that belong to no packet."""
        return self._buffer.strange if self._buffer else 0

    def _greet(self) -> Greeting:
        self._send("HELLO")
        try:
            software = self._line(_ANSWER)
            if not software.lower().startswith("seedlink"):
                raise ProtocolError(f"it answers {software[:60]!r} and not as a SeedLink server")
            organisation = self._line(_ANSWER)
        except TimeoutError:
            raise ProtocolError("it does not answer as a SeedLink server") from None
        protocols = re.findall(r"SLPROTO:(\d+)", software)
        if protocols and "3" not in protocols:
            raise ProtocolError(f"it speaks SeedLink {', '.join(sorted(set(protocols)))} only, and not 3")
        return Greeting(software, organisation)

    def streams(self) -> set[StreamId] | None:
        """Return all streams that the server knows; None if it does not tell.

        Nothing else can be asked on this connection afterwards, if the answer did not come.
        """
        self._send("INFO STREAMS")
        buffer, text, limit = PacketBuffer(self._rest), b"", time.monotonic() + _LISTING
        self._rest = b""
        with suppress(TimeoutError):
            while time.monotonic() < limit and not buffer.ended:
                for packet in buffer.add(self._receive(max(0.01, limit - time.monotonic()))):
                    if packet.number is None:
                        text += text_of(packet.record)
                    if packet.is_last:
                        return _streams(text)
        return None

    def command(self, text: str) -> bool:
        """Send a command, and return whether the server accepts it.

        Raises
        ------
        LinkError
            If it answers something else, or nothing.
        OSError
        """
        self._send(text)
        try:
            answer = self._line(_ANSWER)
        except TimeoutError:
            raise LinkError(f"no answer to {text!r} within {_ANSWER:g} s") from None
        word = answer.split("\r")[0].split(" ")[0].upper()
        if word not in ("OK", "ERROR"):
            raise LinkError(f"the answer to {text!r} is {answer[:60]!r}")
        return word == "OK"

    def begin_at(self, time: UTCDateTime | None) -> bool:
        """Ask for data of the station at hand from a time on, or for what comes next; return whether it is accepted.

        Sequence numbers are not used: those of a server that was set up anew mean other packets.
        """
        if time is not None and self.command(f"TIME {time.strftime('%Y,%m,%d,%H,%M,%S')}"):
            return True
        return self.command("DATA")

    def start(self) -> None:
        """Let data come."""
        self._send("END")
        self._buffer = PacketBuffer(self._rest)
        self._rest = b""

    def ping(self) -> None:
        """Ask for a sign of life between the packets."""
        self._send("INFO ID")

    def packets(self, wait: float) -> list[Packet] | None:
        """Return the packets that arrive within a time; None if nothing arrives.

        Raises
        ------
        LinkError
            If the server ends the connection.
        OSError
        """
        assert self._buffer is not None, "start() comes first"
        try:
            data = self._receive(wait)
        except TimeoutError:
            return None
        found = self._buffer.add(data)
        if self._buffer.ended and not found:
            raise LinkError(f"the server sent {self._buffer.ended}")
        return found

    def close(self) -> None:
        """Close the connection."""
        with suppress(OSError):
            self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, text: str) -> None:
        self._socket.settimeout(_ANSWER)
        self._socket.sendall(f"{text}\r".encode("ascii"))

    def _receive(self, wait: float) -> bytes:
        self._socket.settimeout(wait)
        data = self._socket.recv(_CHUNK)
        if not data:
            raise LinkError("the server closed the connection")
        return data

    def _line(self, wait: float) -> str:
        """Return an answer that ends in a line feed."""
        limit = time.monotonic() + wait
        while b"\n" not in self._rest:
            if len(self._rest) > _LONGEST_LINE:
                raise ProtocolError("it does not answer in lines")
            left = limit - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._rest += self._receive(left)
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode("ascii", errors="replace").strip()


def _streams(text: bytes) -> set[StreamId] | None:
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, huge_tree=True)
    try:
        root = etree.fromstring(text.strip(b"\0 "), parser)
    except etree.XMLSyntaxError:
        return None
    if root is None:
        return None
    found = {
        StreamId(*(_code(element, name) for element, name in zip((s, s, t, t), _ATTRIBUTES, strict=True)))
        for s in root.iter("station")
        for t in s.iter("stream")
        if t.get("type", "D") in ("D", "")
    }
    return found or None


_ATTRIBUTES = ("network", "name", "location", "seedname")


def _code(element: "etree._Element", name: str) -> str:
    return (element.get(name) or "").strip()
