"""The verdicts of one analyst, on disk as they are made."""

import os
from contextlib import suppress
from dataclasses import replace
from io import FileIO
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from obspy import UTCDateTime
from typing_extensions import Self

from seisbench_lcl.errors import ConfigurationError, OutputError, check_arguments
from seisbench_lcl.review.verdict import Standing, Verdict, parse_lines
from seisbench_lcl.storage.lock import lock

SUFFIX = ".jsonl"
"""Of files of verdicts."""

_LONGEST = 255  # bytes of a file's name on the usual file systems


class VerdictFile:
    """The verdicts of one analyst: a file of JSON lines that only grows.

    A verdict is on disk before `record` returns, so a process that is killed loses nothing that was recorded. The last
    verdict on an event counts, and an undo is a line of its own. A second writer for the same analyst is refused until
    the first is closed or its process ends.

    Parameters
    ----------
    folder : Path or str
        Made if it is missing.
    analyst : str
        Name of the analyst, which also names the file; characters that file names cannot hold are written as %XX.

    Attributes
    ----------
    path : Path
    analyst : str
    current : dict from event to Verdict
        The last verdict on each event; a wrong pick of a station only if there is no other.
    wrong_picks : dict from event to set of str
        Stations whose pick is wrong.
    notes : list of str
        What could not be read of earlier lines.

    Raises
    ------
    ConfigurationError
        If the name is blank or too long.
    OutputError
        If the file cannot be written, or another process writes it.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder, VerdictFile(folder, "Ana") as file:
    ...     file.record(Verdict("smi:local/1", "explosion", "label", "Ana", UTCDateTime(), "earthquake", "weights"))
    ...     print(file.current["smi:local/1"].label, file.undo().label, len(file.current))
    explosion explosion 0
    """

    def __init__(self, folder: Path | str, analyst: str) -> None:
        self.analyst = str(analyst).strip()
        self.path = Path(folder) / _file_name(self.analyst)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab+", buffering=0)
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror}; choose another folder") from error
        try:
            lock(self._file)
        except OSError as error:
            self._file.close()
            raise OutputError(
                f"{self.path}: another page or process records the verdicts of {self.analyst}; close it, or use "
                f"another name ({error.strerror})"
            ) from error
        _sync_folder(self.path.parent)
        self._file.seek(0)
        content = self._file.readall()
        self._torn = bool(content) and not content.endswith(b"\n")
        verdicts, self.notes = parse_lines(self.path, content)
        self._stand = Standing(verdicts)

    @property
    def current(self) -> dict[str, Verdict]:
        """What the analyst says about each event now."""
        return self._stand.current

    @property
    def wrong_picks(self) -> dict[str, set[str]]:
        """Stations whose pick is wrong, for each event that has such."""
        return self._stand.wrong_picks

    def record(self, verdict: Verdict) -> None:
        """Write a verdict, and return when it is on disk.

        Raises
        ------
        ConfigurationError
            If it is the verdict of another analyst, or of kind "undo": call `undo` for that.
        OutputError
            If it could not be written; then it does not count.
        """
        check_arguments(
            str(self.path),
            (f"analyst must be {self.analyst!r}, whose file it is", verdict.analyst == self.analyst, verdict.analyst),
            ("kind must not be 'undo': call undo()", verdict.kind != "undo", verdict.kind),
        )
        self._write(verdict)

    def undo(self) -> Verdict | None:
        """Take back the last verdict that stands, by a line of its own; what was said before it stands again.

        Returns
        -------
        Verdict or None
            What was taken back; None if nothing stands.

        Raises
        ------
        OutputError
            If it could not be written; then the verdict still stands.
        """
        if not self._stand.valid:
            return None
        last = self._stand.valid[-1]
        self._write(replace(last, label=None, kind="undo", time=UTCDateTime(), note=""))
        return last

    def _write(self, verdict: Verdict) -> None:
        # What a killed process left unfinished becomes a line of its own.
        line = b"\n" * self._torn + verdict.line().encode() + b"\n"
        try:
            if not _is_at(self._file.fileno(), self.path):
                raise OSError(0, "the file was moved or removed while it was open; open it again")
            size = self._file.seek(0, os.SEEK_END)
            try:
                _write_all(self._file, line)
            except OSError:  # disk full: nothing half-written stays
                with suppress(OSError):
                    self._file.truncate(size)
                raise
        except (OSError, ValueError) as error:  # ValueError: closed
            raise OutputError(f"cannot write {self.path}: {getattr(error, 'strerror', None) or error}") from error
        self._torn = False
        self._stand.add(verdict)

    def close(self) -> None:
        """Let another write the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _file_name(analyst: str) -> str:
    """Return a file name for any name: other characters as %XX, and no leading dot."""
    check_arguments("verdicts", ("analyst must be a name", bool(analyst), analyst))
    try:
        name = quote(analyst, safe=" ")
    except UnicodeEncodeError as error:
        raise ConfigurationError(f"verdicts: analyst must be a name in Unicode, but is {analyst!r}") from error
    name = (f"%2E{name[1:]}" if name.startswith(".") else name) + SUFFIX
    check_arguments(
        "verdicts",
        (f"the analyst's name must fit into a file name of {_LONGEST} bytes", len(name) <= _LONGEST, analyst),
    )
    return name


def _is_at(descriptor: int, path: Path) -> bool:
    """Return whether an open file still is the one at a path."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    """Wait until a new file's name is on disk, where the system can say so."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _write_all(file: FileIO, line: bytes) -> None:
    written = 0
    while written < len(line):
        written += file.write(line[written:])
    os.fsync(file.fileno())
