"""The vote of members that know different classes, against a loop, and by its properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.models._voting import Vote, combine, spread, temper

Case = tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]


@st.composite
def cases(draw: st.DrawFn, shared: bool = True, abstain: bool = True) -> Case:
    """Members with random classes, of which all know the first two if `shared`, and some abstain."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    m, n, k = draw(st.integers(2, 4)), draw(st.integers(1, 5)), draw(st.integers(3, 5))
    known = rng.random((m, k)) < 0.6
    known[:, :2] = True if shared else known[:, :2]
    known[known.sum(axis=1) < 2, :2] = True
    votes = np.where(known[:, None], rng.gamma(0.5, size=(m, n, k)) + 1e-3, 0)
    votes /= votes.sum(axis=2, keepdims=True)
    if abstain:
        votes[rng.random((m, n)) < 0.3] = np.nan
    return votes, known, rng.uniform(0.2, 1, m)


def by_iteration(votes: NDArray[np.float64], known: NDArray[np.bool_], weights: NDArray[np.float64]) -> list[float]:
    """Repeat p(k) = mean of q_i(k) P(K_i) over the voters that know k, for one window."""
    who = [i for i in range(len(votes)) if not np.isnan(votes[i, 0])]
    classes = [k for k in range(known.shape[1]) if any(known[i, k] for i in who)]
    p = {k: 1 / len(classes) for k in classes}
    for _ in range(20_000):
        total = {i: sum(p[k] for k in classes if known[i, k]) for i in who}
        new = {}
        for k in classes:
            able = [i for i in who if known[i, k]]
            completed = [weights[i] * votes[i, k] * total[i] for i in able]
            unknown = sum(weights[i] for i in who if not known[i, k])
            new[k] = (sum(completed) + unknown * p[k]) / sum(weights[i] for i in who)
        if max(abs(new[k] - p[k]) for k in classes) < 1e-12:
            break
        p = new
    return [p.get(k, 0.0) for k in range(known.shape[1])]


@given(cases())
def test_the_vote_is_the_fixed_point_of_the_completed_votes(case: Case) -> None:
    votes, known, weights = case
    found = combine(*case)
    for j in range(votes.shape[1]):
        if np.isnan(votes[:, j, 0]).all():
            assert np.isnan(found[j]).all()
        else:
            np.testing.assert_allclose(found[j], by_iteration(votes[:, j], known, weights), atol=2e-4)


@given(cases(), st.randoms())
def test_rows_sum_to_one_whatever_the_order_and_scale_of_members(case: Case, random: st.DataObject) -> None:
    votes, known, weights = case
    found = combine(*case)
    decided = ~np.isnan(found[:, 0])
    np.testing.assert_allclose(found[decided].sum(axis=1), 1)
    assert (found[decided] >= 0).all()
    order = list(range(len(votes)))
    random.shuffle(order)  # type: ignore[attr-defined]
    np.testing.assert_allclose(combine(votes[order], known[order], 7 * weights[order]), found, atol=1e-9)


@given(cases())
def test_one_that_abstains_or_has_no_weight_changes_nothing(case: Case) -> None:
    votes, known, weights = case
    silent = np.full_like(votes[:1], np.nan)
    more = np.concatenate([votes, silent]), np.concatenate([known, known[:1]]), np.append(weights, 9.0)
    np.testing.assert_allclose(combine(*more), combine(*case), atol=1e-12)
    loud = np.concatenate([votes, np.nan_to_num(votes[:1], nan=0.5)]), more[1], np.append(weights, 0.0)
    np.testing.assert_allclose(combine(*loud), combine(*case), atol=1e-12)


@given(cases(abstain=False))
def test_members_of_the_same_classes_have_their_weighted_mean(case: Case) -> None:
    votes, known, weights = case
    votes = votes[:1] * np.linspace(1, 2, len(votes))[:, None, None] + known[0] * 0.1
    votes /= votes.sum(axis=2, keepdims=True)
    found = combine(votes, np.repeat(known[:1], len(votes), axis=0), weights)
    np.testing.assert_allclose(found, np.average(votes, axis=0, weights=weights), atol=1e-12)


def test_one_who_does_not_know_blasts_cannot_outvote_one_who_does() -> None:
    known = np.array([[1, 1, 0], [1, 1, 1]], dtype=bool)  # earthquake, noise, blast
    votes = np.array([[[0.01, 0.99, 0]], [[0.05, 0.05, 0.9]]])
    found = combine(votes, known, np.ones(2))[0]
    np.testing.assert_allclose(found, [0.0255, 0.0745, 0.9], atol=1e-5)
    np.testing.assert_allclose(found[0] / found[:2].sum(), (0.01 + 0.5) / 2, atol=1e-5)  # the mean of what both say


def test_classes_that_nobody_knows_together_are_compared_by_those_in_between() -> None:
    known = np.array([[1, 1, 0], [1, 0, 1]], dtype=bool)  # earthquake, noise, explosion
    votes = np.array([[[0.2, 0.8, 0], [1e-9, 1, 0]], [[0.25, 0, 0.75], [1e-9, 0, 1]]])
    np.testing.assert_allclose(combine(votes, known, np.array([1.0, 3.0]))[0], np.array([1, 4, 3]) / 8, atol=1e-5)
    found = combine(votes, known, np.ones(2))
    np.testing.assert_allclose(found[1], [0, 0.5, 0.5], atol=1e-2)  # nothing connects noise and explosion
    apart = combine(np.array([[[0.3, 0.7, 0, 0]], [[0, 0, 0.4, 0.6]]]), np.eye(2).repeat(2, 1) > 0, np.ones(2))
    np.testing.assert_allclose(apart, [[0.15, 0.35, 0.2, 0.3]], atol=1e-5)


def test_the_spread_is_that_of_the_voters_that_know_the_label() -> None:
    known = np.array([[1, 1, 0], [1, 1, 1], [1, 1, 1], [1, 0, 1]], dtype=bool)
    votes = np.array(
        [
            [[0.9, 0.1, 0], [0.1, 0.9, 0], [0.5, 0.5, 0], [np.nan] * 3],
            [[0.7, 0.2, 0.1], [0.1, 0.2, 0.7], [0.2, 0.3, 0.5], [np.nan] * 3],
            [[0.8, 0.1, 0.1], [0.2, 0.2, 0.6], [np.nan] * 3, [np.nan] * 3],
            [[1, 0, 0], [0.5, 0, 0.5], [np.nan] * 3, [np.nan] * 3],
        ]
    )
    probabilities = np.array([[0.8, 0.1, 0.1], [0.2, 0.2, 0.6], [0.2, 0.3, 0.5], [np.nan] * 3])
    found = spread(votes, known, np.array([1, 1, 1, 0.0]), probabilities)  # the last has no vote
    np.testing.assert_allclose(found[:2], [np.std([0.9, 0.7, 0.8]), np.std([0.7, 0.6])])
    assert np.isnan(found[2:]).all()  # one voter knows the label; nobody votes


def test_temperatures_flatten_what_a_member_knows() -> None:
    known = np.array([[1, 1, 0], [1, 1, 1]], dtype=bool)
    votes = np.array([[[0.9, 0.1, 0], [np.nan] * 3, [1, 0, 0]], [[0.2, 0.3, 0.5]] * 3])
    found = temper(votes, known, np.array([2.0, 1.0]))
    np.testing.assert_allclose(found[0, 0], [3 / 4, 1 / 4, 0])
    assert np.isnan(found[0, 1]).all()
    np.testing.assert_array_equal(found[0, 2], [1, 0, 0])
    np.testing.assert_array_equal(found[1], votes[1])


@pytest.mark.parametrize(
    ("weights", "temperatures", "message"),
    [
        ([1.0], None, "weights must be one number for each of 2 members, but are [1.0]"),
        ([1, -1], None, "weights must not be negative, and not all 0, but are [1, -1]"),
        ([0, 0], None, "weights must not be negative, and not all 0"),
        (["a", 1], None, "weights must be one number for each"),
        (None, [1, 0], "temperatures must be above 0, but are [1, 0]"),
        (None, [1, np.nan], "temperatures must be one number for each"),
    ],
)
def test_numbers_that_do_not_fit(weights: list[float] | None, temperatures: list[float] | None, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Vote.of(np.ones((2, 3), dtype=bool), weights, temperatures)
    assert message in str(caught.value)
    assert Vote.of(np.ones((2, 3), dtype=bool), [1, 3], None).weights.tolist() == [0.25, 0.75]
