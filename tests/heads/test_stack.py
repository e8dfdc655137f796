import copy
import json

import numpy as np
import pytest
import torch
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax

from seisbench_lcl.errors import ConfigurationError, NotFittedError, TrainingError
from seisbench_lcl.heads import Ridge, Stack
from seisbench_lcl.storage.rows import RowFile


def events(telling=(1.5, 1.0), widths=(6, 50), n_events=12, classes=(0, 1, 1, 2), seed=0, noise=0):
    """Events of two rows, and blocks of features with class distances `telling`."""
    rng = np.random.default_rng([seed, noise])
    y = np.repeat(rng.permutation(np.repeat(classes, n_events)), 2)
    groups = np.repeat(np.arange(len(y) // 2), 2)
    blocks = []
    for k, (distance, width) in enumerate(zip(telling, widths, strict=True)):
        centres = distance * np.random.default_rng([seed, k]).normal(size=(3, width)) / np.sqrt(width)
        blocks.append(
            centres[y] + rng.normal(size=(len(y) // 2, width))[groups] + 0.3 * rng.normal(size=(len(y), width))
        )
    x = np.hstack(blocks).astype(np.float32)
    return torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(groups)


def loss_of(weights, probabilities, y, groups, of_rows):
    """Log loss of the pool against targets smoothed by one event of each class, row by row, and the penalty."""
    n_events, total = len(np.unique(groups)), 0.0
    for i, k in enumerate(y):
        pooled = log_softmax(
            sum(w * np.log(np.maximum(p[i], 1e-6)) for w, p in zip(weights, probabilities, strict=True))
        )
        target = np.ones(len(pooled))
        target[k] += n_events
        total -= of_rows[i] * (target / target.sum()) @ pooled
    return total / of_rows.sum() + 1e-4 * sum(weights)


@pytest.mark.parametrize("class_weight", ["balanced", None, {0: 5.0, 2: 0.5}])
@pytest.mark.parametrize("telling", [(1.5, 3.0, 2.0), (3.0, 0.0, 1.0)])
def test_weights_are_those_of_a_plain_search_on_refits_without_each_event(class_weight, telling):
    widths = (6, 40, 4)
    x, y, groups = events(telling, widths, n_events=6)
    head = Stack(50, 3, blocks=widths, class_weight=class_weight).fit(x, y, groups)
    parts = x.split(widths, dim=1)
    alone = [Ridge(n, 3, class_weight=class_weight).fit(part, y, groups) for n, part in zip(widths, parts, strict=True)]
    held_out = [ridge.held_out.astype(float) for ridge in alone]

    frequency = np.bincount(y)
    per_class = {"balanced": 1 / frequency, "None": np.ones(3)}.get(str(class_weight), np.array([5.0, 1.0, 0.5]))
    arguments = held_out, y.numpy(), groups.numpy(), per_class[y]
    searched = minimize(
        lambda w: loss_of(abs(w), *arguments),
        np.full(3, 0.5),
        method="Nelder-Mead",
        options={"xatol": 1e-4, "fatol": 1e-9},
    )
    np.testing.assert_allclose(head.weights, abs(searched.x), atol=2e-3)
    assert loss_of(head.weights.double().numpy(), *arguments) <= searched.fun + 1e-8
    assert searched.fun <= min(loss_of(one, *arguments) for one in np.eye(3)) + 1e-8

    weights = head.weights.double().numpy()
    for found, each in (
        (head.held_out, held_out),
        (head(x), [ridge(part) for ridge, part in zip(alone, parts, strict=True)]),
    ):
        logs = sum(w * np.log(np.maximum(np.asarray(p, float), 1e-6)) for w, p in zip(weights, each, strict=True))
        np.testing.assert_allclose(found, np.exp(log_softmax(logs, axis=1)), atol=1e-5)


@pytest.mark.parametrize("telling", [(1.5, 3.0, 2.0), (3.0, 0.0, 1.0), (0.0, 0.0, 0.0)])
def test_equal_weights_are_one_number_of_a_plain_search(telling):
    widths = (6, 40, 4)
    x, y, groups = events(telling, widths, n_events=6)
    head = Stack(50, 3, blocks=widths, weighting="equal").fit(x, y, groups)
    learnt = Stack(50, 3, blocks=widths).fit(x, y, groups)
    held_out = [ridge.held_out.astype(float) for ridge in learnt.ridges]
    arguments = held_out, y.numpy(), groups.numpy(), (1 / np.bincount(y))[y]
    searched = minimize_scalar(lambda w: loss_of([w, w, w], *arguments), bounds=(0, 10), options={"xatol": 1e-6})
    assert head.weights.tolist() == [head.weights[0]] * 3
    assert head.weights[0] == pytest.approx(searched.x, abs=5e-3)
    assert loss_of(learnt.weights.double().numpy(), *arguments) <= searched.fun + 1e-6

    parts = x.split(widths, dim=1)
    of_ridges = [ridge(part) for ridge, part in zip(learnt.ridges, parts, strict=True)]
    for found, each in ((head.held_out, held_out), (head(x), of_ridges)):
        logs = head.weights[0].item() * sum(np.log(np.maximum(np.asarray(p, float), 1e-6)) for p in each)
        np.testing.assert_allclose(found, np.exp(log_softmax(logs, axis=1)), atol=1e-5)


def test_equal_weights_ignore_which_block_fits_the_training_events_best():
    x, y, groups = events((3.0, 0.0), (10, 50), n_events=30)
    learnt = Stack(60, 3, blocks=[10, 50]).fit(x, y, groups)
    equal = Stack(60, 3, blocks=[10, 50], weighting="equal").fit(x, y, groups)
    assert learnt.weights[0] > 5 * learnt.weights[1]
    assert equal.weights[0] == equal.weights[1] > 0
    for buffer in ("coefficients", "temperature"):
        for one, other in zip(learnt.ridges, equal.ridges, strict=True):
            assert torch.equal(one.get_buffer(buffer), other.get_buffer(buffer))
    alone = [Stack(60, 3, weighting=weighting).fit(x, y, groups).weights for weighting in ("learnt", "equal")]
    torch.testing.assert_close(*alone)


@pytest.mark.parametrize("seed", range(6))
def test_a_block_of_noise_gets_a_small_weight(seed):
    # The ridge of the noise has a temperature of hundreds, so that a weight of hundreds may fit best by chance.
    x, y, groups = events((3.0, 0.0), (10, 200), n_events=30, seed=seed)
    head = Stack(210, 3, blocks=[10, 200]).fit(x, y, groups)
    assert head.weights[0] > 0.8
    assert 0 <= head.weights[1] < 0.1


def test_blocks_with_independent_errors_gain_certainty_and_copies_share_their_weight():
    x, y, groups = events((2.0, 2.0), (10, 10), n_events=30)
    assert Stack(20, 3, blocks=[10, 10]).fit(x, y, groups).weights.sum() > 1.3
    twice = Stack(20, 3, blocks=[10, 10]).fit(x[:, :10].repeat(1, 2), y, groups)
    torch.testing.assert_close(twice.weights, torch.tensor([0.5, 0.5]), rtol=0, atol=1e-2)


@pytest.mark.parametrize("n_features", [6, 120])
def test_one_block_is_a_ridge(n_features):
    x, y, groups = events((1.5,), (n_features,))
    head, ridge = Stack(n_features, 3).fit(x, y, groups), Ridge(n_features, 3).fit(x, y, groups)
    assert head.blocks == [n_features]
    assert head.weights.item() == pytest.approx(1, abs=1e-2)
    torch.testing.assert_close(head(x), ridge(x), rtol=0, atol=2e-3)
    np.testing.assert_allclose(head.held_out, ridge.held_out, atol=2e-3)


def test_held_out_probabilities_are_calibrated_for_new_events():
    x, y, groups = events((2.0, 2.0), (10, 50), n_events=30)
    new, new_y, _ = events((2.0, 2.0), (10, 50), n_events=100, noise=1)
    head = Stack(60, 3, blocks=[10, 50]).fit(x, y, groups)
    pooled = head(new)
    torch.testing.assert_close(pooled.sum(dim=1), torch.ones(len(new)))
    assert head.held_out.dtype == np.float32
    assert head.held_out.shape == (len(x), 3)

    def log_loss(p, y):
        return -np.log(np.asarray(p)[np.arange(len(y)), y]).mean()

    assert log_loss(head.held_out, y) == pytest.approx(log_loss(pooled, new_y), abs=0.1)
    parts = new.split([10, 50], dim=1)
    assert log_loss(pooled, new_y) < min(log_loss(r(p), new_y) for r, p in zip(head.ridges, parts, strict=True)) - 0.05


def test_certainty_beyond_float32_is_neither_infinite_nor_nan():
    x, y, groups = events((200.0, 1.0), n_events=300)
    head = Stack(56, 3, blocks=[6, 50]).fit(x, y, groups)
    far = head(1e6 * x)
    assert (head.ridges[0](1e6 * x[:, :6]) == 0).any()
    for probabilities in (far, head(x), torch.from_numpy(head.held_out)):
        assert torch.isfinite(probabilities).all()
        torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(len(x)))
    assert torch.isfinite(head.weights).all()


def test_a_constant_block_has_no_influence():
    x, y, groups = events((2.0,), (6,))
    head = Stack(8, 3, blocks=[6, 2]).fit(torch.column_stack([x, torch.ones(len(x), 2)]), y, groups)
    unmoved = head(torch.column_stack([x, torch.ones(len(x), 2)]))
    torch.testing.assert_close(unmoved, Ridge(6, 3).fit(x, y, groups)(x), rtol=0, atol=0.02)


def test_a_file_gives_the_same_head_as_an_array(monkeypatch):
    monkeypatch.setattr("seisbench_lcl.heads.stack._ROWS", 7)
    widths = [6, 120]
    x, y, groups = events(widths=widths)
    new = events(widths=widths, noise=1)
    rows, new_rows = RowFile(126), RowFile(126)
    rows.extend(x.numpy())
    new_rows.extend(new[0].numpy())
    whole, streamed = (Stack(126, 3, blocks=widths).fit(features, y, groups) for features in (x, rows))
    for _ in range(2):  # fitted, then fine-tuned
        for name, buffer in whole.state_dict().items():
            torch.testing.assert_close(streamed.state_dict()[name], buffer, rtol=0, atol=0)
        np.testing.assert_array_equal(streamed.held_out, whole.held_out)
        whole.fine_tune(*new)
        streamed.fine_tune(new_rows, *new[1:])


@pytest.mark.parametrize("weighting", ["learnt", "equal"])
def test_state_and_config_make_the_same_head(weighting):
    x, y, groups = events()
    given = {"blocks": [6, 50], "weighting": weighting, "alphas": [1, 100], "class_weight": {0: 3.0, 2: 0.5}}
    head = Stack(56, 3, **given).fit(x, y, groups)
    assert head.config() == given
    again = Stack(56, 3, **json.loads(json.dumps(head.config())))
    assert again.config() == head.config()
    again.load_state_dict(head.state_dict())
    assert torch.equal(again(x), head(x))
    assert again.held_out is None
    assert head.config_of([2, 1]) == head.config() | {"class_weight": {0: 0.5}}
    Stack(56, 2, **head.config_of([2, 1]))


@pytest.mark.parametrize("weighting", ["learnt", "equal"])
def test_fine_tuning_adapts_each_ridge_and_keeps_the_weights(weighting):
    x, y, groups = events((2.0, 1.5), n_events=20)
    there = events((2.0, 1.5), n_events=8, classes=(0, 2), noise=1)
    moved = there[0] + 0.7, *there[1:]  # class 1 does not occur
    head = Stack(56, 3, blocks=[6, 50], weighting=weighting).fit(x, y, groups)
    alone, weights = copy.deepcopy(head.ridges), head.weights.clone()
    head.fine_tune(*moved)
    assert torch.equal(head.weights, weights)
    for ridge, expected, part in zip(head.ridges, alone, moved[0].split([6, 50], dim=1), strict=True):
        expected.fine_tune(part, *moved[1:])
        for name, buffer in expected.state_dict().items():
            assert torch.equal(ridge.get_buffer(name), buffer)
    assert head.held_out.shape == (len(moved[0]), 3)
    logs = sum(w * np.log(ridge.held_out.astype(float)) for w, ridge in zip(weights.numpy(), alone, strict=True))
    np.testing.assert_allclose(head.held_out, np.exp(log_softmax(logs, axis=1)), atol=1e-5)


@pytest.mark.parametrize("blocks", [[], [6], [6, 5], [10, 0], [12, -2]])
def test_blocks_that_are_not_the_features_are_refused(blocks):
    with pytest.raises(ConfigurationError, match=r"sum to the 10 features of a row, but are \["):
        Stack(10, 3, blocks=blocks)


def test_invalid_arguments_and_data_are_refused():
    x, y, groups = events()
    head = Stack(56, 3, blocks=[6, 50])
    for call in (lambda: head(x), lambda: head.fine_tune(x, y, groups)):
        with pytest.raises(NotFittedError, match=r"Stack is not fitted: call fit\(features, labels\) first"):
            call()
    with pytest.raises(ConfigurationError, match="class_weight must be"):
        Stack(10, 3, class_weight="even")
    with pytest.raises(ConfigurationError, match="alphas must be"):
        Stack(10, 3, alphas=[])
    with pytest.raises(ConfigurationError, match="weighting must be one of learnt, equal, but is 'even'"):
        Stack(10, 3, weighting="even")
    head.fit(x, y, groups)
    before, held_out = copy.deepcopy(head.state_dict()), head.held_out
    for learn in (head.fit, head.fine_tune):
        with pytest.raises(TrainingError, match="class 1 has a single event"):
            learn(x, y, torch.where(y == 1, 777, groups))
    assert head.held_out is held_out
    assert all(torch.equal(buffer, before[name]) for name, buffer in head.state_dict().items())
