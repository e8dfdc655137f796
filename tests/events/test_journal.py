"""Decisions as they are made: read back, gone on with, and refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from obspy import UTCDateTime

from seisbench_lcl.errors import OutputError
from seisbench_lcl.events import Event, EventDecision, Origin, StationDecision
from seisbench_lcl.events.journal import Journal

SETTINGS = {"weights": "w", "rules": [1, 2.5]}


def decision(event: str) -> EventDecision:
    stations = (
        StationDecision("XX.A..HH", UTCDateTime(2020, 1, 2, 3, 4, 5, 678901), "pick", {"blast": 0.75, "noise": 0.25}),
        StationDecision("XX.B..HH", UTCDateTime(0), "predicted", reason="no waveform"),
    )
    return EventDecision(
        *(event, "blast", "explosion", {"blast": 0.75, "noise": 0.25}, 0.5, 0.1, 1, 0, "", "mean", "w", stations),
        Origin("o", UTCDateTime(2020, 1, 2, 3, 4, 1, 5), 1.5, -2.5) if event == "a" else None,
    )


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    first = Journal(path, SETTINGS)

    def failing() -> Iterator[EventDecision]:
        yield decision("a")
        yield decision("b")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(first.record(failing()))
    content = path.read_bytes()
    for cut in (len(content), len(content) - 1, len(content) - 40):  # a killed process leaves half a line
        path.write_bytes(content[:cut])
        again = Journal(path, SETTINGS)
        known = ["a", "b"] if cut == len(content) else ["a"]
        assert list(again.decisions) == known
        assert repr(again.decisions["a"]) == repr(decision("a"))
        rest = [event.id for event in again.undecided(Event(name) for name in "abc")]
        assert rest == [name for name in "abc" if name not in known]
        assert [found.event for found in again.record(decision(name) for name in rest)] == rest
        assert list(Journal(path, SETTINGS).decisions) == ["a", "b", "c"]
    again.remove()
    assert not path.exists()
    again.remove()


def test_decisions_by_other_settings_and_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    list(Journal(path, SETTINGS).record([decision("a")]))
    with pytest.raises(OutputError, match="made with other settings: remove it, or go on with the same settings"):
        Journal(path, SETTINGS | {"weights": "v"})
    head = path.read_text().splitlines()[0]
    for line in ("{}", "no JSON", '{"event": "a", "stations": [{}]}'):
        path.write_text(f"{head}\n{line}\n")
        with pytest.raises(OutputError, match="is damaged: remove it, and decide again"):
            Journal(path, SETTINGS)
    with pytest.raises(OutputError, match="cannot read"):
        Journal(tmp_path, SETTINGS)


def test_a_folder_that_is_not_there_is_an_error_that_says_so(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "none" / "journal", SETTINGS)
    with pytest.raises(OutputError, match="journal: No such file or directory; what was decided is kept"):
        list(journal.record([decision("a")]))
