"""The windows that a model learns from and is tested on, matched to the targets."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seisbench_lcl.comparison.plan import Data
from seisbench_lcl.datasets import Cuts, LabelledWindows, open_dataset, read_windows
from seisbench_lcl.waveforms import Preprocessing

UNKNOWN = ""
"""Label of a window that nobody labelled, and fold of a window that is never tested."""

Where = Literal["all", "elsewhere", "target"]

_ENOUGH = 2  # events of a class, so that a model can hold one of them out


@dataclass(frozen=True)
class Cut:
    """Windows at P and at its errors.

    Attributes
    ----------
    data : LabelledWindows
        Long enough for all errors.
    first : int
        Sample at which a window at P starts.
    samples : int
        Length of a window.
    rate : float
        Hz.
    """

    data: LabelledWindows
    first: int
    samples: int
    rate: float

    def at(self, rows: NDArray[np.int64], shift: float = 0.0) -> NDArray[np.float32]:
        """Return windows (n, C, T) of some rows, cut as if P were so many seconds later."""
        start = self.first + round(shift * self.rate)
        found: NDArray[np.float32] = np.asarray(self.data.windows)[rows][:, :, start : start + self.samples]
        return found


def rows_of(data: LabelledWindows) -> NDArray[np.int64]:
    """Return the row of each window's trace in the dataset."""
    assert data.traces is not None, "windows of a dataset know their traces"
    return np.asarray(data.traces, dtype=np.int64)


def read_cut(data: Data, dataset: str, copies: int, seed: int) -> Cut:
    """Read the windows of a comparison; each process keeps the last it read.

    Parameters
    ----------
    data : Data
    dataset : str
    copies : int
        Copies of each window with P moved by up to 1 s.
    seed : int
        Of the copies.
    """
    preprocessing = data.preprocessing()
    own = seed if copies else 0
    columns, meant = (data.label_column, data.group_column), tuple(sorted(data.relabel.items()))
    labelled = _read(dataset, preprocessing, *columns, data.unlabelled, copies, own, meant)
    first = round(-min([0.0, *data.shifts]) * data.sampling_rate)
    return Cut(labelled, first, round(data.length * data.sampling_rate), data.sampling_rate)


def read_for(preprocessing: Preprocessing, data: Data, dataset: str) -> LabelledWindows:
    """Read windows as trained weights want them, which may be other ones than those of the comparison."""
    columns, meant = (data.label_column, data.group_column), tuple(sorted(data.relabel.items()))
    return _read(dataset, preprocessing, *columns, False, 0, 0, meant, every_class=False)


@lru_cache(maxsize=2)
def _read(
    dataset: str,
    preprocessing: Preprocessing,
    label_column: str,
    group_column: str,
    unlabelled: bool,
    copies: int,
    seed: int,
    meant: tuple[tuple[str, str], ...],
    every_class: bool = True,
) -> LabelledWindows:
    found = read_windows(
        open_dataset(dataset, preprocessing.component_order),
        preprocessing,
        label_column=label_column,
        group_column=group_column,
        unlabelled=unlabelled,
        every_class=every_class,
        cuts=Cuts(1.0, copies, seed=seed) if copies else Cuts(),
    )
    if not meant:
        return found
    names = dict(meant)
    labels = np.array([names.get(label, label) for label in found.labels.tolist()])
    found = replace(found, labels=labels)
    return found if unlabelled else found.select(labels != UNKNOWN)


def rows_to_learn(
    data: LabelledWindows,
    targets: pd.DataFrame,
    tested: pd.Series,
    *,
    events: int,
    without: str | None,
    labelled: bool,
    where: Where = "all",
) -> NDArray[np.int64]:
    """Choose the windows to learn from: of targets, of no tested event, and of classes with two or more events.

    Parameters
    ----------
    data : LabelledWindows
    targets : pandas.DataFrame
    tested : (N,) Series of bool
        Which targets are tested.
    events : int
        Number of events to learn from, taken from the classes in turn, at least two of each; 0 for all.
    without : str, optional
        Class that is not learnt.
    labelled : bool
        Whether windows need a label.
    where : {"all", "elsewhere", "target"}
        Of which regions: all, others than those of the tested windows, or the same.

    Returns
    -------
    (n,) int64 ndarray
    """
    held_out = targets.loc[tested, "event"]
    usable = np.isin(rows_of(data), targets["window"]) & ~np.isin(data.groups, held_out)
    if where != "all":
        region = targets.set_index("window")["region"].reindex(rows_of(data)).to_numpy(dtype=object)
        same = np.isin(region.astype(str), targets.loc[tested, "region"].astype(str))
        usable &= same if where == "target" else ~same
    if without is not None:
        usable &= data.labels != without
    if labelled:
        usable &= data.labels != UNKNOWN
    for label in set(data.labels[usable].tolist()) - {UNKNOWN}:
        own = data.labels == label
        if len(set(data.groups[usable & own].tolist())) < _ENOUGH:
            usable &= ~own
    if events:
        usable &= np.isin(data.groups, in_turn(data.labels[usable], data.groups[usable], events))
    return np.flatnonzero(usable)


def in_turn(labels: NDArray[np.str_], groups: NDArray[np.str_], n_events: int) -> list[str]:
    """Choose events from the classes in turn, at least two of each class, in the order of the windows.

    Examples
    --------
    >>> in_turn(np.array(["a", "a", "b", "b", "b"]), np.array(["1", "2", "3", "4", "5"]), 4)
    ['1', '2', '3', '4']
    """
    classes = sorted(set(labels.tolist()) - {UNKNOWN})
    chosen: list[str] = []
    for k, label in enumerate(classes):
        own = list(dict.fromkeys(groups[labels == label].tolist()))
        share = n_events // len(classes) + (k < n_events % len(classes))
        chosen += own[: max(_ENOUGH, share)]
    return chosen
