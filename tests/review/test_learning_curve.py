"""The learning curve: it rises where there is something to learn, and no event helps to predict itself."""

from copy import deepcopy

import numpy as np
import pytest
import torch

from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.heads import GMM, Ridge
from seisbench_lcl.review import learning_curve

N = 60  # events of two windows each


@pytest.fixture(scope="module")
def weights() -> Ridge:
    """Return a head that looks at the first feature only."""
    rng = np.random.default_rng(0)
    x = np.column_stack([np.repeat([-1.0, 1.0], 40), rng.normal(size=(80, 4))]) + rng.normal(0, 0.1, (80, 5))
    return Ridge(5, 2).fit(torch.tensor(x).float(), torch.arange(80) // 40)


def windows(feature: int, seed: int = 1) -> tuple[torch.Tensor, np.ndarray, np.ndarray, list[str]]:
    """Return windows of events whose class is the sign of a feature; of none for −1."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, N)
    x = rng.normal(size=(N, 5))
    if feature >= 0:
        x[:, feature] = 2 * y - 1 + rng.normal(0, 0.1, N)
    names = np.array([f"e{i}" for i in range(N)])
    rows = torch.tensor(np.repeat(x, 2, axis=0) + rng.normal(0, 0.01, (2 * N, 5))).float()
    return rows, np.repeat(y, 2), np.repeat(names, 2), rng.permutation(names).tolist()


def test_it_rises_where_the_weights_were_wrong(weights: Ridge) -> None:
    before = deepcopy(weights.state_dict())
    curve = learning_curve(weights, *windows(feature=2))
    table = curve.to_dataframe()
    assert table["labels"].tolist()[:2] == [0, 10]
    assert table["labels"].is_monotonic_increasing
    assert table["labels"].iloc[-1] == N
    assert table["accuracy"].iloc[0] < 0.7
    assert table["accuracy"].iloc[-1] == table["macro_f1"].iloc[-1] == 1
    assert ((table["low"] <= table["accuracy"]) & (table["accuracy"] <= table["high"])).all()
    assert (curve.scored, curve.at_random) == (N, False)
    assert all(torch.equal(value, before[name]) for name, value in weights.state_dict().items())


def test_no_event_helps_to_predict_itself(weights: Ridge) -> None:
    found = [learning_curve(weights, *windows(-1, seed), sizes=[N]).points[0].accuracy.value for seed in range(3)]
    assert 0.3 < np.mean(found) < 0.65  # nothing can be learnt, unless from the event's other window


def test_a_point_is_what_plain_loops_over_folds_find(weights: Ridge) -> None:
    x, y, events, reviewed = windows(feature=2)
    sample = reviewed[::4]
    [point] = learning_curve(weights, x, y, events, reviewed, sample, sizes=[20], folds=3).points
    fold = np.random.default_rng(0).permutation(len(sample)) % 3
    right = 0
    for k in range(3):
        test = [event for event, own in zip(sample, fold, strict=True) if own == k]
        rows = np.isin(events, [event for event in reviewed[:20] if event not in test])
        codes = torch.tensor([int(event[1:]) for event in events[rows]])
        head = deepcopy(weights).fine_tune(x[rows], torch.tensor(y[rows]), codes)
        for event in test:
            own = events == event
            right += int(head(x[own]).mean(dim=0).argmax()) == y[own][0]
    assert point.labels == 20
    assert point.accuracy.value == pytest.approx(right / len(sample))


def test_only_events_drawn_at_random_are_scored_if_there_are_enough(weights: Ridge) -> None:
    x, y, events, reviewed = windows(feature=2)
    curve = learning_curve(weights, x, y, events, [*reviewed, "no window"], reviewed[:10], sizes=[0, 5, 500])
    assert (curve.scored, curve.at_random) == (10, True)
    assert [point.labels for point in curve.points] == [0, 5, N]
    few = learning_curve(weights, x, y, events, reviewed[:12], reviewed[:9], sizes=[12])
    assert (few.scored, few.at_random) == (12, False)


def test_bad_input_is_named(weights: Ridge) -> None:
    x, y, events, reviewed = windows(feature=2)
    with pytest.raises(DatasetError, match="none of the 1 reviewed events has a window"):
        learning_curve(weights, x, y, events, ["gone"])
    with pytest.raises(DatasetError, match="120 rows of features came with 119 classes"):
        learning_curve(weights, x, y[1:], events, reviewed)
    with pytest.raises(ConfigurationError, match="folds must be 2 or more"):
        learning_curve(weights, x, y, events, reviewed, folds=1)
    with pytest.raises(ConfigurationError, match="cannot be fine-tuned"):
        learning_curve(GMM(5, 2).fit(x), x, y, events, reviewed)
