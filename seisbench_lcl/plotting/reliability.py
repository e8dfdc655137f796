"""Reliability of probabilities, and the effect of rejecting uncertain decisions."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from seisbench_lcl.evaluation import area_under_risk_coverage, mean_by_event, reliability, risk_coverage
from seisbench_lcl.plotting.colours import COLOURS
from seisbench_lcl.plotting.panels import hide_frame

_LEVELS = (("windows", COLOURS[0], "o", "-"), ("events", COLOURS[1], "s", "--"))


def reliability_figure(
    probabilities: ArrayLike, truth: ArrayLike, groups: ArrayLike, title: str | None = None
) -> Figure:
    """Draw a reliability diagram and a risk–coverage curve, per station's window and per event.

    Parameters
    ----------
    probabilities : array_like of shape (n, K)
        One row per station's window; rows sum to 1.
    truth : array_like of int, shape (n,)
        Class index of each row, the same for all rows of an event.
    groups : array_like of shape (n,)
        Event of each row; the mean over its rows decides.
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure
        Left: accuracy over confidence in each bin, with its 95 % interval over events; points below the diagonal are
        overconfident. Below: the number of decisions in each bin. Right: the error rate of the kept decisions over
        their fraction, as the threshold on the highest probability falls.

    Raises
    ------
    DatasetError
        If the arrays are empty, do not fit each other, or an event has more than one class.
    """
    p_event, y_event, events = mean_by_event(probabilities, truth, groups)
    figure = Figure(figsize=(9.6, 4.6), layout="constrained")
    axes = figure.subplot_mosaic(
        [["reliability", "risk"], ["counts", "risk"]], height_ratios=[3.6, 1], width_ratios=[1, 1.1]
    )
    lowest = np.floor(10 / p_event.shape[1]) / 10  # the highest of K probabilities is 1 / K or more
    axes["reliability"].plot([lowest, 1], [lowest, 1], color="0.6", lw=1, ls=":", zorder=0)
    for i, (p, y, g) in enumerate(((probabilities, truth, groups), (p_event, y_event, events))):
        table = reliability(p, y, g)
        _draw_reliability(axes["reliability"], table, i)
        _draw_counts(axes["counts"], table, i)
        name, colour, _, style = _LEVELS[i]
        curve = risk_coverage(p, y)
        label = f"{name}: {curve['risk'].iloc[-1]:.1%} if all are kept, {area_under_risk_coverage(p, y):.1%} on average"
        axes["risk"].plot(curve["coverage"], curve["risk"], style, color=colour, lw=1.5, label=label, clip_on=False)
    axes["reliability"].set(ylabel="Accuracy", xlim=(lowest, 1.01), ylim=(-0.02, 1.02))
    axes["reliability"].tick_params(labelbottom=False)
    axes["counts"].set(xlabel="Confidence: highest probability", ylabel="Number", xlim=(lowest, 1.01), yscale="log")
    axes["counts"].set_ylim(bottom=0.5)  # so that a count of one is visible
    axes["counts"].yaxis.set_major_formatter("{x:g}")
    axes["risk"].set(xlabel="Coverage: fraction kept", ylabel="Risk: error rate of kept decisions", xlim=(0, 1))
    axes["risk"].set_ylim(bottom=0)
    for axis in (axes["risk"].xaxis, axes["risk"].yaxis):
        axis.set_major_formatter(lambda fraction, _: f"{100 * fraction:g}%")
    for panel in axes.values():
        hide_frame(panel)
    for name in ("reliability", "risk"):
        axes[name].legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), borderpad=0)
    if title:
        figure.suptitle(title)
    return figure


def _draw_reliability(axes: Axes, table: pd.DataFrame, level: int) -> None:
    name, colour, marker, _ = _LEVELS[level]
    filled = table[table["n"] > 0]
    ece = (filled["n"] * (filled["accuracy"] - filled["confidence"]).abs()).sum() / filled["n"].sum()
    ends = filled["accuracy_low"], filled["accuracy_high"]
    axes.vlines(filled["confidence"], *ends, color=colour, lw=1.2, alpha=0.7)
    label = f"{filled['n'].sum()} {name}: calibration error {ece:.3f}"
    axes.plot(filled["confidence"], filled["accuracy"], marker, color=colour, ms=5, label=label)


def _draw_counts(axes: Axes, table: pd.DataFrame, level: int) -> None:
    width = 0.4 * (table["high"] - table["low"])
    left = table["low"] + 0.1 * (table["high"] - table["low"]) + level * width
    axes.bar(left, table["n"], width, align="edge", color=_LEVELS[level][1])
