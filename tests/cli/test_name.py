"""``name``: names of clusters, by labelled windows or by hand."""

from collections.abc import Callable
from pathlib import Path

import pytest
from command_tools import few_traces, files_in, saved_models, strict
from conftest import Done

import seisbench_lcl as lcl

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def run(run: Callable[..., Done]) -> Callable[..., Done]:
    return strict(run)


def test_names_by_hand_are_text(run: Callable[..., Done], dataset_folder: Path, tmp_path: Path) -> None:
    """Even where the text is a word of JSON; other clusters and the description stay."""
    by_hand = ("--cluster", "0=null", "--cluster", "1=quarry blast", "--event-type", "null=none")
    own = ("name", "--weights", saved_models(dataset_folder) / "four", "--out", "w/four", "--version", "2")
    done = run(*own, *by_hand)
    assert "cluster 0: null (QuakeML: None) cluster 1: quarry blast (QuakeML: quarry blast)" in done.stdout
    assert "wrote w/four.{json,safetensors,pt}.v2" in done.stdout
    named = lcl.MiniRocketKMeans.load(tmp_path / "w" / "four", "2")
    assert named.clusters == ["null", "quarry blast", "cluster 2", "cluster 3"]
    assert named.weights_docstring == "made up"
    again = ("name", "--weights", "w/four", "--out", "./w/four", "--version", "2", "--cluster", "2=slide")
    assert "four.json.v2 exists already" in run(*again, expect=2).stderr
    run(*again, "--overwrite")
    assert lcl.load(tmp_path / "w" / "four").clusters == ["null", "quarry blast", "slide", "cluster 3"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "use --dataset to name clusters by labels, or --cluster to name them by hand"),
        (["--dataset", "DATA", "--cluster", "0=a"], "use --dataset to name clusters by labels, or --cluster"),
        (["--cluster", "first=a"], "--cluster takes number=label, such as 0=earthquake, but got 'first'"),
        (["--cluster", "²=a"], "--cluster takes number=label"),
        (["--cluster", "a"], "--cluster takes key=value"),
        (["--cluster", "4=a"], "clusters are numbered 0 to 3, but [4] were named"),
        (["--cluster", "0=a", "--cluster", "0=b"], "--cluster sets 0 twice: 'a' and 'b'"),
        (["--cluster", "0="], "labels must be non-empty text"),
        ([f"--cluster={k}=a" for k in range(4)], "clusters need at least two different names"),
        (["--cluster", "0=a", "--event-type", "a=bang"], "not a QuakeML event type"),
        (["--cluster", "0=a", "--event-type", "b=slide"], "event_types maps ['b']"),
        (["--dataset", "DATA", "--label", "high"], "needs two labels or more, but the windows have ['high']"),
        (["--dataset", "DATA", "--label", "blast"], "no trace is labelled blast in 'source_type'"),
        (["--dataset", "DATA", "--label-column", "kind"], "the dataset has no column 'kind'"),
        (["--dataset", "nowhere"], "neither a folder nor the name of a dataset"),
        (["--cluster", "0=a", "--model", "MiniRocketSCAN"], "holds weights of MiniRocketKMeans, not of MiniRocketSCAN"),
    ],
)
def test_names_that_are_refused(
    run: Callable[..., Done], dataset_folder: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    given = [str(few_traces(dataset_folder)) if argument == "DATA" else argument for argument in arguments]
    weights = saved_models(dataset_folder) / "four"
    assert message in run("name", "--weights", weights, "--out", "w", *given, expect=2).stderr
    assert files_in(tmp_path) == []


def test_an_ensemble_has_no_clusters(run: Callable[..., Done], dataset_folder: Path) -> None:
    own = ("name", "--weights", saved_models(dataset_folder) / "both", "--out", "w", "--cluster", "0=high")
    assert "is an ensemble, whose members learn from labels: it has no clusters" in run(*own, expect=2).stderr
