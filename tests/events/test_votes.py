"""Each rule against plain loops."""

import math
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.events import votes
from seisbench_lcl.events.votes import RULES, Ballot, by_record, rule_of

Rows = list[list[float]]


def plain_mean(rows: Rows, snr: list[float]) -> list[float]:
    return [sum(row[k] for row in rows) / len(rows) for k in range(len(rows[0]))]


def plain_log_odds(rows: Rows, snr: list[float]) -> list[float]:
    products = [1.0] * len(rows[0])
    for row in rows:
        for k, p in enumerate(row):
            products[k] *= max(p, 1e-6) ** (1 / len(rows))
    return [p / sum(products) for p in products]


def plain_majority(rows: Rows, snr: list[float]) -> list[float]:
    counts = plain_mean(rows, snr)  # one more station, which is of the mean opinion
    for row in rows:
        counts[row.index(max(row))] += 1
    return [count / (len(rows) + 1) for count in counts]


def plain_median(rows: Rows, snr: list[float]) -> list[float]:
    medians = [median(row[k] for row in rows) for k in range(len(rows[0]))]
    return [m / sum(medians) for m in medians] if sum(medians) else plain_mean(rows, snr)


def plain_snr(rows: Rows, snr: list[float]) -> list[float]:
    known = [min(max(one, 1.0), 30.0) for one in snr if not math.isnan(one)]
    usual = sum(known) / len(known) if known else 1.0
    weights = [usual if math.isnan(one) else min(max(one, 1.0), 30.0) for one in snr]
    total = [0.0] * len(rows[0])
    for row, weight in zip(rows, weights, strict=True):
        for k, p in enumerate(row):
            total[k] += weight * p
    return [one / sum(weights) for one in total]


PLAIN = {
    "mean": plain_mean,
    "log-odds": plain_log_odds,
    "majority": plain_majority,
    "median": plain_median,
    "snr": plain_snr,
    "earliest:2": lambda rows, snr: plain_mean(rows[:2], snr[:2]),
}


@st.composite
def ballots(draw: st.DrawFn) -> tuple[Rows, list[float]]:
    n, classes = draw(st.integers(1, 6)), draw(st.integers(2, 4))
    share = st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0])
    rows = [draw(st.lists(share, min_size=classes, max_size=classes).filter(sum)) for _ in range(n)]
    ratios = draw(st.lists(st.sampled_from([math.nan, -5.0, 3.0, 12.0, 90.0]), min_size=n, max_size=n))
    return [[x / sum(row) for x in row] for row in rows], ratios


@pytest.mark.parametrize("name", PLAIN)
@given(ballot=ballots())
def test_a_rule_does_what_plain_loops_do(name: str, ballot: tuple[Rows, list[float]]) -> None:
    rows, snr = ballot
    found = rule_of(name)(Ballot(np.array(rows), np.array(snr), ("XX.A..HH",) * len(rows)))
    np.testing.assert_allclose(found, PLAIN[name](rows, snr), atol=1e-12)
    assert found.sum() == pytest.approx(1)


def test_every_rule_was_tried() -> None:
    assert set(RULES) == set(PLAIN) - {"earliest:2"}


def test_a_majority_decides_against_a_louder_mean_and_the_mean_breaks_a_tie() -> None:
    rows = np.array([[0.51, 0.49], [0.51, 0.49], [0.0, 1.0]])
    ballot = Ballot(rows, np.zeros(3), ("", "", ""))
    assert votes.mean(ballot).argmax() == 1
    assert votes.majority(ballot).argmax() == 0
    assert votes.majority(Ballot(rows[1:], np.zeros(2), ("", ""))).argmax() == 1


def test_stations_that_were_right_before_weigh_more() -> None:
    ballot = Ballot(np.array([[0.9, 0.1], [0.2, 0.8]]), np.zeros(2), ("XX.GOOD..HH", "XX.NEW..EH"))
    weights = [math.log(0.9 / 0.1), math.log(0.6 / 0.4)]
    expected = (weights[0] * 0.9 + weights[1] * 0.2) / sum(weights)
    assert by_record(ballot, {"XX.GOOD": 0.9}, otherwise=0.6)[0] == pytest.approx(expected)
    assert by_record(ballot, {"XX.GOOD": 0.3}, otherwise=0.5)[0] == pytest.approx(0.55)  # no better than chance: mean


@pytest.mark.parametrize("name", ["medain", "earliest:0", "earliest:x", "earliest:-1", ""])
def test_an_unknown_rule_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="no rule is called"):
        rule_of(name)
