"""The verdicts that a page shows and writes: its analyst's own file, and those of the others beside it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import RLock

from obspy import UTCDateTime

from seisbench_lcl.events import EventDecision
from seisbench_lcl.review.verdicts import Kind, Verdict, VerdictFile, Verdicts, read_verdicts

Stamp = tuple[tuple[str, int, int], ...]


class Book:
    """The verdicts of all analysts, of whom one writes here.

    Several tabs may share it. Each verdict is on disk before the call returns.

    Parameters
    ----------
    folder : Path or str
    analyst : str

    Raises
    ------
    OutputError
        If the file cannot be written, or another process writes it.
    """

    def __init__(self, folder: Path | str, analyst: str) -> None:
        self.file = VerdictFile(folder, analyst)
        self.folder = self.file.path.parent
        self._lock = RLock()
        self._stamp: Stamp = ()
        self._all: Verdicts | None = None

    @property
    def analyst(self) -> str:
        """Who writes."""
        return self.file.analyst

    @property
    def everybody(self) -> Verdicts:
        """The verdicts of all analysts, read again if a file has changed."""
        return self._read(self._files())

    @property
    def done(self) -> set[str]:
        """Events that anybody reviewed."""
        return set(self.own).union(*self._others().values())

    @property
    def own(self) -> Mapping[str, Verdict]:
        """What the analyst says about each event now."""
        return self.file.current

    def others(self, events: Iterable[str]) -> dict[str, list[Verdict]]:
        """Return what the other analysts say about events."""
        everybody = self._others().values()
        return {event: [said[event] for said in everybody if event in said] for event in events}

    def record(self, decision: EventDecision, kind: Kind, label: str | None = None, station: str = "") -> Verdict:
        """Write a verdict of the analyst, and return it when it is on disk.

        Raises
        ------
        OutputError
            If it could not be written; then it does not count.
        """
        verdict = Verdict(
            decision.event,
            label,
            kind,
            self.analyst,
            UTCDateTime(),
            decision.label or "",
            decision.weights,
            station=station,
        )
        with self._lock:
            self.file.record(verdict)
        return verdict

    def undo(self) -> Verdict | None:
        """Take back the analyst's last verdict that stands, and return it; None if there is none.

        Raises
        ------
        OutputError
            If it could not be written; then the verdict still stands.
        """
        with self._lock:
            return self.file.undo()

    def close(self) -> None:
        """Let another process write for this analyst."""
        self.file.close()

    def _others(self) -> dict[str, Mapping[str, Verdict]]:
        """Return what the others say; the own file may have grown since, so it is not read again at each verdict."""
        with self._lock:
            now, read = ({entry for entry in files if entry[0] != self.file.path.name} for files in self._stamps())
            known = self._all if self._all is not None and now == read else self._read(self._files())
            return {name: said for name, said in known.by_analyst.items() if name != self.analyst}

    def _stamps(self) -> tuple[Stamp, Stamp]:
        return self._files(), self._stamp

    def _read(self, stamp: Stamp) -> Verdicts:
        with self._lock:
            if self._all is None or stamp != self._stamp:
                self._all, self._stamp = read_verdicts(self.folder), stamp
            return self._all

    def _files(self) -> Stamp:
        """Return name, size and time of each file of verdicts."""
        found = []
        for path in sorted(self.folder.glob("*.jsonl")):
            status = path.stat()
            found.append((path.name, status.st_size, status.st_mtime_ns))
        return tuple(found)
