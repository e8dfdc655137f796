"""Training windows from SeisBench datasets, through the same preprocessing as `annotate`."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import seisbench
import seisbench.data
from numpy.typing import NDArray
from seisbench.data import WaveformDataset
from typing_extensions import Self

from seisbench_lcl.errors import DatasetError, WaveformError
from seisbench_lcl.preprocessing import Preprocessing
from seisbench_lcl.records import read_array

_PICKS = ("trace_p_arrival_sample", "trace_P_arrival_sample", "trace_Pg_arrival_sample", "trace_Pn_arrival_sample")


@dataclass(frozen=True)
class LabelledWindows:
    """Windows with what is known of them.

    Attributes
    ----------
    windows : (N, C, T) float32 ndarray
        In the rate and band of the model, not normalised.
    labels, groups, splits : (N,) ndarray of str
        Class, event and split ("" where the dataset has no split).
    metadata : pandas.DataFrame
        The rows of the dataset, in the same order.
    skipped : dict from reason to number of traces
    """

    windows: NDArray[np.float32]
    labels: NDArray[np.str_]
    groups: NDArray[np.str_]
    splits: NDArray[np.str_]
    metadata: pd.DataFrame
    skipped: dict[str, int]

    def __len__(self) -> int:
        return len(self.windows)

    def select(self, rows: NDArray[Any]) -> Self:
        """Return the windows of a boolean mask or of indices."""
        return type(self)(
            self.windows[rows],
            self.labels[rows],
            self.groups[rows],
            self.splits[rows],
            self.metadata[rows] if rows.dtype == bool else self.metadata.iloc[rows],
            self.skipped,
        )

    def in_split(self, *names: str) -> Self:
        """Return the windows of the named splits.

        Raises
        ------
        DatasetError
            If there are none; the message names the splits that there are.
        """
        rows = np.isin(self.splits, names)
        if not rows.any():
            there = ", ".join(sorted(set(self.splits.tolist()) - {""})) or "none: the dataset has no split column"
            raise DatasetError(f"no usable window is in split {' or '.join(names)}; splits are {there}")
        return self.select(rows)

    def shared_events(self) -> list[str]:
        """Return the events that have windows in more than one split."""
        pairs = pd.DataFrame({"event": self.groups, "split": self.splits}).drop_duplicates()
        return sorted(pairs["event"][pairs["event"].duplicated()].unique())


def open_dataset(name: str | Path, component_order: str = "ZNE") -> WaveformDataset:
    """Open a SeisBench dataset: a folder with metadata and waveforms, or the name of one of `seisbench.data`.

    Raises
    ------
    DatasetError
        If there is neither; a dataset by name is downloaded by SeisBench where it is not in its cache.
    """
    if Path(name).is_dir():
        try:
            with _without_warnings():
                return WaveformDataset(Path(name), component_order=component_order, dimension_order="NCW")
        except (FileNotFoundError, ValueError, KeyError) as error:
            raise DatasetError(f"{name} is a folder, but no SeisBench dataset: {error}") from error
    known = getattr(seisbench.data, str(name), None)
    if not (isinstance(known, type) and issubclass(known, seisbench.data.BenchmarkDataset)):
        raise DatasetError(f"{name} is neither a folder nor the name of a dataset of seisbench.data")
    with _without_warnings():
        return known(component_order=component_order, dimension_order="NCW")


def read_windows(
    dataset: WaveformDataset,
    preprocessing: Preprocessing,
    *,
    label_column: str = "source_type",
    group_column: str = "source_id",
    split_column: str = "split",
    pick_column: str | None = None,
    labels: Iterable[str] | None = None,
    min_coverage: float = 0.95,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> LabelledWindows:
    """Cut one window from each labelled trace of a dataset.

    A trace with a P pick is cut `preprocessing.before` seconds before it; one without, such as noise, in its middle.
    Traces that cannot give a whole window (sampled too slowly for the band, component missing, too short, gap, NaN) are
    left out and counted.

    Parameters
    ----------
    dataset : seisbench.data.WaveformDataset
        Its waveforms are read as they are stored, each at its native rate.
    preprocessing : Preprocessing
        Of the model to be trained.
    label_column, group_column, split_column : str
        Columns with class, event and split. A dataset may lack the last.
    pick_column : str, optional
        Column with the P arrival in samples of the stored trace; by default the first of SeisBench's usual names that
        the dataset has.
    labels : iterable of str, optional
        Classes to read; all by default. Traces without label are left out.
    min_coverage : float
        As in `Discriminator.annotate`.
    progress : callable
        Wraps the sequence of traces, for a progress bar.

    Returns
    -------
    LabelledWindows

    Raises
    ------
    DatasetError
        If a column is missing, a wanted label does not occur, or no trace gives a window.
    """
    metadata = dataset.metadata
    pick_column = pick_column or next((column for column in _PICKS if column in metadata), None)
    for column in filter(None, (label_column, group_column, pick_column)):
        if column not in metadata:
            raise DatasetError(f"the dataset has no column {column!r}; it has: {', '.join(sorted(metadata.columns))}")
    names = metadata[label_column].dropna().astype(str)
    wanted = sorted(set(names)) if labels is None else list(labels)
    if absent := [label for label in wanted if label not in set(names)]:
        raise DatasetError(f"no trace is labelled {absent} in {label_column!r}; labels are {sorted(set(names))}")
    if not wanted:
        raise DatasetError(f"no trace has a label in {label_column!r}")
    skipped: Counter[str] = Counter()
    rows, windows = [], []
    for position in progress(np.flatnonzero(metadata[label_column].isin(wanted)).tolist()):
        row = metadata.iloc[position]
        try:
            pick = float("nan") if pick_column is None else float(row[pick_column])
            windows.append(_window(dataset, position, row, pick, preprocessing, min_coverage))
            rows.append(position)
        except WaveformError as error:
            skipped[_kind(error)] += 1
    if not windows:
        raise DatasetError(f"no trace of the dataset gives a window: {dict(skipped)}")
    chosen = metadata.iloc[rows].reset_index(drop=True)
    if chosen[group_column].isna().any():
        raise DatasetError(f"{chosen[group_column].isna().sum()} traces have no event in {group_column!r}")
    splits = chosen[split_column].fillna("") if split_column in chosen else pd.Series([""] * len(chosen))
    return LabelledWindows(
        np.stack(windows),
        chosen[label_column].astype(str).to_numpy(dtype=str),
        chosen[group_column].astype(str).to_numpy(dtype=str),
        splits.astype(str).to_numpy(dtype=str),
        chosen,
        dict(skipped),
    )


def _window(
    dataset: WaveformDataset,
    position: int,
    row: pd.Series,
    pick: float,
    preprocessing: Preprocessing,
    min_coverage: float,
) -> NDArray[np.float32]:
    if missing := set(preprocessing.component_order) - set(_as_named(row, preprocessing)):
        raise WaveformError(f"component missing: {', '.join(sorted(missing))}")
    rate = float(row["trace_sampling_rate_hz"])
    record = read_array(dataset.get_waveforms(position), rate, preprocessing)
    length, found = preprocessing.in_samples, record.data.shape[1]
    if np.isnan(pick):
        start = (found - length) // 2
    else:
        start = round((pick / rate - preprocessing.before) * preprocessing.sampling_rate)
    if start < 0 or start + length > found:
        raise WaveformError("trace does not hold the whole window")
    if record.coverage(np.array([start]), length).min() < min_coverage:
        raise WaveformError("gap or flat line in the window")
    return record.data[:, start : start + length]


def _as_named(row: pd.Series, preprocessing: Preprocessing) -> Iterable[str]:
    """Return the components of a stored trace under the names that the model has for them."""
    order = preprocessing.component_order
    rows = preprocessing.component_rows(set(str(row["trace_component_order"])), flexible=False)
    return (order[r] for r in rows.values())


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Silence SeisBench's warning of mixed sampling rates: native rates are what is wanted here."""
    level = seisbench.logger.level
    seisbench.logger.setLevel("ERROR")
    try:
        yield
    finally:
        seisbench.logger.setLevel(level)


def _kind(error: WaveformError) -> str:
    """Shorten an error to what many traces share."""
    return str(error).split(", but")[0].split(", the first")[0]
