"""A calibration finds the temperatures that made the probabilities, and follows its formula."""

import math
from pathlib import Path

import numpy as np
import pytest

from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.evaluation.metrics import score
from seisbench_lcl.events import EventCalibration, EventDecision

LABELS = ["earthquake", "explosion", "noise"]


def too_cautious(n_events: int, temperature: float, exponent: float, seed: int) -> tuple[np.ndarray, ...]:
    """Events whose truth is drawn from probabilities that are sharper than those given."""
    rng = np.random.default_rng(seed)
    stations = rng.integers(1, 12, n_events)
    scores = rng.normal(0, 1, (n_events, 3))
    true = np.exp(scores / (temperature * stations**exponent)[:, None])
    true /= true.sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(3, p=row) for row in true])
    given = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return given, truth, stations


def test_applying_is_a_plain_formula() -> None:
    calibration = EventCalibration(0.7, -0.4, "mean")
    for row, n in (([0.5, 0.3, 0.2], 1), ([0.9, 0.1, 0.0], 7)):
        t = 0.7 * n**-0.4
        powers = [max(p, 1e-6) ** (1 / t) for p in row]
        expected = [p / sum(powers) for p in powers]
        np.testing.assert_allclose(calibration.apply(row, n), expected, rtol=1e-9)
    both = calibration.apply([[0.5, 0.3, 0.2], [0.9, 0.1, 0.0]], [1, 7])
    np.testing.assert_allclose(both[1], calibration.apply([0.9, 0.1, 0.0], 7))


def test_fitting_recovers_temperature_and_exponent_and_calibrates_others() -> None:
    found = EventCalibration.fit(*too_cautious(4000, 0.6, -0.5, seed=1), rule="mean")
    assert found.temperature == pytest.approx(0.6, rel=0.2)  # towards caution, by the smoothed targets
    assert found.exponent == pytest.approx(-0.5, abs=0.15)
    given, truth, stations = too_cautious(4000, 0.6, -0.5, seed=2)
    before, after = (score(p, truth, LABELS)["ece"] for p in (given, found.apply(given, stations)))
    assert before > 0.2
    assert after < 0.03


def test_few_events_and_equal_numbers_of_stations_give_moderate_values() -> None:
    found = EventCalibration.fit([[0.6, 0.4], [0.4, 0.6]], [0, 1], [3, 3], rule="mean")
    assert 0.2 < found.temperature < 2
    assert abs(found.exponent) < 1
    alone = EventCalibration.fit([[0.6, 0.4]] * 5, [0] * 5, [1] * 5, rule="mean")
    assert alone.exponent == pytest.approx(0, abs=1e-6)  # log 1 = 0: nothing says how it depends on n


def test_a_calibration_is_saved_and_read(tmp_path: Path) -> None:
    found = EventCalibration(1 / 3, -math.pi / 10, "log-odds")
    found.save(tmp_path / "new" / "calibration.json")
    assert EventCalibration.load(tmp_path / "new" / "calibration.json") == found


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"temperature": 1, "exponent": 0}', '{"temperature": -1}'])
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "calibration.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigurationError, match="is no calibration of events"):
        EventCalibration.load(path)


def test_nonsense_is_refused() -> None:
    for bad in ((0.0, 0.0), (math.inf, 0.0), (1.0, math.nan)):
        with pytest.raises(ConfigurationError):
            EventCalibration(*bad, "mean")
    with pytest.raises(DatasetError):
        EventCalibration.fit([[0.6, 0.6]], [0], [1], rule="mean")


def decision(event: str, n: int, rule: str = "mean", **p: float) -> EventDecision:
    return EventDecision(event, "a", None, p, 0.0, 0.0, n, 0, "", rule, "w")


def test_decisions_on_labelled_events_are_fitted_like_their_arrays() -> None:
    decisions = [
        decision("1", 4, a=0.6, b=0.4),
        decision("2", 1, a=0.3, b=0.7),
        decision("3", 9, a=0.45, b=0.55),
        decision("unlabelled", 9, a=0.9, b=0.1),
        EventDecision("4", None, None, {}, math.nan, math.nan, 0, 0, "no picks", "mean", "w"),
    ]
    truth = {"1": "a", "2": "b", "3": "b", "4": "a"}
    expected = EventCalibration.fit([[0.6, 0.4], [0.3, 0.7], [0.45, 0.55]], [0, 1, 1], [4, 1, 9], "mean")
    assert EventCalibration.fit_decisions(decisions, truth) == expected
    for given, labels, message in (
        (decisions, {}, "no labelled event has probabilities"),
        (decisions, {"1": "c"}, r"labels \['c'\] are unknown to the model"),
        ([decision("1", 4, "mean, calibrated", a=0.6, b=0.4)], truth, "calibrated already"),
        ([*decisions, decision("5", 1, "median", a=1.0, b=0.0)], truth | {"5": "a"}, "by the rules mean, median"),
    ):
        with pytest.raises(DatasetError, match=message):
            EventCalibration.fit_decisions(given, labels)
