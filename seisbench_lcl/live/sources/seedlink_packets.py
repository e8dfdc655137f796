"""SeedLink's packets out of a stream of bytes, whatever comes between them."""

import re
from typing import NamedTuple

_HEAD, _RECORD = 8, 512
_SIZE = _HEAD + _RECORD  # bytes of a packet of SeedLink 3
# "SL" and a number of six hexadecimal digits, or "SLINFO"; then the start of a miniSEED record
_START = re.compile(rb"SL(?:[0-9A-Fa-f]{6}|INFO[ *]{2})[0-9 \0]{6}[DRQM]")
_LONGEST = 15  # bytes of such a start


class Packet(NamedTuple):
    """A packet of SeedLink 3.

    Attributes
    ----------
    number : int or None
        Sequence number; None for an answer to INFO.
    record : bytes
        miniSEED of 512 bytes.
    is_last : bool
        Whether it is the last packet of an answer.
    """

    number: int | None
    record: bytes
    is_last: bool = False


class PacketBuffer:
    """Collects bytes, and returns the packets that are whole.

    Bytes that belong to no packet are passed over until the next that looks like one begins.

    Attributes
    ----------
    strange : int
        Bytes passed over so far.
    ended : str
        What the server said at the end, "END" or "ERROR"; "" before.
    """

    def __init__(self, start: bytes = b"") -> None:
        self._bytes = bytearray(start)
        self.strange = 0
        self.ended = ""

    def add(self, data: bytes) -> list[Packet]:
        """Add what was received, and return the packets that it completes."""
        self._bytes += data
        packets = []
        while len(self._bytes) >= _LONGEST:
            whole = len(self._bytes) >= _SIZE
            # Another start within a packet means that the rest of this one is missing.
            if not _START.match(self._bytes) or (whole and _START.search(self._bytes, 1, _SIZE + _LONGEST - 1)):
                self._skip()
            elif whole:
                packets.append(_packet(bytes(self._bytes[:_SIZE])))
                del self._bytes[:_SIZE]
            else:
                break
        if (word := bytes(self._bytes).strip().upper()) in (b"END", b"ERROR"):
            self.ended = word.decode()
        return packets

    def _skip(self) -> None:
        found = _START.search(self._bytes, 1)
        skipped = found.start() if found else len(self._bytes) - _LONGEST + 1
        self.strange += skipped
        del self._bytes[:skipped]


def _packet(data: bytes) -> Packet:
    if data.startswith(b"SLINFO"):
        return Packet(None, data[_HEAD:], data[_HEAD - 1 : _HEAD] != b"*")
    return Packet(int(data[2:_HEAD], 16), data[_HEAD:])


def text_of(record: bytes) -> bytes:
    """Return the text in a miniSEED record of an answer to INFO."""
    count, start = int.from_bytes(record[30:32], "big"), int.from_bytes(record[44:46], "big")
    if start > _RECORD:  # the other byte order
        count, start = int.from_bytes(record[30:32], "little"), int.from_bytes(record[44:46], "little")
    return record[start : start + count]
