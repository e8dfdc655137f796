"""Events from catalogues, picks and tables, good and bad."""

from pathlib import Path

import obspy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obspy import UTCDateTime
from seisbench.util import Pick as SeisBenchPick
from seisbench.util import PickList

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.events.arrivals import (
    arrivals_of,
    group_picks,
    picks_of,
    read_arrivals,
)
from seisbench_lcl.models.event import Event, Origin, Pick

START = UTCDateTime(2024, 3, 1, 12)


def pick(seconds: float, station: str = "ABC", **fields: str) -> Pick:
    return Pick("", START + seconds, "XX", station, **fields)


@pytest.mark.parametrize("name", ["nordic/tests/data/sfile_highaccuracy", "nlloc/tests/data/nlloc.hyp"])
def test_catalogues_that_obspy_ships_are_read(name: str) -> None:
    catalog = obspy.read_events(str(Path(obspy.__file__).parent / "io" / name))
    found = list(arrivals_of(catalog))
    located = [{str(arrival.pick_id) for arrival in event.origins[0].arrivals} for event in catalog]
    assert [{pick.id for pick in event.picks} for event in found] == located
    assert sum(len(event.picks) for event in found) > 4


@given(
    st.lists(st.tuples(st.integers(0, 200), st.sampled_from("ABCD"), st.sampled_from(["P", "S", "Pg"])), max_size=25),
    st.integers(1, 30),
)
def test_groups_hold_each_p_once_within_the_travel_time(picks: list[tuple[int, str, str]], limit: int) -> None:
    given = [pick(float(t), station, phase=phase) for t, station, phase in picks]
    events = group_picks(given, limit)
    grouped = [p for event in events for p in event.picks]
    expected: list[Pick] = []
    for one in sorted((p for p in given if p.phase != "S"), key=lambda p: p.time):
        if not any(p.station == one.station and one.time - p.time < 2 for p in expected):
            expected.append(one)
    assert sorted(map(repr, grouped)) == sorted(map(repr, expected))
    for event in events:
        times = [p.time for p in event.picks]
        assert times == sorted(times)
        assert times[-1] - times[0] <= limit
        assert len({p.station for p in event.picks}) == len(event.picks)
    # An event does not end early: its next pick of a new station would have come too late.
    for i, event in enumerate(events):
        for other in events[i + 1 :]:
            late = [p for p in other.picks if p.time - event.picks[0].time <= limit]
            assert all(p.station in {q.station for q in event.picks} for p in late)


def test_two_earthquakes_in_a_row_are_two_events_with_valid_ids() -> None:
    picks = [pick(t + d, s) for t in (0, 8) for d, s in ((0, "A"), (2, "B"), (5, "C"))]
    found = group_picks(picks, 20)
    assert [[p.time - START for p in event.picks] for event in found] == [[0, 2, 5], [8, 10, 13]]
    assert [event.id for event in found] == [
        f"smi:local/seisbench_lcl/event/20240301T1200{second}_000000_XX_A" for second in ("00", "08")
    ]
    assert len(group_picks(picks[:4], 20, min_stations=2)) == 1


def test_picks_of_seisbench_are_taken_at_their_peak() -> None:
    picks = PickList(
        [
            SeisBenchPick("XX.ABC.00", START, START + 2, START + 1, 0.7, "P"),
            SeisBenchPick("XX.DEF.", START, phase="S"),
        ]
    )
    assert picks_of(picks) == [
        Pick("", START + 1, "XX", "ABC", "00", "", "P", probability=0.7),
        Pick("", START, "XX", "DEF", "", "", "S"),
    ]
    [event] = arrivals_of(picks)
    assert [p.station for p in event.picks] == ["ABC"]
    with pytest.raises(DatasetError, match="expected picks of SeisBench"):
        picks_of(["P"])


def test_tables_of_picks_and_origins_are_read(tmp_path: Path) -> None:
    path = tmp_path / "picks.csv"
    path.write_text(
        "event, time,network,station,location,channel,phase,probability,remark\n"
        "007,2024-03-01T12:00:01Z,XX,ABC,--,HHZ,Pg,.5,x\n"
        "007,2024-03-01 12:00:02,XX,NA,00,,S,,\n"
        ",2024-03-01T13:00:00.25,,DEF,,,,,\n"
    )
    first, alone = read_arrivals(path)
    assert first == Event(
        "007",
        picks=(
            Pick("", START + 1, "XX", "ABC", "", "HHZ", "Pg", probability=0.5),
            Pick("", START + 2, "XX", "NA", "00", "", "S"),
        ),
    )
    assert alone.picks == (Pick("", START + 3600.25, "", "DEF", phase=""),)
    path.write_text("event,time,latitude,longitude,depth_km\ne,2024-03-01T12:00,47,-122.5,\nf,2024-03-01,1,2,8.5\n")
    assert read_arrivals(path) == [
        Event("e", Origin("", START, 47.0, -122.5)),
        Event("f", Origin("", UTCDateTime(2024, 3, 1), 1.0, 2.0, 8500.0)),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot read .* as a CSV table"),
        ("a,b\n1,2\n", "neither the columns of picks .station, time. nor of origins"),
        ("time,statoin\n2024-03-01,A\n", "no station; 'station': did you mean 'statoin'"),
        ("time,station\nyesterday,ABC\n", "row 2: time is 'yesterday'"),
        ("time,station\n2024-03-01T25:00,ABC\n", "row 2: time is '2024-03-01T25:00'"),
        ("time,station,probability\n2024-03-01,ABC,high\n", "row 2: probability is 'high'"),
        ("event,time,latitude,longitude\ne,2024-03-01,1,2\ne,2024-03-02,1,2\n", "row 3: event e again"),
        ("event,time,latitude,longitude\n,2024-03-01,1,2\n", "row 2: the event has no id"),
        ("event,time,latitude,longitude\ne,2024-03-01,,2\n", "row 2: latitude is ''"),
        ("event,time,latitude,longitude\ne,2024-03-01,nan,2\n", "row 2: nan, 2.0 is no place"),
        ("event,time,latitude,longitude\ne,2024-03-01,91,2\n", "row 2: 91.0, 2.0 is no place"),
        ("event,time,latitude,longitude,depth_km\ne,2024-03-01,1,2,deep\n", "row 2: depth_km is 'deep'"),
    ],
)
def test_a_table_that_cannot_be_read_says_where(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_arrivals(path)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(b"\xff\xfe\x00\x01" * 9)
    for name in ("table.csv", "absent.csv", "."):
        with pytest.raises(DatasetError, match="cannot read"):
            read_arrivals(tmp_path / name)
