"""How much of a score could be recognition of where the data come from: a repository, a network, a region."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from seisbench_lcl.evaluation.bootstrap import Interval, ends, resample_tallies
from seisbench_lcl.evaluation.group_probe import GroupProbe
from seisbench_lcl.evaluation.metrics import (
    Floats,
    Indices,
    check_groups,
    check_predictions,
    mean_by_event,
    read_tally,
    tally,
)
from seisbench_lcl.evaluation.provenance import Mask, group_alone, known_elsewhere, shares
from seisbench_lcl.evaluation.recognition_text import LEVELS, parts
from seisbench_lcl.evaluation.report import CONFIDENCE
from seisbench_lcl.evaluation.tables import to_markdown, to_rich

_TAILS = [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)]


@dataclass(frozen=True)
class GroupRecall:
    """How many windows of one class in one group a model got right that never saw the group.

    Attributes
    ----------
    label, group : str
    n_windows, n_events, n_right : int
    known : bool
        Whether the class is known without the group.
    """

    label: str
    group: str
    n_windows: int
    n_events: int
    n_right: int
    known: bool

    def __str__(self) -> str:
        """Return the recall, or "unknown", and how many windows and events there are."""
        recall = f"{self.n_right / self.n_windows:.3f}" if self.known else "unknown"
        return f"{recall} ({self.n_windows} / {self.n_events})"


@dataclass(frozen=True, eq=False)
class Recognition:
    """What a model owes to having seen the groups that its windows come from; rich and Markdown show it as tables.

    The scores are balanced accuracies, all of the same windows: those whose class is known without their group, too.
    And all choose among the classes that are, so that the one that never saw the group has no easier choice.

    Attributes
    ----------
    column : str
        What the groups are values of.
    scores : mapping of (str, str) to Interval
        By what was known and the level: ("known", "held out" or "alone"; "per station" or "per event"). That is: other
        events of the group were learned from; none were; nothing but the group was heard (`group_alone`).
    lost : mapping of str to Interval
        By level: "known" minus "held out", resampled together, as a share of 1. What did not carry over to a group
        never seen.
    guess : float
        Balanced accuracy, per station, of guesses among the same classes.
    n_windows, n_events : int
        That were scored.
    recalls : tuple of GroupRecall
        For each class in each group, with the group held out.
    probes : tuple of GroupProbe
    n_resamples, seed : int
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
        """Compare predictions of models that saw other events of a window's group with those of models that did not.

        Parameters
        ----------
        known, held_out : array_like of shape (n, K)
            Probabilities of either.
        truth : array_like of int, shape (n,)
            Index into `labels` of each row's class.
        provenance : array_like of shape (n,)
            Group that each row comes from.
        events : array_like of shape (n,)
        labels : sequence of str, length K
        column : str
            What the groups are values of.
        classes : (n, K) ndarray of bool, optional
            What models without the group know, if they learnt from other rows than these; see `known_elsewhere`.
        probes : sequence of GroupProbe
        n_resamples, seed : int
            Of whole events, for the 95 % intervals.

        Raises
        ------
        DatasetError
            If the arrays do not fit each other, an event carries different truth, or no class is in two groups.
        """
        (p_known, y), (p_held_out, _) = (check_predictions(p, truth, labels) for p in (known, held_out))
        if classes is None:
            classes = known_elsewhere(y, provenance, events, n_classes=len(labels))
        judged = classes[np.arange(len(y)), y]
        predictions = {
            "known": p_known,
            "held out": p_held_out,
            "alone": group_alone(y, provenance, events, n_classes=len(labels)),
        }
        own = np.asarray(events)[judged]
        scores: dict[tuple[str, str], Interval] = {}
        lost: dict[str, Interval] = {}
        for level in LEVELS:
            found = {
                name: _balanced(
                    _among(p[judged], classes[judged]), y[judged], own, labels, level == LEVELS[1], n_resamples, seed
                )
                for name, p in predictions.items()
            }
            scores |= {(name, level): _interval(*pair) for name, pair in found.items()}
            (value, draws), (other, other_draws) = found["known"], found["held out"]
            lost[level] = _interval(value - other, draws - other_draws)
        chances = 1 / classes[judged].sum(axis=1)
        guess = float(np.mean([chances[y[judged] == k].mean() for k in np.unique(y[judged])]))
        recalls = _recalls(p_held_out.argmax(axis=1) == y, judged, y, provenance, events, labels)
        return cls(
            column,
            scores,
            lost,
            guess,
            int(judged.sum()),
            len(np.unique(own)),
            recalls,
            tuple(probes),
            n_resamples,
            seed,
        )

    def to_markdown(self) -> str:
        """Return the tables as Markdown, each followed by what it means."""
        return "\n\n".join(f"{to_markdown([table])}\n\n{meaning}" for table, meaning in parts(self)) + "\n"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the tables for the terminal, each followed by what it means."""
        for table, meaning in parts(self):
            yield from to_rich([table])
            yield Text(meaning)


def _among(probabilities: Floats, classes: Mask) -> Floats:
    """Share the probabilities out among some classes (n, K), equally where these have nothing."""
    some = np.where(classes, probabilities, 0)
    total = some.sum(axis=1, keepdims=True)
    return np.where(total > 0, shares(some, total), classes / classes.sum(axis=1, keepdims=True))


def _balanced(
    probabilities: Floats,
    truth: Indices,
    events: NDArray[np.generic],
    labels: Sequence[str],
    by_event: bool,
    n_resamples: int,
    seed: int,
) -> tuple[float, Floats]:
    """Return the balanced accuracy, and its draws (n_resamples,), of the same events for all of one seed."""
    codes, names = check_groups(events, len(truth))
    if by_event:
        probabilities, truth, _ = mean_by_event(probabilities, truth, events)
        codes = np.arange(len(names))
    tallies = tally(probabilities, truth, codes, len(names))
    draws = resample_tallies(tallies, n_resamples, seed)
    value, drawn = (read_tally(sums, labels)["balanced_accuracy"] for sums in (tallies.sum(axis=0), draws))
    return float(value), drawn


def _interval(value: float, draws: Floats) -> Interval:
    return Interval(value, *ends(draws, _TAILS))


def _recalls(
    right: Mask, judged: Mask, truth: Indices, provenance: ArrayLike, events: ArrayLike, labels: Sequence[str]
) -> tuple[GroupRecall, ...]:
    names, group = np.unique(np.asarray(provenance, dtype=str), return_inverse=True)
    codes, _ = check_groups(events, len(truth))
    cells = []
    for k, label in enumerate(labels):
        for g, name in enumerate(names.tolist()):
            rows = (truth == k) & (group == g)
            if n := int(rows.sum()):
                n_events, n_right = len(np.unique(codes[rows])), int(right[rows].sum())
                cells.append(GroupRecall(label, name, n, n_events, n_right, bool(judged[rows].all())))
    return tuple(cells)
