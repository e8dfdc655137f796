import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.evaluation import (
    area_under_risk_coverage,
    reject_threshold,
    reliability,
    risk_coverage,
    score,
)


@st.composite
def predictions(draw):
    """Probabilities (n, K) with many ties, truth (n,), and the event of each row."""
    n, k = draw(st.integers(1, 60)), draw(st.integers(2, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    weights = rng.integers(0, 6, size=(n, k)) + np.eye(k)[rng.integers(0, k, n)]
    return weights / weights.sum(axis=1, keepdims=True), rng.integers(k, size=n), rng.integers(0, 1 + n // 2, n)


def binary(confidence, wrong):
    """Probabilities of class 0 with this confidence, and the truth that makes some of them wrong."""
    return np.stack([confidence, 1 - confidence], axis=1), np.asarray(wrong).astype(int)


def seismic(n_events, seed, skill=1.0, stations=6):
    """Predictions whose confidence and errors are correlated within an event."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_events), rng.integers(1, stations + 1, n_events))
    shared = rng.normal(size=(2, n_events))[:, groups]
    ease, luck = 0.8 * shared + 0.6 * rng.normal(size=shared.shape)
    confidence = 0.5 + 0.5 / (1 + np.exp(-1.8 * ease - 2))
    wrong = luck > 0.6 + skill * (ease + 0.5)
    return *binary(confidence, wrong), groups


# Reliability ---------------------------------------------------------------------------------------------------------


@given(predictions())
def test_bins_are_those_of_the_calibration_error(case):
    probabilities, truth, _ = case
    table = reliability(probabilities, truth)
    ece = (table["n"] * (table["accuracy"] - table["confidence"]).abs()).sum() / table["n"].sum()
    assert ece == pytest.approx(score(probabilities, truth, "abcd"[: probabilities.shape[1]])["ece"], abs=1e-12)
    for row in table.itertuples():
        inside = [i for i, p in enumerate(probabilities) if row.low < max(p) <= row.high]
        assert row.n == len(inside)
        if inside:
            assert row.confidence == pytest.approx(np.mean([max(probabilities[i]) for i in inside]))
            assert row.accuracy == pytest.approx(np.mean([probabilities[i].argmax() == truth[i] for i in inside]))
        else:
            assert np.isnan([row.confidence, row.accuracy]).all()


def test_intervals_agree_with_a_bootstrap_that_gathers_rows():
    probabilities, truth, groups = seismic(12, seed=1)
    table = reliability(probabilities, truth, groups)
    rng = np.random.default_rng(0)
    accuracies = []
    for _ in range(1000):
        rows = np.concatenate([np.flatnonzero(groups == event) for event in rng.integers(12, size=12)])
        accuracies.append(reliability(probabilities[rows], truth[rows])["accuracy"])
    for k, row in table.iterrows():
        inside = groups[(probabilities.max(axis=1) > row["low"]) & (probabilities.max(axis=1) <= row["high"])]
        assert row["events"] == len(set(inside))
        ends = row[["accuracy_low", "accuracy_high"]].to_numpy(dtype=float)
        if row["events"] > 1:
            np.testing.assert_allclose(ends, np.nanpercentile([a[k] for a in accuracies], [2.5, 97.5]))
        else:
            assert np.isnan(ends).all()
    assert (table["events"] > 1).any()
    assert (table["events"] == 0).any()


# Risk and coverage ---------------------------------------------------------------------------------------------------


@given(predictions())
def test_curve_agrees_with_counting_at_each_threshold(case):
    probabilities, truth, _ = case
    confidence, wrong = probabilities.max(axis=1), probabilities.argmax(axis=1) != truth
    curve = risk_coverage(probabilities, truth)
    assert curve["threshold"].tolist() == sorted(set(confidence.tolist()), reverse=True)
    for row in curve.itertuples():
        kept = confidence >= row.threshold
        assert (row.coverage, row.risk) == pytest.approx((kept.mean(), wrong[kept].mean()))
    own = [wrong[confidence >= threshold].mean() for threshold in confidence]
    assert area_under_risk_coverage(probabilities, truth) == pytest.approx(np.mean(own))


def test_area_of_the_best_and_of_an_uninformative_confidence():
    confidence = np.linspace(0.6, 1, 100)
    wrong = np.arange(100) < 20
    best = area_under_risk_coverage(*binary(confidence, wrong))
    assert best < 0.03 < area_under_risk_coverage(*binary(confidence[::-1], wrong))
    assert area_under_risk_coverage(*binary(np.full(100, 0.9), wrong)) == pytest.approx(0.2)
    assert area_under_risk_coverage(*binary(confidence, wrong * 0)) == 0


# Thresholds ----------------------------------------------------------------------------------------------------------


def slow_threshold(probabilities, truth, groups, risk):
    """Walk down from two thresholds until one fails; the strictest is the first to pass with one wrong event."""
    confidence, wrong = probabilities.max(axis=1), probabilities.argmax(axis=1) != truth
    quantiles = {int(np.quantile(confidence, k / 100) * 1e4) / 1e4 for k in range(1, 100)}
    grid = [*sorted(quantiles, reverse=True), 0.0]
    passes, first = [], None
    for i, threshold in enumerate(grid):
        kept = [row for row, c in enumerate(confidence) if c >= threshold]
        sizes = [sum(groups[row] == event for row in kept) for event in set(groups.tolist())]
        trials = sum(sizes) ** 2 / sum(m * m for m in sizes)
        errors = trials * sum(wrong[row] for row in kept) / len(kept)
        passes.append(errors < trials and beta.ppf(1 - 0.05 / 2, errors + 1, trials - errors) <= risk)
        if first is None and trials > 1 and beta.ppf(1 - 0.05 / 2, 2, trials - 1) <= risk:
            first = i
    found = []
    for start in [] if first is None else [first, (first + len(grid) - 1) // 2]:
        for i in range(start, len(grid)):
            if not passes[i]:
                break
            found.append(grid[i])
    return min(found, default=None)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("risk", [0.1, 0.15, 0.25])
def test_threshold_agrees_with_a_slow_walk(seed, risk):
    case = seismic(100, seed)
    expected = slow_threshold(*case, risk)
    if expected is None:
        with pytest.raises(DatasetError, match="no threshold keeps the risk"):
            reject_threshold(*case, risk=risk)
    else:
        assert reject_threshold(*case, risk=risk) == expected


@given(st.integers(2, 80), st.integers(0, 10**6), st.floats(-1, 2), st.integers(1, 9))
def test_the_risk_in_the_message_can_be_reached(n_events, seed, skill, stations):
    case = seismic(n_events, seed, skill, stations)
    with pytest.raises(DatasetError, match=f"these {n_events} events can confirm is") as raised:
        reject_threshold(*case, risk=1e-9)
    least = float(re.search(r"can confirm is (\d\.\d+)", str(raised.value))[1])
    if least < 1:
        assert 0 <= reject_threshold(*case, risk=least) < 1
    with pytest.raises(DatasetError, match=str(least)):
        reject_threshold(*case, risk=least - 0.002)


def test_nothing_is_rejected_if_all_windows_are_good_enough():
    confidence = np.linspace(0.6, 0.99, 1000)
    for wrong in (
        np.zeros(1000),
        np.arange(1000) % 20 == 19,
    ):  # in the second, the most confident are no better than the rest
        assert reject_threshold(*binary(confidence, wrong), np.arange(1000), risk=0.08) == 0


def test_few_windows_without_an_error_are_no_proof():
    confidence = np.r_[np.full(50, 0.99), np.full(450, 0.7)]
    wrong = np.r_[np.zeros(50), np.arange(450) % 3 == 0]
    case = *binary(confidence, wrong), np.arange(500)
    assert risk_coverage(*case[:2])["risk"].iloc[0] == 0
    with pytest.raises(DatasetError, match=r"at 0\.05 or less with 95% confidence: .* can confirm is 0\.107"):
        reject_threshold(*case, risk=0.05)


def test_stations_do_not_replace_events():
    confidence = np.full(600, 0.9)
    wrong = np.arange(600) < 15
    alone = *binary(confidence, wrong), np.arange(600)
    together = *binary(confidence, wrong), np.arange(600) // 15
    assert reject_threshold(*alone, risk=0.05) == 0
    with pytest.raises(DatasetError, match=r"these 40 events can confirm is 0\.132"):
        reject_threshold(*together, risk=0.05)


def test_guarantee_holds_if_confidence_is_uninformative():
    """With 7 % errors, a threshold for 5 % is found by chance only, in at most 5 % of the data sets."""
    found = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(200), rng.integers(1, 5, 200))
        confidence, wrong = rng.uniform(0.5, 1, 200)[groups], (rng.random(200) < 0.07)[groups]
        try:
            reject_threshold(*binary(confidence, wrong), groups, risk=0.05)
            found += 1
        except DatasetError:
            pass
    assert found <= 5


def test_guarantee_holds_in_new_data_with_a_high_coverage():
    probabilities, truth, _ = seismic(50_000, seed=999)
    confidence, wrong = probabilities.max(axis=1), probabilities.argmax(axis=1) != truth
    possible = max(c for c, r in risk_coverage(probabilities, truth)[["coverage", "risk"]].to_numpy() if r <= 0.1)
    broken, coverages = 0, []
    for seed in range(40):
        kept = confidence >= reject_threshold(*seismic(800, seed), risk=0.1)
        broken += wrong[kept].mean() > 0.1
        coverages.append(kept.mean())
    assert broken <= 2
    assert possible - 0.15 < np.mean(coverages) < possible < 1


def test_the_printed_number_is_the_tested_number():
    threshold = reject_threshold(*seismic(800, seed=3), risk=0.1)
    assert 0 < threshold == float(f"{threshold:.4f}")


@pytest.mark.parametrize("risk", [0, 1, 5, -0.1, np.nan])
def test_risk_that_is_not_a_rate_is_refused(risk):
    with pytest.raises(ConfigurationError, match=r"risk must be an error rate between 0 and 1, such as 0\.05, but is "):
        reject_threshold([[0.9, 0.1]], [0], ["a"], risk=risk)


def test_every_row_needs_an_event_and_a_distribution():
    with pytest.raises(DatasetError, match=r"groups must name one event per row, shape \(2,\), but found \(1,\)"):
        reject_threshold(np.eye(2), [0, 1], ["a"], risk=0.05)
    with pytest.raises(DatasetError, match=r"groups must name one event per row"):
        reliability(np.eye(2), [0, 1], ["a"])
    for function in (reliability, risk_coverage, area_under_risk_coverage):
        with pytest.raises(DatasetError, match="not logits"):
            function([[2.0, -1.0]], [0])
