import io
import json

import numpy as np
import pytest
from rich.console import Console

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.evaluation import EvaluationReport, bootstrap_intervals

LABELS = ["earthquake", "blast | mine", "noise"]
# Event "a" has three stations, one of them wrong; "b" has two, one certain of the wrong class; there is no noise.
PROBABILITIES = np.array([[0.8, 0.2, 0], [0.7, 0.2, 0.1], [0.4, 0.6, 0], [0.0, 0.6, 0.4], [0.9, 0.1, 0]])
TRUTH = np.array([0, 0, 0, 1, 1])
GROUPS = ["a", "a", "a", "b", "b"]


@pytest.fixture(scope="module")
def report():
    return EvaluationReport.from_predictions(PROBABILITIES, TRUTH, GROUPS, LABELS, n_resamples=30, seed=4)


def test_levels_hold_scores_matrices_and_counts(report):
    for level, by_event in ((report.station, False), (report.event, True)):
        expected = bootstrap_intervals(PROBABILITIES, TRUTH, GROUPS, LABELS, n_resamples=30, seed=4, by_event=by_event)
        assert {k: str(v) for k, v in level.scores.items()} == {k: str(v) for k, v in expected.items()}
    assert report.station.confusion.tolist() == [[2, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert report.event.confusion.tolist() == [[1, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert (report.station.n_rows, report.station.n_events) == (5, 2)
    assert (report.event.n_rows, report.event.n_events) == (2, 2)
    assert report.station.n_per_class == {"earthquake": 3, "blast | mine": 2, "noise": 0}
    assert report.event.n_per_class == {"earthquake": 1, "blast | mine": 1, "noise": 0}


def test_dict_is_strict_json_with_none_for_nan(report):
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert found == report.to_dict()
    assert found["labels"] == LABELS
    assert found["station"]["scores"]["recall[noise]"] == {"value": None, "low": None, "high": None}
    assert found["station"]["scores"]["accuracy"]["value"] == pytest.approx(0.6)
    assert found["event"]["n_per_class"]["noise"] == 0


def test_markdown_is_three_tables_of_even_width(report):
    text = report.to_markdown()
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert [len(table) - 2 for table in tables] == [len(report.station.scores), 3, 3]
    for table in tables:
        assert len({line.replace("\\|", "").count("|") for line in table}) == 1
    accuracy = report.station.scores["accuracy"], report.event.scores["accuracy"]
    assert f"| accuracy | {accuracy[0]} | {accuracy[1]} |" in tables[0]
    assert tables[1][0] == "| truth \\ predicted | earthquake | blast \\| mine | noise |"
    assert tables[1][3] == "| blast \\| mine | 1 | 1 | 0 |"
    assert text.endswith("5 station windows of 2 events; 95% intervals from 30 resamples of whole events.\n")


def test_terminal_shows_the_same_cells(report):
    console = Console(width=120, file=io.StringIO())
    console.print(report)
    shown = console.file.getvalue()
    for name, found in report.event.scores.items():  # rich would drop "[noise]" as markup
        assert any(line.count(name) and str(found) in line for line in shown.splitlines())
    assert all(label in shown for label in LABELS)


def test_event_of_two_classes_is_refused():
    with pytest.raises(DatasetError, match="event b has more than one class"):
        EvaluationReport.from_predictions(PROBABILITIES, [0, 0, 0, 1, 0], GROUPS, LABELS)
