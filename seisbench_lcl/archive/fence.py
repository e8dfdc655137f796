"""Which run may replace results: a worker that outlives its client must not write over those of a later run."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from uuid import uuid4

from typing_extensions import Self

from seisbench_lcl.errors import ArchiveError, OutputError
from seisbench_lcl.storage import write_text
from seisbench_lcl.storage.lock import lock

_NAME = ".run"
_PATIENCE = 60.0  # s to wait for one who replaces a file, which takes milliseconds
_PAUSE = 0.01


@dataclass(frozen=True)
class Fence:
    """The right of one run to replace files in a folder of results, which ends when a later run begins.

    On a cluster that others keep alive, workers go on for a while after their client was killed. They look here before
    they replace a file, under a lock that a new run takes too, before it reads what there is.

    Attributes
    ----------
    folder : str
        Of the results.
    run : str
        Name of the run.
    """

    folder: str
    run: str

    @classmethod
    def begin(cls, folder: Path) -> Self:
        """Begin a run: when this returns, no earlier one replaces a file any more.

        Raises
        ------
        OutputError
            If the folder cannot be written to, or a worker holds the lock for a minute.
        """
        fence = cls(str(folder), uuid4().hex)
        with fence._locked():
            write_text(folder / _NAME, fence.run)
        return fence

    def check(self) -> None:
        """Refuse to go on for a run that is no longer the latest.

        Raises
        ------
        ArchiveError
        """
        try:
            latest = Path(self.folder, _NAME).read_text(encoding="utf-8")
        except OSError as error:
            raise ArchiveError(f"{self.folder} has lost {_NAME}, by which workers know their run: run again") from error
        if latest != self.run:
            raise ArchiveError(f"a later run writes to {self.folder}: this worker leaves its batch to it")

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Let a file be replaced within, if this run is the latest.

        Raises
        ------
        ArchiveError
            If it is not.
        OutputError
            If another holds the lock for a minute.
        """
        with self._locked():
            self.check()
            yield

    @contextmanager
    def _locked(self) -> Iterator[None]:
        path, end = Path(self.folder, f"{_NAME}.lock"), monotonic() + _PATIENCE
        try:
            file = path.open("ab")
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}") from error
        with file:
            while True:
                try:
                    lock(file)
                    break
                except OSError as error:
                    if monotonic() > end:
                        raise OutputError(f"{path} has been locked for {_PATIENCE:.0f} s: {error.strerror}") from error
                    sleep(_PAUSE)
            yield
