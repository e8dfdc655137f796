"""One line of JSON for each change, in files that only grow."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from seisbench_lcl.errors import OutputError, check_arguments
from seisbench_lcl.live.changes import Change

NAME = "decisions.jsonl"
"""The file that grows now."""


class JsonLines:
    """Lines of JSON in decisions.jsonl, each on disk before the next.

    At the first change of another day (UTC), or when the file is full, it becomes decisions.YEAR-MONTH-DAY.jsonl, with
    a number if there is one already. A line that a killed process or a full disk left unfinished is taken out before
    the next.

    Parameters
    ----------
    folder : path
        Made if it is missing.
    max_bytes : int
        Size from which on the file counts as full.

    Raises
    ------
    OutputError
        If the folder cannot be made or the file not be read.
    ConfigurationError
        If `max_bytes` is out of range.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from obspy import UTCDateTime
    >>> from seisbench_lcl.models.decision import EventDecision
    >>> nan = float("nan")
    >>> decision = EventDecision("a", "noise", None, {"noise": 1.0}, nan, nan, 1, 0, "", "mean", "MiniRocketRidge")
    >>> with TemporaryDirectory() as folder:
    ...     lines = JsonLines(folder)
    ...     lines.write(Change("final", decision, 4.2, UTCDateTime(2024, 3, 1)))
    ...     lines.close()
    ...     [(line["kind"], line["label"], line["latency"]) for line in written(folder)]
    [('final', 'noise', 4.2)]
    """

    def __init__(self, folder: str | Path, *, max_bytes: int = 100_000_000) -> None:
        check_arguments("decisions.jsonl", ("max_bytes must be 1000 or more", max_bytes >= 1000, max_bytes))
        self._path, self._max_bytes = Path(folder) / NAME, max_bytes
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._opened()
        except OSError as error:
            raise OutputError(f"cannot write {self._path}: {error.strerror}") from error

    def _opened(self) -> int:
        """Open the file, and find where its last whole line ends."""
        content = self._path.read_bytes() if self._path.exists() else b""
        self._whole = content.rfind(b"\n") + 1
        self._day = ""
        with suppress(ValueError, KeyError, TypeError):
            self._day = str(json.loads(content[: content.find(b"\n")])["time"])[:10] if self._whole else ""
        return os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o644)

    def write(self, change: Change) -> None:
        """Append a line, and wait until it is on disk.

        Raises
        ------
        OutputError
            If it cannot be written; the file ends with a whole line all the same.
        """
        line = f"{json.dumps(change.to_dict(), allow_nan=False)}\n".encode()
        day = str(change.time)[:10]
        try:
            if self._whole and (day != (self._day or day) or self._whole + len(line) > self._max_bytes):
                self._rotate()
            os.ftruncate(self._file, self._whole)
            os.lseek(self._file, self._whole, os.SEEK_SET)
            left = memoryview(line)
            while left:
                left = left[os.write(self._file, left) :]
            os.fsync(self._file)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, self._whole)
            raise OutputError(f"cannot write {self._path}: {error.strerror}") from error
        self._whole += len(line)
        self._day = self._day or day

    def _rotate(self) -> None:
        """Give the file the name of its day, and begin another."""
        os.ftruncate(self._file, self._whole)
        stem = f"decisions.{self._day or 'earlier'}"
        target, number = self._path.with_name(f"{stem}.jsonl"), 1
        while target.exists():
            target, number = self._path.with_name(f"{stem}.{number:03}.jsonl"), number + 1
        os.close(self._file)  # Windows renames no open file
        try:
            os.replace(self._path, target)
            self._whole, self._day = 0, ""
        finally:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o644)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def written(folder: str | Path) -> Iterator[dict[str, Any]]:
    """Yield the lines in a folder, the oldest first; an unfinished line at the end does not count.

    Raises
    ------
    OutputError
        If a file cannot be read, or a line is no JSON.
    """
    for path in files(folder):
        yield from _lines(path)


def last_written(folder: str | Path) -> dict[str, Any] | None:
    """Return the newest line in a folder; None if there is none.

    Raises
    ------
    OutputError
        If a file cannot be read, or a line is no JSON.
    """
    for path in reversed(files(folder)):
        if lines := list(_lines(path)):
            return lines[-1]
    return None


def files(folder: str | Path) -> list[Path]:
    """Return the files of changes in a folder, the oldest first."""
    root = Path(folder)
    older = sorted(root.glob("decisions.*.jsonl"), key=lambda path: path.name.removesuffix(".jsonl"))
    return older + [path for path in [root / NAME] if path.exists()]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError as error:
        raise OutputError(f"cannot read {path}: {error.strerror}") from error
    for number, line in enumerate(lines, 1):
        try:
            yield json.loads(line)
        except ValueError as error:
            raise OutputError(f"{path}: line {number} is damaged ({error}): repair it or take it out") from error
