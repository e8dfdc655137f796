"""Download files of a hub: checked while they arrive, and stored whole or not at all."""

import hashlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from seisbench_lcl.errors import HubError
from seisbench_lcl.hub.schema import File
from seisbench_lcl.hub.sources import BrokenTransferError, FileSource
from seisbench_lcl.storage.files import replace

ATTEMPTS = 3
"""Attempts at one source if transfers break off."""

PATIENCE = 60.0
SLOWEST = 1000.0
"""Lowest mean rate in bytes per second after `PATIENCE` seconds; otherwise a server that drips could hold a program for
ever."""

_PAUSE = 0.3  # seconds before the second attempt
_T = TypeVar("_T")


def fetch(sources: Sequence[FileSource], file: File, target: Path, progress: bool = False) -> None:
    """Download a file from the first source that serves it with its declared size and digest.

    Both are checked while the file streams to a temporary file next to the target. Once complete and synced, the
    temporary file is renamed to the target. Several processes may write the same target at the same time.

    Parameters
    ----------
    sources : sequence of FileSource
        Tried in this order.
    file : File
        Path, size and digest of the file.
    target : Path
        Its folder is created once a source answers.
    progress : bool
        Show a progress bar on standard error if that is a terminal.

    Raises
    ------
    HubError
        If no source serves the declared file (the message lists the error of each source), or the target cannot be
        written. The target then stays unchanged, and no temporary file is left.
    """
    errors = []
    for source in sources:
        try:
            _persist(partial(_fetch, source, file, target, progress))
        except HubError as error:
            errors.append(str(error))
        except OSError as error:  # from the target: sources raise HubError
            raise HubError(
                f"cannot write {target}: {error}; free disk space or choose another folder, for example with "
                "SeisBench's SEISBENCH_CACHE_ROOT"
            ) from error
        else:
            return
    listed = "; ".join(f"({number}) {text}" for number, text in enumerate(errors, 1)) or "no source was given"
    raise HubError(f"cannot download {file.path}: {listed}")


def read(source: FileSource, path: str, limit: int) -> bytes:
    """Read a small file, such as a registry, into memory.

    Parameters
    ----------
    source : FileSource
    path : str
        Path below the root of the source.
    limit : int
        Largest allowed size in bytes.

    Raises
    ------
    HubError
        If the file cannot be read, or is larger.
    """

    def gather() -> bytes:
        with source.open(path) as (chunks, length):
            content = bytearray()
            if length is None or length <= limit:
                for chunk in _paced(chunks, source):
                    content += chunk
                    if len(content) > limit:
                        break
            if max(len(content), length or 0) > limit:
                raise HubError(f"{path} of {source.address} is larger than the allowed {limit:,} bytes")
            if length is not None and len(content) < length:
                raise BrokenTransferError(_short(path, source, len(content), length))
            return bytes(content)

    return _persist(gather)


def _persist(action: Callable[[], _T]) -> _T:
    for attempt in range(1, ATTEMPTS):
        try:
            return action()
        except BrokenTransferError:
            time.sleep(_PAUSE * attempt)
    return action()


def _fetch(source: FileSource, file: File, target: Path, progress: bool) -> None:
    with source.open(file.path) as (chunks, length):
        if length is not None and length != file.size:
            raise HubError(
                f"{source.address} declares {length:,} bytes for {file.path}, but the registry {file.size:,}: this is "
                "a different file"
            )
        replace(target, lambda temporary: _stream(_paced(chunks, source), source, file, temporary, progress))


def _stream(chunks: Iterator[bytes], source: FileSource, file: File, temporary: Path, progress: bool) -> None:
    digest = hashlib.sha256()
    received = 0
    with temporary.open("wb") as output, _bar(progress) as bar:
        task = bar.add_task(file.path.rpartition("/")[2], total=file.size)
        for chunk in chunks:
            received += len(chunk)
            if received > file.size:
                raise HubError(
                    f"{file.path} of {source.address} is longer than the {file.size:,} bytes of the registry"
                )
            digest.update(chunk)
            output.write(chunk)
            bar.advance(task, len(chunk))
    if received < file.size:
        raise BrokenTransferError(_short(file.path, source, received, file.size))
    if digest.hexdigest() != file.sha256:
        raise HubError(
            f"{file.path} of {source.address} has the SHA-256 {digest.hexdigest()}, but the registry states "
            f"{file.sha256}: the file was damaged or replaced"
        )


def _bar(wanted: bool) -> Progress:
    """Return a progress bar on standard error, which stays silent unless it is wanted and seen."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    return Progress(
        *columns,
        console=Console(file=sys.stderr),
        redirect_stdout=False,
        redirect_stderr=False,
        disable=not (wanted and sys.stderr.isatty()),
    )


def _paced(chunks: Iterator[bytes], source: FileSource) -> Iterator[bytes]:
    begun = time.monotonic()
    received = 0
    for chunk in chunks:
        received += len(chunk)
        lasted = time.monotonic() - begun
        if lasted > PATIENCE and received < SLOWEST * lasted:
            raise HubError(f"{source.address} is too slow: {received:,} bytes in {lasted:.0f} s")
        yield chunk


def _short(path: str, source: FileSource, received: int, size: int) -> str:
    return f"the transfer of {path} of {source.address} ended after {received:,} of {size:,} bytes"
