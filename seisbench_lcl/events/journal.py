"""Decisions in a file as they are made, so that a run that was interrupted goes on where it ended."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from obspy import UTCDateTime

from seisbench_lcl.errors import OutputError
from seisbench_lcl.models.decision import EventDecision, StationDecision
from seisbench_lcl.models.event import Event, Origin


class Journal:
    """One line of JSON for each decision, after a line with the settings that they were made with.

    A line that a killed run left unfinished is dropped, and its event is decided again.

    Parameters
    ----------
    path : Path
        Made by the first decision.
    settings : mapping
        Everything that the decisions depend on, as JSON types.

    Attributes
    ----------
    decisions : dict from id of the event to EventDecision
        Those of earlier runs, then those of this one.

    Raises
    ------
    OutputError
        If the file holds decisions by other settings, is no journal, or cannot be read.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path, self._head = path, json.dumps(settings, sort_keys=True)
        self.decisions: dict[str, EventDecision] = {}
        self._whole = 0  # bytes of complete lines
        try:
            content = path.read_bytes() if path.exists() else b""
        except OSError as error:
            raise OutputError(f"cannot read {path}, the decisions of an earlier run: {error.strerror}") from error
        head, *lines = content.split(b"\n")[:-1] or [b""]
        if head and head.decode(errors="replace") != self._head:
            raise OutputError(
                f"{path} holds decisions that were made with other settings: remove it, or go on with the same settings"
            )
        try:
            for line in lines:
                decision = _decision(json.loads(line))
                self.decisions[decision.event] = decision
        except (ValueError, KeyError, TypeError) as error:
            raise OutputError(f"{path} is damaged: remove it, and decide again ({error})") from error
        self._whole = sum(len(line) + 1 for line in (head, *lines)) if head else 0

    def undecided(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the events without a decision."""
        return (event for event in events if event.id not in self.decisions)

    def record(self, decisions: Iterable[EventDecision]) -> Iterator[EventDecision]:
        """Yield decisions after they are in the file.

        Raises
        ------
        OutputError
            If the file cannot be written to.
        """
        for decision in decisions:
            try:
                self._write(decision)
            except OSError as error:
                raise OutputError(f"cannot write {self.path}: {error.strerror}; what was decided is kept") from error
            self.decisions[decision.event] = decision
            yield decision

    def _write(self, decision: EventDecision) -> None:
        lines = f"{json.dumps(_plain(decision))}\n"
        with self.path.open("ab") as file:
            file.truncate(self._whole)
            self._whole += file.write((lines if self._whole else f"{self._head}\n{lines}").encode())

    def remove(self) -> None:
        """Remove the file, when its decisions are in other files."""
        self.path.unlink(missing_ok=True)


def _plain(decision: EventDecision) -> dict[str, Any]:
    plain = asdict(decision)
    for station in plain["stations"]:
        station["p_time"] = str(station["p_time"])
    if decision.origin:
        plain["origin"]["time"] = str(decision.origin.time)
    return plain


def _decision(plain: dict[str, Any]) -> EventDecision:
    stations = tuple(
        StationDecision(**{**station, "p_time": UTCDateTime(station["p_time"])}) for station in plain.pop("stations")
    )
    origin = plain.pop("origin")
    if origin:
        origin = Origin(**{**origin, "time": UTCDateTime(origin["time"])})
    return EventDecision(**plain, stations=stations, origin=origin)
