"""A whole comparison by its command."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command_tools import strict
from conftest import Done
from small_plan import FIGURES, make_place

import seisbench_lcl.comparison.working as working
from seisbench_lcl.comparison.plan import BASELINE

pytestmark = pytest.mark.timeout(120)


def test_a_comparison_resumes_and_its_tables_never_train(
    run: Callable[..., Done], dataset_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = make_place(tmp_path, dataset_folder)
    run, command = strict(run), ("compare", "plan.toml", "--out", "out")
    assert "run the stage targets first" in run(*command, "--stage", "tables", expect=2).stderr
    assert "there is no stage 'table'; did you mean 'tables'" in run(*command, "--stage", "table", expect=2).stderr
    first = run(*command, "--repeats", 1, expect=1)
    assert "broken, deal 0, failed: " in first.stderr
    out = place / "out"
    before = {file: file.read_bytes() for file in out.rglob("*.parquet")}
    run(*command, expect=1)  # the second repeat, and the other seed
    assert all(file.read_bytes() == content for file, content in before.items())
    assert len(list((out / "predictions").rglob("*.parquet"))) == 2 + 4 + 2  # with the map

    card = json.loads((out / "predictions/MiniRocketRidge/deal-1-seed-1.json").read_text())
    assert card["settings"]["extractor_args"] == {"max_features": 84}
    assert (card["deal"], card["seed"], card["error"], card["hardware"]["threads"]) == (1, 1, None, 1)
    assert card["measured"]["windows"] == 36
    assert card["measured"]["fit"] > 0
    assert "strange" in json.loads((out / "predictions/broken/deal-0-seed-0.json").read_text())["error"]

    text = (out / "tables.md").read_text()
    for title in ("Scores", "Events", "Order", "Spread", "Parts", "Cost", "Runs that failed"):
        assert f"\n## {title}\n" in text
    assert "| accuracy (paper, other data) |" in text
    assert "| .9000 |" in text
    assert "“paper, other data”: Someone (1999), Table 1, on other windows." in text
    assert "The paper ranks 1 pair of models by accuracy. Here 1 hold; reversed: 0; open" in text
    assert text.count(f"| {BASELINE} |") == 5
    assert "- broken: 3 runs failed" in text
    figures = {file.name: file.read_bytes() for file in (out / "figures").iterdir()}
    assert sorted(figures) == sorted(f"{spec['name']}.svg" for spec in FIGURES)

    def train(*_: object) -> None:
        raise AssertionError("a table trained a model")

    monkeypatch.setattr(working, "predict", train)
    scores = {name: (out / name).read_bytes() for name in ("metrics.csv", "scores.csv", "order.csv")}
    run(*command, "--stage", "metrics", "--stage", "tables")
    assert {name: (out / name).read_bytes() for name in scores} == scores
    assert (out / "tables.md").read_text() == text
    assert {file.name: file.read_bytes() for file in (out / "figures").iterdir()} == figures
