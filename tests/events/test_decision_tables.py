"""Tables of decisions: what is written is read back equal, in CSV and Parquet."""

import math
import sys
from dataclasses import astuple, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obspy import UTCDateTime

from seisbench_lcl.errors import DatasetError, OutputError
from seisbench_lcl.events import EventDecision, Origin, StationDecision, read_tables, tables, write_tables
from seisbench_lcl.models.decision_list import EVENT_COLUMNS, STATION_COLUMNS, event_table, station_table

NAN = float("nan")
PARQUET = pytest.param(".parquet", marks=pytest.mark.skipif(not find_spec("pyarrow"), reason="needs pyarrow"))
STATIONS = (
    StationDecision(
        "XX.ABC..HH",
        UTCDateTime(2024, 3, 1, 12, 0, 0, 123456),
        "refined",
        {"noise": 1 / 3, "a [b]": 2 / 3},
        "",
        0.1,
        1.0,
        NAN,
    ),
    StationDecision(".NA.00.", UTCDateTime(1975, 1, 1), "pick", {}, 'no "waveform", or\nnone'),
)
DECIDED = EventDecision(
    *("007", "a [b]", "other event", {"noise": 1 / 3, "a [b]": 2 / 3}, 1 / 3, NAN, 1, 0, "", "mean", "w, v1", STATIONS),
    Origin("o, 1", UTCDateTime(2024, 3, 1, 11, 59, 58, 1), 51.1234567, -122.3, 10301.7),
    {"noise": 0.25, "a [b]": 0.75},
)
UNDECIDED = EventDecision(
    "NA", None, None, {}, NAN, NAN, 0, 0, "no picks", "mean", "w, v1", origin=Origin("", UTCDateTime(0))
)


def same(one: Any, other: Any) -> bool:
    """Compare decisions field by field; NaN equals NaN."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def rows(decisions: list[EventDecision]) -> list[tuple[Any, ...]]:
    return [astuple(decision) for decision in decisions]


@pytest.mark.parametrize("suffix", [".csv", PARQUET])
@pytest.mark.parametrize("decisions", [[], [UNDECIDED], [DECIDED, UNDECIDED], [UNDECIDED, DECIDED]])
def test_what_is_written_is_read_back(tmp_path: Path, suffix: str, decisions: list[EventDecision]) -> None:
    files = write_tables(iter(decisions), tmp_path / f"new/decisions{suffix}")
    assert [file.name for file in files] == [f"decisions{suffix}", f"decisions_stations{suffix}"]
    assert sorted((tmp_path / "new").iterdir()) == sorted(files)
    assert same(rows(read_tables(files[0])), rows(decisions))


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), min_size=3, max_size=3, unique=True),
    st.lists(st.floats(0, 1), min_size=2, max_size=2),
)
def test_any_text_and_number_survives(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], p: list[float]
) -> None:
    decided = replace(DECIDED, event=names[0], label=names[1], probabilities=dict(zip(names[1:], p, strict=True)))
    path = tmp_path_factory.mktemp("tables") / "d.csv"
    write_tables([decided], path)
    assert same(rows(read_tables(path)), rows([decided]))


def test_columns_are_those_documented() -> None:
    events, stations = event_table([DECIDED, UNDECIDED]), station_table([DECIDED, UNDECIDED])
    labels = ["noise", "a [b]"]
    assert list(events)[len(EVENT_COLUMNS) :] == [f"{kind}[{x}]" for kind in ("probability", "context") for x in labels]
    assert tuple(events)[: len(EVENT_COLUMNS)] == EVENT_COLUMNS
    assert list(stations) == [*STATION_COLUMNS, "probability[noise]", "probability[a [b]]"]
    assert events["probability"].tolist() == pytest.approx([2 / 3, NAN], nan_ok=True)
    assert events["n_stations"].tolist() == [2, 0]
    assert stations["label"].tolist() == ["a [b]", ""]
    assert stations["p_time"].dtype == "datetime64[us]"
    assert list(event_table([])) == list(EVENT_COLUMNS)
    assert list(station_table([UNDECIDED])) == list(STATION_COLUMNS)


def test_times_of_csv_are_iso_and_utc(tmp_path: Path) -> None:
    write_tables([DECIDED], tmp_path / "d.csv")
    times = pd.read_csv(tmp_path / "d_stations.csv")["p_time"].tolist()
    assert times == ["2024-03-01T12:00:00.123456Z", "1975-01-01T00:00:00.000000Z"]


def test_what_cannot_be_written_or_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OutputError, match=r"use the suffix \.csv or \.parquet"):
        write_tables([], tmp_path / "d.xlsx")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr(tables, "find_spec", lambda name: None)
    for action in (lambda path: write_tables([], path), read_tables):
        with pytest.raises(OutputError, match="needs pyarrow: install it"):
            action(tmp_path / "d.parquet")
    with pytest.raises(DatasetError, match="cannot read"):
        read_tables(tmp_path / "absent.csv")
    write_tables([DECIDED], tmp_path / "d.csv")
    (tmp_path / "d.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DatasetError, match="lacks the columns event, origin"):
        read_tables(tmp_path / "d.csv")
    assert not list(tmp_path.glob("*.parquet"))


@pytest.mark.parametrize(
    ("probability", "word"),
    [
        *[(0.995, "virtually certain"), (0.99, "virtually certain"), (0.98, "very likely"), (0.66, "likely")],
        *[(0.65, "as likely as not"), (0.33, "as likely as not"), (0.3, "unlikely")],
    ],
)
def test_the_certainty_has_a_word(probability: float, word: str) -> None:
    others = {str(i): (1 - probability) / 3 for i in range(3)}
    decided = replace(DECIDED, label="a", probabilities={"a": probability, **others})
    assert decided.certainty_word == word
    assert event_table([decided, UNDECIDED])["certainty_word"].tolist() == [word, ""]


def test_an_event_without_origin_has_the_time_of_its_first_p() -> None:
    assert DECIDED.time == UTCDateTime(2024, 3, 1, 11, 59, 58, 1)
    assert replace(DECIDED, origin=None).time == UTCDateTime(1975, 1, 1)
    assert replace(UNDECIDED, origin=None).time is None
