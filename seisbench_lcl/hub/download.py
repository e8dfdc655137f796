"""Files of a hub on this disk: checked while they arrive, there whole or not at all."""

import hashlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from seisbench_lcl.errors import HubError
from seisbench_lcl.hub.schema import File
from seisbench_lcl.hub.sources import BrokenTransferError, FileSource
from seisbench_lcl.storage.files import replace

ATTEMPTS = 3
"""How often a file is begun at one source, if its transfer breaks off."""

PATIENCE = 60.0
SLOWEST = 1000.0
"""Bytes per second, on average, that a transfer must reach once it has lasted for `PATIENCE` seconds: a server that
drips would otherwise hold a program for ever."""

_PAUSE = 0.3  # seconds before the second attempt
_T = TypeVar("_T")


def fetch(sources: Sequence[FileSource], file: File, target: Path, progress: bool = False) -> None:
    """Download a file from the first source that has it as it is declared.

    Size and digest are checked while the file streams to a temporary file beside the target, which takes the target's
    name once it is complete and synced. Others may write the same target at the same time.

    Parameters
    ----------
    sources : sequence of FileSource
        In the order in which they are tried.
    file : File
        What to get.
    target : Path
        Its folder is made once a source answers.
    progress : bool
        Show a bar on standard error, if that is a terminal.

    Raises
    ------
    HubError
        If no source has the file as it is declared (the message lists what each of them said), or the target cannot
        be written. The target is as it was before, then, and nothing lies beside it, however this function ends.
    """
    said = []
    for source in sources:
        try:
            _persist(partial(_fetch, source, file, target, progress))
        except HubError as error:
            said.append(str(error))
        except OSError as error:  # of the target, since sources have none
            raise HubError(
                f"cannot write {target}: {error}; make room there or choose another folder, such as by SeisBench's "
                "SEISBENCH_CACHE_ROOT"
            ) from error
        else:
            return
    listed = "; ".join(f"({number}) {text}" for number, text in enumerate(said, 1)) or "there is no source"
    raise HubError(f"cannot download {file.path}: {listed}")


def read(source: FileSource, path: str, limit: int) -> bytes:
    """Read a small file, such as a registry, into memory.

    Parameters
    ----------
    source : FileSource
        Where the file lies.
    path : str
        Below the root of the source.
    limit : int
        The greatest size in bytes.

    Raises
    ------
    HubError
        If it cannot be had, or is larger.
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
                raise HubError(f"{path} of {source.address} is larger than the {limit:,} bytes that are allowed")
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
                f"{source.address} declares {length:,} bytes for {file.path}, and the registry {file.size:,}: it is "
                "another file"
            )
        replace(target, lambda temporary: _stream(_paced(chunks, source), source, file, temporary, progress))


def _stream(chunks: Iterator[bytes], source: FileSource, file: File, temporary: Path, progress: bool) -> None:
    digest = hashlib.sha256()
    received = 0
    hidden = not (progress and sys.stderr.isatty())
    name = file.path.rpartition("/")[2]
    with (
        temporary.open("wb") as output,
        tqdm(total=file.size, desc=name, unit="B", unit_scale=True, file=sys.stderr, disable=hidden) as bar,
    ):
        for chunk in chunks:
            received += len(chunk)
            if received > file.size:
                raise HubError(
                    f"{file.path} of {source.address} is longer than the {file.size:,} bytes of the registry"
                )
            digest.update(chunk)
            output.write(chunk)
            bar.update(len(chunk))
    if received < file.size:
        raise BrokenTransferError(_short(file.path, source, received, file.size))
    if digest.hexdigest() != file.sha256:
        raise HubError(
            f"{file.path} of {source.address} has the SHA-256 {digest.hexdigest()}, and the registry names "
            f"{file.sha256}: it was damaged or exchanged"
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
