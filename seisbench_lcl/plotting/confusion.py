"""Confusion by class: what each true class was called."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.plotting.panels import plain

_DARK = 0.6  # share from which on text is white
_ROOM = 50  # letters of level names below a panel


def draw_confusion(axes: Axes, counts: ArrayLike, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Draw a confusion matrix: shades are shares of a row, numbers count decisions.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    counts : array_like of int, shape (R, C)
        Row: true class; column: what it was called.
    rows, columns : sequence of str
        Names; a column may be none of the classes, such as "undecided".

    Raises
    ------
    DatasetError
        If there is not one name for each row and column.
    """
    matrix = np.asarray(counts)
    if matrix.shape != (len(rows), len(columns)):
        raise DatasetError(f"counts of shape {matrix.shape} have {len(rows)} rows and {len(columns)} columns of names")
    total = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, total, out=np.zeros(matrix.shape), where=total > 0)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (i, j), share in np.ndenumerate(shares):
        if matrix[i, j]:
            colour = "white" if share > _DARK else "black"
            axes.text(j, i, f"{matrix[i, j]}\n{share:.0%}", ha="center", va="center", color=colour, fontsize="small")
    names = [f"{plain(name)} ({n})" for name, n in zip(rows, total[:, 0].tolist(), strict=True)]
    axes.set_yticks(range(len(rows)), names)
    axes.set_xticks(range(len(columns)), [plain(name) for name in columns])
    if max(map(len, columns), default=0) * len(columns) > _ROOM:
        for text in axes.get_xticklabels():
            text.set(rotation=30, ha="right", rotation_mode="anchor")
    axes.set(xlabel="Decision", ylabel="Truth (events)")
    axes.set_xticks(np.arange(1, len(columns)) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, len(rows)) - 0.5, minor=True)
    axes.grid(which="minor", color="white", lw=2)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
