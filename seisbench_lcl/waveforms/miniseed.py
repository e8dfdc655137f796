"""Damaged miniSEED: which records of a file are good."""

import io
import mmap
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import obspy
from obspy.io.mseed import InternalMSEEDWarning
from obspy.io.mseed.util import get_record_information

# Sequence number, quality, reserved byte, codes, year and day, hour, minute, second
_HEADER = re.compile(rb"[0-9 \0]{6}[DRQM][ \0][A-Za-z0-9 _-]{12}.{4}[\0-\x17][\0-;][\0-<]", re.DOTALL)
_CONTROL_HEADER = re.compile(rb"[0-9 ]{6}[VAST]")  # of full SEED
_LONGEST = 1 << 16  # bytes of the longest record in use; the format allows 1 MiB


def ends_within_a_record(path: Path) -> bool:
    """Return whether a miniSEED file is cut off within its last record, which libmseed does not always notice."""
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - 2 * _LONGEST))
        return _is_cut(file.read())


def read_good_records(path: Path, **options: Any) -> tuple[obspy.Stream, str]:
    """Read a damaged miniSEED file without its bad records.

    libmseed gives up a whole file for one bad record, loses the rest of a file that lost a byte, and returns samples
    that fail the check at the end of their record.

    Parameters
    ----------
    path : Path
    **options
        Of `obspy.read`, such as ``starttime`` and ``endtime``.

    Returns
    -------
    stream : obspy.Stream
        The samples of bad records are missing.
    loss : str
        Numbers of the bad records and of other bytes; empty if all records are good, as in a file with padding.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        starts = [header.start() for header in _HEADER.finditer(data)]
        stream, bad, padding = obspy.Stream(), 0, 0
        before = data[: starts[0]] if starts else data[:]
        strange = 0 if _CONTROL_HEADER.match(before) else len(before.strip(b" "))
        for good, rest in _good_parts(data, [*starts, len(data)], options):
            bad += good is None
            strange += len(rest.strip(b" "))
            padding = 0 if rest.strip(b"\0 ") else len(rest.strip(b" "))  # zeros at the end of the file
            stream += good or obspy.Stream()
    losses = [f"damaged records: {bad} of {len(starts)}"] * (bad > 0)
    losses += [f"bytes that are not miniSEED: {strange - padding}"] * (strange > padding)
    return stream, ", ".join(losses)


def _good_parts(
    data: mmap.mmap, bounds: list[int], options: dict[str, Any]
) -> Iterator[tuple[obspy.Stream | None, bytes]]:
    """Yield the longest good parts, or None for a bad record, with the bytes after each; halve bad parts."""
    if len(bounds) < 2:
        return
    part = data[bounds[0] : bounds[-1]]
    if len(bounds) == 2:
        length = _record_length(part)
        yield _read_if_good(part[:length], options), part[length:]
    elif (stream := _read_if_good(part, options)) is not None:
        yield stream, b""
    else:
        middle = len(bounds) // 2
        yield from _good_parts(data, bounds[: middle + 1], options)
        yield from _good_parts(data, bounds[middle:], options)


def _read_if_good(part: bytes, options: dict[str, Any]) -> obspy.Stream | None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            stream = obspy.read(io.BytesIO(part), format="MSEED", **options)
        except Exception:  # ObsPy raises errors of many types
            return None
    bad = _is_cut(part) or any(issubclass(warning.category, InternalMSEEDWarning) for warning in caught)
    return None if bad else stream


def _is_cut(data: bytes) -> bool:
    start = max((header.start() for header in _HEADER.finditer(data)), default=None)
    return start is not None and start + _record_length(data[start:]) > len(data)


def _record_length(record: bytes) -> int:
    """Return the length of the first record in bytes; that of all bytes if the header does not say."""
    try:
        return int(get_record_information(io.BytesIO(record))["record_length"])
    except Exception:  # ObsPy raises errors of many types for bad headers
        return len(record)
