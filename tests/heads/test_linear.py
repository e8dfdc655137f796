import copy
import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from torch import nn

import seisbench_lcl as lcl
from seisbench_lcl.errors import ConfigurationError, NotFittedError, TrainingError, WindowError
from seisbench_lcl.extractors import FeatureExtractor, MiniRocket, Raw, ResNet18Encoder
from seisbench_lcl.heads import Linear
from seisbench_lcl.heads.linear import _folds
from seisbench_lcl.optim.recipe import TrainingRecipe, Tuning
from seisbench_lcl.storage.rows import RowFile


def clouds(counts, n_features=12, distance=0.7, seed=0):
    """Gaussian clouds of float32 features around class centres, in events of one to four rows."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    centres = distance * rng.normal(size=(len(counts), n_features))
    x = centres[y] + rng.normal(size=(len(y), n_features))
    groups = np.empty(len(y), dtype=int)
    for k in range(len(counts)):
        rows = np.flatnonzero(y == k)
        groups[rows] = 1000 * k + np.repeat(np.arange(len(rows)), rng.integers(1, 5, len(rows)))[: len(rows)]
    return torch.from_numpy(x.astype(np.float32)), torch.from_numpy(y), torch.from_numpy(groups)


def balanced(y, groups):
    """Weights of mean 1: classes have the same sum, and so have the events of a class, and the rows of an event."""
    weights = np.zeros(len(y))
    for k in np.unique(y):
        events = np.unique(groups[y == k])
        for event in events:
            rows = (groups == event) & (y == k)
            weights[rows] = len(y) / len(np.unique(y)) / len(events) / rows.sum()
    return weights


def regressed(x, y, weights, n_classes, penalty):
    """Minimise Σ wᵢ loss + penalty/2 ‖W‖²; two classes have one set of coefficients, the log-odds of the second."""
    columns = 1 if n_classes == 2 else n_classes

    def unpacked(parameters):
        coefficients = parameters.reshape(columns, x.shape[1] + 1)
        scores = x @ coefficients[:, :-1].T + coefficients[:, -1]
        return coefficients, np.hstack([-scores / 2, scores / 2]) if columns == 1 else scores

    def loss_and_slope(parameters):
        coefficients, scores = unpacked(parameters)
        loss = (
            -weights @ log_softmax(scores, axis=1)[np.arange(len(y)), y]
            + penalty / 2 * (coefficients[:, :-1] ** 2).sum()
        )
        error = weights[:, None] * (softmax(scores, axis=1) - (y[:, None] == np.arange(n_classes)))
        error = error[:, 1:] if columns == 1 else error
        slope = np.hstack([error.T @ x + penalty * coefficients[:, :-1], error.sum(axis=0)[:, None]])
        return loss, slope.ravel()

    found = minimize(
        loss_and_slope, np.zeros(columns * (x.shape[1] + 1)), jac=True, options={"gtol": 1e-8, "maxiter": 10_000}
    ).x

    def scores(z):
        coefficients = found.reshape(columns, -1)
        s = z @ coefficients[:, :-1].T + coefficients[:, -1]
        return np.hstack([-s / 2, s / 2]) if columns == 1 else s

    return scores


def standardised(x):
    x = x.double().numpy()
    return (x - x.mean(axis=0)) / x.std(axis=0)


def loss_of_temperatures(held_out, fitted, y, weights, n_events, prior=None):
    """Log loss at temperatures around the fitted one, against targets of Platt; the fitted one is in the middle."""
    n_classes, losses = held_out.shape[1], []
    prior = np.full(held_out.shape, 1 / n_classes) if prior is None else prior
    for temperature in fitted * np.exp(np.linspace(-3, 3, 121)):
        log_p = log_softmax(np.log(held_out.astype(float)) * fitted / temperature, axis=1)
        loss = 0.0
        for row, k, weight, known in zip(log_p, y, weights, prior, strict=True):
            target = (n_events * (k == np.arange(n_classes)) + n_classes * known) / (n_events + n_classes)
            loss -= weight * (target * row).sum()
        losses.append(loss)
    return np.array(losses)


def proba(head, x):
    with torch.no_grad():
        return head(x).numpy()


# On fixed features ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", [0.5, 100.0])
@pytest.mark.parametrize("counts", [(40, 70), (30, 50, 40)])
def test_logits_and_held_out_probabilities_are_those_of_the_regression_written_out(counts, penalty):
    x, y, groups = clouds(counts)
    head = Linear(12, len(counts), penalty=penalty).fit(x, y, groups)
    z, truth, weights = standardised(x), y.numpy(), balanced(y.numpy(), groups.numpy())
    scores = regressed(z, truth, weights, len(counts), penalty)
    temperature = head.temperature.item()
    np.testing.assert_allclose(proba(head, x), softmax(scores(z) / temperature, axis=1), atol=5e-3)

    held_out, fold = np.empty((len(x), len(counts))), _folds(y, groups)
    for k in range(5):
        test = fold == k
        assert not set(groups.numpy()[test]) & set(groups.numpy()[~test])
        held_out[test] = regressed(z[~test], truth[~test], weights[~test], len(counts), penalty)(z[test])
    np.testing.assert_allclose(head.held_out, softmax(held_out / temperature, axis=1), atol=5e-3)

    losses = loss_of_temperatures(head.held_out, temperature, truth, weights, len(np.unique(groups)))
    assert losses[60] <= losses.min() * (1 + 1e-6)
    assert head.logits(x).argmax(dim=1).equal(torch.from_numpy(proba(head, x)).argmax(dim=1))


@given(seed=st.integers(0, 10**6), counts=st.lists(st.integers(8, 30), min_size=2, max_size=4))
def test_folds_have_whole_events_and_an_even_share_of_every_class(seed, counts):
    _, y, groups = clouds(counts, 1, seed=seed)
    fold = _folds(y, groups)
    for k in range(len(counts)):
        dealt = [len(np.unique(groups[(y == k) & (torch.from_numpy(fold) == f)])) for f in range(fold.max() + 1)]
        assert min(dealt) >= 1
        assert max(dealt) - min(dealt) <= 1
    fewest = min(len(torch.unique(groups[y == k])) for k in range(len(counts)))
    assert fold.max() + 1 == min(5, fewest)
    assert all(len(np.unique(fold[groups.numpy() == event])) == 1 for event in np.unique(groups))


def test_windows_of_one_event_are_held_out_together():
    # Each event is several copies of one row: if copies remained in training, held-out scores would look perfect.
    x, y, _ = clouds((12, 12), 200, distance=0)
    x, y, groups = x.repeat_interleave(4, dim=0), y.repeat_interleave(4), torch.arange(24).repeat_interleave(4)
    leaky, honest = (Linear(200, 2, penalty=1.0).fit(x, y, events) for events in (None, groups))
    assert (leaky.held_out.argmax(axis=1) == y.numpy()).mean() > 0.9
    assert (honest.held_out.argmax(axis=1) == y.numpy()).mean() < 0.75
    assert proba(honest, x).max() < proba(leaky, x).max()


def test_rows_without_groups_are_separate_events():
    x, y, _ = clouds((20, 30))
    alone, apart = Linear(12, 2).fit(x, y), Linear(12, 2).fit(x, y, torch.arange(50) * 3)
    np.testing.assert_array_equal(alone.held_out, apart.held_out)
    np.testing.assert_array_equal(proba(alone, x), proba(apart, x))


def test_constant_features_give_equal_probabilities():
    _, y, groups = clouds((10, 60, 30))
    np.testing.assert_allclose(
        proba(Linear(4, 3).fit(torch.ones(100, 4), y, groups), torch.rand(5, 4)), 1 / 3, atol=1e-3
    )


def test_neither_units_nor_offset_nor_a_constant_feature_matter():
    x, y, groups = clouds((40, 40, 30))
    expected = Linear(12, 3).fit(x, y, groups)
    units = torch.logspace(-20, 20, 12)
    moved = (x + 3) * units
    head = Linear(13, 3).fit(torch.column_stack([moved, torch.full((110,), 5.0)]), y, groups)
    np.testing.assert_allclose(
        proba(head, torch.column_stack([moved, 1000 * torch.randn(110)])), proba(expected, x), atol=1e-3
    )


@pytest.mark.parametrize("n", [2, 5, 100])
def test_few_events_with_perfect_separation_do_not_give_certainty(n):
    x, y = torch.tensor([[-1.0], [1.0]]).repeat(n, 1), torch.tensor([0, 1]).repeat(n)
    probabilities = proba(Linear(1, 2, penalty=1.0).fit(x, y), x)
    assert (probabilities.argmax(axis=1) == y.numpy()).all()
    # Held-out scores are nearly equal here, so the best temperature nearly gives the smoothed target. The fit to all
    # events is slightly more certain than the fits without a fold.
    assert 1 / 3 < probabilities.min() * (2 * n + 2) < 1.5


@pytest.mark.parametrize("n_classes", [3, 4])
def test_a_class_without_rows_has_probability_zero_and_does_not_affect_the_others(n_classes):
    x, y, groups = clouds((30, 40))
    pair = Linear(12, 2).fit(x, y, groups)
    head = Linear(12, n_classes).fit(x, 2 * y, groups)
    for found, expected in ((proba(head, x), proba(pair, x)), (head.held_out, pair.held_out)):
        np.testing.assert_allclose(found[:, [0, 2]], expected, atol=1e-6)
        assert (found[:, 1] == 0).all()
    far = torch.cat([1e8 * x, -1e8 * x])
    assert (proba(head, far)[:, 1] == 0).all()
    assert all(torch.isfinite(value).all() for value in head.state_dict().values())


def test_probabilities_are_finite_float32_and_sum_to_one_even_far_away():
    x, y, groups = clouds((30, 40, 20))
    head = Linear(12, 3).fit(x, y, groups)
    for found in (proba(head, torch.cat([x, 1e6 * x])), proba(head, x.double()), proba(head, x[:0]), head.held_out):
        assert found.dtype == np.float32
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_fitting_is_reproducible_reads_files_and_does_not_change_features():
    x, y, groups = clouds((30, 40, 20))
    before = x.clone()
    once = Linear(12, 3).fit(x, y, groups)
    again = Linear(12, 3).fit(-x, y.flip(0)).fit(x, y, groups)
    rows = RowFile(12)
    rows.extend(x.numpy())
    from_file = Linear(12, 3).fit(rows, y, groups)
    assert torch.equal(x, before)
    for key, value in once.state_dict().items():
        assert torch.equal(again.state_dict()[key], value)
        assert torch.equal(from_file.state_dict()[key], value)
    np.testing.assert_array_equal(again.held_out, once.held_out)


def test_state_and_config_go_through_files(tmp_path):
    x, y, groups = clouds((30, 40, 20))
    head = Linear(12, 3, penalty=7).fit(x, y, groups)
    save_file(head.state_dict(), tmp_path / "head.safetensors")
    again = Linear(12, 3, **json.loads(json.dumps(head.config())))
    with pytest.raises(
        NotFittedError, match=r"Linear is not fitted: call fit\(features, labels\) first, or load weights"
    ):
        again(x)
    again.load_state_dict(load_file(tmp_path / "head.safetensors"))
    np.testing.assert_array_equal(proba(again, x), proba(head, x))
    assert again.penalty == 7
    assert head.config_of([0, 2]) == {"penalty": 7}


@pytest.mark.parametrize("penalty", [0, -1.0, np.inf, np.nan])
def test_penalties_that_are_not_positive_are_refused(penalty):
    with pytest.raises(ConfigurationError, match="Linear: penalty must be positive and finite, but is"):
        Linear(3, 2, penalty=penalty)


def test_invalid_data_are_refused_and_do_not_change_the_head():
    x, y, groups = clouds((5, 6))
    fitted = Linear(12, 2).fit(x, y, groups)
    state, held_out = copy.deepcopy(fitted.state_dict()), fitted.held_out
    for arguments, error, message in (
        ((x,), TrainingError, "learns from labels"),
        ((x, y[:-1]), TrainingError, "11 rows of features came with 10 labels"),
        ((x, torch.ones_like(y)), TrainingError, r"of at least two classes, but hold \[1\]"),
        ((x, y, torch.where(y == 1, 77, groups)), TrainingError, "class 1 has a single event.*at least two events"),
        ((torch.full_like(x, torch.nan), y), WindowError, "NaN or infinite"),
        ((x[:, :3], y), WindowError, r"shape \(B, 12\), but found \(11, 3\)"),
    ):
        with pytest.raises(error, match=message):
            fitted.fit(*arguments)
    with pytest.raises(ConfigurationError, match="cannot be fine-tuned: fit it again, or use the head ridge"):
        fitted.fine_tune(x, y, groups)
    assert all(torch.equal(fitted.state_dict()[key], value) for key, value in state.items())
    assert fitted.held_out is held_out


def waves(n, seed=0, t=200):
    """Windows of 3 or 9 Hz in noise, in turn, and their events of two windows each."""
    rng = np.random.default_rng(seed)
    time, kind = np.arange(t) / 50, np.arange(n) % 2
    phase = 6.28 * np.where(kind == 0, 3, 9)[:, None, None] * time + rng.uniform(0, 6.28, (n, 3, 1))
    x = (np.sin(phase) * np.exp(-((time - 1.5) ** 2)) + 0.3 * rng.normal(size=(n, 3, t))).astype(np.float32)
    return torch.from_numpy(x), torch.from_numpy(kind), torch.from_numpy(2 * (np.arange(n) // 4) + kind)


def test_a_discriminator_of_minirocket_and_linear_learns_and_survives_saving(tmp_path):
    x, kind, events = waves(48)
    labels = np.array(["low", "high"])
    model = lcl.Discriminator(
        "minirocket", "linear", labels=labels, sampling_rate=50, in_samples=200, before=1.0,
        extractor_args={"max_features": 168}, head_args={"penalty": 30.0},
    )  # fmt: skip
    model.fit(x.numpy(), labels[kind], events.numpy())
    assert np.isfinite(model.held_out).all()
    assert (model.held_out.argmax(axis=1) == kind.numpy()).mean() > 0.9
    new, truth, _ = waves(20, seed=1)
    probabilities = model.predict_proba(new.numpy())
    assert (probabilities.argmax(axis=1) == truth.numpy()).mean() > 0.9
    model.save(tmp_path / "model")
    again = lcl.Discriminator.load(tmp_path / "model")
    assert again.head.penalty == 30
    np.testing.assert_array_equal(again.predict_proba(new.numpy()), probabilities)
    with pytest.raises(ConfigurationError, match=r"cannot be fine-tuned"):
        again.fine_tune(x.numpy(), labels[kind], events.numpy())
    with pytest.raises(ConfigurationError, match="argument 'penality'"):
        lcl.Discriminator("minirocket", "linear", labels=labels, head_args={"penality": 1})


# Together with a network ----------------------------------------------------------------------------------------------

RECIPE = {"epochs": 3, "batch_size": 16, "learning_rate": 5e-3}


@pytest.fixture(scope="module")
def trained():
    """A network and a head after a joint training; tests take copies."""
    network = ResNet18Encoder(3, 200, 50.0, width=4, **RECIPE)
    head = Linear(network.n_features, 2).fit_with(network, *waves(48))
    return lambda: copy.deepcopy((network, head))


def calibrated(head, network, y, groups, prior=None):
    """Return whether no other temperature fits the held-out events better."""
    rows = network.unseen
    weights, n_events = balanced(y[rows].numpy(), groups[rows].numpy()), len(torch.unique(groups[rows]))
    truth, temperature = y[rows].numpy(), head.temperature.item()
    losses = loss_of_temperatures(head.held_out[rows], temperature, truth, weights, n_events, prior)
    return losses[60] <= losses.min() * (1 + 1e-6)


def test_network_and_head_are_trained_together_and_calibrated_on_held_out_events(trained):
    (network, head), (x, y, groups) = trained(), waves(48)
    assert head.joins(network)
    assert not network.training
    assert not head.training
    features = network(x).detach()
    logits = features @ head.weight.T + head.bias
    np.testing.assert_allclose(
        proba(head, features), softmax((logits / head.temperature).detach().numpy(), axis=1), atol=1e-6
    )
    assert torch.equal(head.mean, torch.zeros(32))
    assert torch.equal(head.scale, torch.ones(32))
    rows = network.unseen.numpy()
    np.testing.assert_array_equal(np.flatnonzero(np.isfinite(head.held_out).all(axis=1)), rows)
    np.testing.assert_allclose(head.held_out[rows], proba(head, features)[rows], atol=1e-5)
    assert calibrated(head, network, y, groups)
    assert len(network.histories[0].train) == 3


def test_joint_training_starts_again_from_any_state(trained):
    (network, head), (again, other) = trained(), trained()
    other.fit(torch.randn(40, 32), torch.arange(40) % 2)
    other.fit_with(again, *waves(48))
    for one, two in ((network, again), (head, other)):
        assert all(torch.equal(two.state_dict()[key], value) for key, value in one.state_dict().items())


@pytest.mark.parametrize("freeze", [0, 2, -1])
def test_fine_tuning_continues_from_the_state_and_is_calibrated_towards_earlier_probabilities(trained, freeze):
    (network, head), (x, y, groups) = trained(), waves(24, seed=5)
    before, prior = copy.deepcopy(network.state_dict()), proba(head, network(x))
    head.fit_with(network, x, y, groups, Tuning(learning_rate=0.01, epochs=4, freeze=freeze))
    frozen = [f"stages.{i}." for i in range(5 if freeze == -1 else freeze)]
    for key, value in network.state_dict().items():
        if any(key.startswith(stage) for stage in frozen):
            assert torch.equal(value, before[key]), key
    rows = network.unseen
    assert calibrated(head, network, y, groups, prior[rows])
    np.testing.assert_allclose(head.held_out[rows], proba(head, network(x[rows])), atol=1e-5)


def test_invalid_joint_trainings_are_refused(trained):
    (network, head), (x, y, groups) = trained(), waves(16)
    for extractor in (MiniRocket(3, 200, 50.0), Raw(3, 200, 50.0)):
        assert not head.joins(extractor)
        with pytest.raises(ConfigurationError, match=r"learns from features only: call fit\(features\)"):
            head.fit_with(extractor, x, y)
    for labels, events, message in (
        (None, None, "learns from labels, but fit_with was given none"),
        (y[:-1], None, "16 windows came with 15 labels"),
        (y, groups[:-1], "16 windows came with 15 groups"),
        (torch.ones_like(y), None, r"from 0 to 1 of at least two classes, but hold \[1\]"),
        (y + 1, None, r"from 0 to 1 .* but hold \[1, 2\]"),
        (y, torch.where(y == 0, 99, groups), "class 0 has a single event"),
    ):
        for tuning in (None, Tuning()):
            with pytest.raises(TrainingError, match=message):
                head.fit_with(network if tuning is None else trained()[0], x, labels, events, tuning)
    fresh = ResNet18Encoder(3, 200, 50.0, width=4, **RECIPE)
    with pytest.raises(NotFittedError, match="ResNet18Encoder is not fitted"):
        Linear(32, 2).fit_with(fresh, x, y, groups, Tuning())
    with pytest.raises(NotFittedError, match="Linear is not fitted"):
        Linear(32, 2).fit_with(trained()[0], x, y, groups, Tuning())
    with pytest.raises(
        ConfigurationError, match="freeze must be at most 5, the number of stages of ResNet18Encoder, but is 6"
    ):
        head.fit_with(trained()[0], x, y, groups, Tuning(freeze=6))


class Spectral(FeatureExtractor):
    """A third-party extractor: layers on amplitude spectra, with all members of `Trainable`."""

    name = "spectral"
    supervised = True

    def __init__(self, in_channels, in_samples, sampling_rate, **recipe):
        super().__init__(in_channels, in_samples, sampling_rate)
        self.n_features = 6
        self.recipe = TrainingRecipe(**recipe)
        n_values = in_channels * (in_samples // 2 + 1)
        self.stages = nn.Sequential(nn.Linear(n_values, 10), nn.Sequential(nn.ReLU(), nn.Linear(10, 6), nn.ReLU()))
        self.register_buffer("epochs_trained", torch.tensor(torch.nan))

    def encode(self, windows):
        return self.stages(torch.fft.rfft(windows).abs().flatten(start_dim=1))

    def config(self):
        return self.recipe.config()

    def _fit(self, windows, labels, groups):
        raise AssertionError("the head trains it")

    def _extract(self, windows):
        if torch.isnan(self.epochs_trained):
            raise NotFittedError("Spectral has not been trained yet")
        return self.encode(windows)


def test_a_third_party_extractor_is_trained_and_fine_tuned():
    x, y, groups = waves(48)
    network = Spectral(3, 200, 50.0, **RECIPE)
    head = Linear(6, 2)
    assert head.joins(network)
    head.fit_with(network, x, y, groups)
    new, truth, new_groups = waves(24, seed=3)
    assert (proba(head, network(new)).argmax(axis=1) == truth.numpy()).mean() > 0.9
    assert network.epochs_trained == 3
    first = copy.deepcopy(network.stages[0].state_dict())
    head.fit_with(network, new, truth, new_groups, Tuning(freeze=1))
    assert all(torch.equal(network.stages[0].state_dict()[key], value) for key, value in first.items())
