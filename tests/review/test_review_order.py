"""The order of review: doubtful and diverse events first, and draws that are a random sample whatever else is seen."""

import itertools
import math
import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from obspy import UTCDateTime

from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.models.decision import EventDecision, StationDecision
from seisbench_lcl.review.diversity import coordinates, representatives
from seisbench_lcl.review.doubt import doubt, has_window
from seisbench_lcl.review.order import review_order

NAN = float("nan")


def decided(event: str, p: float = 0.9, disagreement: float = NAN, stations: Sequence[float] = ()) -> EventDecision:
    """Return a decision on an event; `stations` are their novelties."""
    probabilities = {"slide": p, "noise": 1 - p}
    made = tuple(StationDecision("XX.A..HH", UTCDateTime(0), "pick", probabilities, novelty=n) for n in stations)
    return EventDecision(
        event, max(probabilities, key=probabilities.__getitem__), None, probabilities, abs(2 * p - 1), disagreement, 1,
        0, "", "mean", "w", made,
    )  # fmt: skip


def abstained(event: str, *stations: StationDecision) -> EventDecision:
    return EventDecision(event, None, None, {}, NAN, NAN, 0, 0, "no waveform", "mean", "w", stations)


def unlike(novelty: float) -> StationDecision:
    return StationDecision("XX.A..HH", UTCDateTime(0), "pick", {}, "unlike the training data", novelty)


def test_doubt_grows_with_a_small_margin_disagreement_novelty_and_abstention() -> None:
    certain, close = decided("a", 1.0), decided("b", 0.55)
    split, strange = decided("c", 1.0, disagreement=0.4), decided("d", 1.0, stations=[0.2, 1.5])
    assert [doubt(d) for d in (certain, close, split, strange)] == pytest.approx([0, 0.9, 0.4, 0.25])
    assert doubt(abstained("e", unlike(3.0))) == pytest.approx(1.5)
    assert doubt(abstained("f")) == 1
    known = [certain, strange, abstained("e", unlike(3.0))]
    assert [has_window(d) for d in (*known, abstained("f"), abstained("g", unlike(NAN)))] == [True] * 3 + [False] * 2


def test_without_features_the_most_doubtful_come_first_and_events_without_waveforms_last() -> None:
    events = [
        abstained("none"),
        decided("sure", 0.99),
        decided("close", 0.51),
        abstained("new", unlike(2)),
        decided("so", 0.7),
    ]
    assert review_order(events, random_share=0) == ["new", "close", "so", "sure", "none"]
    assert review_order(events, ["new", "gone"], random_share=0) == ["close", "so", "sure", "none"]
    assert review_order([], ["gone"]) == review_order(events[:1], ["none"]) == []


def test_with_features_one_of_many_equal_events_comes_first_and_reviewed_ones_stand_for_their_like() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 10, (4, 50))
    features = {f"{k} {i}": centres[k] + rng.normal(0, 0.1, 50) for k in range(4) for i in range(5)}
    events = [decided(event, 0.6 + 0.01 * int(event[0])) for event in features]
    order = review_order(events, (), features, random_share=0)
    assert {event[0] for event in order[:4]} == set("0123")
    assert {event[0] for event in review_order(events, ["2 0"], features, random_share=0)[:3]} == set("013")
    by_window = {event: np.stack([x - 1, x + 1]) for event, x in features.items()}
    assert review_order(events, (), by_window, random_share=0)[:4] == order[:4]
    del by_window["3 4"]  # one without features stands for itself
    assert set(review_order(events, (), by_window, random_share=0)) == set(features)


@settings(max_examples=40)
@given(
    st.integers(1, 14),
    st.floats(0, 1),
    st.sets(st.integers(0, 14)),
    st.integers(0, 3),
    st.integers(0, 40),
    st.booleans(),
)
def test_all_events_once_and_the_draws_that_are_due_are_always_seen(
    n: int, share: float, before: set[int], without: int, seed: int, with_features: bool
) -> None:
    events = [decided(f"e{i}", 0.5 + 0.03 * i) for i in range(n)] + [abstained(f"w{i}") for i in range(without)]
    features = {f"e{i}": np.array([i % 3, i / 7.0]) for i in range(n)} if with_features else None
    reviewed = {f"e{i}" for i in before}
    order = review_order(events, reviewed, features, random_share=share, seed=seed)
    assert sorted([*order, *order.reviewed]) == sorted(event.event for event in events)
    assert len(order.draws) == n
    assert order == review_order(events[::-1], reviewed, features, random_share=share, seed=seed)
    # Events reviewed before in any order may leave draws behind, which come first.
    behind = math.ceil(len(order.reviewed) * share)
    for seen in range(len(order) + 1):
        sample = order.sample(order.reviewed.union(order[:seen]))
        due = min(n, math.ceil((len(order.reviewed) + seen) * share - 1e-9))
        assert sample == order.draws[: len(sample)]
        if not order.reviewed or (share < 0.5 and seen >= 2 * (behind + 1)):
            assert len(sample) == (n if seen == len(order) else due)


def test_later_orders_go_on_with_the_same_draws() -> None:
    events = [decided(f"e{i}", 0.5 + 0.004 * i) for i in range(100)]
    first = review_order(events)
    later = [decided(f"e{i}", 1 - 0.004 * i) for i in range(100)] + [decided("new")]
    second = review_order(later, first[:20])
    assert [event for event in second.draws if event != "new"] == list(first.draws)
    assert first.sample(first[:20]) == first.draws[:4]
    assert set(second[:15]) & set(first.draws[4:7]) == set(first.draws[4:7]) - set(first[:20])


def test_a_skipped_draw_ends_the_sample_and_comes_next() -> None:
    events = [decided(f"e{i}", 0.5 + 0.004 * i) for i in range(100)]
    order = review_order(events)
    skipped = order[5]
    assert skipped == order.draws[1]
    seen = [event for event in order[:20] if event != skipped]
    assert order.sample(seen) == order.draws[:1]
    assert review_order(events, seen)[0] == skipped


@pytest.mark.parametrize("seed", range(3))
def test_representatives_follow_the_plain_greedy_rule(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points, known, weights = rng.normal(size=(12, 2)), rng.normal(size=(2, 2)), rng.random(12)
    points[3] = NAN
    apart = [
        math.dist(a, b)
        for (i, a), (j, b) in itertools.product(enumerate(points), repeat=2)
        if i != j and 3 not in (i, j)
    ]
    width = float(np.median(apart))

    def similar(a: np.ndarray, b: np.ndarray) -> float:
        return math.exp(-((math.dist(a, b) / width) ** 2))

    def worth(chosen: list[int]) -> float:
        total = 0.0
        for j in range(12):
            if j == 3:
                total += weights[j] * (3 in chosen)
            else:
                total += weights[j] * max(
                    [similar(points[j], points[i]) for i in chosen if i != 3] + [similar(points[j], k) for k in known]
                )
        return total

    expected: list[int] = []
    while len(expected) < 12:
        left = [i for i in range(12) if i not in expected]
        expected.append(max(left, key=lambda i: worth([*expected, i])))
    order = representatives(weights, points, known)
    assert sorted(order) == list(range(12))
    for n in range(1, 8):  # later gains are rounding errors
        assert worth(order[:n]) == pytest.approx(worth(expected[:n]), rel=1e-6)


def test_coordinates_keep_who_is_near_whom_even_of_many_features() -> None:
    rng = np.random.default_rng(1)
    centres = rng.normal(0, 1, (3, 3000))
    rows = {f"e{i}": (centres[i % 3] + rng.normal(0, 0.3, 3000)) for i in range(30)}
    found = coordinates(rows, [*rows, "without"])
    assert found.shape[0] == 31
    assert np.isnan(found[30]).all()
    distance = np.linalg.norm(found[:30, None] - found[None, :30], axis=2)
    same = np.equal.outer(np.arange(30) % 3, np.arange(30) % 3)
    assert distance[same].max() < distance[~same].min()
    assert (coordinates({"a": [1.0, 2], "b": [1.0, 2]}, ["a", "b"]) == 0).all()
    assert np.isnan(coordinates({"a": [1.0]}, ["a", "b"])).all()


def test_ten_thousand_events_are_ordered_in_seconds() -> None:
    rng = np.random.default_rng(0)
    events = [decided(f"e{i}", p) for i, p in enumerate(rng.random(10_000))]
    features = {event.event: row for event, row in zip(events, rng.normal(size=(10_000, 50)), strict=True)}
    start = time.process_time()
    order = review_order(events, [f"e{i}" for i in range(500)], features)
    assert time.process_time() - start < 10
    assert len(order) == 9500


def test_bad_input_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"random_share must be from 0 to 1, but is 1\.2"):
        review_order([], random_share=1.2)
    with pytest.raises(ConfigurationError, match="seed"):
        review_order([], seed=-1)
    with pytest.raises(DatasetError, match="two or more decisions on e1: keep one"):
        review_order([decided("e1"), decided("e1"), decided("e2")])
    two = [decided("e1"), decided("e2")]
    with pytest.raises(DatasetError, match=r"different lengths, \[2, 3\]"):
        review_order(two, (), {"e1": [1, 2], "e2": [1, 2, 3]})
    with pytest.raises(DatasetError, match="'e2' must be finite"):
        review_order(two, (), {"e1": [1, 2], "e2": [1, NAN]})
