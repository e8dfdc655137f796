import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seisbench_lcl.heads._temperature import fit_temperature


def drawn(seed, n=40, k=3, spread=2.0, telling=1.0):
    """Scores that are higher on average for the true class, with classes, weights and a prior."""
    rng = np.random.default_rng(seed)
    y = np.r_[np.arange(k), rng.integers(0, k, n - k)]
    scores = spread * (rng.normal(size=(n, k)) + telling * np.eye(k)[y])
    return scores, y, rng.uniform(0.2, 3, n), rng.dirichlet(np.ones(k), n)


def loss(temperature, scores, y, weights, n_events, prior=None):
    """Platt's smoothed targets: one event is added for each class, or K events with the prior."""
    n_classes, total = scores.shape[1], 0.0
    for i, row in enumerate(scores):
        exponentials = [np.exp((score - row.max()) / temperature) for score in row]
        for k, exponential in enumerate(exponentials):
            unknown = 1.0 if prior is None else n_classes * prior[i, k]
            target = (n_events * (y[i] == k) + unknown) / (n_events + n_classes)
            total -= weights[i] * target * np.log(exponential / sum(exponentials))
    return total


@pytest.mark.parametrize("n_events", [4, 40, 4000])
@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("with_prior", [False, True])
@pytest.mark.parametrize("spread", [0.1, 20.0])
def test_no_temperature_of_a_grid_does_better(n_events, k, with_prior, spread):
    scores, y, weights, prior = drawn(k, k=k, spread=spread)
    prior = prior if with_prior else None
    found = fit_temperature(scores, y, weights, n_events, prior)
    grid = found * np.exp(np.linspace(-2, 2, 81))
    losses = [loss(temperature, scores, y, weights, n_events, prior) for temperature in grid]
    assert losses[40] <= min(losses) * (1 + 1e-9)


@given(seed=st.integers(0, 10**6), gain=st.floats(0.05, 20), shift=st.floats(-100, 100))
def test_temperature_scales_with_the_scores_and_ignores_row_offsets(seed, gain, shift):
    scores, y, weights, _ = drawn(seed)
    found = fit_temperature(scores, y, weights, 40)
    assert fit_temperature(gain * scores + shift, y, 7 * weights, 40) == pytest.approx(gain * found, rel=1e-3)
    order = np.random.default_rng(seed).permutation(len(y))
    assert fit_temperature(scores[order], y[order], weights[order], 40) == pytest.approx(found, rel=1e-3)


@pytest.mark.parametrize("n_events", [2, 10, 1000])
def test_perfect_separation_gives_the_certainty_that_the_events_allow(n_events):
    y = np.array([0, 1, 0, 1])
    scores = np.where(y[:, None] == np.arange(2), 1.0, -1.0)
    temperature = fit_temperature(scores, y, np.ones(4), n_events)
    assert 1 / (1 + np.exp(-2 / temperature)) == pytest.approx((n_events + 1) / (n_events + 2), rel=1e-4)


def test_fewer_events_give_less_certainty_and_more_weight_to_the_prior():
    scores, y, weights, _ = drawn(1)
    temperatures = [fit_temperature(scores, y, weights, n_events) for n_events in (3, 30, 300)]
    assert temperatures == sorted(temperatures, reverse=True)
    sharp = np.exp(scores / 0.3)
    prior = sharp / sharp.sum(axis=1, keepdims=True)
    assert fit_temperature(scores, y, weights, 0, prior) == pytest.approx(0.3, rel=1e-3)


@pytest.mark.parametrize("scores", [np.zeros((6, 3)), np.eye(3)[[1, 2, 0, 1, 2, 0]], 1e6 * np.eye(3)[[0, 1, 2] * 2]])
def test_uninformative_or_wrong_scores_give_a_positive_temperature(scores):
    found = fit_temperature(scores, np.array([0, 1, 2, 0, 1, 2]), np.ones(6), 6)
    assert 0 < found < np.inf
