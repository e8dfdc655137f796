"""How much of a score may come from recognising the origin of the data: a repository, a network, a region."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from seisbench_lcl.evaluation.arrays import Mask, check_predictions
from seisbench_lcl.evaluation.bootstrap import CONFIDENCE, Interval
from seisbench_lcl.evaluation.group_probe import GroupProbe
from seisbench_lcl.evaluation.group_recall import GroupRecall, group_recalls
from seisbench_lcl.evaluation.group_scores import LEVELS, group_scores
from seisbench_lcl.evaluation.provenance import group_alone, known_elsewhere
from seisbench_lcl.evaluation.tables import Content, to_markdown, to_rich


@dataclass(frozen=True, eq=False)
class Recognition:
    """Scores of models that know the group of a window and of models that do not; rich prints them as tables.

    The scores are balanced accuracies of the same windows: those whose class can be learnt without their group. Every
    model chooses among these classes only, so that the model without the group has no easier choice.

    Attributes
    ----------
    column : str
        Metadata column that holds the groups.
    scores : mapping of (str, str) to Interval
        By training and level, ("known", "held out" or "alone"; "per station" or "per event"): trained with other events
        of the group; trained without the group; predicted from the group alone, without waveforms (`group_alone`).
    lost : mapping of str to Interval
        By level: "known" minus "held out" on the same resamples, as a fraction of 1. This part of the score does not
        transfer to a new group.
    guess : float
        Balanced accuracy per station of random guesses among the same classes.
    n_windows, n_events : int
        Number of windows and events scored.
    recalls : tuple of GroupRecall
        Recall of each class in each group, with the group held out.
    probes : tuple of GroupProbe
    n_resamples, seed : int

    Examples
    --------
    >>> truth, groups, events = [0, 1] * 4, ["a", "a", "a", "a", "b", "b", "b", "b"], range(8)
    >>> found = Recognition.from_predictions(
    ...     np.eye(2)[truth], np.eye(2)[[0] * 8], truth, groups, events, ["blast", "noise"], column="network"
    ... )
    >>> found.scores["known", "per event"].value, found.scores["held out", "per event"].value
    (1.0, 0.5)
    """

    column: str
    scores: Mapping[tuple[str, str], Interval]
    lost: Mapping[str, Interval]
    guess: float
    n_windows: int
    n_events: int
    recalls: tuple[GroupRecall, ...]
    probes: tuple[GroupProbe, ...]
    n_resamples: int
    seed: int

    @classmethod
    def from_predictions(
        cls,
        known: ArrayLike,
        held_out: ArrayLike,
        truth: ArrayLike,
        provenance: ArrayLike,
        events: ArrayLike,
        labels: Sequence[str],
        *,
        column: str,
        classes: Mask | None = None,
        probes: Sequence[GroupProbe] = (),
        n_resamples: int = 1000,
        seed: int = 0,
    ) -> "Recognition":
        """Compare models trained with other events of a window's group and models trained without the group.

        Parameters
        ----------
        known, held_out : array_like of shape (n, K)
            Probabilities of the models with and without the group.
        truth : array_like of int, shape (n,)
            Index into `labels` of each row's class.
        provenance : array_like of shape (n,)
            Group of each row.
        events : array_like of shape (n,)
        labels : sequence of str, length K
        column : str
            Metadata column that holds the groups.
        classes : (n, K) ndarray of bool, optional
            Classes that models without the group can know, if they were trained on other rows; see `known_elsewhere`.
        probes : sequence of GroupProbe
        n_resamples, seed : int
            Number of resamples of whole events for the 95 % intervals, and their seed.

        Raises
        ------
        DatasetError
            If the arrays do not fit each other, an event has more than one class, or no class is in two groups.
        """
        (p_known, y), (p_held_out, _) = (check_predictions(p, truth, labels) for p in (known, held_out))
        if classes is None:
            classes = known_elsewhere(y, provenance, events, n_classes=len(labels))
        scored = classes[np.arange(len(y)), y]
        predictions = {
            "known": p_known,
            "held out": p_held_out,
            "alone": group_alone(y, provenance, events, n_classes=len(labels)),
        }
        own = np.asarray(events)[scored]
        found = group_scores(
            {name: p[scored] for name, p in predictions.items()},
            *(y[scored], own, classes[scored], labels, n_resamples, seed),
        )
        recalls = group_recalls(p_held_out.argmax(axis=1) == y, scored, y, provenance, events, labels)
        return cls(
            column=column,
            scores=found.scores,
            lost=found.lost,
            guess=found.guess,
            n_windows=int(scored.sum()),
            n_events=len(np.unique(own)),
            recalls=recalls,
            probes=tuple(probes),
            n_resamples=n_resamples,
            seed=seed,
        )

    def to_markdown(self) -> str:
        """Return the tables as Markdown, each followed by its explanation."""
        return "\n\n".join(f"{to_markdown([table])}\n\n{text}" for table, text in self._parts()) + "\n"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the tables for the terminal, each followed by its explanation."""
        for table, text in self._parts():
            yield from to_rich([table])
            yield Text(text)

    def _parts(self) -> Iterator[tuple[Content, str]]:
        """Yield each table with its explanation."""
        yield self._comparison(), f"{self._losses()} {self._guesses()}\n\n{self._windows()} {self._left_out()}"
        yield (
            self._recall_table(),
            "In brackets: windows / events. Unknown: the class has too few events for training, fewer than 3 in all or "
            f"fewer than 2 without this {self.column}.",
        )
        yield self._probe_table(), self._probe_meaning()

    def _comparison(self) -> Content:
        names = {
            "known": f"{self.column} in training, events held out",
            "held out": f"{self.column} held out",
            "alone": f"{self.column} only, no waveforms",
        }
        rows = [[title, *(str(self.scores[name, level]) for level in LEVELS)] for name, title in names.items()]
        rows.append(["first minus second, percentage points", *(_points(self.lost[level]) for level in LEVELS)])
        return f"Balanced accuracy with and without the {self.column} in training", ["", *LEVELS], rows

    def _losses(self) -> str:
        station, event = (_points(self.lost[level]) for level in LEVELS)
        return (
            f"Difference due to the {self.column}: {station} percentage points per station, {event} per event. This "
            f"part of the score does not transfer to a new {self.column}."
        )

    def _guesses(self) -> str:
        return (
            f"The third row predicts a window from the classes of other events with the same {self.column}, without "
            f"waveforms. Random guesses score {self.guess:.3f}; at or below that, the {self.column} alone carries no "
            "information about the class."
        )

    def _windows(self) -> str:
        return (
            f"All rows score the same {self.n_windows} windows of {self.n_events} events and choose among the classes "
            f"that can be learnt without the {self.column} of the window. {CONFIDENCE:.0%} intervals: "
            f"{self.n_resamples} resamples of whole events, the same for all rows."
        )

    def _left_out(self) -> str:
        missing = [cell for cell in self.recalls if not cell.known]
        if not missing:
            return "No windows were left out."
        listed = ", ".join(f"{cell.n_windows} of {cell.label} in {cell.group}" for cell in missing)
        return (
            f"Left out: {listed}. Their classes have too few events for training, fewer than 3 in all or fewer than 2 "
            f"without their {self.column}."
        )

    def _recall_table(self) -> Content:
        groups = sorted({cell.group for cell in self.recalls})
        cells = {(cell.label, cell.group): str(cell) for cell in self.recalls}
        labels = dict.fromkeys(cell.label for cell in self.recalls)
        # One row per group: there may be many, while classes are few and fit the width of a terminal.
        rows = [[group, *(cells.get((label, group), "-") for label in labels)] for group in groups]
        return f"Recall with {self.column} held out", [self.column, *labels], rows

    def _probe_table(self) -> Content:
        title = f"Prediction of the {self.column} within one class"
        if not self.probes:
            return title, ["class"], [["none"]]
        rows = [
            [
                probe.label,
                ", ".join(probe.groups),
                f"{probe.n_windows} / {probe.n_events}",
                str(probe.balanced_accuracy),
                f"{probe.chance:.3f}",
            ]
            for probe in self.probes
        ]
        return title, ["class", "groups", "windows / events", "balanced accuracy", "chance"], rows

    def _probe_meaning(self) -> str:
        if not self.probes:
            return f"No class has three or more events in each of two values of {self.column}, which the test needs."
        return (
            f"A ridge classifier predicts the {self.column} of held-out events from the features of these weights. "
            f"Above chance, the features describe more than the source: they also identify the {self.column}, by its "
            "instruments, paths or processing. At chance or below, they do not."
        )


def _points(fraction: Interval) -> str:
    if np.isnan(fraction.low):
        return f"{100 * fraction.value:.1f} [n/a]"
    return f"{100 * fraction.value:.1f} [{100 * fraction.low:.1f}, {100 * fraction.high:.1f}]"
