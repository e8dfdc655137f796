"""Calibration per event: how much certainty a vote deserves, by the number of stations that took part."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from typing_extensions import Self

from seisbench_lcl.datasets import LabelledWindows
from seisbench_lcl.errors import ConfigurationError, DatasetError, check_arguments
from seisbench_lcl.evaluation.arrays import check_predictions
from seisbench_lcl.models.decision import EventDecision
from seisbench_lcl.models.model import Model
from seisbench_lcl.storage import write_text

CALIBRATED = ", calibrated"
"""What the name of a rule ends in, in decisions that a calibration was applied to."""

Floats = NDArray[np.float64]

_LEAST = 1e-6  # probability
_SPREAD = 1.0  # standard deviation of the prior of log temperature and of exponent, worth one event


@dataclass(frozen=True)
class EventCalibration:
    """The temperature T = temperature · n^exponent by which an event's log probabilities are divided.

    The mean over n stations is too cautious: a single station that is unsure keeps the mean from certainty, however
    many others agree, so that T < 1, and the more so the more stations there are (a negative exponent). For the rule
    "log-odds", an exponent of −1 would mean independent stations, and 0 that more stations are no better than one.

    Parameters
    ----------
    temperature, exponent : float
    rule : str
        The rule that it was fitted to; it fits no other.

    Raises
    ------
    ConfigurationError
        If the temperature is not positive.

    References
    ----------
    Guo et al. (2017), On calibration of modern neural networks, ICML.

    Examples
    --------
    >>> EventCalibration(0.5, -0.5, "mean").apply([0.6, 0.4], 4).round(3).tolist()
    [0.835, 0.165]
    """

    temperature: float
    exponent: float
    rule: str

    def __post_init__(self) -> None:
        check_arguments(
            "calibration",
            ("temperature must be positive", 0 < self.temperature < np.inf, self.temperature),
            ("exponent must be finite", np.isfinite(self.exponent), self.exponent),
        )

    def apply(self, probabilities: ArrayLike, n_stations: ArrayLike) -> Floats:
        """Return calibrated probabilities (…, K) of events with n stations (…,)."""
        temperatures = self.temperature * np.asarray(n_stations, dtype=np.float64) ** self.exponent
        return softmax(_logs(probabilities) / temperatures[..., None], axis=-1)

    @classmethod
    def fit(cls, probabilities: ArrayLike, truth: ArrayLike, n_stations: ArrayLike, rule: str) -> Self:
        """Fit to events that the model was not trained on.

        The log loss against smoothed targets (Platt), as if one more event of each class were seen; a weak prior keeps
        the exponent at 0 where the number of stations hardly varies.

        Parameters
        ----------
        probabilities : (E, K) array_like
            By the rule, one row an event.
        truth : (E,) array_like of int
        n_stations : (E,) array_like of int
        rule : str

        Raises
        ------
        DatasetError
            If the arrays do not fit each other.
        """
        p, y = check_predictions(probabilities, truth)
        n = np.log(np.asarray(n_stations, dtype=np.float64))
        logs = _logs(p)
        targets = np.full(p.shape, 1.0) / (len(y) + p.shape[1])
        targets[np.arange(len(y)), y] += len(y) / (len(y) + p.shape[1])

        def loss(parameters: Floats) -> float:
            log_temperatures = parameters[0] + parameters[1] * n
            found = log_softmax(logs / np.exp(log_temperatures)[:, None], axis=1)
            return float(-(targets * found).sum() + np.square(parameters / _SPREAD).sum() / 2)

        best = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=[(-6, 6), (-3, 3)])
        return cls(float(np.exp(best.x[0])), float(best.x[1]), rule)

    @classmethod
    def fit_decisions(cls, decisions: Iterable[EventDecision], truth: Mapping[str, str]) -> Self:
        """Fit to decisions on labelled events that the model was not trained on, made without a calibration.

        Parameters
        ----------
        decisions : iterable of EventDecision
            Those without probabilities, or of events without a label, are left out.
        truth : mapping from event to label

        Raises
        ------
        DatasetError
            If no decision is left, a label is unknown to the model, or the decisions were made by several rules, or
            are calibrated already.
        """
        kept = [decision for decision in decisions if decision.probabilities and decision.event in truth]
        if not kept:
            raise DatasetError("no labelled event has probabilities: pass decisions, and the label of each by its id")
        if len(rules := sorted({decision.rule for decision in kept})) > 1:
            raise DatasetError(f"the decisions were made by the rules {', '.join(rules)}: fit one calibration to each")
        if rules[0].endswith(CALIBRATED):
            raise DatasetError("the decisions are calibrated already: decide with calibration=None, and fit to that")
        labels = list(kept[0].probabilities)
        if strange := sorted({truth[decision.event] for decision in kept} - set(labels)):
            raise DatasetError(f"labels {strange} are unknown to the model, whose labels are {labels}")
        return cls.fit(
            [[decision.probabilities[label] for label in labels] for decision in kept],
            [labels.index(truth[decision.event]) for decision in kept],
            [decision.n_for + decision.n_against for decision in kept],
            rules[0],
        )

    @classmethod
    def fit_held_out(cls, model: Model, learnt: LabelledWindows) -> Self | None:
        """Fit to the training windows of a model, each predicted without its event, for the mean over stations.

        Parameters
        ----------
        model : Discriminator or DiscriminatorEnsemble
            With what its training held out.
        learnt : LabelledWindows
            The training windows; shifted copies do not count.

        Returns
        -------
        EventCalibration or None
            None if nothing was held out.
        """
        if model.held_out is None:
            return None
        rows = np.isfinite(model.held_out[:, 0]) & (learnt.shifts == 0) & np.not_equal(learnt.labels, "")
        if not rows.any():
            return None
        _, first, event, n = np.unique(learnt.groups[rows], return_index=True, return_inverse=True, return_counts=True)
        sums = np.zeros((len(n), len(model.labels)))
        np.add.at(sums, event, model.held_out[rows])
        return cls.fit(sums / n[:, None], learnt.select(rows).truth(model.labels)[first], n, "mean")

    def save(self, path: str | Path) -> None:
        """Write a JSON file.

        Raises
        ------
        OutputError
        """
        write_text(Path(path), json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        ConfigurationError
            If the file is missing or holds something else.
        """
        try:
            return cls(**json.loads(Path(path).read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise ConfigurationError(f"{path} is no calibration of events: {error}") from error


def _logs(probabilities: ArrayLike) -> Floats:
    return np.log(np.clip(np.asarray(probabilities, dtype=np.float64), _LEAST, None))
