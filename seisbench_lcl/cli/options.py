"""Options that several sub-commands share, and what they say of a dataset."""

from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from seisbench.data import WaveformDataset

from seisbench_lcl.cli.common import progress, tell_of
from seisbench_lcl.preprocessing import Preprocessing
from seisbench_lcl.training import LabelledWindows, open_dataset, read_windows

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


def labels_of(waveforms: WaveformDataset, column: str) -> set[str]:
    """Return the labels that occur in a column of a dataset, none where it lacks the column."""
    return set(waveforms.metadata.get(column, pd.Series(dtype=str)).dropna().astype(str))
