import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seisbench_lcl.heads import _ridge_solver
from seisbench_lcl.heads._ridge_solver import Design, Spectrum


@st.composite
def problems(draw):
    """Features, weights, targets and groups: more rows or more features, two groups to singletons."""
    n, n_features, n_classes = draw(st.integers(4, 40)), draw(st.integers(1, 40)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    features = rng.normal(size=(n, n_features)) * rng.choice([0, 1e-9, 1, 1e6], n_features) + rng.normal(
        size=n_features
    )
    groups = rng.integers(0, draw(st.integers(2, n)), n)
    groups[:2] = 0, 1  # at least two
    weights = rng.uniform(0.1, 5, n) if draw(st.booleans()) else np.ones(n)
    targets = rng.choice([-1.0, 1.0], (n, n_classes))
    alpha = draw(st.sampled_from([1e-2, 1.0, 100.0, 1e7]))
    return features.astype(np.float32), weights, targets, groups * 7 - 3, alpha


def standardised(features, weights):
    mean = np.average(features.astype(float), axis=0, weights=weights)
    std = np.sqrt(np.average((features - mean) ** 2, axis=0, weights=weights))
    std[std <= 1e-6 * np.abs(mean)] = np.inf
    return (features - mean) / std


def refit(x, weights, targets, alpha):
    """Solve the weighted normal equations with an intercept that is not penalised."""
    ones = np.column_stack([x, np.ones(len(x))])
    penalty = np.diag([alpha] * x.shape[1] + [0.0])
    return np.linalg.solve(ones.T @ (weights[:, None] * ones) + penalty, ones.T @ (weights[:, None] * targets)).T


@given(problems(), st.sampled_from([1, 3, 512]))
@settings(max_examples=150, deadline=None)
def test_fit_and_held_out_predictions_equal_refits(problem, block):
    features, weights, targets, groups, alpha = problem
    weights = weights / weights.mean()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_ridge_solver, "_BLOCK", block)
        spectrum = Spectrum.of(Design.standardised(features, 3 * weights))
        coefficients, intercepts = spectrum.coefficients(targets, alpha)
        held_out = spectrum.held_out(targets, alpha, groups)

    x = standardised(features, weights)
    expected = refit(x, weights, targets, alpha)
    np.testing.assert_allclose(coefficients, expected[:, :-1], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(intercepts, expected[:, -1], rtol=1e-6, atol=1e-7)

    for group in np.unique(groups):
        inside = groups == group
        model = refit(x[~inside], weights[~inside], targets[~inside], alpha)
        np.testing.assert_allclose(held_out[inside], x[inside] @ model[:, :-1].T + model[:, -1], rtol=1e-6, atol=1e-7)


@given(problems())
@settings(deadline=None)
def test_primal_and_dual_agree(problem):
    # Constant features change nothing but the side on which the smaller Gram matrix lies.
    features, weights, targets, groups, alpha = problem
    n, n_features = features.shape
    features = features[:, : n - 1]
    n_features = features.shape[1]
    wide = np.concatenate([features, np.full((n, n), 3, np.float32)], axis=1)
    narrow, broad = (Spectrum.of(Design.standardised(x, weights)) for x in (features, wide))
    assert narrow.primal
    assert not broad.primal
    np.testing.assert_allclose(
        narrow.held_out(targets, alpha, groups), broad.held_out(targets, alpha, groups), rtol=1e-6, atol=1e-7
    )
    (a, b), (c, d) = narrow.coefficients(targets, alpha), broad.coefficients(targets, alpha)
    np.testing.assert_allclose(a, c[:, :n_features], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(b, d)
    np.testing.assert_allclose(c[:, n_features:], 0, atol=1e-12)


def test_scale_is_relative_and_constants_get_none():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(50, 1)).astype(np.float32)
    constants = np.broadcast_to(np.float32([0, 0.1, -7e8, 1e-20]), (50, 4))
    features = np.concatenate([constants, 1e-12 * noise, noise, 1e12 * noise], axis=1)
    features[::2, 2] = np.nextafter(features[::2, 2], np.float32(0))  # constant but for rounding
    design = Design.standardised(features, np.ones(50))
    x = design.rows(slice(0, 50))
    np.testing.assert_allclose(x[:, :4], 0, atol=1e-30)
    np.testing.assert_allclose(x[:, 4:].std(axis=0), 1, rtol=1e-6)
    np.testing.assert_array_equal(x, design.columns(slice(0, 7)))
