"""The questions in docs/archive.md have the same answers in SQL and in pandas."""

import re
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from sds_archive import MIDNIGHT, WEIGHTS, recorded, write_sds

from seisbench_lcl import archive

PAGE = (Path(__file__).parents[2] / "docs" / "archive.md").read_text()
LABELS = ["earthquake", "surface event"]


def block(language: str, first: str) -> str:
    """Return the block of the page in this language that begins like this."""
    found = re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)
    return next(text for text in found if text.startswith(first))


def grow(folder: Path) -> None:
    """Add days of many detections and windows to those of a run, with the columns that it has written."""
    rng = np.random.default_rng(0)
    for table in ("detections", "windows"):
        for file in sorted((folder / table).rglob("month=3/*.parquet")):
            rows = pd.read_parquet(file, partitioning=None)
            for day, times in (("2024-03-10", 2), ("2024-03-11", 3), ("2024-03-12", 2), ("2024-03-13", 40)):
                more = pd.concat([rows] * times, ignore_index=True)
                more["day"] = pd.Timestamp(day).date()
                more["label"] = rng.choice([*LABELS, None] if table == "windows" else LABELS, len(more))
                if table == "detections":
                    minutes = pd.to_timedelta(rng.permutation(1440)[: len(more)], unit="min")
                    more["onset"] = pd.Timestamp(day) + minutes
                    more["novelty"] = rng.uniform(0.5, 1, len(more))
                    more["probability"] = rng.uniform(0.5, 1, len(more))
                else:
                    more["reason"] = np.where(more["label"].isna(), rng.choice(["a gap", "novel"], len(more)), "")
                name = file.name.replace("2024-03-01", "2024-03-09").replace(".parquet", f".{day}.parquet")
                more.to_parquet(file.with_name(name))


@pytest.mark.parametrize("windows", ["top", "all"])
def test_duckdb_and_pandas_answer_the_same(windows: Any, tmp_path: Path) -> None:
    root, out = write_sds(tmp_path / "sds", recorded(1, ("ABC", "DEF"), events=(-40, 15))), tmp_path / "results"
    span = {"start": MIDNIGHT - 60, "end": MIDNIGHT + 60}
    archive.run(root, WEIGHTS, out, **span, windows=windows, workers=0)
    if windows == "top":
        grow(out)
    asked: dict[str, Any] = {"results": out}
    exec(block("python", "import pandas as pd\n\ndetections"), asked)
    statements = [
        text for text in block("sql", "CREATE VIEW").replace("'results/", f"'{out}/").split(";") if text.strip()
    ]
    connection = duckdb.connect()
    answers = [connection.execute(text).fetchall() for text in statements][2:]
    assert len(answers) == 5
    by_month, by_hour, odd, blind, swarms = answers
    for found, expected in ((by_month, asked["by_month"]), (by_hour, asked["by_hour"]), (blind, asked["blind"])):
        table = expected.reset_index().astype(object).to_numpy().tolist()
        assert sorted(map(list, found)) == sorted(table)
    few = asked["odd"][["station", "onset", "label", "probability", "novelty"]]
    assert [list(row) for row in odd] == few.astype(object).to_numpy().tolist()
    assert sorted(swarms) == sorted((*key, n) for key, n in asked["swarms"].items())
    if windows == "top":
        assert len(odd) == 20
        assert {str(day) for _, day, _ in swarms} == {"2024-03-13"}
        assert {row[2] for row in blind} >= {"a gap", "novel"}
    else:
        assert connection.execute("SELECT count(*) FROM windows WHERE earthquake > 0.5").fetchall()[0][0] > 0
