"""Waveforms by name: a stream, files and folders, an SDS archive, or an FDSN service."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import obspy

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.events.archive import SdsSource, is_sds
from seisbench_lcl.events.cache import CachedSource
from seisbench_lcl.events.fdsn import FdsnSource
from seisbench_lcl.events.recordings import FileSource
from seisbench_lcl.events.source import Found, Site, StreamSource, WaveformSource

__all__ = [
    "CachedSource",
    "FdsnSource",
    "FileSource",
    "Found",
    "SdsSource",
    "Site",
    "StreamSource",
    "WaveformSource",
    "open_waveforms",
]

Waveforms: TypeAlias = "WaveformSource | obspy.Stream | str | Path | Sequence[str | Path]"
"""What `open_waveforms` takes."""


def open_waveforms(
    where: Waveforms,
    *,
    cache: str | Path | None = None,
    progress: Callable[[Iterable[Path]], Iterable[Path]] = iter,
    **options: Any,
) -> WaveformSource:
    """Open a source of waveforms.

    Parameters
    ----------
    where : WaveformSource, obspy.Stream, str, Path, or sequence of paths
        A source as it is; a stream; ``"sds:FOLDER"``, or a folder that is laid out as an SDS archive; ``"fdsn:NAME"``
        or the address of an FDSN service; otherwise files, folders and patterns.
    cache : path, optional
        Folder for the answers of an FDSN service.
    progress : callable
        Wraps the files to index, for a progress bar.
    **options
        Those of `FdsnSource` or `FileSource`.

    Raises
    ------
    WaveformError
        If there is no such file, or nothing in it is a recording.
    ConfigurationError
        If an argument does not apply to this source.
    """
    if isinstance(where, obspy.Trace):
        where = obspy.Stream([where])
    if isinstance(where, obspy.Stream):
        _refuse(options, cache, "a stream")
        return StreamSource(where)
    if hasattr(where, "read"):
        _refuse(options, cache, "an open source")
        return cast(WaveformSource, where)
    if isinstance(where, str) and (where.startswith("fdsn:") or "://" in where):
        name = where.removeprefix("fdsn:")
        service = FdsnSource(name, **options)
        return CachedSource(service, cache, name) if cache else service
    if isinstance(where, str) and where.startswith("sds:"):
        _refuse(options, cache, "an SDS archive")
        return SdsSource(where.removeprefix("sds:"))
    if isinstance(where, str | Path):
        if is_sds(Path(where)):
            _refuse(options, cache, "an SDS archive")
            return SdsSource(where)
        where = [where]
    _refuse({}, cache, "files")
    return FileSource(where, progress=progress, **options)


def _refuse(options: dict[str, Any], cache: str | Path | None, what: str) -> None:
    named = [*options, *(["cache"] if cache else [])]
    if named:
        raise ConfigurationError(f"{', '.join(named)} do not apply to {what}: leave them out")
