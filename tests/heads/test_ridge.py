import copy
import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from scipy.special import log_softmax
from sklearn.linear_model import RidgeClassifierCV

from seisbench_lcl.errors import ConfigurationError, NotFittedError, TrainingError, WindowError
from seisbench_lcl.heads import Ridge
from seisbench_lcl.heads.ridge import DEFAULT_ALPHAS
from seisbench_lcl.storage.rows import RowFile


def clouds(counts, n_features=20, distance=1.0, seed=0):
    """Gaussian clouds of float32 features around class centres, classes in turn, and events of one to four rows."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    centres = distance * rng.normal(size=(len(counts), n_features))
    x = centres[y] + rng.normal(size=(len(y), n_features))
    groups = np.empty(len(y), dtype=int)
    for k in range(len(counts)):
        rows = np.flatnonzero(y == k)
        groups[rows] = 1000 * k + np.repeat(np.arange(len(rows)), rng.integers(1, 5, len(rows)))[: len(rows)]
    return torch.from_numpy(x.astype(np.float32)), torch.from_numpy(y), torch.from_numpy(groups)


def standardise(x, weights):
    x = x.double().numpy()
    mean = np.average(x, axis=0, weights=weights)
    return (x - mean) / np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weights))


def loss_of_temperatures(held_out, fitted_temperature, y, weights, n_events, temperatures, prior=None):
    """Weighted log loss of softmax(scores / T) against targets smoothed by one event a class, or by a prior."""
    n_classes = held_out.shape[1]
    losses = []
    for temperature in temperatures:
        log_p = log_softmax(np.log(held_out.astype(float)) * fitted_temperature / temperature, axis=1)
        loss = 0.0
        for i, (row, k, weight) in enumerate(zip(log_p, y, weights, strict=True)):
            for j in range(n_classes):
                share = 1 if prior is None else n_classes * prior[i, j]
                loss -= weight * ((j == k) * n_events + share) / (n_events + n_classes) * row[j]
        losses.append(loss)
    return np.array(losses)


@pytest.mark.parametrize("n_features", [8, 150])
@pytest.mark.parametrize("counts", [(40, 60), (30, 50, 40)])
@pytest.mark.parametrize("distance", [0.1, 0.5, 2.0])
def test_alpha_and_decisions_are_those_of_scikit_learn(n_features, counts, distance):
    x, y, _ = clouds(counts, n_features, distance)
    head = Ridge(n_features, len(counts), class_weight=None).fit(x[:90], y[:90])
    theirs = RidgeClassifierCV(alphas=DEFAULT_ALPHAS)
    weights = np.zeros(len(x))
    weights[:90] = 1
    z = standardise(x, weights)
    theirs.fit(z[:90], y[:90].numpy())
    assert head.alpha.item() == pytest.approx(theirs.alpha_)
    np.testing.assert_array_equal(head(x).argmax(dim=1).numpy(), theirs.predict(z))
    scores = theirs.decision_function(z)
    scores = np.column_stack([-scores, scores]) if len(counts) == 2 else scores
    np.testing.assert_allclose(head.scores(x).numpy(), scores, atol=1e-4)


@pytest.mark.parametrize("n_features", [10, 90])
@pytest.mark.parametrize("class_weight", ["balanced", None, {0: 3.0, 2: 0.5}])
def test_penalty_and_held_out_probabilities_equal_refits_without_each_event(n_features, class_weight):
    x, y, groups = clouds((15, 30, 25), n_features, 0.5)
    head = Ridge(n_features, 3, class_weight=class_weight).fit(x, y, groups)

    frequency = np.bincount(y) / len(y)
    per_class = {"balanced": 1 / (3 * frequency), None: np.ones(3)}.get(
        class_weight if not isinstance(class_weight, dict) else "", np.array([3.0, 1.0, 0.5])
    )
    weights = per_class[y]
    weights = weights / weights.mean()
    z, targets = standardise(x, weights), np.where(y.numpy()[:, None] == np.arange(3), 1.0, -1.0)
    design = np.column_stack([z, np.ones(len(z))])
    losses, predictions = [], []
    for alpha in DEFAULT_ALPHAS:
        held_out = np.empty_like(targets)
        for group in np.unique(groups):
            inside = groups.numpy() == group
            a, w = design[~inside], weights[~inside, None]
            penalty = np.diag([alpha] * n_features + [0.0])
            held_out[inside] = design[inside] @ np.linalg.solve(a.T @ (w * a) + penalty, a.T @ (w * targets[~inside]))
        losses.append((weights[:, None] * (targets - held_out) ** 2).sum())
        predictions.append(held_out)
    best = int(np.argmin(losses))
    assert head.alpha.item() == pytest.approx(DEFAULT_ALPHAS[best])
    temperature = head.temperature.item()
    np.testing.assert_allclose(head.held_out, np.exp(log_softmax(predictions[best] / temperature, axis=1)), atol=1e-5)

    # No temperature does better: the loss has one minimum, and the fitted one lies there.
    around = temperature * np.exp(np.linspace(-8, 8, 401))
    n_events = len(np.unique(groups))
    losses = loss_of_temperatures(head.held_out, temperature, y.numpy(), weights, n_events, around)
    assert losses[200] <= losses.min() * (1 + 1e-6)


def test_rows_without_groups_are_separate_events():
    x, y, _ = clouds((20, 30))
    alone, apart = Ridge(20, 2).fit(x, y), Ridge(20, 2).fit(x, y, torch.arange(50).flip(0) * 3)
    np.testing.assert_array_equal(alone.held_out, apart.held_out)
    assert torch.equal(alone(x), apart(x))


def test_windows_of_one_event_are_held_out_together():
    # Each event is several copies of one row: if copies remained in training, held-out scores would look perfect.
    x, y, _ = clouds((12, 12), 200, distance=0)
    x, y, groups = x.repeat_interleave(4, dim=0), y.repeat_interleave(4), torch.arange(24).repeat_interleave(4)
    leaky, honest = Ridge(200, 2).fit(x, y), Ridge(200, 2).fit(x, y, groups)

    def accuracy(head):
        return (head.held_out.argmax(axis=1) == y.numpy()).mean()

    assert accuracy(leaky) == 1
    assert accuracy(honest) < 0.75
    assert honest(x).max() < leaky(x).max()


def test_balanced_classes_have_equal_weight_as_with_a_mapping():
    x, y, groups = clouds((10, 80), distance=0.3)
    balanced = Ridge(20, 2).fit(x, y, groups)
    mapped = Ridge(20, 2, class_weight={0: 90 / 20, 1: 90 / 160}).fit(x, y, groups)
    torch.testing.assert_close(mapped(x), balanced(x))
    np.testing.assert_allclose(mapped.held_out, balanced.held_out, atol=1e-5)
    plain = Ridge(20, 2, class_weight=None).fit(x, y, groups)
    assert balanced(x).mean(dim=0)[0] > 1.5 * plain(x).mean(dim=0)[0]

    # Constant features leave the class frequencies.
    nothing = torch.zeros_like(x)
    even, skewed = Ridge(20, 2).fit(nothing, y, groups), Ridge(20, 2, class_weight=None).fit(nothing, y, groups)
    torch.testing.assert_close(even(x), torch.full((90, 2), 0.5))
    torch.testing.assert_close(skewed(x), torch.tensor([1 / 9, 8 / 9]).expand(90, 2), rtol=0, atol=0.03)


@pytest.mark.parametrize("n", [2, 5, 500])
def test_few_events_with_perfect_separation_do_not_give_certainty(n):
    x = torch.tensor([[-1.0], [1.0]]).repeat(n, 1)
    y = torch.tensor([0, 1]).repeat(n)
    probabilities = Ridge(1, 2).fit(x, y)(x)
    n_events = 2 * n
    assert (probabilities.argmax(dim=1) == y).all()
    # All scores are equal here, so the best temperature gives the smoothed target itself.
    assert probabilities.min().item() == pytest.approx(1 / (n_events + 2), rel=0.1)
    # Copies of the windows add no evidence.
    copies = Ridge(1, 2).fit(x.repeat(9, 1), y.repeat(9), torch.arange(2 * n).repeat(9))
    assert copies(x).min().item() == pytest.approx(1 / (n_events + 2), rel=0.1)


def test_probabilities_are_finite_float32_and_sum_to_one_even_far_away():
    x, y, groups = clouds((30, 40, 20))
    head = Ridge(20, 4).fit(x, y, groups)  # the fourth class never occurs
    far = torch.cat([x, 1e6 * x, torch.zeros(1, 20)])
    for probabilities in (head(far), head(far.double()), torch.from_numpy(head.held_out)):
        assert probabilities.dtype == torch.float32
        assert torch.isfinite(probabilities).all()
        assert (probabilities >= 0).all()
        torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(len(probabilities)))
    assert (head(x).argmax(dim=1) != 3).all()
    assert all(buffer.dtype == torch.float32 for buffer in head.state_dict().values())


def test_scale_offset_and_constants_of_features_do_not_matter():
    x, y, groups = clouds((30, 40))
    expected = Ridge(20, 2).fit(x, y, groups)
    scale = torch.logspace(-12, 6, 20)
    other = torch.cat([x * scale + 3 * scale, torch.tensor([[0.0, 0.1, -1e9]]).repeat(70, 1)], dim=1)
    head = Ridge(23, 2).fit(other, y, groups)
    torch.testing.assert_close(head(other), expected(x), rtol=0, atol=1e-4)
    torch.testing.assert_close(head.alpha, expected.alpha)
    torch.testing.assert_close(head.coefficients[:, 20:], torch.zeros(2, 3), rtol=0, atol=1e-6)


@pytest.mark.parametrize("class_weight", ["balanced", None, {0: 2.0, 1: 0.25}])
def test_a_fitted_head_survives_saving(tmp_path, class_weight):
    x, y, groups = clouds((30, 40))
    head = Ridge(20, 2, alphas=np.logspace(0, 2, 3), class_weight=class_weight).fit(x, y, groups)
    config = json.loads(json.dumps(head.config()))  # which turns the keys of a mapping into strings
    save_file(head.state_dict(), tmp_path / "head.safetensors")
    loaded = Ridge(head.n_features, head.n_classes, **config)
    assert loaded.config() == head.config() == {"alphas": [1, 10, 100], "class_weight": class_weight}
    loaded.load_state_dict(load_file(tmp_path / "head.safetensors"))
    for other in (loaded, copy.deepcopy(head), loaded.fit(x, y, groups)):
        assert torch.equal(other(x), head(x))


@pytest.mark.parametrize("alphas", [[], [1.0, 0.0], [-1.0], [torch.nan], [torch.inf]])
def test_penalties_must_be_positive(alphas):
    with pytest.raises(ConfigurationError, match="one or more positive penalties"):
        Ridge(5, 2, alphas=alphas)


@pytest.mark.parametrize(
    "class_weight", ["balance", {"earthquake": 2.0}, {2: 1.0}, {-1: 1.0}, {0: 0.0}, {0: -1.0}, {0: torch.nan}, [1, 2]]
)
def test_invalid_class_weights_are_refused(class_weight):
    with pytest.raises(ConfigurationError, match=r"mapping from class index \(0 to 1\) to a positive weight, but is"):
        Ridge(5, 2, class_weight=class_weight)


def test_invalid_data_are_refused():
    x, y, groups = clouds((5, 6), 5)
    head = Ridge(5, 2)
    with pytest.raises(NotFittedError, match=r"Ridge is not fitted: call fit\(features, labels\) first"):
        head(x)
    with pytest.raises(TrainingError, match="learns from labels"):
        head.fit(x)
    with pytest.raises(TrainingError, match="11 rows of features came with 10 labels"):
        head.fit(x, y[:-1])
    with pytest.raises(TrainingError, match=r"of at least two classes, but hold \[1\]"):
        head.fit(x, torch.ones_like(y))
    with pytest.raises(TrainingError, match="class 1 has a single event"):
        head.fit(x, y, torch.where(y == 1, 77, groups))
    with pytest.raises(TrainingError, match="class 0 has a single event"):
        head.fit(x[y.argsort()][4:], y[y.argsort()][4:])
    with pytest.raises(NotFittedError):  # none of these left a partial fit
        head(x)


@pytest.fixture(scope="module")
def fitted():
    """Return a function that fits a head once for each number of features."""
    heads = {n: Ridge(n, 3).fit(*region(n, n_events=60)) for n in (10, 90)}
    return lambda n_features: copy.deepcopy(heads[n_features])


def region(n_features, n_events=6, turned=0.0, offset=0.0, classes=(0, 1, 2), seed=0, place=0):
    """Events of two rows; another place has turned class centres and an offset relative to place 0."""
    rng, there = np.random.default_rng([seed, place, 1]), np.random.default_rng([place, 2])
    centres = np.random.default_rng(0).normal(size=(3, n_features)) + turned * there.normal(size=(3, n_features))
    centres = 3 * centres / np.sqrt(n_features) + offset * there.normal(size=n_features)
    y = np.repeat(rng.permutation(np.repeat(classes, n_events)), 2)
    groups = np.repeat(np.arange(len(y) // 2), 2)
    x = centres[y] + rng.normal(size=(len(y) // 2, n_features))[groups] + 0.5 * rng.normal(size=(len(y), n_features))
    return torch.from_numpy(x.astype(np.float32)), torch.from_numpy(y), torch.from_numpy(groups)


def shrunk_towards(start, a, w, y, alpha):
    """Minimise the weighted squares + α ‖β − β₀‖² of (F + 1, K) coefficients, the last of them free intercepts."""
    if alpha == np.inf:
        return np.vstack([start[:-1], np.average(y - a[:, :-1] @ start[:-1], axis=0, weights=w)])
    penalty = np.diag([alpha] * (len(start) - 1) + [0.0])
    return np.linalg.solve(a.T @ (w[:, None] * a) + penalty, a.T @ (w[:, None] * y) + penalty @ start)


@pytest.mark.parametrize("n_features", [10, 90])
@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 2: 0.5}])
@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        ({"n_events": 2, "place": 1}, "as it is"),
        ({"n_events": 3, "place": 4, "offset": 0.8}, "intercepts"),
        ({"n_events": 15, "place": 1, "turned": 1.0}, "coefficients"),
    ],
)
def test_fine_tuning_equals_a_search_by_refits_without_each_event(fitted, n_features, class_weight, there, chosen):
    x, y, groups = region(n_features, **there)
    before = fitted(n_features)
    before.class_weight = class_weight
    head = copy.deepcopy(before).fine_tune(x, y, groups)

    weights = np.ones(3) if class_weight == "balanced" else np.array([3.0, 1.0, 0.5])  # classes are as frequent
    weights = weights[y]
    weights = weights / weights.mean()
    a = np.column_stack([(x.double() - before.mean) / before.scale, np.ones(len(x))])
    targets = np.where(y.numpy()[:, None] == np.arange(3), 1.0, -1.0)
    start = torch.column_stack([before.coefficients, before.intercepts]).double().numpy().T
    candidates = ["as it is", np.inf, *DEFAULT_ALPHAS]
    losses, predictions = [], []
    for alpha in candidates:
        held_out = np.empty_like(targets)
        for group in np.unique(groups):
            inside = groups.numpy() == group
            model = start
            if alpha != "as it is":
                model = shrunk_towards(start, a[~inside], weights[~inside], targets[~inside], alpha)
            held_out[inside] = a[inside] @ model
        losses.append((weights[:, None] * (targets - held_out) ** 2).sum())
        predictions.append(held_out)
    best = int(np.argmin(losses))
    assert ["as it is", "intercepts", "coefficients"][min(best, 2)] == chosen
    expected = start if best == 0 else shrunk_towards(start, a, weights, targets, candidates[best])
    assert head.alpha.item() == pytest.approx(min(np.inf if best == 0 else candidates[best], np.finfo(np.float32).max))
    np.testing.assert_allclose(head.coefficients.T, expected[:-1], atol=1e-5)
    np.testing.assert_allclose(head.intercepts, expected[-1], atol=1e-5)
    np.testing.assert_allclose(head.scores(x), a @ expected, atol=1e-4)
    assert torch.equal(head.mean, before.mean)
    assert torch.equal(head.scale, before.scale)
    if best == 0:
        assert torch.equal(head.intercepts, before.intercepts)

    temperature = head.temperature.item()
    np.testing.assert_allclose(head.held_out, np.exp(log_softmax(predictions[best] / temperature, axis=1)), atol=1e-5)
    around = temperature * np.exp(np.linspace(-8, 8, 401))
    prior, n_events = before(x).double().numpy(), len(np.unique(groups))
    losses = loss_of_temperatures(head.held_out, temperature, y.numpy(), weights, n_events, around, prior)
    assert losses[200] <= losses.min() * (1 + 1e-6)


@pytest.mark.parametrize("n_features", [10, 90])
def test_penalties_range_from_pretrained_coefficients_to_a_new_fit(fitted, n_features):
    # Classes are exchanged, so that the smallest shrinkage is best.
    x, y, groups = region(n_features, n_events=40)
    before, swapped = fitted(n_features), (y + 1) % 3
    distances = []
    for alpha in [1e-4, 1.0, 1e2, 1e4, 1e30]:
        head = fitted(n_features)
        head.alphas = [alpha]
        head.fine_tune(x, swapped, groups)
        distances.append((head.coefficients - before.coefficients).norm().item())
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] == 0

    free, scratch = fitted(n_features), Ridge(n_features, 3, alphas=[1e-4]).fit(x, swapped, groups)
    free.alphas = [1e-4]
    free.fine_tune(x, swapped, groups)
    assert free.alpha.item() == pytest.approx(1e-4)
    torch.testing.assert_close(free.scores(x), scratch.scores(x), rtol=0, atol=1e-3)


@pytest.mark.parametrize("n_features", [10, 90])
def test_fine_tuning_on_the_data_of_the_pretraining_keeps_its_decisions(fitted, n_features):
    x, y, groups = region(n_features, n_events=60)
    before = fitted(n_features)
    head = copy.deepcopy(before).fine_tune(x, y, groups)
    assert torch.equal(head(x).argmax(dim=1), before(x).argmax(dim=1))


@pytest.mark.parametrize(("n_features", "turned"), [(10, 0.6), (90, 1.0)])
def test_fine_tuning_on_a_few_events_beats_the_old_head_and_a_new_fit(fitted, n_features, turned):
    accuracy = []
    for place in range(1, 9):
        there = {"n_features": n_features, "turned": turned, "offset": 0.3, "place": place}
        few, many = region(n_events=4, seed=1, **there), region(n_events=100, seed=2, **there)
        heads = fitted(n_features), Ridge(n_features, 3).fit(*few), fitted(n_features).fine_tune(*few)
        accuracy.append([(head(many[0]).argmax(dim=1) == many[1]).float().mean().item() for head in heads])
    as_it_is, scratch, fine_tuned = np.mean(accuracy, axis=0)
    assert fine_tuned > max(as_it_is, scratch) + 0.01


@pytest.mark.parametrize("n_features", [10, 90])
def test_a_class_without_events_keeps_its_regression(fitted, n_features):
    x, y, groups = region(n_features, 15, turned=1.0, offset=1.0, classes=(0, 2, 2), place=1)
    before = fitted(n_features)
    head = fitted(n_features).fine_tune(x, y, groups)
    for buffer, original in ((head.coefficients, before.coefficients), (head.intercepts, before.intercepts)):
        assert torch.equal(buffer[1], original[1])
        assert not torch.equal(buffer[0], original[0])
        assert not torch.equal(buffer[2], original[2])
    assert head.held_out.shape == (90, 3)
    # Balance covers only the classes present, which learn as if the model had no others.
    mapped, pair = fitted(n_features), Ridge(n_features, 2)
    mapped.class_weight = {0: 90 / 60, 2: 90 / 120}
    for name, buffer in before.state_dict().items():
        pair.get_buffer(name).copy_(buffer[[0, 2]] if name in ("coefficients", "intercepts") else buffer)
    mapped.fine_tune(x, y, groups)
    pair.fine_tune(x, y // 2, groups)
    torch.testing.assert_close(mapped(x), head(x))
    torch.testing.assert_close(pair.scores(x), head.scores(x)[:, [0, 2]])
    torch.testing.assert_close(pair.alpha, head.alpha)


@pytest.mark.parametrize("n_features", [10, 90])
def test_fine_tuning_reads_a_file(fitted, n_features):
    x, y, groups = region(n_features, 15, turned=1.0, place=1)
    rows = RowFile(n_features)
    rows.extend(x.numpy())
    whole, streamed = (fitted(n_features).fine_tune(features, y, groups) for features in (x, rows))
    for name, buffer in whole.state_dict().items():
        assert torch.equal(streamed.get_buffer(name), buffer)
    np.testing.assert_array_equal(streamed.held_out, whole.held_out)


def test_features_constant_in_pretraining_get_no_influence():
    x, y, groups = region(10, 20)
    new, new_y, new_groups = region(10, turned=1.0, place=1)
    head = Ridge(11, 3).fit(torch.column_stack([x, torch.full((len(x),), 3.0)]), y, groups)
    expected = Ridge(10, 3).fit(x, y, groups).fine_tune(new, new_y, new_groups)
    telling = torch.column_stack([new, 3 + 5 * new_y])
    head.fine_tune(telling, new_y, new_groups)
    torch.testing.assert_close(head(telling), expected(new), rtol=0, atol=1e-5)


def test_rows_without_groups_are_separate_events_in_fine_tuning(fitted):
    x, y, _ = region(10, turned=1.0, place=1)
    alone, apart = fitted(10).fine_tune(x, y), fitted(10).fine_tune(x, y, torch.arange(len(y)).flip(0) * 3)
    assert torch.equal(alone(x), apart(x))


def test_an_invalid_region_does_not_change_the_head(fitted):
    x, y, groups = region(10)
    with pytest.raises(NotFittedError, match=r"fit\(features, labels\) first"):
        Ridge(10, 3).fine_tune(x, y, groups)
    head = fitted(10)
    before, held_out = copy.deepcopy(head.state_dict()), head.held_out
    with pytest.raises(TrainingError, match="class 1 has a single event"):
        head.fine_tune(x, y, torch.where(y == 1, 77, groups))
    with pytest.raises(TrainingError, match=r"of at least two classes, but hold \[1\]"):
        head.fine_tune(x, torch.ones_like(y), groups)
    with pytest.raises(TrainingError, match="36 rows of features came with 35 labels"):
        head.fine_tune(x, y[:-1], groups)
    with pytest.raises(WindowError, match="NaN or infinite"):
        head.fine_tune(torch.full_like(x, torch.nan), y, groups)
    assert head.held_out is held_out
    assert all(torch.equal(head.get_buffer(name), buffer) for name, buffer in before.items())


@pytest.mark.parametrize("n_features", [10, 90])
def test_a_handful_of_events_hardly_changes_the_probabilities(fitted, n_features):
    losses = []
    for seed in range(1, 9):
        few, (x, y, _) = region(n_features, 2, seed=seed), region(n_features, 100, seed=100)
        heads = fitted(n_features), fitted(n_features).fine_tune(*few)
        losses.append([-head(x).log()[torch.arange(len(y)), y].mean().item() for head in heads])
    before, after = np.mean(losses, axis=0)
    assert after < before + 0.05
