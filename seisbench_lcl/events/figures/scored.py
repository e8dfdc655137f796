"""Decisions on labelled events against the truth: reliability, risk and coverage, and confusion by type."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.events.scores import EventScores
from seisbench_lcl.plotting import Decisions, draw_confusion, draw_reliability
from seisbench_lcl.plotting.panels import plain


def score_figure(scores: EventScores | Mapping[str, EventScores], title: str | None = None) -> Figure:
    """Draw how far decisions on events can be trusted.

    Parameters
    ----------
    scores : EventScores, or mapping from name to EventScores
        Several, such as {"mean": …, "calibrated": …}, are drawn beside each other; the confusion is that of the last.
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure
        Left: accuracy over confidence, with the expected calibration error. Middle: the error rate of the kept events
        over their fraction of all labelled events; a large marker shows what the rules decided. Right: decisions by
        true label.

    Raises
    ------
    DatasetError
        If there are no scores.
    """
    named = {"": scores} if isinstance(scores, EventScores) else dict(scores)
    if not named:
        raise DatasetError("there are no scores to draw: pass those of one or more kinds of decisions")
    levels = {
        (f"events, {plain(name)}" if name else "events"): Decisions(
            own.probabilities,
            own.truth,
            np.arange(len(own.truth)),
            share=len(own.truth) / own.n_events,
            kept=None if own.decided.all() and not own.silent.any() else own.decided,
        )
        for name, own in named.items()
    }
    last_name, last = list(named.items())[-1]
    table = last.confusion()
    if not table.iloc[:, -1].any():
        table = table.iloc[:, :-1]
    n = len(table.columns)
    figure = Figure(figsize=(10.4 + 0.85 * n, 4.3 + 0.4 * len(levels)), layout="constrained")
    grid = figure.add_gridspec(1, 2, width_ratios=[9.6, 1.6 + 0.85 * n])
    left, right = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    draw_reliability(left, levels)
    axes = right.subplots()
    draw_confusion(axes, table.to_numpy(), list(table.index), list(table.columns))
    if len(named) > 1:
        axes.set_title(f"Confusion: {plain(last_name)}", fontsize="medium", loc="left")
    if title:
        figure.suptitle(plain(title))
    return figure
