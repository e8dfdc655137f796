from contextlib import contextmanager

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seisbench_lcl.heads import _banded, _ridge_solver
from seisbench_lcl.heads._ridge_solver import Design, Solver
from seisbench_lcl.storage.rows import RowFile


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


@contextmanager
def blocks_of(size):
    """Small blocks, so that small problems have many: of rows, of the band, of events, of penalties."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (_banded, _ridge_solver):
            patch.setattr(module, "WIDTH", size)
        patch.setattr(_banded, "_TILE", 2 * size)
        patch.setattr(_banded, "_JOINED", 2)
        patch.setattr(_ridge_solver, "_BLOCK", 3 * size)
        patch.setattr(_ridge_solver, "_HELD_OUT", size)
        patch.setattr(_ridge_solver, "_ENTRIES", 1)
        yield


def on_disk(features):
    rows = RowFile(features.shape[1])
    rows.extend(features)
    return rows


@given(problems(), st.sampled_from([3, 64]), st.booleans())
def test_fit_and_held_out_predictions_equal_refits(problem, block, streamed):
    features, weights, targets, groups, alpha = problem
    weights = weights / weights.mean()
    with blocks_of(block):
        rows = on_disk(features) if streamed else features
        solver = Solver(Design.standardised(rows, 3 * weights), targets)
        coefficients, intercepts = solver.coefficients(alpha)
        held_out = solver.held_out([7.0, alpha], groups)[1]

    x = standardised(features, weights)
    expected = refit(x, weights, targets, alpha)
    np.testing.assert_allclose(coefficients, expected[:, :-1], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(intercepts, expected[:, -1], rtol=1e-6, atol=1e-7)

    for group in np.unique(groups):
        inside = groups == group
        model = refit(x[~inside], weights[~inside], targets[~inside], alpha)
        np.testing.assert_allclose(held_out[inside], x[inside] @ model[:, :-1].T + model[:, -1], rtol=1e-6, atol=1e-7)


@given(problems())
def test_primal_and_dual_agree(problem):
    # Constant features only change which Gram matrix is smaller.
    features, weights, targets, groups, alpha = problem
    n, n_features = features.shape
    features = features[:, : n - 1]
    n_features = features.shape[1]
    wide = np.concatenate([features, np.full((n, n), 3, np.float32)], axis=1)
    narrow, broad = (Solver(Design.standardised(x, weights), targets) for x in (features, wide))
    assert narrow.primal
    assert not broad.primal
    np.testing.assert_allclose(narrow.held_out([alpha], groups), broad.held_out([alpha], groups), rtol=1e-6, atol=1e-7)
    (a, b), (c, d) = narrow.coefficients(alpha), broad.coefficients(alpha)
    np.testing.assert_allclose(a, c[:, :n_features], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(b, d)
    np.testing.assert_allclose(c[:, n_features:], 0, atol=1e-12)


@given(problems(), st.sampled_from([3, 64]), st.booleans())
def test_a_given_scale_and_an_infinite_penalty(problem, block, streamed):
    features, weights, targets, groups, alpha = problem
    weights = weights / weights.mean()
    scale = np.abs(features).max(axis=0).astype(float) * np.linspace(0.5, 2, features.shape[1]) + 1e-12
    x = (features - np.average(features.astype(float), axis=0, weights=weights)) / scale
    with blocks_of(block):
        design = Design.standardised(on_disk(features) if streamed else features, weights, scale)
        solver = Solver(design, targets)
        coefficients, intercepts = solver.coefficients(alpha)
        nothing, means = solver.coefficients(np.inf)
        held_out = solver.held_out([np.inf, alpha], groups)
        products = design.times(coefficients)

    expected = refit(x, weights, targets, alpha)
    np.testing.assert_allclose(coefficients, expected[:, :-1], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(intercepts, expected[:, -1], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(products, np.sqrt(weights)[:, None] * x @ coefficients.T, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(nothing, 0, atol=1e-80)
    np.testing.assert_allclose(means, np.average(targets, axis=0, weights=weights), atol=1e-12)
    for group in np.unique(groups):
        inside = groups == group
        model = refit(x[~inside], weights[~inside], targets[~inside], alpha)
        np.testing.assert_allclose(
            held_out[1, inside], x[inside] @ model[:, :-1].T + model[:, -1], rtol=1e-6, atol=1e-7
        )
        means = np.average(targets[~inside], axis=0, weights=weights[~inside])
        np.testing.assert_allclose(held_out[0, inside], np.tile(means, (inside.sum(), 1)), rtol=1e-9, atol=1e-9)


def test_scale_is_relative_and_constants_get_none():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(50, 1)).astype(np.float32)
    constants = np.broadcast_to(np.float32([0, 0.1, -7e8, 1e-20]), (50, 4))
    features = np.concatenate([constants, 1e-12 * noise, noise, 1e12 * noise], axis=1)
    features[::2, 2] = np.nextafter(features[::2, 2], np.float32(0))  # constant up to rounding
    design = Design.standardised(features, np.ones(50))
    x = design.rows(slice(0, 50))
    np.testing.assert_allclose(x[:, :4], 0, atol=1e-30)
    np.testing.assert_allclose(x[:, 4:].std(axis=0), 1, rtol=1e-6)
    np.testing.assert_array_equal(x, design.columns(slice(0, 7)))


@given(st.integers(1, 9), st.sampled_from([1, 2, 5]), st.integers(0, 40), st.integers(0, 99))
def test_band_reduction_solves_for_every_penalty(n_blocks, width, rank, seed):
    """For any rank, including zero: Q is orthogonal, B a band, and Zᵀ (K + αI)⁻¹ Y equals a dense solution."""
    rng = np.random.default_rng(seed)
    n = n_blocks * width
    root = rng.normal(size=(n, min(rank, n)))
    k, z, y = root @ root.T, rng.normal(size=(n, 3)), rng.normal(size=(n, 2))
    alphas = np.array([1e-3, 1.0, 1e5])
    with blocks_of(width):
        given = torch.full((n, n), torch.nan, dtype=torch.float64)
        for tile in _banded.tiles(n):
            given[tile, : tile.stop] = torch.from_numpy(k[tile, : tile.stop])
        banded = _banded.Banded.of(given)
        factor = banded.factor(torch.from_numpy(alphas))
        q = banded.q.numpy()
        left, right = (torch.from_numpy(q.T @ x) for x in (z, y))
        inner, solved = factor.inner(left, right).numpy(), q @ factor.solve(right).numpy()
    np.testing.assert_allclose(q @ q.T, np.eye(n), atol=1e-12)
    for alpha, product, solution in zip(alphas, inner, solved, strict=True):
        inverse = np.linalg.inv(k + alpha * np.eye(n))
        np.testing.assert_allclose(product, z.T @ inverse @ np.column_stack([z, y]), rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(solution, inverse @ y, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("n", [60, 200])
@pytest.mark.parametrize("alpha", [1e-3, 1e-6])
def test_small_penalties_of_singular_designs(n, alpha):
    """Copies of rows and of columns, constants: K and C are singular, and α is far below their other eigenvalues."""
    rng = np.random.default_rng(0)
    base = rng.normal(size=(n // 4, 30))
    features = np.concatenate([base, 2 * base + 1, np.ones((n // 4, 40)), base[:, :5]], axis=1)
    features = np.tile(features, (4, 1)).astype(np.float32)
    groups = np.tile(np.arange(n // 4), 4)
    targets = np.sign(rng.normal(size=(n // 4, 2))).repeat(4, axis=1).reshape(n // 4, 8)[:, ::4]
    targets = np.tile(targets, (4, 1))
    held_out = Solver(Design.standardised(features, np.ones(n)), targets).held_out([alpha], groups)[0]
    x = standardised(features, np.ones(n))
    for group in range(0, n // 4, 5):
        inside = groups == group
        # From the singular values of the design, which avoids the loss of digits in the Gram matrix.
        mean_x, mean_y = x[~inside].mean(axis=0), targets[~inside].mean(axis=0)
        u, s, vt = np.linalg.svd(x[~inside] - mean_x, full_matrices=False)
        model = vt.T @ ((s / (s**2 + alpha))[:, None] * (u.T @ (targets[~inside] - mean_y)))
        np.testing.assert_allclose(held_out[inside], mean_y + (x[inside] - mean_x) @ model, rtol=1e-3, atol=1e-3)


def test_penalties_below_rounding_are_raised_to_it():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(50, 300)).astype(np.float32)
    solver = Solver(Design.standardised(features, np.ones(50)), np.sign(rng.normal(size=(50, 2))))
    tiny, tinier = solver.held_out([1e-30, 1e-300], np.arange(50))
    assert np.isfinite(tiny).all()
    np.testing.assert_array_equal(tiny, tinier)
