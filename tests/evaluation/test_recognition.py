import io

import numpy as np
import pytest
from rich.console import Console

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.evaluation import (
    Recognition,
    bootstrap_intervals,
    comparable_rows,
    group_alone,
    group_probe,
    known_elsewhere,
)
from seisbench_lcl.evaluation.provenance import of_known_classes

LABELS = ["blast", "earthquake", "noise"]


def alone_by_loops(truth, provenance, events, n_classes):
    rows = []
    for i in range(len(truth)):
        others = [j for j in range(len(truth)) if events[j] != events[i]]
        shares = []
        for k in range(n_classes):
            total = sum(truth[j] == k for j in others)
            here = sum(truth[j] == k and provenance[j] == provenance[i] for j in others)
            shares.append(here / total if total else 0.0)
        rows.append([x / sum(shares) if sum(shares) else 1 / n_classes for x in shares])
    return np.array(rows)


def scattered(seed=0, n=60):
    """Events of one to four stations in groups that overlap: some events are in two groups."""
    rng = np.random.default_rng(seed)
    events = np.sort(rng.integers(0, 25, n))
    truth = rng.integers(0, 3, 25)[events]
    provenance = np.array(["a", "b", "c", "d"])[rng.choice(4, n, p=[0.5, 0.3, 0.19, 0.01])]
    return truth, provenance, events


@pytest.mark.parametrize("seed", range(4))
def test_group_alone_is_that_of_the_loops(seed):
    truth, provenance, events = scattered(seed)
    found = group_alone(truth, provenance, events.astype(str), n_classes=3)
    np.testing.assert_allclose(found, alone_by_loops(truth, provenance, events, 3), atol=1e-12)


def test_a_group_of_one_event_says_nothing_of_it():
    found = group_alone([0, 0, 1, 1], ["a", "a", "b", "b"], ["1", "1", "2", "3"], n_classes=2)
    np.testing.assert_array_equal(found, [[0.5, 0.5], [0.5, 0.5], [0, 1], [0, 1]])


@pytest.mark.parametrize("seed", range(4))
def test_known_is_what_other_groups_teach(seed):
    truth, provenance, events = scattered(seed)
    learn = np.random.default_rng(seed).random(len(truth)) < 0.4
    found = known_elsewhere(truth, provenance, events, n_classes=3, learn=learn)
    for i in range(len(truth)):
        own = set(events[provenance == provenance[i]])
        taught = [{events[j] for j in np.flatnonzero(learn & (truth == k)) if events[j] not in own} for k in range(3)]
        assert found[i].tolist() == [len(there) >= 2 for there in taught]


def test_group_and_class_that_are_one_cannot_be_told_apart():
    with pytest.raises(DatasetError, match=r"no class occurs in two of the groups a, b .* group by another column"):
        known_elsewhere([0, 0, 1], ["a", "a", "b"], [1, 2, 3], n_classes=2)
    with pytest.raises(DatasetError, match="no class occurs in two"):  # a is in both, but in the same event
        known_elsewhere([0, 0, 1], ["a", "b", "b"], [1, 1, 3], n_classes=2)
    with pytest.raises(DatasetError, match="no class occurs in two"):  # two windows of one event
        known_elsewhere([0, 0, 0], ["a", "b", "b"], [1, 2, 2], n_classes=2)


def test_classes_of_three_events_can_be_known_when_one_is_tested():
    labels, events = np.repeat(["a", "b", "c"], [3, 3, 4]), np.array([0, 1, 2, 3, 4, 4, 5, 6, 7, 8])
    learn = np.arange(10) != 9
    assert np.flatnonzero(of_known_classes(labels, events, learn)).tolist() == [0, 1, 2, 6, 7, 8]


def predictions(provenance, truth, events, sure=0.8):
    """A model that says what is frequent in the group, and one that says the contrary of a new group."""
    known = group_alone(truth, provenance, events, n_classes=2) * sure + (1 - sure) / 2
    return known, 1 - known


def tied(n=80):
    """Two classes in two groups; nine of ten events of a group are of one class."""
    events = np.arange(n) // 2
    provenance = np.where(events % 2, "Quarries & Co", "Observatory")
    return (events % 2) ^ (events // 2 % 10 == 0), provenance, events


def test_a_model_that_hears_the_group_alone_is_found_out():
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


def test_scores_are_those_of_the_bootstrap_and_the_difference_is_paired():
    truth, provenance, events = tied()
    known, held_out = predictions(provenance, truth, events)
    found = Recognition.from_predictions(known, held_out, truth, provenance, events, LABELS[:2], column="x", seed=3)
    for level, by_event in (("per station", False), ("per event", True)):
        expected = bootstrap_intervals(held_out, truth, events, LABELS[:2], seed=3, by_event=by_event)
        assert str(found.scores["held out", level]) == str(expected["balanced_accuracy"])
    same = Recognition.from_predictions(known, known, truth, provenance, events, LABELS[:2], column="x")
    assert (same.lost["per event"].low, same.lost["per event"].value, same.lost["per event"].high) == (0, 0, 0)


def test_a_class_of_one_group_is_left_out_and_nobody_may_choose_it():
    # Noise is in group a alone. That a model which knows a takes earthquakes for noise is not recognition of a.
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
    assert "or without their repository (2): 2 of noise in a." in text
    assert "| class | a | b |" in text
    assert "| blast | 0.500 (2 / 2) | 1.000 (2 / 2) |" in text
    assert "| earthquake | 1.000 (2 / 2) | 1.000 (2 / 2) |" in text
    assert "| noise | unknown (2 / 2) | - |" in text
    assert "No class has three events or more in each of two values of repository" in text


def test_probe_tells_groups_that_differ_and_guesses_those_that_are_alike():
    rng = np.random.default_rng(5)
    events = np.arange(120) // 2
    provenance = np.array(["a", "b", "c"])[events % 3]
    features = rng.normal(size=(120, 40)).astype(np.float32)
    alike = group_probe(features, provenance, events, label="noise")
    assert alike.chance == pytest.approx(1 / 3)
    assert abs(alike.balanced_accuracy.value - alike.chance) < 0.12
    features[:, :3] += 9 * np.eye(3)[events % 3]
    apart = group_probe(features, provenance, events.astype(str), label="noise")
    assert apart.balanced_accuracy.value > 0.95
    assert (apart.label, apart.groups, apart.n_windows, apart.n_events) == ("noise", ("a", "b", "c"), 120, 60)


def test_probe_of_events_that_all_groups_share():
    rng = np.random.default_rng(5)
    events, provenance = np.repeat(np.arange(6), 2), np.tile(["a", "b"], 6)
    features = rng.normal(size=(12, 5)) + 9 * (provenance == "b")[:, None]
    assert group_probe(features, provenance, events, label="noise").balanced_accuracy.value == 1


def test_probe_of_groups_that_share_events_unevenly():
    """By windows, the second group is the larger one; by events, it leaves less choice of the folds."""
    group = np.array([0, 1, 1, 1, 0, 0, 0, 1, 1, 0, 1, 1, 0])
    events = np.array([3, 0, 3, 3, 1, 0, 2, 0, 2, 1, 2, 3, 1])
    found = group_probe(np.random.default_rng(0).normal(size=(13, 3)), group.astype(str), events, label="noise")
    assert (found.n_windows, found.n_events) == (13, 4)


def test_what_can_be_probed():
    labels = np.repeat(["blast", "noise"], 12)
    provenance = np.array(["a"] * 4 + ["b"] * 6 + ["c"] * 2 + ["a"] * 8 + ["b"] * 4)
    events = np.arange(24)
    events[20:] = 20  # noise of b is of one event
    found = comparable_rows(labels, provenance, events)
    assert list(found) == ["blast"]
    assert np.flatnonzero(found["blast"]).tolist() == list(range(10))
    rows = labels == "noise"
    with pytest.raises(DatasetError, match=r"two groups with 3 events each at least.*a, b, the smallest of 1 events"):
        group_probe(np.zeros((12, 2)), provenance[rows], events[rows], label="noise")


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
            *("repository held out", "repository alone, nothing heard", "first minus second, in points"),
            *map(str, found.scores.values()),
            f"{100 * found.lost['per event'].value:.1f} [",
            "160 windows of 80 events",
            "No window had to be left out.",
            "Recall with repository held out",
            str(probe.balanced_accuracy),
            "know more than the source",
        ):
            assert expected in shown
        assert "nan" not in shown.lower()
    for table in (block.splitlines() for block in text.split("\n\n") if block.startswith("|")):
        assert len({line.count("|") for line in table}) == 1
