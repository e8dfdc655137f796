import numpy as np
import pytest

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.evaluation import (
    group_alone,
    known_elsewhere,
)
from seisbench_lcl.evaluation.provenance import of_known_classes


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
def test_group_alone_equals_that_of_loops(seed):
    truth, provenance, events = scattered(seed)
    found = group_alone(truth, provenance, events.astype(str), n_classes=3)
    np.testing.assert_allclose(found, alone_by_loops(truth, provenance, events, 3), atol=1e-12)


def test_a_group_of_one_event_predicts_nothing():
    found = group_alone([0, 0, 1, 1], ["a", "a", "b", "b"], ["1", "1", "2", "3"], n_classes=2)
    np.testing.assert_array_equal(found, [[0.5, 0.5], [0.5, 0.5], [0, 1], [0, 1]])


@pytest.mark.parametrize("seed", range(4))
def test_known_classes_have_two_training_events_elsewhere(seed):
    truth, provenance, events = scattered(seed)
    learn = np.random.default_rng(seed).random(len(truth)) < 0.4
    found = known_elsewhere(truth, provenance, events, n_classes=3, learn=learn)
    for i in range(len(truth)):
        own = set(events[provenance == provenance[i]])
        taught = [{events[j] for j in np.flatnonzero(learn & (truth == k)) if events[j] not in own} for k in range(3)]
        assert found[i].tolist() == [len(there) >= 2 for there in taught]


def test_groups_of_one_class_each_are_refused():
    with pytest.raises(DatasetError, match=r"no class occurs in two of the groups a, b .* group by another column"):
        known_elsewhere([0, 0, 1], ["a", "a", "b"], [1, 2, 3], n_classes=2)
    with pytest.raises(DatasetError, match="no class occurs in two"):  # a is in both, but in the same event
        known_elsewhere([0, 0, 1], ["a", "b", "b"], [1, 1, 3], n_classes=2)
    with pytest.raises(DatasetError, match="no class occurs in two"):  # two windows of one event
        known_elsewhere([0, 0, 0], ["a", "b", "b"], [1, 2, 2], n_classes=2)


def test_classes_of_three_events_can_be_learnt_when_one_is_tested():
    labels, events = np.repeat(["a", "b", "c"], [3, 3, 4]), np.array([0, 1, 2, 3, 4, 4, 5, 6, 7, 8])
    learn = np.arange(10) != 9
    assert np.flatnonzero(of_known_classes(labels, events, learn)).tolist() == [0, 1, 2, 6, 7, 8]
