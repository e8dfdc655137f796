"""Scores of decisions on events against a count by hand, and their figure."""

from collections.abc import Callable
from dataclasses import replace
from math import isnan, nan

import numpy as np
import pytest
from matplotlib.figure import Figure

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.evaluation import score
from seisbench_lcl.events import EventDecision
from seisbench_lcl.events.figures import score_figure
from seisbench_lcl.events.scores import EventScores

LABELS = ("earthquake", "quarry blast", "noise")


def decided(event: str, row: np.ndarray, least: float = 0.0) -> EventDecision:
    second, first = np.sort(row)[-2:]
    label = LABELS[row.argmax()] if first - second >= least else None
    probabilities = dict(zip(LABELS, row.tolist(), strict=True))
    return EventDecision(event, label, label, probabilities, first - second, nan, 1, 0, "", "mean", "weights")


def silent(event: str) -> EventDecision:
    return EventDecision(event, None, None, {}, nan, nan, 0, 0, "no stations", "mean", "weights")


@pytest.fixture
def events() -> tuple[list[EventDecision], dict[str, str]]:
    rng = np.random.default_rng(0)
    decisions = [decided(f"e{i}", rng.dirichlet([1, 1, 1]), least=0.2) for i in range(60)]
    truth = {f"e{i}": LABELS[i % 3] for i in range(50)} | {"s0": "noise", "s1": "noise", "elsewhere": "ice quake"}
    return [*decisions, silent("s0"), silent("s1"), silent("unlabelled")], truth


def test_scores_are_those_counted_by_hand(events: tuple[list[EventDecision], dict[str, str]]) -> None:
    decisions, truth = events
    scores = EventScores.of_decisions(decisions, truth)
    labelled = [d for d in decisions if d.event in truth]
    assert scores.n_events == len(labelled) == 52
    for true in LABELS:
        for said in (*LABELS, None):
            count = sum(truth[d.event] == true and d.label == said for d in labelled)
            assert scores.confusion().loc[true, said or "undecided"] == count
    known = [d for d in labelled if d.label]
    assert scores.coverage == len(known) / 52
    assert scores.risk == pytest.approx(sum(d.label != truth[d.event] for d in known) / len(known))
    curve = scores.risk_coverage()
    for threshold, coverage, risk in curve.itertuples(index=False):
        kept = [d for d in labelled if max(d.probabilities.values(), default=0) >= threshold]
        wrong = sum(max(d.probabilities, key=d.probabilities.__getitem__) != truth[d.event] for d in kept)
        assert (coverage, risk) == (pytest.approx(len(kept) / 52), pytest.approx(wrong / len(kept)))
    assert curve["coverage"].iloc[-1] == pytest.approx(50 / 52)
    table = scores.reliability()
    assert table["n"].sum() == 50
    filled = table[table["n"] > 0]
    ece = (filled["n"] * (filled["accuracy"] - filled["confidence"]).abs()).sum() / 50
    plain = scores.to_dict()
    assert plain["ece"] == pytest.approx(ece)
    assert plain["balanced_accuracy"] == score(scores.probabilities, scores.truth, LABELS)["balanced_accuracy"]
    interval = scores.intervals(200)["accuracy"]
    assert interval.low < plain["accuracy"] == interval.value < interval.high


def test_what_cannot_be_scored_is_refused(events: tuple[list[EventDecision], dict[str, str]]) -> None:
    decisions, truth = events
    with pytest.raises(DatasetError, match="none of the 1 labelled events"):
        EventScores.of_decisions([silent("a")], {"a": "noise"})
    with pytest.raises(DatasetError, match="an event has several decisions"):
        EventScores.of_decisions([*decisions, decisions[0]], truth)
    with pytest.raises(DatasetError, match="'earthqake' of event e0 is none of the model's: did you mean 'earthquake'"):
        EventScores.of_decisions(decisions, truth | {"e0": "earthqake"})
    other = replace(decisions[0], event="x", probabilities={"a": 0.5, "b": 0.5})
    with pytest.raises(DatasetError, match="between different labels"):
        EventScores.of_decisions([*decisions, other], truth | {"x": "a"})
    with pytest.raises(DatasetError, match="no scores to draw"):
        score_figure({})


def test_undecided_events_may_be_all_and_a_label_may_be_called_so() -> None:
    rows = np.array([[0.4, 0.35, 0.25], [0.3, 0.4, 0.3]])
    scores = EventScores.of_decisions(
        [decided(f"e{i}", row, 0.5) for i, row in enumerate(rows)], {"e0": "noise", "e1": "noise"}
    )
    assert (scores.coverage, scores.confusion()["undecided"].tolist()) == (0, [0, 0, 2])
    assert isnan(scores.risk)
    assert scores.to_dict()["risk"] is None
    named = replace(scores, labels=("earthquake", "undecided", "noise"))
    assert named.confusion().columns.tolist() == ["earthquake", "undecided", "noise", "undecided_"]


def test_the_figure_shows_curves_decisions_and_confusion(
    events: tuple[list[EventDecision], dict[str, str]], png: Callable[[Figure], bytes], legend: Callable[..., list[str]]
) -> None:
    decisions, truth = events
    scores = EventScores.of_decisions(decisions, truth)
    figure = score_figure(scores, "Costs $1")
    assert png(figure).startswith(b"\x89PNG")
    diagram, risk, counts, matrix = figure.axes
    assert legend(diagram) == [f"50 events: calibration error {scores.to_dict()['ece']:.3f}"]
    assert sum(bar.get_height() for bar in counts.patches) == 50
    curve, point = risk.get_lines()
    np.testing.assert_allclose(curve.get_xydata(), scores.risk_coverage()[["coverage", "risk"]])
    np.testing.assert_allclose(point.get_xydata(), [[scores.coverage, scores.risk]])
    assert legend(risk)[1] == f"events, decided: {scores.risk:.1%} of {scores.decided.sum()}"
    cells = {(round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in matrix.texts}
    table = scores.confusion().to_numpy()
    assert {place: int(words.split("\n")[0]) for place, words in cells.items()} == {
        place: count for place, count in np.ndenumerate(table) if count
    }
    both = score_figure({"before": scores, "after": scores})
    assert png(both)
    assert legend(both.axes[0])[1].startswith("50 events, after: calibration error")
    assert both.axes[3].get_title(loc="left") == "Confusion: after"
