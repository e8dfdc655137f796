"""Times of catalogues."""

import re
from datetime import datetime, timezone

from obspy import UTCDateTime

_PLAIN = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:[0-5]\d)(?:\.(\d{1,9}))?Z?")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def read_time(text: str | None) -> UTCDateTime | None:
    """Return a time in UTC, or None if the text is none.

    Catalogues hold hundreds of thousands of times; ObsPy's own reading takes ten times as long for the usual form.

    Examples
    --------
    >>> read_time("2010-05-27T16:24:33.315Z")
    UTCDateTime(2010, 5, 27, 16, 24, 33, 315000)
    """
    text = (text or "").strip()
    if plain := _PLAIN.fullmatch(text):
        try:
            whole = datetime.fromisoformat(plain[1] + "+00:00") - _EPOCH
        except ValueError:
            return None
        fraction = int((plain[2] or "").ljust(9, "0"))
        return UTCDateTime(ns=(whole.days * 86400 + whole.seconds) * 10**9 + fraction)
    try:
        return UTCDateTime(text) if text else None
    except Exception:  # whatever UTCDateTime raises on text that is no time
        return None
