"""Types for SeisComP's events: hints on their picks, from dumps that SeisComP makes.

The route, with what SeisComP must be told, is in docs/seiscomp.md. It was not tried on a running SeisComP.
"""

import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from time import monotonic

from obspy import UTCDateTime

from seisbench_lcl.errors import CatalogError, OutputError, check_arguments
from seisbench_lcl.events.files.reader import CatalogReader
from seisbench_lcl.events.seiscomp import write_hints
from seisbench_lcl.live.changes import Change
from seisbench_lcl.live.outputs.hook import run, split
from seisbench_lcl.live.outputs.queued import QueuedOutput
from seisbench_lcl.models.decision import EventDecision
from seisbench_lcl.models.event import Event

_LOOK = 2.0  # s between two looks into the folder
_WAITING = 1000

_log = logging.getLogger(__name__)


class SeisComPComments(QueuedOutput):
    """Writes hints for events that SeisComP has located, as their dumps appear in a folder.

    Our events have no place and SeisComP's no decision; they are matched by their arrivals: the event of a dump belongs
    to the decision with which it shares most stations, each with a P pick near the time that we found. A decision and
    a dump wait for each other for a while.

    Parameters
    ----------
    dumps : path
        Folder in which scalert, or a script, puts the output of scxmldump -fPAM for each new or changed event.
    hints : path
        Folder for the hints, under the name of the dump; each replaces the earlier ones of its event.
    command : str, optional
        Run for each file of hints, whose path replaces {}: such as
        "scdispatch -i {} -O merge-without-remove -H localhost".
    within : float
        Farthest time in s between a pick and our arrival, which is that of a window and may be seconds off.
    patience : float
        How long in s a decision waits for its dump.
    timeout : float
        Longest time in s for the command.

    Raises
    ------
    ConfigurationError
        If there is no such command, or an argument is out of range.
    OutputError
        If there is no folder of dumps.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     SeisComPComments(folder, folder).close()
    """

    def __init__(
        self,
        dumps: str | Path,
        hints: str | Path,
        *,
        command: str | None = None,
        within: float = 10.0,
        patience: float = 3600.0,
        timeout: float = 60.0,
    ) -> None:
        check_arguments(
            "SeisComP",
            ("within must be a positive number of seconds", within > 0, within),
            ("patience must not be negative", patience >= 0, patience),
            ("timeout must be a positive number of seconds", timeout > 0, timeout),
        )
        self._dumps, self._hints = Path(dumps), Path(hints)
        if not self._dumps.is_dir():
            raise OutputError(f"{dumps} is no folder: name the one that scxmldump writes to")
        self._command = split(command, "SeisComP") if command else []
        self._within, self._patience, self._timeout = within, patience, timeout
        self._seen: dict[Path, tuple[int, int]] = {path: _state(path) for path in self._found()}
        self._decisions: list[tuple[float, EventDecision]] = []
        self._next_look = 0.0
        super().__init__("SeisComP hints", kinds=("final",), waiting=_WAITING)

    def send(self, change: Change) -> None:
        """Look for the event of a final decision among the dumps that are there.

        Raises
        ------
        OSError
            If hints cannot be written.
        """
        self._decisions.append((monotonic(), change.decision))
        recent = UTCDateTime() - self._patience
        recently = [path for path in self._found() if path.stat().st_mtime >= recent.timestamp]
        self._match(recently, [decision for _, decision in self._decisions], only=change.decision)

    def idle(self) -> None:
        """Look for new dumps of the decisions that wait."""
        now = monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK
        self._decisions = [(since, one) for since, one in self._decisions if now - since <= self._patience]
        fresh = []
        for path in self._found():
            state = _state(path)
            if self._seen.get(path) != state:
                self._seen[path] = state
                fresh.append(path)
        self._match(fresh, [decision for _, decision in self._decisions])

    def _found(self) -> list[Path]:
        return sorted(path for path in self._dumps.glob("*.xml") if not path.name.startswith("."))

    def _match(self, dumps: Iterable[Path], decisions: list[EventDecision], only: EventDecision | None = None) -> None:
        """Write the hints of dumps that belong to a decision, or to this one only."""
        for path in dumps if decisions else ():
            try:
                events = list(CatalogReader(path))
            except (CatalogError, OSError) as error:  # it may be half written, and is looked at again when it changes
                _log.info("%s cannot be read now: %s", path, error)
                continue
            best = {event.id: self._best(event, decisions) for event in events}
            named = {
                event: replace(decision, event=event)
                for event, decision in best.items()
                if decision and only in (None, decision)
            }
            if named:
                self._write(path, named)

    def _best(self, event: Event, decisions: list[EventDecision]) -> EventDecision | None:
        """Return the decision that shares most stations with an event; of several, the latest."""
        shared = [(shared_stations(event, decision, self._within), n) for n, decision in enumerate(decisions)]
        most, number = max(shared)
        return decisions[number] if most else None

    def _write(self, path: Path, named: dict[str, EventDecision]) -> None:
        target = self._hints / path.name
        told = write_hints(path, named, target)
        if not told.picks:
            target.unlink(missing_ok=True)
            _log.info("%s: no hints, since its events are typed, or have no picks or no type", path)
            return
        _log.info("%s: hints for %s", target, ", ".join(told.events))
        if self._command:
            run([part.replace("{}", str(target)) for part in self._command], b"", self._timeout)


def shared_stations(event: Event, decision: EventDecision, within: float) -> int:
    """Return how many stations of a decision have a pick of an event, at most so many seconds from our arrival."""
    picks: dict[tuple[str, str], list[UTCDateTime]] = {}
    for pick in event.picks:
        if not pick.phase.upper().startswith("S"):
            picks.setdefault((pick.network, pick.station), []).append(pick.time)
    shared = 0
    for one in decision.stations:
        network, station = one.station.split(".")[:2]
        shared += any(abs(time - one.p_time) <= within for time in picks.get((network, station), ()))
    return shared


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns
