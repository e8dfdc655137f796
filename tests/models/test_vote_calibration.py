"""Weights and temperatures of a vote, fitted to events and kept if they help on others."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax

from seisbench_lcl.errors import TrainingError
from seisbench_lcl.models._voting import Vote
from seisbench_lcl.models.vote_calibration import VoteCalibration, _fit, calibrate

CLASSES = ["earthquake", "noise", "blast"]
KNOWN = np.array([[1, 1, 1], [1, 1, 1], [1, 1, 0]], dtype=bool)


def votes(n_events: int, seed: int = 0) -> tuple[NDArray[np.float64], list[str], list[int]]:
    """A good member, a guess that is sure of itself, and a good one that knows two classes; two windows an event."""
    rng = np.random.default_rng(seed)
    events = [event for event in range(n_events) for _ in range(2)]
    truth = np.array([event % 3 for event in events])
    scores = 1.5 * np.eye(3)[truth] + rng.normal(size=(2 * n_events, 3))
    guess = 4 * rng.normal(size=scores.shape)
    half = 1.5 * np.eye(3)[truth][:, :2] + rng.normal(size=(2 * n_events, 2))
    found = [softmax(scores, axis=1), softmax(guess, axis=1), np.pad(softmax(half, axis=1), ((0, 0), (0, 1)))]
    return np.stack(found), [CLASSES[k] for k in truth], events


def loss(probabilities: NDArray[np.float64], labels: list[str]) -> float:
    """Mean log loss of classes with as many windows each."""
    truth = [CLASSES.index(label) for label in labels]
    return float(-np.mean([np.log(row[k]) for row, k in zip(probabilities, truth, strict=True)]))


def test_a_member_that_guesses_loses_weight() -> None:
    found = calibrate(votes(60)[0], KNOWN, CLASSES, *votes(60)[1:])
    assert found.kept
    assert "calibrated" in str(found)
    good, guess, half = found.vote.weights
    assert guess < 0.15 < min(good, half)
    unseen, labels, _ = votes(300, seed=1)
    before, after = (loss(vote.on(unseen).probabilities, labels) for vote in (Vote.of(KNOWN, None, None), found.vote))
    assert after < before - 0.1
    assert found.fitted_loss == pytest.approx(after, abs=0.15)
    assert found.fitted_loss == pytest.approx(loss(found.held_out, votes(60)[1]), rel=1e-4)
    assert found.plain_loss == pytest.approx(
        loss(Vote.of(KNOWN, None, None).on(votes(60)[0]).probabilities, votes(60)[1]), rel=1e-4
    )


def test_no_event_is_predicted_by_its_own_fit() -> None:
    own, labels, events = votes(9)  # few, so each event is a fold
    found = calibrate(own, KNOWN, CLASSES, labels, events)
    assert found.kept
    truth, event = np.array([CLASSES.index(label) for label in labels]), np.array(events)
    for held in range(9):
        others, rows = event != held, event == held
        vote = _fit(own[:, others], truth[others], event[others], KNOWN)
        np.testing.assert_allclose(found.held_out[rows], vote.on(own[:, rows]).probabilities, atol=1e-6)


def test_a_fit_that_does_not_help_is_not_kept() -> None:
    own, labels, events = votes(12, seed=2)
    alike = np.stack([softmax(1.5 * np.log(own[0]), axis=1)] * 2)  # equal members that need no calibration
    found = calibrate(alike, KNOWN[:2], CLASSES, labels, events)
    assert not found.kept
    assert found.fitted_loss >= found.plain_loss
    assert found.vote.weights.tolist() == [0.5, 0.5]
    assert found.vote.temperatures.tolist() == [1, 1]
    np.testing.assert_allclose(found.held_out, alike[0], atol=1e-6)
    assert "the plain mean stays, as the fit is no better" in str(found)


def test_windows_that_no_voter_knows_are_left_out() -> None:
    own, labels, events = votes(30)
    own[:2, -6:] = np.nan  # only the third member votes, which knows no blast
    found = calibrate(own, KNOWN, CLASSES, labels, events)
    lost = [label == "blast" for label in labels[-6:]]
    assert found.n_left_out == sum(lost) > 0
    assert np.isnan(found.held_out[-6:][lost]).all()
    assert np.isfinite(found.held_out[:-6]).all()
    assert "left out 2 windows whose class no voter knows" in str(found)


def test_classes_without_windows_are_named() -> None:
    own, labels, events = votes(30)
    kept = [i for i, label in enumerate(labels) if label != "blast"]
    found = calibrate(own[:, kept], KNOWN, CLASSES, [labels[i] for i in kept], [events[i] for i in kept])
    assert found.absent == ["blast"]
    assert "no window shows blast" in str(found)
    assert isinstance(found, VoteCalibration)


def test_labels_that_do_not_fit() -> None:
    own, labels, events = votes(6)
    for changed, message in (
        ([*labels[:-1], "hum"], "does not know the labels"),
        (labels[:-1], "12 windows came with 11 labels"),
        ([*labels[:-1], "noise"], "event 5 has windows labelled 'blast' and 'noise'"),
    ):
        with pytest.raises(TrainingError, match=message):
            calibrate(own, KNOWN, CLASSES, changed, events)
    with pytest.raises(TrainingError, match="two or more classes that the members know, but these are of noise"):
        calibrate(own[:, 2:4], KNOWN, CLASSES, labels[2:4], None)
