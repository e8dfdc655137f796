"""Catalogues of every kind give the same events, and bad ones clear errors."""

import os
import sys
from collections import Counter
from pathlib import Path

import pytest
from catalog_samples import EMPTY, OBSPY, QUAKEML, READ, REFUSED, SCML, event, origin, pick, quakeml, scml
from obspy import UTCDateTime, read_events
from obspy.core.event import Catalog
from obspy.core.event import Event as ObsPyEvent
from obspy.core.event import Pick as ObsPyPick

from seisbench_lcl.errors import CatalogError, OutputError
from seisbench_lcl.events.files import CatalogReader
from seisbench_lcl.events.files import scml as scml_events
from seisbench_lcl.events.files.times import read_time
from seisbench_lcl.models.event import Event
from seisbench_lcl.testing._fresh_process import ORIGIN


def write(folder: Path, text: str, name: str = "catalogue.xml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def read(folder: Path, text: str) -> tuple[list[Event], Counter[str]]:
    reader = CatalogReader(write(folder, text))
    return list(reader), reader.notes


def substance(found: Event) -> tuple[object, ...]:
    """Return an event without ids, which ObsPy changes where they are invalid, and without types that it drops."""
    place = found.origin and (found.origin.time, found.origin.latitude, found.origin.longitude)
    depth = found.origin and found.origin.depth
    picks = [(p.time, p.network, p.station, p.location, p.channel, p.phase) for p in found.picks]
    return place, depth and round(depth, 6), picks


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("file", READ, ids=lambda file: file.name)
def test_events_are_those_that_obspy_reads(file: Path) -> None:
    reader, other = CatalogReader(file), CatalogReader(read_events(str(file)))
    ours, theirs = list(reader), list(other)
    if file.name.startswith("usgs"):
        assert len(ours) == 2
        ours = [one for one in ours if one.type != "quarry"]  # ObsPy drops events whose type it does not know
    assert len(ours) > 0
    assert [substance(one) for one in ours] == [substance(one) for one in theirs]
    if reader.format.startswith("QuakeML"):
        assert reader.notes == other.notes
        for one, another in zip(ours, theirs, strict=True):
            assert (one.type or "").replace("_", " ") == (another.type or "").replace("not reported", "null")


def test_all_of_obspys_catalogues_are_covered() -> None:
    assert len(READ) + len(EMPTY) + len(REFUSED) == len(QUAKEML) + len(SCML)
    assert sum(len(CatalogReader(file).__iter__().__next__().picks) for file in READ if "westaus" in file.name) == 21


@pytest.mark.parametrize("file", [file for file in SCML if file.name in REFUSED], ids=lambda file: file.name)
def test_files_without_events_are_refused(file: Path) -> None:
    with pytest.raises(CatalogError, match=REFUSED[file.name]):
        list(CatalogReader(file))


@pytest.mark.parametrize("file", [file for file in SCML if file.name in EMPTY], ids=lambda file: file.name)
def test_an_empty_catalogue_has_no_events(file: Path) -> None:
    assert list(CatalogReader(file)) == []


def test_other_formats_go_through_obspy_and_keep_their_ids() -> None:
    file = OBSPY / "nordic/tests/data/select.out"
    reader = CatalogReader(file)
    assert reader.format == "ObsPy"
    first, again = list(reader), list(CatalogReader(str(file)))
    assert len({one.id for one in first}) == len(first) == 50
    assert [one.id for one in first] == [one.id for one in again]
    assert [substance(one) for one in first] == [substance(one) for one in CatalogReader(read_events(str(file)))]
    assert all(one.id.startswith("smi:local/seisbench_lcl/event/") for one in first)


def test_picks_are_those_of_the_preferred_origin_with_its_phases(tmp_path: Path) -> None:
    content = (
        "<preferredOriginID> o2 </preferredOriginID>"
        + pick("p1") + pick("p2") + pick("p3", phase="Sn")
        + origin("o1", 0, [("p1", "Pg")]) + origin("o2", 5, [("p3", ""), ("p2", "Pn"), ("p2", "Pg")])
    )  # fmt: skip
    [found], notes = read(tmp_path, quakeml([event("e", content)]))
    assert found.origin is not None
    assert (found.origin.id, found.origin.time) == ("o2", UTCDateTime(1_000_000_005))
    assert [(p.id, p.phase) for p in found.picks] == [("p3", "Sn"), ("p2", "Pn")]
    assert notes == {}


def test_scml_events_find_picks_and_origins_wherever_they_stand(tmp_path: Path) -> None:
    reference = "<originReference>o1</originReference><originReference>o2</originReference>"
    chosen = event("e1", f"<preferredOriginID>o2</preferredOriginID><type>other</type>{reference}")
    without = event("e2", "<originReference>o3</originReference><originReference>o1</originReference>")
    text = scml(
        pick("p1") + chosen + origin("o1", 0, [("p1", "Pg")]) + origin("o3")
        + origin("o2", 5, [("p2", "Pn")]) + without + pick("p2", "ELSE"),
        after='<Journaling><entry created="2020-01-01T00:00:00Z" sender="erika@office" action="EvType"'
        ' parameters="other"><objectID>e1</objectID></entry></Journaling>',
    )  # fmt: skip
    [first, second], notes = read(tmp_path, text)
    assert first.origin is not None
    assert (first.origin.id, first.origin.depth) == ("o2", 7500.0)
    assert [(p.id, p.station, p.phase) for p in first.picks] == [("p2", "ELSE", "Pn")]
    assert (first.type, first.type_author) == ("other", "erika@office")
    assert [p.id for p in second.picks] == ["p1"]  # the first origin has no arrivals
    assert notes == {"events with several origins and none preferred: the first is used": 1}


@pytest.mark.parametrize(
    ("content", "note", "origin_id", "picks"),
    [
        (pick("p"), "events without an origin", None, ["p"]),
        (origin("o1") + origin("o2"), "events with several origins and none preferred: the first is used", "o1", []),
        ("<preferredOriginID>x</preferredOriginID>" + origin("o1"),
         "events whose preferred origin is missing: the first is used", "o1", []),
        (origin("o1", 0, [("p", "P"), ("lost", "P")]) + pick("p"), "arrivals whose pick is missing, left out", "o1",
         ["p"]),
        (origin("o1", 0, [("lost", "P")]) + pick("p"), "arrivals whose pick is missing, left out", "o1", ["p"]),
        (origin("o1") + pick("p") + pick("p"), "picks whose id another pick has, left out", "o1", ["p"]),
        (origin("o1") + pick("p").replace("2001-09-09T01", "yesterday"), "picks without a time, left out", "o1", []),
        (origin("o1").replace("2001-09-09T01", "0000-00-00T99") + origin("o2"), "origins without a time, left out",
         "o2", []),
    ],
)  # fmt: skip
def test_what_is_odd_is_counted(
    tmp_path: Path, content: str, note: str, origin_id: str | None, picks: list[str]
) -> None:
    events, notes = read(tmp_path, quakeml([event("e1", content), event("e2", content)]))
    assert notes == {note: 2}
    assert [one.origin.id if one.origin else None for one in events] == [origin_id] * 2
    assert [[p.id for p in one.picks] for one in events] == [picks] * 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (quakeml([event("e"), event("f"), event("e")]), "two events have the id 'e'"),
        (scml(event("e") + event("e")), "two events have the id 'e'"),
        (quakeml([event("e"), "<event/>"]), "event 2 has no id"),
        (quakeml([origin("o") + pick("p") + pick("q")]), "holds 1 origin and 2 picks, but no event"),
        (quakeml([event("e", origin("o"))])[:-30], "is cut off or damaged: .*get the whole file"),
        (scml(event("e"))[:-30], "is cut off or damaged"),
        (quakeml([])[:140], "is cut off|ends before eventParameters"),
        ('<?xml version="1.0"?><q:quakeml xmlns:q="http://quakeml.org/xmlns/quakeml/1.2"/>', "holds no catalogue"),
        ("<html><body>503 Service Unavailable</body></html>", "neither QuakeML nor SCML"),
        ("time,latitude,longitude\n", "neither QuakeML nor SCML"),
        ("", "neither QuakeML nor SCML"),
        (quakeml([event("e")], '<?xml version="1.0" encoding="nonsense"?>'), "convert it to UTF-8"),
        (
            quakeml([event("e")], '<!DOCTYPE q [<!ENTITY a "b"><!ENTITY c "&a;&a;">]>'),
            "catalogue.xml declares the entity 'a'",
        ),
        (quakeml([event("e")], '<!DOCTYPE q [<!ENTITY a SYSTEM "file:///etc/passwd">]>'), "declares the entity 'a'"),
        (scml(event("e"), "0.99"), r"is SCML 0\.99, but the versions that are read are 0\.7, .*0\.14"),
    ],
)
def test_bad_catalogues_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CatalogError, match=message):
        read(tmp_path, text)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "wide.xml").write_text(quakeml([event("e")]), encoding="utf-16")
    for name, message in {".": "a folder", "none.xml": "missing", "pipe": "plain file", "wide.xml": "UTF-16"}.items():
        with pytest.raises(CatalogError, match=message):
            CatalogReader(tmp_path / name)


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scml_events, "_SETTINGS", scml_events._SETTINGS + "PRAGMA max_page_count = 9;")
    file = write(tmp_path, scml(event("e") + "".join(pick(f"smi:local/pick/{i}") for i in range(2000))))
    with pytest.raises(OutputError, match=r"cannot index .*folder for temporary files: .*full"):
        list(CatalogReader(file))


def test_two_events_of_one_id_in_memory_are_refused() -> None:
    catalog = read_events(str(OBSPY / "quakeml/tests/data/iris_events.xml"))
    with pytest.raises(CatalogError, match="two events have the id"):
        list(CatalogReader(Catalog([catalog[0], catalog[0]])))


@pytest.mark.parametrize(
    "text",
    ["2001-09-09T01:46:45Z", "2001-09-09T01:46:45.1", "1906-04-18T13:12:21.123456Z",
     "2001-09-09T03:46:45.5+02:00", "2001-09-09", " 2001-09-09T01:46:45 ", "1969-12-31T23:59:59.999999Z"],
)  # fmt: skip
def test_times_are_those_of_obspy(text: str) -> None:
    assert read_time(text) == UTCDateTime(text.strip())


def test_times_keep_nanoseconds_that_obspy_rounds() -> None:
    assert read_time("2001-09-09T01:46:45.123456789Z") == UTCDateTime(ns=1_000_000_005_123_456_789)


@pytest.mark.parametrize("text", [None, "", "soon", "2001-13-41T01:46:45Z", "2001-02-30T00:00:00Z"])
def test_what_is_no_time_is_none(text: str | None) -> None:
    assert read_time(text) is None


PEAK = """
from pathlib import Path
from seisbench_lcl.events.files import CatalogReader

def peak():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)

list(CatalogReader(few))  # what is used at first is used once
before = peak()
found.write_text(f"{sum(len(event.picks) for event in CatalogReader(many))} {peak() - before}")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of a process from /proc")
@pytest.mark.parametrize("kind", ["quakeml", "scml"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, kind: str) -> None:
    files = []
    for number in (10, 1000):
        parts = []
        for i in range(number):
            own = [f"smi:local/pick/{i}/{j}" for j in range(12)]
            place = origin(f"o{i}", i, [(name, "P") for name in own])
            picks = "".join(pick(name) for name in own)
            if kind == "quakeml":
                parts.append(event(f"e{i}", place + picks))
            else:
                parts.append(event(f"e{i}", f"<preferredOriginID>o{i}</preferredOriginID>") + place + picks)
        folder = tmp_path / str(number)
        folder.mkdir()
        files.append(write(folder, quakeml(parts) if kind == "quakeml" else scml("".join(parts))))
    found = tmp_path / "found.txt"
    ORIGIN.ask(exec, PEAK, {"few": files[0], "many": files[1], "found": found})
    picks_read, growth = map(int, found.read_text().split())
    assert picks_read == 12_000
    assert growth < 8_000  # KiB; the file is 5 MB, and several times that as a tree


def test_rejected_picks_do_not_count(tmp_path: Path) -> None:
    time = UTCDateTime(2020, 1, 1)
    statuses = ("confirmed", "rejected", None)
    picks = [ObsPyPick(time=time + i, phase_hint="P", evaluation_status=status) for i, status in enumerate(statuses)]
    catalog = Catalog([ObsPyEvent(picks=picks)])
    file = tmp_path / "events.xml"
    catalog.write(str(file), "QUAKEML")
    for source in (catalog, file):
        reader = CatalogReader(source)
        [event] = reader
        assert [pick.time for pick in event.picks] == [time, time + 2]
        assert reader.notes["rejected picks, left out"] == 1
