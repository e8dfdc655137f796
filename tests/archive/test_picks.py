"""Tables of picks."""

from pathlib import Path

import pandas as pd
import pytest

from seisbench_lcl.archive.picks import picks_at, read_picks, within
from seisbench_lcl.errors import DatasetError
from seisbench_lcl.events.source import Site


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_p_picks_of_each_station_in_order_whatever_the_file(suffix: str, tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "network": ["XX", "", "XX", "YY"],
            "station": ["A", "A", "A", "A"],
            "time": ["2024-03-01T00:00:02.5Z", "2024-03-01 00:00:01", "2024-03-01T00:00:03", "2024-03-01T00:00:04.25"],
            "phase": ["P", "", "S", "Pn"],
        }
    )
    path = tmp_path / f"picks{suffix}"
    table.to_csv(path, index=False) if suffix == ".csv" else table.to_parquet(path)
    found, second = read_picks(path), 10**9
    start = 1709251200 * second
    assert picks_at(found, Site("XX", "A")) == [start + second, start + second * 5 // 2]
    assert picks_at(found, Site("YY", "A")) == [start + second, start + second * 17 // 4]
    assert within(picks_at(found, Site("XX", "A")), start, start + 2 * second) == (start + second,)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("time,staton\n2024-03-01,A\n", "no column 'station'.*'staton'"),
        ("time,station\nnoon,A\n", "row 2: time is 'noon'"),
        ("", "cannot read"),
    ],
)
def test_a_table_that_is_none_is_refused(content: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "picks.csv"
    path.write_text(content)
    with pytest.raises(DatasetError, match=words):
        read_picks(path)
