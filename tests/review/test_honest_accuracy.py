"""The accuracy by events drawn at random is that on all events, whatever else was reviewed."""

import numpy as np
import pytest
from obspy import UTCDateTime
from scipy.stats import beta

from seisbench_lcl.models.decision import EventDecision
from seisbench_lcl.review import HonestAccuracy, ReviewOrder, Verdict, honest_accuracy, review_order

RUNS, EVENTS = 120, 100


def decided(event: str, p: float) -> EventDecision:
    return EventDecision(
        event, "slide", None, {"slide": p, "noise": 1 - p}, 2 * p - 1, float("nan"), 1, 0, "", "mean", "w"
    )


def said(event: str, label: str | None, shown: str = "slide") -> Verdict:
    return Verdict(event, label, "undecided" if label is None else "label", "Ana", UTCDateTime(0), shown, "w")


def test_it_is_unbiased_with_honest_intervals_although_doubtful_events_are_seen_first() -> None:
    values, naive, inside = [], [], []
    for seed in range(RUNS):
        rng = np.random.default_rng(seed)
        p = rng.uniform(0.5, 1, EVENTS)
        truth = {f"e{i}": "slide" if rng.random() < p[i] else "noise" for i in range(EVENTS)}
        decisions = [decided(f"e{i}", p[i]) for i in range(EVENTS)]
        first = review_order(decisions, seed=seed)[:25]
        order = review_order(decisions, first, seed=seed)  # made anew
        seen = [*first, *order[:25]]
        found = honest_accuracy({event: said(event, truth[event]) for event in seen}, order)
        assert found.judged == 10
        right = np.mean([label == "slide" for label in truth.values()])
        values.append(found.interval.value - right)
        naive.append(np.mean([truth[event] == "slide" for event in seen]) - right)
        inside.append(found.interval.low <= right <= found.interval.high)
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(RUNS)
    assert np.mean(naive) < -0.08
    assert np.mean(inside) > 0.95


def test_interval_is_that_of_clopper_and_pearson_and_other_decisions_can_be_judged() -> None:
    order = ReviewOrder([f"e{i}" for i in range(5)], [f"e{i}" for i in range(5)], [], 0.5)
    verdicts = {"e0": said("e0", "slide"), "e1": said("e1", "noise"), "e2": said("e2", "slide"), "e3": said("e3", None)}
    assert honest_accuracy(verdicts, order).judged == 2  # of four reviewed, two were drawn
    verdicts["e4"] = said("e4", "slide", shown="")
    found = honest_accuracy(verdicts, order)  # all are reviewed
    assert (found.right, found.judged, found.undecided, found.unclear) == (2, 3, 1, 1)
    assert (found.interval.low, found.interval.high) == pytest.approx((beta.ppf(0.025, 2, 2), beta.ppf(0.975, 3, 1)))
    assert str(found) == "2 of 3 events right: 67 %, 95 % interval 9 to 99 %"
    noise = [EventDecision(f"e{i}", "noise", None, {"noise": 1.0}, 1, 0, 1, 0, "", "mean", "new") for i in range(4)]
    assert honest_accuracy(verdicts, order, noise).right == 1


def test_nothing_judged_yet() -> None:
    found = honest_accuracy({}, review_order([decided("e1", 0.9)]))
    assert isinstance(found, HonestAccuracy)
    assert (found.judged, found.interval.low, found.interval.high) == (0, 0, 1)
    assert str(found) == "no event drawn at random was judged yet"
