import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import normalized_mutual_info_score, roc_auc_score

from seisbench_lcl.comparison.metrics import (
    Rows,
    contingency_of,
    mutual_information,
    parts_of,
    run_metrics,
    selective,
    unknown_metrics,
)
from seisbench_lcl.comparison.spread import Intervals, mean_intervals, summary
from seisbench_lcl.evaluation import area_under_risk_coverage, score

LABELS = ["blast", "earthquake", "noise"]


def rows(seed: int, n: int = 60, n_events: int = 12, unknown: int = -1) -> Rows:
    rng = np.random.default_rng(seed)
    codes = rng.integers(n_events, size=n)
    truth = codes % 3
    p = rng.dirichlet(np.ones(3), n) + 0.7 * np.eye(3)[truth] * rng.random((n, 1))
    p /= p.sum(axis=1, keepdims=True)
    novelty = rng.random(n) + (truth == unknown) * 0.4 if unknown >= 0 else None
    return Rows(p, truth, codes, rng.integers(4, size=n) if unknown < 0 else None, novelty, unknown)


@given(st.integers(0, 1000))
def test_metrics_agree_with_their_slow_forms(seed: int) -> None:
    own = rows(seed)
    own.p[:20] = own.p[0]  # ties
    found = run_metrics(own, LABELS)
    assert found.items() >= score(own.p, own.truth, LABELS).items()
    assert found["aurc"] == pytest.approx(area_under_risk_coverage(own.p, own.truth))
    assert found["nmi"] == pytest.approx(normalized_mutual_info_score(own.truth, own.clusters))
    confidence = own.p.max(axis=1)
    threshold = max(t for t in confidence if (confidence >= t).mean() >= 0.8)
    kept = confidence >= threshold
    assert found["error_at_80"] == pytest.approx((own.p.argmax(axis=1) != own.truth)[kept].mean())
    events = own.by_event()
    for p, truth, code in zip(events.p, events.truth, events.codes, strict=True):
        np.testing.assert_allclose(p, own.p[own.codes == code].mean(axis=0))
        assert truth == code % 3


@given(st.integers(0, 1000))
def test_weights_are_repeated_rows(seed: int) -> None:
    own = rows(seed, unknown=2)
    times = np.random.default_rng(seed).integers(1, 4, size=len(own.truth))
    again = np.repeat(np.arange(len(times)), times)
    repeated = Rows(own.p[again], own.truth[again], own.codes[again], None, own.novelty[again], 2)
    ones = np.ones((1, len(again)))
    for function in (unknown_metrics, lambda one, weights: selective(one.p, one.truth, weights)):
        weighted, plain = function(own, times[None].astype(float)), function(repeated, ones)
        assert weighted.keys() == plain.keys()
        for name in plain:
            np.testing.assert_allclose(weighted[name], plain[name])
    strange = own.truth == 2
    assert unknown_metrics(own, times[None].astype(float))["unknown_auc"][0] == pytest.approx(
        roc_auc_score(strange, own.novelty, sample_weight=times)
    )
    found = run_metrics(own, LABELS)
    assert found["known_rejected"] == pytest.approx((own.novelty[~strange] > 1).mean())
    assert found["accuracy"] == pytest.approx((own.p.argmax(axis=1) == own.truth)[~strange].mean())


def test_mutual_information_of_constants_is_that_of_scikit_learn() -> None:
    tables = np.array([[[3.0, 0.0], [0.0, 0.0]], [[3.0, 3.0], [0.0, 0.0]]])
    assert mutual_information(tables).tolist() == [
        normalized_mutual_info_score([0] * 3, [0] * 3),
        normalized_mutual_info_score([0] * 3 + [1] * 3, [0] * 6),
    ]
    own = rows(0)
    assert contingency_of(own).sum() == len(own.truth)


def test_an_interval_is_that_of_a_plain_bootstrap_over_events() -> None:
    """Draw events one by one, copy their rows in each run, score, and average over the runs."""
    runs = [rows(0), rows(1, n_events=8), rows(2)]
    found = mean_intervals(runs, LABELS)
    for metric in ("accuracy", "macro_f1", "aurc", "nmi"):
        assert found[metric].value == pytest.approx(np.mean([run_metrics(run, LABELS)[metric] for run in runs]))
    rng, draws = np.random.default_rng(0), []
    for _ in range(300):
        events = rng.integers(12, size=12)
        own = [np.concatenate([np.flatnonzero(run.codes == event) for event in events]) for run in runs]
        draws.append(np.mean([(run.p.argmax(1) == run.truth)[r].mean() for run, r in zip(runs, own, strict=True)]))
    assert found["accuracy"].low == pytest.approx(np.percentile(draws, 2.5), abs=0.02)
    assert found["accuracy"].high == pytest.approx(np.percentile(draws, 97.5), abs=0.02)


def test_differences_are_paired_and_spread_has_two_sources() -> None:
    intervals, table = Intervals(LABELS), []
    for deal in range(4):
        own = rows(deal)
        worse = Rows(own.p[:, [1, 0, 2]], own.truth, own.codes, own.clusters)
        for model, one in (("a", own), ("b", own), ("c", worse)):
            if not (model == "c" and deal == 3):
                intervals.add(model, (deal, deal), [("all", one)])
                table.append(
                    {"model": model, "deal": deal, "seed": deal, "value": run_metrics(one, LABELS)["accuracy"]}
                )
    table.append({"model": "a", "deal": 0, "seed": 1, "value": 0.25})
    same, runs = intervals.difference("a", "b", "station", "accuracy")
    assert (same.value, same.low, same.high, runs) == (0, 0, 0, 4)
    better, runs = intervals.difference("a", "c", "station", "accuracy")
    assert runs == 3
    assert 0 < better.low < better.value < better.high
    constant = {"part": "all", "level": "station", "metric": "accuracy", "windows": 60, "events": 12}
    found = summary(pd.DataFrame(table).assign(**constant), intervals, "events").set_index("model")
    values = [run_metrics(rows(deal), LABELS)["accuracy"] for deal in range(4)]
    assert found.loc["a", "spread"] == pytest.approx(np.std(values, ddof=1))
    assert found.loc["a", "seed_spread"] == pytest.approx(np.std([values[0], 0.25], ddof=1))
    assert found.loc["a", ["runs", "seeds"]].tolist() == [4, 2]
    assert np.isnan(found.loc["b", "seed_spread"])


def test_parts_are_scored_apart() -> None:
    targets = pd.DataFrame(
        {
            "window": [0, 1, 2],
            "event": ["x", "y", "z"],
            "label": ["noise", "blast", "blast"],
            "region": ["n", "n", "s"],
            "snr": [np.nan, 2.0, 9.0],
        }
    )
    p = {f"p:{label}": [0.2, 0.3, 0.5] * 2 for label in LABELS}
    shifts = [0.0] * 3 + [1.0] * 3
    table = pd.DataFrame({"window": [0, 1, 2] * 2, "shift": shifts, **p, "cluster": -1, "novelty": np.nan})
    codes = {"x": 0, "y": 1, "z": 2}
    kinds = ("snr", "region", "shift")
    found = {name: own.codes.tolist() for name, own in parts_of(table, targets, LABELS, codes, kinds, [6])}
    assert found == {
        "all": [0, 1, 2],
        "snr < 6 dB": [1],
        "snr ≥ 6 dB": [2],
        "snr unknown": [0],
        "region n": [0, 1],
        "region s": [2],
        "shift 0 s": [0, 1, 2],
        "shift 1 s": [0, 1, 2],
    }
