"""Options that several sub-commands share, and what they say of a dataset."""

import math
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray
from seisbench.data import WaveformDataset

from seisbench_lcl.cli.common import errors, progress, say, tell_of
from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.preprocessing import Preprocessing
from seisbench_lcl.training import Cuts, LabelledWindows, open_dataset, read_windows

_USUAL_SHIFT, _USUAL_COPIES = 1.0, 2  # s, and of each trace


def _finite(value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise ConfigurationError(f"--min-snr must be a finite number of dB, but is {value}")
    return value


Dataset = Annotated[str, typer.Option(help="folder of a SeisBench dataset, or its name in seisbench.data")]
Weights = Annotated[str, typer.Option(help="name of pretrained weights, or path of saved ones")]
LabelColumn = Annotated[str, typer.Option(help="column of the class")]
GroupColumn = Annotated[str, typer.Option(help="column of the event")]
SplitColumn = Annotated[str, typer.Option(help="column of the split")]
PickColumn = Annotated[str | None, typer.Option(help="column of the P arrival, in samples")]
Out = Annotated[Path, typer.Option(help="path of the weights to write, without suffix")]
Version = Annotated[str | None, typer.Option(help="version of the weights, a suffix of the file names")]
Report = Annotated[Path | None, typer.Option(help="Markdown file for scores and configuration")]
Curves = Annotated[Path | None, typer.Option(help="figure of the losses, in the format of its suffix")]
Checkpoints = Annotated[Path | None, typer.Option(help="folder from which an interrupted training goes on")]
MaxShift = Annotated[
    float | None,
    typer.Option(
        help="seconds by which P is moved at random in copies of each training window, and must stay in it; by default "
        "1, or as far as the window reaches, for models with labels that do not augment by themselves"
    ),
]
Copies = Annotated[int | None, typer.Option(help="moved copies of each training window; by default 2 where P is moved")]
Refine = Annotated[float, typer.Option(help="seconds within which picks are moved to the onset; 0 leaves them")]
MinSNR = Annotated[
    float | None,
    typer.Option(
        "--min-snr",
        callback=_finite,  # before the work
        help="dB that P must rise above the noise for a trace to be learnt from; where that cannot be told, traces "
        "always are: without P, or with P less than 1.5 s after the start or 1 s before the end",
    ),
]
Logs = Annotated[Path | None, typer.Option(help="folder for a table of each epoch, and TensorBoard if installed")]


def read_dataset(
    dataset: str | WaveformDataset,
    preprocessing: Preprocessing,
    columns: tuple[str, str, str, str | None],
    split: str = "all",
    **settings: Any,
) -> LabelledWindows:
    """Read the windows of a split, "all" for every window, and say what was left out.

    `columns` are those of class, event, split and P arrival; `settings` go to `read_windows`.
    """
    label, group, split_column, pick = columns
    if isinstance(dataset, str):
        dataset = open_dataset(dataset, preprocessing.component_order)
    data = read_windows(
        dataset,
        preprocessing,
        label_column=label,
        group_column=group,
        split_column=split_column,
        pick_column=pick,
        progress=progress("reading windows"),
        **settings,
    )
    tell_of(data)
    return data if split == "all" else data.in_split(split)


def cuts_of(
    max_shift: float | None, copies: int | None, refine: float, *, augments: bool, farthest: float = math.inf
) -> Cuts:
    """Make the cuts of training windows from the options.

    By default P is moved by 1 s, or by the `farthest` that it can where that is less, and not at all for a model that
    `augments` by itself; of windows where it is moved there are 2 copies.

    Raises
    ------
    ConfigurationError
        If an option is negative or not finite, or there are to be copies without shift.
    """
    if max_shift is None:
        max_shift = 0.0 if augments else min(_USUAL_SHIFT, farthest)
    if copies is None:
        copies = _USUAL_COPIES if max_shift else 0
    return Cuts(max_shift, copies, refine)


def learnable(data: LabelledWindows, min_snr: float | None) -> NDArray[np.bool_]:
    """Return which windows to learn from, (N,): those whose P rises above the noise, or where that cannot be told.

    Says how many traces are not learnt from, and how many are though nothing is known of their P.

    Raises
    ------
    DatasetError
        If a class loses all its windows.
    """
    if min_snr is None:
        return np.ones(len(data), dtype=bool)
    rows = ~(data.snr < min_snr)
    classes = set(data.labels.tolist()) - {""} or {""}
    if lost := sorted(classes - set(data.labels[rows].tolist())):
        highest = data.snr[np.isin(data.labels, lost)].max()
        raise DatasetError(
            f"P rises {min_snr:g} dB above the noise in no trace{f' of {lost}' if any(lost) else ''}, but "
            f"{highest:.1f} dB at most: lower --min-snr"
        )
    picked = data.shifts == 0  # one of each trace
    n = np.count_nonzero(picked)
    if faint := np.count_nonzero(picked & ~rows):
        say(f"{faint} of {n} traces are not learnt from: P rises less than {min_snr:g} dB above the noise", errors)
    if data.has_p is not None and (untold := np.count_nonzero(picked & data.has_p & np.isnan(data.snr))):
        say(
            f"{untold} of {n} traces are learnt from though it cannot be told how far P rises above the noise: too "
            "little is there before or after it, or no motion",
            errors,
        )
    return rows


def labels_of(waveforms: WaveformDataset, column: str) -> set[str]:
    """Return the labels that occur in a column of a dataset, none where it lacks the column."""
    return set(waveforms.metadata.get(column, pd.Series(dtype=str)).dropna().astype(str))
