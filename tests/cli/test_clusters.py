"""``clusters``: tables and figures of the clusters of a model."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from command_tools import change_metadata, few_traces, files_in, is_png, saved_models, strict
from conftest import Done

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def run(run: Callable[..., Done]) -> Callable[..., Done]:
    return strict(run)


@pytest.fixture
def weights(dataset_folder: Path) -> Path:
    return saved_models(dataset_folder) / "four"


def test_a_report_with_tables_and_figures(
    run: Callable[..., Done], weights: Path, dataset_folder: Path, tmp_path: Path
) -> None:
    own = ("clusters", "--dataset", dataset_folder, "--weights", weights, "--out", "r")
    done = run(*own, "--numbers", 2, 3, "--split", "train")
    names = ["clusters.md", "exemplars.png", "map.png", "numbers.csv", "numbers.png", "windows.csv"]
    assert files_in(tmp_path / "r") == names
    assert all(is_png(file) for file in (tmp_path / "r").glob("*.png"))
    table = pd.read_csv(tmp_path / "r" / "windows.csv")
    assert table.columns.tolist()[-5:] == ["event", "label", "cluster", "name", "probability"]
    assert {"trace_name", "station_code"} < set(table.columns)
    assert len(table) == 32
    assert (table["name"] == "cluster " + table["cluster"].astype(str)).all()
    assert table["probability"].between(0.25, 1).all()
    assert pd.read_csv(tmp_path / "r" / "numbers.csv")["clusters"].tolist() == [2, 3]
    text = (tmp_path / "r" / "clusters.md").read_text()
    assert "| cluster | stands for | high | low | unlabelled |" in text
    for k, size in table["cluster"].value_counts().items():
        assert f"- cluster {k}: {size} windows" in text
        assert f"cluster {k}: {size} windows" in done.stdout
    assert "silhouette suggests" in done.stdout


def test_few_windows_of_one_class(run: Callable[..., Done], dataset_folder: Path, tmp_path: Path) -> None:
    """Too few for 20 neighbours and for the usual perplexity, and too few classes for a linear probe."""
    change_metadata(dataset_folder, tmp_path / "one", lambda metadata: metadata.assign(source_type="high"))
    weights = saved_models(dataset_folder) / "clusters"
    done = run("clusters", "--dataset", "one", "--weights", weights, "--out", "r", "--split", "dev")
    assert "purity of the 14 nearest windows of other events: 1.000" in done.stdout
    assert "linear probe" not in done.stdout
    assert files_in(tmp_path / "r") == ["clusters.md", "exemplars.png", "map.png", "windows.csv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--numbers", 4, 2], "--numbers takes the smallest and the largest number of clusters, but got (4, 2)"),
        (["--numbers", 0, 2], "--numbers takes the smallest and the largest number of clusters, but got (0, 2)"),
        (["--numbers", 2, 20], "20 clusters need more distinct rows of features than 12 of 12"),
        (["--split", "test"], "no usable window is in split test; available: dev, train"),
        (["--group-column", "event"], "has no column 'event'"),
        (["--out", "a file"], "cannot write a file/windows.csv"),
        (["--method", "tsne", "--weights", "MiniRocketRidge/mixed-3c"], "has no clusters"),
        (["--model", "MiniRocketSCAN"], "holds weights of MiniRocketKMeans, not of MiniRocketSCAN"),
    ],
)
def test_reports_that_cannot_be_made(
    run: Callable[..., Done],
    weights: Path,
    dataset_folder: Path,
    tmp_path: Path,
    arguments: list[object],
    message: str,
) -> None:
    (tmp_path / "a file").write_text("")
    own = ("clusters", "--dataset", few_traces(dataset_folder), "--weights", weights, "--out", "r")
    assert message in run(*own, *arguments, expect=2).stderr
    assert files_in(tmp_path) == ["a file"]
