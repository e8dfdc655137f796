import numpy as np
import pytest

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.evaluation import Interval, bootstrap, bootstrap_intervals, mean_by_event, score

LABELS = ["earthquake", "quarry blast", "noise"]


def predictions(n_events, n_stations, seed=0):
    """Imperfect probabilities of events with independent stations."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_events), n_stations)
    truth = (np.arange(n_events) % 3)[groups]
    weights = rng.random((len(groups), 3)) + 0.5 * np.eye(3)[truth]
    return weights / weights.sum(axis=1, keepdims=True), truth, groups


def slow_draws(probabilities, truth, groups, n_resamples, seed):
    """Gather the rows of the drawn events one event at a time, and score them."""
    events, rng = np.unique(groups), np.random.default_rng(seed)
    for _ in range(n_resamples):
        drawn = rng.integers(len(events), size=len(events))
        rows = np.concatenate([np.flatnonzero(groups == events[i]) for i in drawn])
        yield score(probabilities[rows], truth[rows], LABELS)


@pytest.mark.parametrize("by_event", [False, True])
def test_agrees_with_a_slow_bootstrap_that_gathers_rows(by_event):
    probabilities, truth, groups = predictions(n_events=7, n_stations=3)
    probabilities, truth, groups = probabilities[:-2], truth[:-2], groups[:-2]  # events of unequal size
    intervals = bootstrap_intervals(
        probabilities, truth, groups, LABELS, n_resamples=40, confidence=0.8, seed=3, by_event=by_event
    )
    rows = mean_by_event(probabilities, truth, groups) if by_event else (probabilities, truth, groups)
    draws = list(slow_draws(*rows, n_resamples=40, seed=3))
    assert any(np.isnan(list(draw.values())).any() for draw in draws)  # some resamples lack a class
    for name, value in score(*rows[:2], LABELS).items():
        low, high = np.nanpercentile([draw[name] for draw in draws], [10, 90])
        found = intervals[name]
        assert (found.value, found.low, found.high) == pytest.approx((value, low, high))


def test_copies_of_a_trace_do_not_narrow_the_interval():
    probabilities, truth, groups = predictions(n_events=60, n_stations=1)
    one = bootstrap_intervals(probabilities, truth, groups, LABELS)
    p, y, g = (np.repeat(x, 9, axis=0) for x in (probabilities, truth, groups))
    by_event = bootstrap_intervals(p, y, g, LABELS)
    by_trace = bootstrap_intervals(p, y, np.arange(len(g)), LABELS)
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "brier"):
        alone, event, trace = (x[name].high - x[name].low for x in (one, by_event, by_trace))
        assert event == pytest.approx(alone)
        assert event == pytest.approx(3 * trace, rel=0.2)  # nine copies count as nine times the data: √9


def test_interval_covers_the_true_accuracy_as_often_as_stated():
    rng = np.random.default_rng(1)
    hits = 0
    for seed in range(200):
        right = np.repeat(rng.random(80) < 0.7, 4)  # stations of an event agree; true accuracy 0.7
        p = np.where(right[:, None], [0.9, 0.1], [0.1, 0.9])
        found = bootstrap_intervals(
            p, np.zeros(320, int), np.repeat(np.arange(80), 4), ["a", "b"], n_resamples=200, seed=seed
        )["accuracy"]
        hits += found.low <= 0.7 <= found.high
    assert 0.88 <= hits / 200 <= 0.99


def test_same_seed_same_intervals_whatever_the_order_of_rows():
    probabilities, truth, groups = predictions(n_events=12, n_stations=3)
    order = np.random.default_rng(2).permutation(len(truth))
    a = bootstrap_intervals(probabilities, truth, groups, LABELS, n_resamples=50)
    b = bootstrap_intervals(probabilities[order], truth[order], groups[order], LABELS, n_resamples=50)
    for name, found in a.items():
        assert (found.low, found.high) == pytest.approx((b[name].low, b[name].high))


def test_class_without_rows_and_lone_event_have_no_interval():
    p = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]])
    absent = bootstrap_intervals(p, [0, 1], ["x", "y"], LABELS, n_resamples=20)["recall[noise]"]
    assert str(absent) == "n/a"
    lone = bootstrap_intervals(p, [0, 0], ["x", "x"], LABELS, n_resamples=20)["accuracy"]
    assert str(lone) == "0.500 [n/a]"


def test_interval_prints_value_and_ends():
    assert str(Interval(0.9512, 0.902, 0.988)) == "0.951 [0.902, 0.988]"


@pytest.mark.parametrize("n_events", [1, 7, 20])
@pytest.mark.parametrize("draws", [1, 33, 10_000])
def test_blocks_of_resamples_equal_one_draw_at_a_time(n_events, draws, monkeypatch):
    monkeypatch.setattr(bootstrap, "_DRAWS", draws)
    tallies = np.random.default_rng(1).integers(0, 9, (n_events, 4)).astype(float)
    rng = np.random.default_rng(5)
    expected = [tallies[rng.integers(n_events, size=n_events)].sum(axis=0) for _ in range(50 if n_events > 1 else 0)]
    np.testing.assert_array_equal(bootstrap.resample_tallies(tallies, 50, seed=5), np.reshape(expected, (-1, 4)))


def test_undefined_draws_do_not_count():
    found = Interval.from_draws(0.5, np.array([np.nan, 0.2, 0.4, 0.6, np.nan]), confidence=0.5)
    assert (found.low, found.high) == pytest.approx((0.3, 0.5))
    assert str(Interval.from_draws(0.5, np.array([np.nan]))) == "0.500 [n/a]"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_resamples": 0}, "n_resamples must be a whole number of 1 or more, such as 1000, but is 0"),
        ({"n_resamples": 99.5}, "n_resamples must be a whole number"),
        ({"confidence": 95}, r"confidence must lie between 0 and 1, such as 0\.95, but is 95"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ConfigurationError, match=message):
        bootstrap_intervals(np.eye(3), [0, 1, 2], [0, 1, 2], LABELS, **options)
