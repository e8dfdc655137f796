"""Files that are written whole or not at all."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4


def replace(target: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` fill a temporary file beside the target, sync it, and give it the target's name.

    A link is followed. What is no regular file, such as a pipe or a device, is written to as it is.

    Parameters
    ----------
    target : Path
        Its folder is made if it is missing.
    write : callable
        Called with the path of the temporary file, which ends like the target's.

    Raises
    ------
    OSError
        If the folder cannot be written to; nothing is left behind.
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
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def sync(file: Path) -> None:
    """Wait until a file lies on the disk.

    Raises
    ------
    OSError
    """
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())
