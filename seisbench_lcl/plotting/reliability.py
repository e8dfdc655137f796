"""Reliability of probabilities, and the effect of rejecting uncertain decisions."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import NullFormatter
from numpy.typing import ArrayLike

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.evaluation import area_under_risk_coverage, mean_by_event, reliability, risk_coverage
from seisbench_lcl.plotting.colours import COLOURS
from seisbench_lcl.plotting.panels import hide_frame

_MARKERS, _STYLES = "osD^vPX*", ("-", "--", "-.", ":")


class Decisions(NamedTuple):
    """Probabilities and truth of windows, or of events.

    Attributes
    ----------
    probabilities : array_like of shape (n, K)
        Rows sum to 1.
    truth : array_like of int, shape (n,)
        Class index of each row.
    groups : array_like of shape (n,)
        Event of each row.
    share : float
        Which fraction of all decisions these rows are; the others have no probabilities.
    kept : array_like of bool, shape (n,), optional
        Which rows the limits in use keep.

    Examples
    --------
    >>> decisions = Decisions([[0.9, 0.1], [0.3, 0.7]], [0, 1], ["event 1", "event 2"])
    >>> len(compare_reliability({"two events": decisions}).axes)
    3
    """

    probabilities: ArrayLike
    truth: ArrayLike
    groups: ArrayLike
    share: float = 1.0
    kept: ArrayLike | None = None


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
    levels = {"windows": Decisions(probabilities, truth, groups), "events": Decisions(p_event, y_event, events)}
    return compare_reliability(levels, title)


def compare_reliability(levels: Mapping[str, Decisions], title: str | None = None) -> Figure:
    """Draw a reliability diagram and a risk–coverage curve of several kinds of decisions.

    Parameters
    ----------
    levels : mapping from name to Decisions
        One to eight, which differ in colour, marker and line.
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure
        As in `reliability_figure`. A large marker on the right shows which decisions ``kept`` keeps.

    Raises
    ------
    DatasetError
        If there is none, or arrays are empty or do not fit each other.
    """
    if not levels:
        raise DatasetError("a reliability diagram needs decisions, but there are none")
    figure = Figure(figsize=(9.6, 4.2 + 0.2 * len(levels)), layout="constrained")
    draw_reliability(figure, levels)
    if title:
        figure.suptitle(title)
    return figure


def draw_reliability(figure: Figure | SubFigure, levels: Mapping[str, Decisions]) -> None:
    """Draw the panels of `compare_reliability` into a figure or a part of one."""
    axes = figure.subplot_mosaic(
        [["reliability", "risk"], ["counts", "risk"]], height_ratios=[3.6, 1], width_ratios=[1, 1.1]
    )
    most = max(np.shape(level.probabilities)[1] for level in levels.values())
    lowest = np.floor(10 / most) / 10  # the highest of K probabilities is 1 / K or more
    axes["reliability"].plot([lowest, 1], [lowest, 1], color="0.6", lw=1, ls=":", zorder=0)
    for i, (name, level) in enumerate(levels.items()):
        table = reliability(level.probabilities, level.truth, level.groups)
        look = _Look(name, COLOURS[i % len(COLOURS)], _MARKERS[i % len(_MARKERS)], _STYLES[i % len(_STYLES)])
        _draw_reliability(axes["reliability"], table, look)
        _draw_counts(axes["counts"], table, look, i, len(levels))
        _draw_risk(axes["risk"], level, look)
    axes["reliability"].set(ylabel="Accuracy", xlim=(lowest, 1.01), ylim=(-0.02, 1.02))
    axes["reliability"].tick_params(labelbottom=False)
    axes["counts"].set(xlabel="Confidence: highest probability", ylabel="Number", xlim=(lowest, 1.01), yscale="log")
    axes["counts"].set_ylim(bottom=0.5)  # so that a count of one is visible
    axes["counts"].yaxis.set_major_formatter("{x:g}")
    axes["counts"].yaxis.set_minor_formatter(NullFormatter())
    axes["risk"].set(xlabel="Coverage: fraction kept", ylabel="Risk: error rate of kept decisions", xlim=(0, 1))
    axes["risk"].set_ylim(bottom=0)
    for axis in (axes["risk"].xaxis, axes["risk"].yaxis):
        axis.set_major_formatter(lambda fraction, _: f"{100 * fraction:g}%")
    for panel in axes.values():
        hide_frame(panel)
    for name in ("reliability", "risk"):
        axes[name].legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), borderpad=0, fontsize="small")


class _Look(NamedTuple):
    name: str
    colour: str
    marker: str
    style: str


def _draw_reliability(axes: Axes, table: pd.DataFrame, look: _Look) -> None:
    filled = table[table["n"] > 0]
    ece = (filled["n"] * (filled["accuracy"] - filled["confidence"]).abs()).sum() / filled["n"].sum()
    ends = filled["accuracy_low"], filled["accuracy_high"]
    axes.vlines(filled["confidence"], *ends, color=look.colour, lw=1.2, alpha=0.7)
    label = f"{filled['n'].sum()} {look.name}: calibration error {ece:.3f}"
    axes.plot(filled["confidence"], filled["accuracy"], look.marker, color=look.colour, ms=5, label=label)


def _draw_counts(axes: Axes, table: pd.DataFrame, look: _Look, level: int, n_levels: int) -> None:
    width = 0.8 / n_levels * (table["high"] - table["low"])
    left = table["low"] + 0.1 * (table["high"] - table["low"]) + level * width
    axes.bar(left, table["n"], width, align="edge", color=look.colour)


def _draw_risk(axes: Axes, level: Decisions, look: _Look) -> None:
    p, y, share = level.probabilities, level.truth, level.share
    curve = risk_coverage(p, y)
    mean = area_under_risk_coverage(p, y)
    label = f"{look.name}: {curve['risk'].iloc[-1]:.1%} if all are kept, {mean:.1%} on average"
    coverage = share * curve["coverage"]
    axes.plot(coverage, curve["risk"], look.style, color=look.colour, lw=1.5, label=label, clip_on=False)
    if level.kept is not None and (kept := np.asarray(level.kept, dtype=bool)).any():
        risk = float((np.argmax(p, axis=1) != np.asarray(y))[kept].mean())
        label = f"{look.name}, decided: {risk:.1%} of {kept.sum()}"
        place = share * kept.mean(), risk
        axes.plot(*place, look.marker, color=look.colour, ms=9, mec="black", label=label, clip_on=False, ls="")
