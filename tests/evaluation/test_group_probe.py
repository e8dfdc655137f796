import numpy as np
import pytest

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.evaluation import (
    comparable_rows,
    group_probe,
)


def test_probe_distinguishes_groups_that_differ_and_guesses_equal_ones():
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
    """The second group has more windows, but fewer events and thus less choice of folds."""
    group = np.array([0, 1, 1, 1, 0, 0, 0, 1, 1, 0, 1, 1, 0])
    events = np.array([3, 0, 3, 3, 1, 0, 2, 0, 2, 1, 2, 3, 1])
    found = group_probe(np.random.default_rng(0).normal(size=(13, 3)), group.astype(str), events, label="noise")
    assert (found.n_windows, found.n_events) == (13, 4)


def test_rows_that_can_be_probed():
    labels = np.repeat(["blast", "noise"], 12)
    provenance = np.array(["a"] * 4 + ["b"] * 6 + ["c"] * 2 + ["a"] * 8 + ["b"] * 4)
    events = np.arange(24)
    events[20:] = 20  # noise of b is of one event
    found = comparable_rows(labels, provenance, events)
    assert list(found) == ["blast"]
    assert np.flatnonzero(found["blast"]).tolist() == list(range(10))
    rows = labels == "noise"
    with pytest.raises(
        DatasetError, match=r"two or more groups of at least 3 events.*a, b, the smallest with 1 events"
    ):
        group_probe(np.zeros((12, 2)), provenance[rows], events[rows], label="noise")
