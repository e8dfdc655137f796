import io

import numpy as np
import pytest
from rich.console import Console

from seisbench_lcl.evaluation import (
    Recognition,
    bootstrap_intervals,
    group_alone,
    group_probe,
)

LABELS = ["blast", "earthquake", "noise"]


def predictions(provenance, truth, events, sure=0.8):
    """A model that predicts the frequent class of the group, and one that predicts the other class."""
    known = group_alone(truth, provenance, events, n_classes=2) * sure + (1 - sure) / 2
    return known, 1 - known


def tied(n=80):
    """Two classes in two groups; nine of ten events of a group are of one class."""
    events = np.arange(n) // 2
    provenance = np.where(events % 2, "Quarries & Co", "Observatory")
    return (events % 2) ^ (events // 2 % 10 == 0), provenance, events


def test_a_model_that_only_recognises_the_group_is_detected():
    truth, provenance, events = tied()
    known, held_out = predictions(provenance, truth, events)
    found = Recognition.from_predictions(known, held_out, truth, provenance, events, LABELS[:2], column="repository")
    for level in ("per station", "per event"):
        assert found.scores["alone", level].value == pytest.approx(0.9)
        assert found.scores["known", level].value == pytest.approx(0.9)
        assert found.lost[level].value == pytest.approx(0.8)
        assert found.lost[level].low > 0.5
    assert found.guess == 0.5
    assert (found.n_windows, found.n_events) == (80, 40)


def test_scores_equal_the_bootstrap_and_the_difference_is_paired():
    truth, provenance, events = tied()
    known, held_out = predictions(provenance, truth, events)
    found = Recognition.from_predictions(known, held_out, truth, provenance, events, LABELS[:2], column="x", seed=3)
    for level, by_event in (("per station", False), ("per event", True)):
        expected = bootstrap_intervals(held_out, truth, events, LABELS[:2], seed=3, by_event=by_event)
        assert str(found.scores["held out", level]) == str(expected["balanced_accuracy"])
    same = Recognition.from_predictions(known, known, truth, provenance, events, LABELS[:2], column="x")
    assert (same.lost["per event"].low, same.lost["per event"].value, same.lost["per event"].high) == (0, 0, 0)


def test_a_class_of_one_group_is_left_out_and_cannot_be_chosen():
    # Noise is in group a alone. A model that knows a may confuse earthquakes with noise: that is not recognition of a.
    truth = np.array([1, 1, 2, 2, 1, 0, 0, 0, 0, 1])
    provenance = np.array(["a", "a", "a", "a", "b", "b", "a", "b", "a", "b"])
    known = np.eye(3)[[2, 1, 2, 2, 1, 0, 0, 0, 0, 1]] * 0.7 + 0.1
    known[0] = [0.1, 0.3, 0.6]
    held_out = np.eye(3)[[1, 1, 0, 0, 1, 0, 1, 0, 0, 1]]
    found = Recognition.from_predictions(
        known, held_out, truth, provenance, np.arange(10), LABELS, column="repository", n_resamples=20
    )
    assert (found.n_windows, found.n_events) == (8, 8)
    assert found.scores["known", "per station"].value == 1
    assert found.scores["held out", "per station"].value == pytest.approx((3 / 4 + 1) / 2)
    text = found.to_markdown()
    assert "Left out: 2 of noise in a." in text
    assert "fewer than 3 in all or fewer than 2 without their repository" in text
    assert "| repository | blast | earthquake | noise |" in text
    assert "| a | 0.500 (2 / 2) | 1.000 (2 / 2) | unknown (2 / 2) |" in text
    assert "| b | 1.000 (2 / 2) | 1.000 (2 / 2) | - |" in text
    assert "No class has three or more events in each of two values of repository" in text


def test_terminal_and_markdown_show_the_same():
    truth, provenance, events = tied(160)
    known, held_out = predictions(provenance, truth, events)
    rng = np.random.default_rng(0)
    rows = truth == 1
    probe = group_probe(rng.normal(size=(rows.sum(), 4)), provenance[rows], events[rows], label="earthquake")
    found = Recognition.from_predictions(
        known, held_out, truth, provenance, events, LABELS[:2], column="repository", probes=[probe], n_resamples=50
    )
    console = Console(width=400, file=io.StringIO())
    console.print(found)
    text = found.to_markdown()
    for shown in (console.file.getvalue(), text):
        for expected in (
            *("repository held out", "repository only, no waveforms", "first minus second, percentage points"),
            *map(str, found.scores.values()),
            f"{100 * found.lost['per event'].value:.1f} [",
            "160 windows of 80 events",
            "No windows were left out.",
            "Recall with repository held out",
            str(probe.balanced_accuracy),
            "describe more than the source",
        ):
            assert expected in shown
        assert "nan" not in shown.lower()
    for table in (block.splitlines() for block in text.split("\n\n") if block.startswith("|")):
        assert len({line.count("|") for line in table}) == 1
