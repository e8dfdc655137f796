"""A QuakeML file for each final event."""

import re
from pathlib import Path

from seisbench_lcl.events.detected import detected_catalog
from seisbench_lcl.live.changes import Change
from seisbench_lcl.storage import write_file


class QuakeMLFolder:
    """Final events in FOLDER/YEAR/MONTH/EVENT.xml, each whole or not there.

    They have picks, a type, and the probabilities as a comment, but no origin (`detected_catalog`). A file of an event
    that is withdrawn afterwards is removed.

    Parameters
    ----------
    folder : path

    Attributes
    ----------
    repeatable : bool
        A change that is written twice leaves the same file, so it may be, after a process was killed.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from obspy import UTCDateTime
    >>> from seisbench_lcl.models.decision import EventDecision
    >>> nan = float("nan")
    >>> decision = EventDecision("a", "blast", "explosion", {"blast": 1.0}, nan, nan, 1, 0, "", "mean", "mine")
    >>> change = Change("final", decision, 4.2, UTCDateTime(2024, 3, 1), id="smi:local/a")
    >>> with TemporaryDirectory() as name:
    ...     folder = QuakeMLFolder(name)
    ...     folder.write(change)
    ...     folder.path(change).relative_to(name).as_posix()
    '2024/03/a.xml'
    """

    repeatable = True

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def write(self, change: Change) -> None:
        """Write a final event, and pass over other changes.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        if change.kind == "final":
            catalog = detected_catalog([change.decision])
            write_file(self.path(change), lambda file: catalog.write(str(file), format="QUAKEML"))
        elif change.kind == "withdrawn":
            self.path(change).unlink(missing_ok=True)

    def path(self, change: Change) -> Path:
        """Return the file of a change's event."""
        time = change.decision.time or change.time
        name = re.sub(r"[^\w.-]", "_", event_name(change)).strip(".") or "event"
        return self._folder / f"{time.year:04}" / f"{time.month:02}" / f"{name}.xml"

    def close(self) -> None:
        """Do nothing: every file is whole."""


def event_name(change: Change) -> str:
    """Return the last part of the id that an event keeps."""
    return (change.id or change.decision.event).rpartition("/")[2]
