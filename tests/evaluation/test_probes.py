import numpy as np
import pytest
import torch

from seisbench_lcl.errors import DatasetError, TrainingError
from seisbench_lcl.evaluation.probes import linear_probe, neighbour_purity
from seisbench_lcl.heads import Ridge, neighbours


def clouds(n=90, n_features=6, distance=1.0, seed=0):
    """Features around the centres of three classes, and events of three rows."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) // 3 % 3
    centres = distance * rng.normal(size=(3, n_features))
    return (centres[truth] + rng.normal(size=(n, n_features))).astype(np.float32), truth, np.arange(n) // 3


def purity_by_loops(x, truth, k, groups=None):
    shares = []
    for i in range(len(x)):
        others = []
        for j in range(len(x)):
            if i != j and (groups is None or groups[i] != groups[j]):
                others.append((sum((a - b) ** 2 for a, b in zip(x[i].tolist(), x[j].tolist(), strict=True)), j))
        shares.append(sum(truth[j] == truth[i] for _, j in sorted(others)[:k]) / k)
    return sum(shares) / len(shares)


@pytest.mark.parametrize("k", [1, 7, 60])
@pytest.mark.parametrize("block", [512, 13])
def test_purity_equals_that_of_loops(k, block, monkeypatch):
    monkeypatch.setattr(neighbours, "_BLOCK", block)
    x, truth, groups = clouds()
    assert neighbour_purity(x, truth, k=k) == pytest.approx(purity_by_loops(x, truth, k))
    assert neighbour_purity(x, truth, k=k, groups=groups) == pytest.approx(purity_by_loops(x, truth, k, groups))
    far = x + np.float32(1000)  # cancellation would spoil the distances
    assert neighbour_purity(far, truth, k=k) == pytest.approx(purity_by_loops(far, truth, k), abs=1e-3)


def test_stations_of_one_event_are_not_neighbours():
    x, truth, groups = clouds(distance=0)
    x = (
        x[3 * (np.arange(90) // 3)] + 1e-3 * x
    )  # the rows of an event are close together, with no information about the class
    assert neighbour_purity(x, truth, k=2) == 1
    assert neighbour_purity(torch.from_numpy(x), truth, k=2, groups=groups.astype(str)) < 0.5


def test_probe_is_a_ridge_without_each_event():
    x, truth, groups = clouds(distance=0.5)
    found = linear_probe(x, truth, groups.astype(str), n_classes=4)
    head = Ridge(6, 4)
    head.fit(torch.from_numpy(x), torch.from_numpy(truth), torch.from_numpy(groups))
    np.testing.assert_array_equal(found, head.held_out)
    assert found.shape == (90, 4)
    assert found.dtype == np.float32


def test_invalid_input_is_refused():
    x, truth, groups = clouds()
    with pytest.raises(DatasetError, match=r"one row per truth, 90, but found \(89, 6\)"):
        neighbour_purity(x[1:], truth)
    with pytest.raises(DatasetError, match="NaN or infinite"):
        neighbour_purity(np.where(x > 2, np.nan, x), truth)
    with pytest.raises(
        DatasetError, match="truth must hold class indices from 0, but found -1; leave out rows without"
    ):
        neighbour_purity(x, truth - 1)
    with pytest.raises(DatasetError, match="truth must hold class indices from 0 to 1, but found 2"):
        linear_probe(x, truth, groups, n_classes=2)
    with pytest.raises(DatasetError, match=r"k must lie between 1 and 87, .* rows of other events .* but is 88"):
        neighbour_purity(x, truth, k=88, groups=groups)
    with pytest.raises(DatasetError, match=r"k must lie between 1 and 89, .* other rows .* but is 0"):
        neighbour_purity(x, truth, k=0)
    with pytest.raises(DatasetError, match="groups must name one event per row"):
        linear_probe(x, truth, groups[1:], n_classes=3)
    with pytest.raises(TrainingError, match="class 0 has a single event"):
        linear_probe(x, truth, np.where(truth == 0, 0, groups + 1), n_classes=3)
