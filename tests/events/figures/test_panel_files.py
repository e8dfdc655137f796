"""Panels in files: names for any id, event by event, nothing else touched."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import obspy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_events import PREPROCESSING, made_event

from seisbench_lcl.errors import OutputError
from seisbench_lcl.events import EventDecision
from seisbench_lcl.events.figures import write_panels
from seisbench_lcl.events.figures.files import file_name
from seisbench_lcl.events.source import StreamSource

DECISION, VIEWS = made_event(1)


@given(st.text(), st.text())
def test_names_are_safe_on_any_system_and_differ(one: str, other: str) -> None:
    names = {file_name(replace(DECISION, event=event)).casefold() for event in (one, other)}
    assert len(names) == len({one, other})
    for name in names:
        assert name.isascii()
        assert len(name) < 100
        assert name.replace("-", "").replace("_", "").isalnum()
        assert name.startswith("20240301t120000_")


def test_ids_that_differ_in_case_or_only_at_the_end_differ() -> None:
    long = "x" * 300
    events = ["a/B", "a/b", "a:b", "../b", "..", "", long + "1", long + "2", "CON", "événement"]
    assert len({file_name(replace(DECISION, event=event)).casefold() for event in events}) == len(events)


def test_panels_are_written_event_by_event(tmp_path: Path, make_stream: Callable[..., obspy.Stream]) -> None:
    source, folder = StreamSource(make_stream(60, station="XX.S00..HH")), tmp_path / "plots"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")

    def events() -> Iterator[EventDecision]:
        for event in ("smi:local/地震/1", "../../2"):
            assert len(list(folder.glob("*.png"))) == (event == "../../2")
            yield replace(DECISION, event=event)

    written = list(write_panels(events(), source, PREPROCESSING, folder))
    assert sorted(written) == sorted(folder.glob("*.png"))
    assert len(written) == 2
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)
    assert (folder / "notes.txt").read_text() == "mine"
    assert not list(folder.glob(".*"))


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plots").write_text("a file")
    with pytest.raises(OutputError, match="plots"):
        list(write_panels([DECISION], StreamSource(obspy.Stream()), PREPROCESSING, tmp_path / "plots"))
