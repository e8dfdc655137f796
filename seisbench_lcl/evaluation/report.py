"""The results of an evaluation, per station and per event, for files, documents and the terminal."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from seisbench_lcl.evaluation.bootstrap import CONFIDENCE, Interval, bootstrap_intervals
from seisbench_lcl.evaluation.metrics import confusion, mean_by_event
from seisbench_lcl.evaluation.tables import Content, to_markdown, to_rich


@dataclass(frozen=True, eq=False)
class LevelReport:
    """Scores at one level: one decision per station, or one per event.

    Attributes
    ----------
    labels : tuple of str, length K
    scores : mapping of str to Interval
        The keys of `score`.
    confusion : ndarray of int, shape (K, K)
        Rows are the truth, columns the prediction.
    n_events : int
        Number of events that the rows come from.

    Examples
    --------
    >>> level = LevelReport(("blast", "noise"), {"accuracy": Interval(0.75, 0.5, 1)}, np.array([[2, 0], [1, 1]]), 3)
    >>> level.n_rows, level.n_per_class
    (4, {'blast': 2, 'noise': 2})
    """

    labels: tuple[str, ...]
    scores: Mapping[str, Interval]
    confusion: NDArray[np.int64]
    n_events: int

    @property
    def n_rows(self) -> int:
        """Number of decisions: station windows, or events."""
        return int(self.confusion.sum())

    @property
    def n_per_class(self) -> dict[str, int]:
        """Number of decisions of each true class."""
        return dict(zip(self.labels, self.confusion.sum(axis=1).tolist(), strict=True))

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, lists and dicts for JSON; NaN becomes None."""
        return {
            "n_rows": self.n_rows,
            "n_events": self.n_events,
            "n_per_class": self.n_per_class,
            "scores": {
                name: {"value": _plain(x.value), "low": _plain(x.low), "high": _plain(x.high)}
                for name, x in self.scores.items()
            },
            "confusion": self.confusion.tolist(),
        }


@dataclass(frozen=True, eq=False)
class EvaluationReport:
    """Scores with intervals, confusion matrices and counts, per station and per event.

    Per station, each window is one decision; per event, the mean of the stations' probabilities decides. Rich prints
    the report as tables.

    Attributes
    ----------
    station, event : LevelReport
    n_resamples : int
        Resamples of whole events behind the 95 % intervals.
    seed : int
        Seed of the resampling.

    Examples
    --------
    >>> probabilities = [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]
    >>> report = EvaluationReport.from_predictions(probabilities, [0, 0, 1], ["x", "x", "y"], ["blast", "noise"])
    >>> report.event.scores["accuracy"].value, report.station.n_rows
    (1.0, 3)
    """

    station: LevelReport
    event: LevelReport
    n_resamples: int
    seed: int

    @classmethod
    def from_predictions(
        cls,
        probabilities: ArrayLike,
        truth: ArrayLike,
        groups: ArrayLike,
        labels: Sequence[str],
        *,
        n_resamples: int = 1000,
        seed: int = 0,
    ) -> "EvaluationReport":
        """Evaluate the predictions of a model.

        Parameters
        ----------
        probabilities : array_like of shape (n, K)
            One row per station's window; rows sum to 1.
        truth : array_like of int, shape (n,)
            Index into `labels` of each row's true class, the same for all rows of an event.
        groups : array_like of shape (n,)
            Event that each row belongs to.
        labels : sequence of str, length K
            The classes, in the order of the columns.
        n_resamples : int
            Resamples of whole events for the intervals.
        seed : int
            Seed of the resampling.

        Returns
        -------
        EvaluationReport

        Raises
        ------
        DatasetError
            If the arrays are empty, do not fit each other, or an event has more than one class.
        """
        p_event, y_event, events = mean_by_event(probabilities, truth, groups)

        def level(p: ArrayLike, y: ArrayLike, *, by_event: bool) -> LevelReport:
            scores = bootstrap_intervals(
                probabilities,
                truth,
                groups,
                labels,
                n_resamples=n_resamples,
                confidence=CONFIDENCE,
                seed=seed,
                by_event=by_event,
            )
            matrix = confusion(y, np.argmax(p, axis=1), len(labels))
            return LevelReport(tuple(labels), scores, matrix, len(events))

        return cls(
            station=level(probabilities, truth, by_event=False),
            event=level(p_event, y_event, by_event=True),
            n_resamples=n_resamples,
            seed=seed,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, lists and dicts for JSON; NaN becomes None."""
        return {
            "labels": list(self.station.labels),
            "confidence": CONFIDENCE,
            "n_resamples": self.n_resamples,
            "seed": self.seed,
            "station": self.station.to_dict(),
            "event": self.event.to_dict(),
        }

    def to_markdown(self) -> str:
        """Return the scores and both confusion matrices as Markdown tables."""
        return f"{to_markdown(self._tables())}\n\n{self._note()}\n"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the scores and both confusion matrices as tables for the terminal."""
        yield from to_rich(self._tables())
        yield Text(self._note())

    def _tables(self) -> Iterator[Content]:
        """Yield title, header and rows of the three tables."""
        station, event = self.station, self.event
        pairs = [[name, str(x), str(event.scores[name])] for name, x in station.scores.items()]
        yield "Scores", ["metric", "per station", "per event"], pairs
        for name, level in (("per station", station), ("per event", event)):
            matrix = level.confusion.tolist()
            rows = [[label, *map(str, row)] for label, row in zip(level.labels, matrix, strict=True)]
            yield f"Confusion {name}", ["truth \\ predicted", *level.labels], rows

    def _note(self) -> str:
        return (
            f"{self.station.n_rows} station windows of {self.event.n_events} events; "
            f"{CONFIDENCE:.0%} intervals from {self.n_resamples} resamples of whole events."
        )


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value
