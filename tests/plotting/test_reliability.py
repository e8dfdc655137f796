import importlib

import numpy as np
import pytest

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.evaluation import mean_by_event, reliability, risk_coverage, score
from seisbench_lcl.plotting import reliability_figure


def predictions(n_events=40, k=3):
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(n_events), rng.integers(1, 6, n_events))
    truth = (np.arange(n_events) % k)[groups]
    logits = 2 * np.eye(k)[truth] + rng.normal(size=(n_events, k))[groups] + rng.normal(size=(len(groups), k))
    weights = np.exp(logits)
    return weights / weights.sum(axis=1, keepdims=True), truth, groups


def test_both_levels_are_drawn(png):
    probabilities, truth, groups = predictions()
    figure = reliability_figure(probabilities, truth, groups, "Split dev")
    assert png(figure).startswith(b"\x89PNG")
    assert figure.get_suptitle() == "Split dev"
    diagram, risk, counts = figure.axes
    assert (
        diagram.get_xlim()[0] == counts.get_xlim()[0] == 0.3
    )  # the highest of three probabilities is at least a third
    by_event = mean_by_event(probabilities, truth, groups)
    for i, (p, y, g) in enumerate([(probabilities, truth, groups), by_event]):
        table = reliability(p, y, g)
        filled = table[table["n"] > 0]
        points = diagram.get_lines()[1 + i]
        np.testing.assert_array_equal(points.get_xydata(), filled[["confidence", "accuracy"]])
        ends = [segment[:, 1] for segment in diagram.collections[i].get_segments()]
        np.testing.assert_array_equal(ends, filled[["accuracy_low", "accuracy_high"]])
        assert [bar.get_height() for bar in counts.containers[i]] == table["n"].tolist()
        np.testing.assert_array_equal(risk.get_lines()[i].get_xydata(), risk_coverage(p, y)[["coverage", "risk"]])
        text = diagram.get_legend().get_texts()[i].get_text()
        assert (
            text == f"{len(y)} {'windows' if i == 0 else 'events'}: calibration error {score(p, y, 'abc')['ece']:.3f}"
        )


def test_few_events_draw_without_a_warning_and_without_pyplot(png):
    for n_events, k in ((1, 2), (2, 2), (3, 12)):
        assert png(reliability_figure(*predictions(n_events, k)))
    figure = reliability_figure(np.eye(2), [0, 1], ["a", "b"])
    assert png(figure)
    assert figure.get_suptitle() == ""
    assert importlib.import_module("matplotlib.pyplot").get_fignums() == []


def test_event_of_two_classes_is_refused():
    with pytest.raises(DatasetError, match="event a has more than one class"):
        reliability_figure(np.eye(2), [0, 1], ["a", "a"])
