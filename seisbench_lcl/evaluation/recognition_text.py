"""The tables and the words of a `Recognition`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from seisbench_lcl.evaluation.bootstrap import Interval
from seisbench_lcl.evaluation.report import CONFIDENCE
from seisbench_lcl.evaluation.tables import Content

if TYPE_CHECKING:
    from seisbench_lcl.evaluation.recognition import Recognition

LEVELS = ("per station", "per event")


def parts(found: "Recognition") -> Iterator[tuple[Content, str]]:
    """Yield each table with what it means."""
    yield _comparison(found), f"{_losses(found)} {_guesses(found)}\n\n{_windows(found)} {_left_out(found)}"
    yield (
        _recall_table(found),
        "In brackets: windows / events. Unknown: too few events of the class to learn from, in all (fewer than 3) or "
        f"without this {found.column} (fewer than 2).",
    )
    if found.probes:
        yield _probe_table(found), _probe_meaning(found)
    else:
        nothing: Content = _probe_table(found)[0], ["class"], [["none"]]
        yield (
            nothing,
            f"No class has three events or more in each of two values of {found.column}: nothing to probe.",
        )


def _comparison(found: "Recognition") -> Content:
    names = {
        "known": f"events held out, {found.column} known",
        "held out": f"{found.column} held out",
        "alone": f"{found.column} alone, nothing heard",
    }
    rows = [[title, *(str(found.scores[name, level]) for level in LEVELS)] for name, title in names.items()]
    rows.append(["first minus second, in points", *(_points(found.lost[level]) for level in LEVELS)])
    return "Balanced accuracy of the same windows", ["", *LEVELS], rows


def _losses(found: "Recognition") -> str:
    station, event = (_points(found.lost[level]) for level in LEVELS)
    return (
        f"So much of the score did not carry over to a new value of {found.column}: {station} points per station, "
        f"{event} per event."
    )


def _guesses(found: "Recognition") -> str:
    return (
        f"The third row knows of a window only its {found.column}, and what other events of the same are; guesses "
        f"score {found.guess:.3f}, and as little or less means that the {found.column} alone says nothing."
    )


def _windows(found: "Recognition") -> str:
    return (
        f"{found.n_windows} windows of {found.n_events} events, the choice among classes known without their "
        f"{found.column}; {CONFIDENCE:.0%} intervals from {found.n_resamples} resamples of whole events, the same in "
        "all rows."
    )


def _left_out(found: "Recognition") -> str:
    missing = [cell for cell in found.recalls if not cell.known]
    if not missing:
        return "No window had to be left out."
    listed = ", ".join(f"{cell.n_windows} of {cell.label} in {cell.group}" for cell in missing)
    return (
        "Left out, since too few events of their class can be learnt from, in all (3 are needed) or without their "
        f"{found.column} (2): {listed}."
    )


def _recall_table(found: "Recognition") -> Content:
    groups = sorted({cell.group for cell in found.recalls})
    cells = {(cell.label, cell.group): str(cell) for cell in found.recalls}
    labels = dict.fromkeys(cell.label for cell in found.recalls)
    rows = [[label, *(cells.get((label, group), "-") for group in groups)] for label in labels]
    return f"Recall with {found.column} held out", ["class", *groups], rows


def _probe_table(found: "Recognition") -> Content:
    rows = [
        [
            probe.label,
            ", ".join(probe.groups),
            f"{probe.n_windows} / {probe.n_events}",
            str(probe.balanced_accuracy),
            f"{probe.chance:.3f}",
        ]
        for probe in found.probes
    ]
    header = ["class", "told apart", "windows / events", "balanced accuracy", "chance"]
    return f"Can the {found.column} be told within one class?", header, rows


def _probe_meaning(found: "Recognition") -> str:
    return (
        "A ridge on the features of these weights, in folds of events. Above chance, the features of a class "
        f"know more than the source: they tell the {found.column}, too, by its instruments, paths or processing. "
        "Chance or less means that they do not."
    )


def _points(share: Interval) -> str:
    if np.isnan(share.low):
        return f"{100 * share.value:.1f} [n/a]"
    return f"{100 * share.value:.1f} [{100 * share.low:.1f}, {100 * share.high:.1f}]"
