"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from seisbench.data import WaveformDataset

from seisbench_lcl.cli.common import parse_pairs, progress, remark
from seisbench_lcl.datasets import LabelledWindows, open_dataset
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.training.pipeline import ALL, Columns, remarks
from seisbench_lcl.waveforms import Preprocessing

Dataset = Annotated[str, typer.Option(help="folder of a SeisBench dataset, or its name in seisbench.data")]
Weights = Annotated[str, typer.Option(help="pretrained weights as MODEL/NAME or NAME, or the path of saved weights")]
Channels = Annotated[
    str | None,
    typer.Option(
        metavar="Z=NAME,N=NAME,E=NAME",
        help="channel of each component, for names that do not tell it, such as Z=C00,N=C01,E=C02",
    ),
]
ModelClass = Annotated[str | None, typer.Option(help="class of the weights; by default EnvelopePhysicalRidge")]
Stride = Annotated[float, typer.Option(help="seconds between windows")]
Threshold = Annotated[
    float | None, typer.Option(help="smallest probability of the label of a window in a detection (0.5)")
]
MinCoverage = Annotated[
    float | None, typer.Option(help="smallest fraction of samples in each component of a window (0.95)")
]
MaxNovelty = Annotated[float | None, typer.Option(help="abstain above this novelty; 1 is the limit of the weights (1)")]
RejectBelow = Annotated[float | None, typer.Option(help="abstain if no label is as probable as this (0)")]
LabelColumn = Annotated[str, typer.Option(help="metadata column with the class")]
GroupColumn = Annotated[str, typer.Option(help="metadata column with the event")]
SplitColumn = Annotated[str, typer.Option(help="metadata column with the split")]
PickColumn = Annotated[str | None, typer.Option(help="metadata column with the P arrival in samples")]
Decisions = Annotated[Path, typer.Option(help="table of the decisions that were reviewed, .csv or .parquet")]
Reviewed = Annotated[
    Path | None, typer.Option(help="folder with the verdicts of the analysts; by default NAME_review beside the table")
]
Types = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="LABEL=TYPE", help="QuakeML type of a new label, or none (repeatable)"),
]
Out = Annotated[Path, typer.Option(help="path of the new weights, without suffix")]
Version = Annotated[str | None, typer.Option(help="version of the weights, appended to the file names")]
Report = Annotated[Path | None, typer.Option(help="Markdown file for scores and configuration")]
Curves = Annotated[Path | None, typer.Option(help="figure of the losses; the suffix sets the format")]
Checkpoints = Annotated[
    Path | None, typer.Option(help="folder of checkpoints, from which an interrupted training continues")
]
MaxShift = Annotated[
    float | None,
    typer.Option(
        help="shift P in copies of each training window by up to this many seconds; by default 1, or as far as P stays "
        "in the window, and 0 for networks and clusters"
    ),
]
Copies = Annotated[
    int | None, typer.Option(help="shifted copies of each training window; by default 2 if P is shifted")
]
Refine = Annotated[
    float | None, typer.Option(help="move each pick to the onset within this many seconds; 0 keeps picks")
]
Picker = Annotated[
    str | None,
    typer.Option(metavar="MODEL/WEIGHTS", help="SeisBench picker that finds the onset, such as PhaseNet/original"),
]
MinSNR = Annotated[
    float | None,
    typer.Option(
        "--min-snr",
        help="leave out traces with a signal-to-noise ratio of P below this many dB; traces of unknown ratio stay: "
        "without P, or with P less than 1.5 s after the start or 1 s before the end",
    ),
]
Logs = Annotated[
    Path | None, typer.Option(help="folder for a CSV table of the epochs, and for TensorBoard if it is installed")
]


def _use_threads(threads: int | None) -> None:
    if threads:
        torch.set_num_threads(threads)  # numba's kernels take as many


def _check_device(device: str) -> str:
    """Refuse, before the work, a device that this machine lacks."""
    try:
        wanted = torch.device(device)
    except RuntimeError:
        wanted = torch.device("meta")
    counts = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if wanted.type not in counts:
        raise ConfigurationError(f"--device takes cpu, cuda, cuda:N or mps, but got {device!r}")
    if (wanted.index or 0) >= counts[wanted.type]:
        here = ", ".join(kind for kind, count in counts.items() if count)
        raise ConfigurationError(f"this machine has no device {device}, or torch cannot use it: use one of {here}")
    return device


Threads = Annotated[
    int | None,
    typer.Option(min=1, help="threads on the CPU; by default one per core", callback=_use_threads, expose_value=False),
]
Device = Annotated[str, typer.Option(help="where the model computes: cpu, cuda, cuda:N or mps", callback=_check_device)]


def parse_channels(text: str | None) -> dict[str, str] | None:
    """Turn ``Z=C00,N=C01,E=C02`` into a mapping from component to channel.

    Raises
    ------
    ConfigurationError
        If it has another form, or names a component twice.
    """
    return None if text is None else parse_pairs([pair.strip() for pair in text.split(",")], "--channels")


def without_omitted(**arguments: Any) -> dict[str, Any]:
    """Return the arguments that are not None: for others, the values stored with the weights hold."""
    return {name: value for name, value in arguments.items() if value is not None}


def read_dataset(
    dataset: str | WaveformDataset,
    preprocessing: Preprocessing | list[Preprocessing],
    columns: Columns,
    split: str = ALL,
    **settings: Any,
) -> LabelledWindows:
    """Read the windows of a split, and report left-out traces; `settings` go to `read_windows`.

    Several kinds of preprocessing are those of the members of an ensemble.
    """
    if isinstance(dataset, str):
        dataset = open_dataset(dataset)
    data = columns.read(dataset, preprocessing, progress=progress("reading windows"), **settings)
    for line in remarks(data):
        remark(line)
    return data if split == ALL else data.in_split(split)
