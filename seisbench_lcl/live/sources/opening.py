"""The source that an address means."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.live.sources.base import PacketSource
from seisbench_lcl.live.sources.fdsn_polling import FdsnPollingSource
from seisbench_lcl.live.sources.folder import FolderSource
from seisbench_lcl.live.sources.replay import ReplaySource
from seisbench_lcl.live.sources.seedlink import PORT, SeedLinkSource
from seisbench_lcl.live.sources.selection import EXAMPLE, StreamSelection

ADDRESSES = "seedlink://HOST:PORT, fdsn:SERVICE, replay:PATH, or a folder"


def open_source(
    address: str | Path, streams: str | StreamSelection | None = None, *, speed: float = 0.0, **options: Any
) -> PacketSource:
    """Return the source of packets at an address; nothing is connected yet.

    Parameters
    ----------
    address : str or Path
        seedlink://HOST:PORT (the port is 18000 by default), fdsn:SERVICE (a name that ObsPy knows, or a URL),
        replay:PATH (a file, folder or pattern), or a folder that fills.
    streams : str or StreamSelection, optional
        Such as "GE_WLF:HH?"; needed for servers, and by default everything in files.
    speed : float
        Of a replay: seconds of data in a second; 0 is as fast as possible.
    **options
        Of the source's class, such as ``timeout`` or ``interval``.

    Raises
    ------
    ConfigurationError
        If the address or the streams cannot be read, or an option is out of range.
    SourceError
        If a file or folder does not exist.

    Examples
    --------
    >>> open_source("seedlink://geofon.gfz.de", "GE_WLF:HH?").name
    'seedlink geofon.gfz.de:18000'
    """
    text = str(address)
    selection = StreamSelection.parse(streams) if isinstance(streams, str) else streams
    if text.startswith("replay:"):
        return ReplaySource([text.removeprefix("replay:")], selection, speed=speed, **options)
    if text.startswith("seedlink:"):
        host, port = _host(text)
        return SeedLinkSource(host, _needed(selection, text), port, **options)
    if text.startswith("fdsn:"):
        service = text.removeprefix("fdsn:").removeprefix("//")
        if not service:
            raise ConfigurationError(f"cannot read the address {text!r}: expected fdsn:SERVICE")
        return FdsnPollingSource(service, _needed(selection, text), **options)
    if "://" in text or (":" in text and not Path(text).exists()):
        raise ConfigurationError(f"cannot read the address {text!r}: expected {ADDRESSES}")
    return FolderSource(text, selection, **options)


def _host(address: str) -> tuple[str, int]:
    """Return host and port of a SeedLink address."""
    try:
        parts = urlsplit(address if "://" in address else address.replace(":", "://", 1))
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigurationError(f"cannot read the address {address!r}: {error}") from error
    if not host or parts.path.strip("/") or parts.query:
        raise ConfigurationError(f"cannot read the address {address!r}: expected seedlink://HOST:PORT")
    return host, PORT if port is None else port


def _needed(selection: StreamSelection | None, address: str) -> StreamSelection:
    if selection is None:
        raise ConfigurationError(f"{address}: say which streams, such as {EXAMPLE}")
    return selection
