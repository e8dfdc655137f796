import io
import json

import pytest
from rich.console import Console

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.evaluation.cluster_report import ClusterReport
from seisbench_lcl.evaluation.clustering import clustering_scores

LABELS = ["blast | mine", "blast | mine", "noise", "", "noise", "blast | mine"]


CLUSTERS = [0, 0, 1, 2, 1, 1]


@pytest.fixture
def report():
    return ClusterReport.from_clusters(CLUSTERS, LABELS, [0, 1, 2, 3, 4, 5], n_clusters=4, seed=3)


def test_report_counts_the_windows_of_each_cluster(report):
    assert report.labels == ("blast | mine", "noise")
    assert report.contingency.tolist() == [[2, 0], [1, 2], [0, 0], [0, 0]]
    assert report.unlabelled.tolist() == [0, 0, 1, 0]
    assert report.names == ("blast | mine", "noise", "", "")
    truth = [0, 0, 1, -1, 1, 0]
    assert report.scores == clustering_scores(CLUSTERS, truth, range(6), n_clusters=4, n_classes=2, seed=3)
    assert report.scores["empty_clusters"] == 1


def test_report_in_every_format(report):
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert found == report.to_dict()
    assert found["scores"]["purity"] == pytest.approx(0.8)
    markdown = report.to_markdown()
    assert "| 1 | noise | 1 | 2 | 0 |" in markdown
    assert "| cluster | stands for | blast \\| mine | noise | unlabelled |" in markdown
    console = Console(width=120, file=io.StringIO())
    console.print(report)
    shown = console.file.getvalue()
    assert all(name in shown for name in (*report.scores, *report.labels, "unlabelled", "0.800"))


def test_report_needs_labels():
    with pytest.raises(DatasetError, match="none of 2 rows has a label"):
        ClusterReport.from_clusters([0, 1], ["", ""], [0, 1], n_clusters=2)
