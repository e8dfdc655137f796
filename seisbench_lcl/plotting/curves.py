"""Losses over epochs, and criteria over the number of clusters."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.optim.loop import History
from seisbench_lcl.plotting.colours import COLOURS
from seisbench_lcl.plotting.panels import hide_frame

_CRITERIA = {
    "inertia": "Sum of squared distances",
    "silhouette": "Mean silhouette",
    "bic": "Bayesian information criterion",
    "gap": "Gap statistic",
}


def loss_curves(histories: Sequence[History]) -> Figure:
    """Draw the loss of each epoch, one panel per training, and mark the epoch whose state was kept.

    Parameters
    ----------
    histories : sequence of History
        One or more.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ConfigurationError
        If there is no history, or one without epochs.

    Examples
    --------
    >>> figure = loss_curves([History("simclr", [3.0, 2.0, 1.5], best_epoch=2)])
    >>> len(figure.axes)
    1
    """
    if not histories or (untrained := [history.name for history in histories if not history.train]):
        missing = f"the history of {', '.join(untrained)} is empty" if histories else "there are no trainings"
        raise ConfigurationError(f"loss curves need trainings of at least one epoch, but {missing}")
    figure = Figure(figsize=(4.4 * len(histories), 3.4), layout="constrained")
    for axes, history in zip(figure.subplots(1, len(histories), squeeze=False)[0], histories, strict=True):
        decisive = history.held_out or history.train
        for losses, label, style in ((history.train, "training", "-"), (history.held_out, "held out", "--")):
            if losses:
                colour = COLOURS[label == "held out"]
                axes.plot(np.arange(1, len(losses) + 1), losses, style, color=colour, lw=1.5, label=label)
        if 0 <= history.best_epoch < len(decisive):
            best = history.best_epoch + 1, decisive[history.best_epoch]
            axes.plot(*best, "o", color="black", ms=6, label=f"kept: epoch {best[0]}")
        if history.scores:
            right = axes.twinx()
            right.plot(np.arange(1, len(history.scores) + 1), history.scores, ":", color="grey", lw=1.5)
            right.set_ylabel("Macro F1 of held-out events (dotted)", color="grey")
            right.spines["top"].set_visible(False)
        title = f"{history.name}\nstopped: {history.stopped}" if history.stopped else history.name
        axes.set_title(title, loc="left", fontsize="medium")
        axes.set(xlabel="Epoch", ylabel="Loss")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        hide_frame(axes)
        axes.legend(frameon=False)
    return figure


def cluster_number_figure(frame: pd.DataFrame) -> Figure:
    """Draw each criterion over the number of clusters, and mark the number that it suggests.

    Parameters
    ----------
    frame : pandas.DataFrame
        Column ``clusters`` and one or more of ``inertia``, ``silhouette``, ``bic`` and ``gap``, with ``gap_error``.
        ``frame.attrs["suggested"]`` maps criteria to the number of clusters that they suggest.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DatasetError
        If the table lacks these columns, or they hold no numbers.
    """
    criteria = [name for name in _CRITERIA if name in frame and frame[name].notna().any()]
    if "clusters" not in frame or not criteria:
        raise DatasetError(
            f"the table needs the column clusters and one of {', '.join(_CRITERIA)}, "
            f"but has {', '.join(map(str, frame.columns)) or 'none'}"
        )
    suggested = frame.attrs.get("suggested", {})
    figure = Figure(figsize=(3.1 * len(criteria), 3), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(criteria), squeeze=False)[0], criteria, strict=True):
        x, y = frame["clusters"].to_numpy(), frame[name].to_numpy(dtype=float)
        axes.plot(x, y, "o-", color=COLOURS[0], ms=4, lw=1.2)
        if name == "gap" and "gap_error" in frame:
            axes.errorbar(x, y, frame["gap_error"].to_numpy(dtype=float), fmt="none", ecolor=COLOURS[0], capsize=2.5)
        if (k := suggested.get(name)) is not None:
            axes.axvline(k, color=COLOURS[1], lw=1.2, ls="--", zorder=0)
            axes.plot(x[x == k], y[x == k], "o", color=COLOURS[1], ms=8, zorder=3)
            axes.set_title(f"suggests {k}", fontsize="medium", color=COLOURS[1])
        axes.set(xlabel="Number of clusters", ylabel=_CRITERIA[name])
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if np.nanmax(np.abs(y)) >= 1000:
            axes.yaxis.set_major_formatter(EngFormatter(sep=""))
        hide_frame(axes)
    return figure
