"""Samples out of bytes of miniSEED that may end within a record, or be damaged."""

import io
import re
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import obspy
from obspy import Trace
from obspy.io.mseed import InternalMSEEDWarning

# Sequence number, quality, reserved byte, codes; year, day, hour, minute, second
_HEADER = re.compile(rb"[0-9 \0]{6}[DRQM][ \0][A-Za-z0-9 _-]{12}.{4}[\0-\x17][\0-;][\0-<]", re.DOTALL)
_HEADER_LENGTH = 27
_FIXED = 48  # bytes of the fixed header
_LONGEST = 1 << 16  # bytes of a record
_KEPT = ("network", "station", "location", "channel", "sampling_rate")


class Decoded(NamedTuple):
    """What bytes of miniSEED hold.

    Attributes
    ----------
    traces : list of Trace
    used : int
        Bytes that need not be looked at again; the rest is the beginning of a record.
    bad : int
        Damaged records, and stretches of bytes that are none.
    """

    traces: list[Trace]
    used: int
    bad: int


def starts_a_record(data: bytes) -> bool:
    """Return whether bytes look like the beginning of miniSEED."""
    return _HEADER.match(data) is not None


def decode(data: bytes) -> Decoded:
    """Decode the whole records among bytes; damaged ones are left out."""
    traces: list[Trace] = []
    runs, used, bad = _runs(data)
    for start, ends in runs:
        found = _read(data[start : ends[-1]])
        if found is not None:
            traces += found
            continue
        for first, last in zip([start, *ends], ends, strict=False):
            one = _read(data[first:last])
            bad += one is None
            traces += one or []
    return Decoded(traces, used, bad)


def _runs(data: bytes) -> tuple[list[tuple[int, list[int]]], int, int]:
    """Return runs of whole records by their start and the end of each; the bytes used; and stretches that are none."""
    runs: list[tuple[int, list[int]]] = []
    place, strange = 0, 0
    while place + _FIXED <= len(data):
        length = record_length(data, place) if _HEADER.match(data, place) else 0
        if length is None or place + length > len(data):
            break
        # Another header within a record means that the rest of this one is missing.
        if length and not _HEADER.search(data, place + 1, place + length + _HEADER_LENGTH - 1):
            if runs and runs[-1][1][-1] == place:
                runs[-1][1].append(place + length)
            else:
                runs.append((place, [place + length]))
            place += length
            continue
        found = _HEADER.search(data, place + 1)
        following = found.start() if found else max(place + 1, len(data) - _HEADER_LENGTH + 1)
        strange += bool(data[place:following].strip(b"\0 "))
        place = following
    return runs, place, strange


def record_length(data: bytes, start: int) -> int | None:
    """Return the length of a record in bytes; 0 if its header makes no sense; None if too little of it is there.

    It is in blockette 1000, in the byte order in which the year of the record makes sense (SEED manual, chapter 8).
    """
    order = next((o for o in ("big", "little") if 1900 <= _number(data, start + 20, o) <= 2100), None)
    if order is None:
        return 0
    offset = _number(data, start + 46, order)
    for _ in range(8):  # few records have more blockettes
        if not _FIXED <= offset < _LONGEST:
            return 0
        if start + offset + 8 > len(data):
            return None
        if _number(data, start + offset, order) == 1000:
            exponent = data[start + offset + 6]
            return 1 << exponent if 7 <= exponent <= 16 else 0
        offset = _number(data, start + offset + 2, order)
    return 0


def _number(data: bytes, place: int, order: str) -> int:
    return int.from_bytes(data[place : place + 2], "big" if order == "big" else "little")


def _read(data: bytes) -> list[Trace] | None:
    """Return the traces of whole records; None if one is damaged."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", InternalMSEEDWarning)
        try:
            return list(obspy.read(io.BytesIO(data), format="MSEED"))
        except Exception:  # ObsPy raises errors of many types
            return None


def pieces(trace: Trace, seconds: float) -> Iterator[Trace]:
    """Cut a trace into pieces of some seconds, such as a digitiser sends; the last may be shorter."""
    step = max(1, round(seconds * trace.stats.sampling_rate))
    if len(trace) <= step:
        yield trace
        return
    header = {name: trace.stats[name] for name in _KEPT}
    for first in range(0, len(trace), step):
        start = trace.stats.starttime + first / trace.stats.sampling_rate
        yield Trace(trace.data[first : first + step], {**header, "starttime": start})
