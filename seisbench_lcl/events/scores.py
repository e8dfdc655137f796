"""Decisions on events against their true labels: scores, calibration, and what undecided events cost and save."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from typing_extensions import Self

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.evaluation import (
    Interval,
    area_under_risk_coverage,
    bootstrap_intervals,
    confusion,
    reliability,
    risk_coverage,
    score,
)
from seisbench_lcl.models.decision import EventDecision
from seisbench_lcl.wording import suggestion

UNDECIDED = "undecided"


@dataclass(frozen=True, eq=False)
class EventScores:
    """Decisions on labelled events.

    Make it with `of_decisions`.

    Attributes
    ----------
    labels : tuple of str, length K
    events : tuple of str, length E
        Ids of the events with probabilities.
    probabilities : (E, K) float64 ndarray
        Of the events; rows sum to 1.
    truth : (E,) int64 ndarray
        Index of each true label.
    decided : (E,) bool ndarray
        Whether the rules decided; an undecided event still has probabilities.
    silent : (K,) int64 ndarray
        Number of labelled events without probabilities, because no station has a decision, by true label.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.array([[0.9, 0.1], [0.4, 0.6], [0.55, 0.45]])
    >>> decided, truth = np.array([True, True, False]), np.array([0, 0, 1])
    >>> scores = EventScores(("quake", "blast"), ("a", "b", "c"), p, truth, decided, np.array([0, 1]))
    >>> scores.confusion()
           quake  blast  undecided
    quake      1      1          0
    blast      0      0          2
    >>> scores.coverage, scores.risk
    (0.5, 0.5)
    """

    labels: tuple[str, ...]
    events: tuple[str, ...]
    probabilities: NDArray[np.float64]
    truth: NDArray[np.int64]
    decided: NDArray[np.bool_]
    silent: NDArray[np.int64]

    @classmethod
    def of_decisions(cls, decisions: Iterable[EventDecision], truth: Mapping[str, str]) -> Self:
        """Compare decisions with true labels.

        Parameters
        ----------
        decisions : iterable of EventDecision
            Those on events without a true label are left out.
        truth : mapping from event to label

        Raises
        ------
        DatasetError
            If no labelled event has probabilities, an event is decided twice, the decisions are between different
            labels, or a true label is not among them.
        """
        labelled = [decision for decision in decisions if decision.event in truth]
        if len({decision.event for decision in labelled}) < len(labelled):
            raise DatasetError("an event has several decisions: score the decisions of one model and rule at a time")
        kept = [decision for decision in labelled if decision.probabilities]
        if not kept:
            raise DatasetError(
                f"none of the {len(truth)} labelled events has a decision with probabilities: pass decisions, and the "
                "true label of each by the id of its event"
            )
        labels = tuple(kept[0].probabilities)
        if any(set(decision.probabilities) != set(labels) for decision in kept):
            raise DatasetError("the decisions are between different labels: score the decisions of one model at a time")
        for decision in labelled:
            if (true := truth[decision.event]) not in labels:
                raise DatasetError(
                    f"the true label {true!r} of event {decision.event} is none of the model's: "
                    f"{suggestion(true, labels)}"
                )
        silent = [labels.index(truth[decision.event]) for decision in labelled if not decision.probabilities]
        return cls(
            labels,
            tuple(decision.event for decision in kept),
            np.array([[decision.probabilities[label] for label in labels] for decision in kept]),
            np.array([labels.index(truth[decision.event]) for decision in kept], dtype=np.int64),
            np.array([decision.label is not None for decision in kept]),
            np.bincount(np.array(silent, dtype=np.int64), minlength=len(labels)),
        )

    @property
    def n_events(self) -> int:
        """Number of labelled events, with and without probabilities."""
        return len(self.truth) + int(self.silent.sum())

    @property
    def coverage(self) -> float:
        """Fraction of the labelled events that were decided."""
        return float(self.decided.sum() / self.n_events)

    @property
    def risk(self) -> float:
        """Error rate of the decided events; NaN if there are none."""
        wrong = self.probabilities.argmax(axis=1) != self.truth
        return float(wrong[self.decided].mean()) if self.decided.any() else float("nan")

    def intervals(self, n_resamples: int = 1000) -> dict[str, Interval]:
        """Return the scores of `seisbench_lcl.evaluation.score` with their 95 % intervals over events.

        Undecided events with probabilities count by their most probable label, as if the rules had no limits.

        Parameters
        ----------
        n_resamples : int
            Resamples of the events.
        """
        return bootstrap_intervals(
            self.probabilities, self.truth, np.arange(len(self.truth)), self.labels, n_resamples=n_resamples
        )

    def reliability(self) -> pd.DataFrame:
        """Return accuracy by confidence, as `seisbench_lcl.evaluation.reliability` with intervals."""
        return reliability(self.probabilities, self.truth, np.arange(len(self.truth)))

    def risk_coverage(self) -> pd.DataFrame:
        """Return the error rate of the events kept for falling thresholds on the highest probability.

        Columns as `seisbench_lcl.evaluation.risk_coverage`; the coverage is the fraction of all labelled events, so
        that it ends below 1 if some have no probabilities.
        """
        curve = risk_coverage(self.probabilities, self.truth)
        return curve.assign(coverage=curve["coverage"] * len(self.truth) / self.n_events)

    def area_under_risk_coverage(self) -> float:
        """Return the mean risk over the coverages of the events with probabilities; lower is better."""
        return area_under_risk_coverage(self.probabilities, self.truth)

    def confusion(self) -> pd.DataFrame:
        """Return the number of events by true label (rows) and decision (columns), the last of them "undecided"."""
        k = len(self.labels)
        predicted = self.probabilities.argmax(axis=1)
        counts = confusion(self.truth[self.decided], predicted[self.decided], k)
        undecided = np.bincount(self.truth[~self.decided], minlength=k) + self.silent
        table = pd.DataFrame(counts, index=list(self.labels), columns=list(self.labels))
        name = UNDECIDED
        while name in table:  # a model may have a label of that name
            name += "_"
        return table.assign(**{name: undecided})

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers for JSON: counts, coverage, risk, accuracies, calibration error, Brier score."""
        scores = score(self.probabilities, self.truth, self.labels)
        names = ("accuracy", "balanced_accuracy", "macro_f1", "ece", "brier")
        return {
            "n_events": self.n_events,
            "n_with_probabilities": len(self.truth),
            "n_decided": int(self.decided.sum()),
            "coverage": self.coverage,
            "risk": None if np.isnan(self.risk) else self.risk,
            "area_under_risk_coverage": self.area_under_risk_coverage(),
            **{name: scores[name] for name in names},
        }
