"""What is done, in a file that only grows: a line for each batch, written by one process after the results."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from typing_extensions import Self

from seisbench_lcl.errors import ArchiveError, OutputError
from seisbench_lcl.storage.lock import lock

Status = Literal["done", "gaps", "empty", "failed"]


@dataclass(frozen=True)
class Entry:
    """What became of a station-day.

    Attributes
    ----------
    station, day : str
    key : str
        Digest of the data, the model and the settings.
    status : str
        "done"; "gaps" if samples were missing; "empty" if there was no window; "failed".
    reason : str
        Of all but "done".
    windows, decided, detections : int
        Windows; those with a decision; detections.
    coverage : float
        Fraction of the day whose windows were complete; None at picks.
    seconds, cpu : float
        Time that it took, and time of the processor.

    Examples
    --------
    >>> entry = Entry("NZ.WEL", "2024-03-01", "a digest", "gaps", "12 min missing", windows=85000)
    >>> entry.status, entry.reason
    ('gaps', '12 min missing')
    """

    station: str
    day: str
    key: str
    status: Status
    reason: str = ""
    windows: int = 0
    decided: int = 0
    detections: int = 0
    coverage: float | None = None
    seconds: float = 0.0
    cpu: float = 0.0


class Manifest:
    """The manifest of a folder of results.

    A line that a killed process left unfinished is dropped, and its batch is done again.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    ArchiveError
        If the file is damaged before its end.
    OutputError
        If it cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self.path = folder, folder / "manifest.jsonl"
        self._entries: dict[str, dict[str, Entry]] = {}
        self._sizes: dict[str, dict[str, int]] = {}
        try:
            content = self.path.read_bytes() if self.path.exists() else b""
        except OSError as error:
            raise OutputError(f"cannot read {self.path}: {error.strerror}") from error
        *lines, _ = content.split(b"\n")
        self._whole = sum(len(line) + 1 for line in lines)  # bytes of complete lines
        for number, line in enumerate(lines, start=1):
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise ArchiveError(
                    f"{self.path}, line {number}, is damaged ({error}): remove the line, and its batch is done again"
                ) from error

    def _take(self, line: Mapping[str, object]) -> None:
        batch, files, units = str(line["batch"]), line["files"], line["units"]
        if not (isinstance(files, dict) and isinstance(units, list) and isinstance(line["kept"], list)):
            raise TypeError("it is no batch")
        if files:  # none were written if a worker died
            self._sizes[batch] = {str(name): int(size) for name, size in files.items()}
        entries = [Entry(**unit) for unit in units]
        kept = [str(day) for day in line["kept"]]
        known = self._entries.get(batch, {})
        # What a line does not name is no longer in the file; a failure stays known until the day succeeds.
        held = {day: entry for day, entry in known.items() if day in kept or entry.status == "failed"}
        self._entries[batch] = held | {entry.day: entry for entry in entries}

    def days(self, batch: str) -> dict[str, Entry]:
        """Return what became of the days of a batch."""
        return self._entries.get(batch, {})

    def has_files(self, batch: str) -> bool:
        """Return whether the results of a batch are there, as they were written."""
        sizes = self._sizes.get(batch, {})
        return bool(sizes) and all(_size(self._folder / name) == size for name, size in sizes.items())

    @property
    def entries(self) -> list[Entry]:
        """What became of all units, by station and day."""
        found = [entry for own in self._entries.values() for entry in own.values()]
        return sorted(found, key=lambda entry: (entry.station, entry.day))

    def record(self, batch: str, entries: list[Entry], kept: tuple[str, ...], files: Mapping[str, int]) -> None:
        """Add a line, which is on disk when this returns.

        Parameters
        ----------
        batch : str
        entries : list of Entry
            Of the units that are new.
        kept : tuple of str
            Days whose results were there before and still are.
        files : mapping from str to int
            Path below the folder, and size in bytes, of the files of the batch.

        Raises
        ------
        OutputError
            If the disk is full, or cannot be written to.
        """
        line = {
            "batch": batch,
            "files": dict(files),
            "kept": list(kept),
            "units": [asdict(entry) for entry in entries],
        }
        try:
            with self.path.open("ab") as file:
                file.truncate(self._whole)
                added = file.write((json.dumps(line) + "\n").encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(
                f"cannot write {self.path}: {error.strerror}; what is done is kept: make room, and run again"
            ) from error
        self._whole += added
        self._take(json.loads(json.dumps(line)))

    @classmethod
    @contextmanager
    def locked(cls, folder: Path) -> Iterator[Self]:
        """Open a manifest for writing, as its only writer; the lock ends with the process, however it ends.

        Raises
        ------
        ArchiveError
            If another process writes to this folder.
        OutputError
            If the folder cannot be written to.
        """
        try:
            file = (folder / ".lock").open("wb")
        except OSError as error:
            raise OutputError(f"cannot write {folder}: {error.strerror}") from error
        with file:
            try:
                lock(file)
            except OSError as error:
                raise ArchiveError(f"another run writes to {folder}: wait for its end, or choose another folder") from (
                    error
                )
            yield cls(folder)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
