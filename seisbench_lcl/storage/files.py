"""Atomic file writes: a file is complete or unchanged."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any
from uuid import uuid4

from seisbench_lcl.errors import OutputError

Guard = Callable[[], AbstractContextManager[None]]


def replace(target: Path, write: Callable[[Path], Any], guard: Guard = nullcontext) -> None:
    """Let `write` fill a temporary file in the target's folder, sync it, and rename it to the target.

    Links are followed. A pipe, device or other special file is written to directly.

    Parameters
    ----------
    target : Path
        A missing folder is created.
    write : callable
        Called with the path of the temporary file, which has the target's suffix.
    guard : callable
        Returns a context in which the file is renamed; what it raises leaves the target as it was.

    Raises
    ------
    OSError
        If the folder is not writable; no temporary file remains.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     replace(Path(folder, "new", "table.csv"), lambda file: file.write_text("a,b"))
    ...     Path(folder, "new", "table.csv").read_text()
    'a,b'
    """
    target = target.resolve()
    if target.exists() and not target.is_file() and not target.is_dir():
        write(target)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{uuid4().hex}.{target.name}")
    try:
        write(temporary)
        sync(temporary)
        with guard():
            os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    """Write a text file as `replace` does.

    Raises
    ------
    OutputError
        If the folder is not writable.
    """
    write_file(target, lambda file: file.write_text(text, encoding="utf-8"))


def write_file(target: Path, write: Callable[[Path], Any], guard: Guard = nullcontext) -> None:
    """Let `write` fill a file as `replace` does.

    Raises
    ------
    OutputError
        If the folder is not writable.
    """
    try:
        replace(target, write, guard)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error}") from error


def sync(file: Path) -> None:
    """Wait until a file is on disk.

    Raises
    ------
    OSError
    """
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())
