import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    precision_recall_fscore_support,
)

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.evaluation import confusion, mean_by_event, score

LABELS = ["earthquake", "quarry blast", "noise", "slide"]


@st.composite
def predictions(draw):
    """Probabilities (n, K) and truth (n,), with ties, certain rows and classes absent from truth."""
    n, k = draw(st.integers(1, 40)), draw(st.integers(2, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    weights = rng.integers(0, 6, size=(n, k)) + np.eye(k)[rng.integers(0, k, n)]
    truth = rng.choice(rng.choice(k, size=rng.integers(1, k + 1), replace=False), n)
    return weights / weights.sum(axis=1, keepdims=True), truth, LABELS[:k]


def slow_brier(probabilities, truth):
    total = 0.0
    for row, true_class in zip(probabilities, truth, strict=True):
        for k, p in enumerate(row):
            total += (p - (k == true_class)) ** 2
    return total / len(truth)


def slow_ece(probabilities, truth):
    """Weigh |accuracy - confidence| by rows, in bins ((m - 1) / 10, m / 10] as in Guo et al. 2017."""
    error, rows = 0.0, list(zip(probabilities, truth, strict=True))
    for m in range(1, 11):
        inside = [(p, y) for p, y in rows if (m - 1) / 10 < max(p) <= m / 10]
        if inside:
            accuracy = sum(int(np.argmax(p)) == y for p, y in inside) / len(inside)
            confidence = sum(max(p) for p, _ in inside) / len(inside)
            error += len(inside) / len(truth) * abs(accuracy - confidence)
    return error


@given(predictions())
def test_scores_agree_with_scikit_learn_and_with_slow_loops(case):
    probabilities, truth, labels = case
    predicted, present = probabilities.argmax(axis=1), np.unique(truth)
    expected = {
        "accuracy": accuracy_score(truth, predicted),
        "brier": slow_brier(probabilities, truth),
        "ece": slow_ece(probabilities, truth),
        **{f"recall[{label}]": np.nan for label in labels},
    }
    for average in ("macro", "weighted"):
        values = precision_recall_fscore_support(truth, predicted, labels=present, average=average, zero_division=0)
        names = [f"{average}_{name}" for name in ("precision", "recall", "f1")]
        expected.update(zip(names, values[:3], strict=True))
    expected["balanced_accuracy"] = expected["macro_recall"]
    if len(present) > 1 and set(predicted) <= set(present):  # scikit-learn warns otherwise
        expected["balanced_accuracy"] = balanced_accuracy_score(truth, predicted)
    recalls = precision_recall_fscore_support(truth, predicted, labels=present, zero_division=0)[1]
    expected.update({f"recall[{labels[k]}]": value for k, value in zip(present, recalls, strict=True)})

    assert score(probabilities, truth, labels) == pytest.approx(expected, abs=1e-12, nan_ok=True)
    np.testing.assert_array_equal(
        confusion(truth, predicted, len(labels)),
        confusion_matrix(truth, predicted, labels=range(len(labels))),
    )


@given(predictions())
def test_perfect_predictions_score_one(case):
    _, truth, labels = case
    scores = score(np.eye(len(labels))[truth], truth, labels)
    assert scores.pop("brier") == scores.pop("ece") == 0
    absent = {f"recall[{label}]" for k, label in enumerate(labels) if k not in truth}
    assert {name for name, value in scores.items() if np.isnan(value)} == absent
    assert all(value == 1 for name, value in scores.items() if name not in absent)


@given(predictions(), st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(case, random):
    probabilities, truth, labels = case
    groups = np.array([f"event {i // 3} of class {y}" for i, y in enumerate(truth)])
    order = random.sample(range(len(truth)), len(truth))
    expected = score(probabilities, truth, labels)
    assert score(probabilities[order], truth[order], labels) == pytest.approx(expected, nan_ok=True)
    for a, b in zip(
        mean_by_event(probabilities, truth, groups)[:2],
        mean_by_event(probabilities[order], truth[order], groups[order])[:2],
        strict=True,
    ):
        np.testing.assert_allclose(a, b)


def test_event_decides_by_the_mean_of_its_stations():
    probabilities, truth, events = mean_by_event(
        [[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.0, 1.0]], [0, 1, 0, 0], ["b", "a", "b", "b"]
    )
    np.testing.assert_allclose(probabilities, [[0.4, 0.6], [0.4, 0.6]])
    assert truth.tolist() == [1, 0]
    assert events.tolist() == ["a", "b"]


def test_event_of_two_classes_is_refused_by_name():
    with pytest.raises(DatasetError, match=r"event ev7 has more than one class, indices \[0, 1\]"):
        mean_by_event(np.eye(2)[[0, 1, 0]], [0, 0, 1], ["ev1", "ev7", "ev7"])


@pytest.mark.parametrize(
    ("probabilities", "truth", "labels", "message"),
    [
        (np.empty((0, 2)), [], ["a", "b"], r"at least one row, but found \(0, 2\)"),
        ([0.5, 0.5], [0, 1], ["a", "b"], r"shape \(n, K\).* found \(2,\)"),
        ([[0.5, 0.5]], [0], ["a"], "2 columns need one distinct label per column"),
        ([[0.5, 0.5]], [0], ["a", "a"], "2 columns need one distinct label per column"),
        ([[0.5, 0.5]], [0, 1], ["a", "b"], "1 rows but truth has 2"),
        ([[0.5, 0.5]], ["a"], ["a", "b"], "turn labels into indices"),
        ([[0.5, 0.5]], [0.0], ["a", "b"], "but found float64"),
        ([[0.5, 0.5]], [2], ["a", "b"], "truth must hold class indices from 0 to 1, but found 2"),
        ([[0.5, 0.5], [np.nan, 1]], [0, 0], ["a", "b"], "not finite in 1 of 2 rows, the first is row 1"),
        ([[0.5, 0.5], [2.0, -1.0]], [0, 0], ["a", "b"], "row 1 is .*not logits"),
        ([[0.5, 0.4]], [0], ["a", "b"], "sum to 1, but row 0"),
    ],
)
def test_invalid_input_is_refused(probabilities, truth, labels, message):
    with pytest.raises(DatasetError, match=message):
        score(probabilities, truth, labels)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (["a"], r"shape \(2,\), but found \(1,\)"),
        (["a", None], "no event in 1 of 2 rows, the first is row 1"),
    ],
)
def test_every_row_needs_an_event(groups, message):
    with pytest.raises(DatasetError, match=message):
        mean_by_event(np.eye(2), [0, 1], groups)


def test_confusion_refuses_indices_that_would_count_in_other_cells():
    with pytest.raises(DatasetError, match="predicted must hold class indices from 0 to 1, but found 2"):
        confusion([0], [2], 2)
    with pytest.raises(DatasetError, match="truth has 1 rows but predicted has 2"):
        confusion([0], [0, 1], 2)
