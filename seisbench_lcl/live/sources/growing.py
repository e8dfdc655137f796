"""Files that appear and grow in a folder: what is new since the last look."""

import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from obspy import Trace

from seisbench_lcl.errors import UnknownFormatError, WaveformError
from seisbench_lcl.live.sources.mseed_bytes import decode, record_length, starts_a_record
from seisbench_lcl.waveforms.reading import read_recording

_MOST = 1 << 22  # bytes of a file to read at a time
_SETTLED = 2.0  # s in which the time of a folder may not show what came into it
_GROWS = 3600.0  # s since its last change, in which a file may be within a record
_EVERY = 60  # looks, after which files that have not changed for long are looked at again

_log = logging.getLogger(__name__)


@dataclass
class _File:
    """How much of a file is read.

    Attributes
    ----------
    place : int
        Bytes of miniSEED that are read; for other formats, the size of what was read.
    size, modified, number : int
        As at the last look: bytes, ns, and the number of the file, which is another if it was replaced.
    """

    path: Path
    place: int = 0
    size: int = -1
    modified: int = 0
    number: int = 0
    quiet: int = 0  # looks without a change
    told: bool = False  # that something of it is bad
    read: int = -1  # time of change of what was read, for formats that are read whole


@dataclass
class GrowingFolder:
    """The files in a folder and the folders below, whatever their layout.

    A look costs one question to the system for each folder and each file that changed lately; all other files are asked
    about at every sixtieth look.

    Parameters
    ----------
    root : Path
    """

    root: Path
    _files: dict[Path, _File] = field(default_factory=dict)
    _folders: dict[Path, tuple[int, float]] = field(default_factory=dict)  # time of change, and of the look
    _places: dict[tuple[int, int], Path] = field(default_factory=dict)  # of folders: device and number
    _looks: int = 0

    def skip_existing(self) -> list[Path]:
        """Count what is there as read, up to the last whole record; return the files."""
        self._list(self.root)
        for file in self._files.values():
            self._ask(file)
            grows = time.time() - file.modified / 1e9 < _GROWS
            file.place = _whole(file.path, file.size) if grows else file.size
            file.read, file.quiet = file.modified, 0 if grows else _EVERY
        return sorted(self._files)

    def new(self) -> Iterator[Trace]:
        """Yield what came since the last look.

        Raises
        ------
        OSError
            If the folder itself is gone.
        """
        self._looks += 1
        for folder in [self.root, *self._folders]:
            self._list(folder)
        for file in list(self._files.values()):
            if file.quiet < _EVERY or self._looks % _EVERY == 0:
                try:
                    yield from self._grown(file)
                except FileNotFoundError:
                    self._files.pop(file.path, None)
                except OSError as error:
                    self._tell(file, error)

    def _list(self, folder: Path) -> None:
        """Note new files, and folders below; only if the folder has changed."""
        try:
            state = folder.stat()
            if self._places.setdefault((state.st_dev, state.st_ino), folder) != folder:
                return  # links lead here again
            changed = state.st_mtime_ns
            before, looked = self._folders.get(folder, (-1, 0.0))
            if changed == before and looked - changed / 1e9 > _SETTLED:
                return
            self._folders[folder] = changed, time.time()
            entries = list(os.scandir(folder))
        except OSError:
            if folder == self.root:
                raise
            self._folders.pop(folder, None)
            self._places = {place: known for place, known in self._places.items() if known != folder}
            return
        for entry in entries:
            path = Path(entry.path)
            if entry.name.startswith("."):
                continue  # also files that are being written, such as by rsync
            if entry.is_dir():
                if path not in self._folders:
                    self._list(path)
            elif path not in self._files and entry.is_file():
                self._files[path] = _File(path)

    def _ask(self, file: _File) -> bool:
        """Return whether a file has changed since the last look."""
        found = file.path.stat()
        state = found.st_size, found.st_mtime_ns, found.st_ino
        if state == (file.size, file.modified, file.number):
            file.quiet += 1
            return False
        if found.st_ino != file.number or found.st_size < file.place:
            file.place, file.read = 0, -1  # another file of this name
        file.size, file.modified, file.number = state
        file.quiet = 0
        return True

    def _grown(self, file: _File) -> Iterator[Trace]:
        changed = self._ask(file)
        if file.size <= 0 or (file.place >= file.size and file.read == file.modified):
            return
        with file.path.open("rb") as opened:
            is_miniseed = starts_a_record(opened.read(64))
        if is_miniseed and changed:
            yield from self._records(file)
        if not is_miniseed and not changed and file.read != file.modified:  # it has stopped growing
            file.read = file.modified
            yield from self._whole_file(file)

    def _records(self, file: _File) -> Iterator[Trace]:
        with file.path.open("rb") as content:
            while True:
                content.seek(file.place)
                found = decode(content.read(_MOST))
                if found.bad:
                    self._tell(file, "damaged records are left out")
                if not found.used:
                    return
                file.place += found.used
                yield from found.traces

    def _whole_file(self, file: _File) -> Iterator[Trace]:
        try:
            recording = read_recording(file.path)
        except UnknownFormatError:
            return  # a folder may hold notes too
        except WaveformError as error:
            self._tell(file, error)
            return
        if recording.losses:
            self._tell(file, "; ".join(recording.losses))
        yield from recording.stream

    def _tell(self, file: _File, problem: object) -> None:
        if not file.told:
            _log.warning("%s: %s", file.path, problem)
        file.told = True


def _whole(path: Path, size: int) -> int:
    """Return how many bytes of a miniSEED file are whole records, if they are all as long as the first."""
    with path.open("rb") as file:
        head = file.read(4096)
    length = record_length(head, 0) if starts_a_record(head) else None
    return size // length * length if length else size
