"""Training windows from SeisBench datasets, with the same preprocessing as `annotate`."""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import seisbench
import seisbench.data
from numpy.typing import NDArray
from seisbench.data import MultiWaveformDataset, WaveformDataset
from typing_extensions import Self

from seisbench_lcl.datasets.cuts import Cuts, signal_to_noise
from seisbench_lcl.errors import DatasetError, SamplingRateError, WaveformError
from seisbench_lcl.labels import check_spelling, quakeml_types
from seisbench_lcl.seisbench_log import log_from
from seisbench_lcl.storage import MemberRows, RowFile
from seisbench_lcl.waveforms.preprocessing import Preprocessing
from seisbench_lcl.waveforms.records import read_array
from seisbench_lcl.wording import listed, suggestion

_PICKS = ("trace_p_arrival_sample", "trace_P_arrival_sample", "trace_Pg_arrival_sample", "trace_Pn_arrival_sample")
_AS_PICKED = Cuts()

logger = logging.getLogger("seisbench")


@dataclass(frozen=True)
class LabelledWindows:
    """Windows with their labels and metadata.

    Attributes
    ----------
    windows : (N, C, T) float32 ndarray, RowFile or MemberRows
        At the sampling rate and band of the model, not normalised. For the members of a `MixedEnsemble`, of each.
    labels, groups, splits : (N,) ndarray of str
        Class, event and split ("" if the dataset has no splits).
    metadata : pandas.DataFrame
        Dataset row of each window, repeated for traces with several windows.
    shifts : (N,) float32 ndarray
        Shift of each window in s, positive if it starts later: 0 for the unshifted window, other values for its copies.
    snr : (N,) float32 ndarray
        Signal-to-noise ratio of P in dB (`seisbench_lcl.datasets.cuts.signal_to_noise`); NaN without P, or if unknown.
    notes : dict from remark to number of traces
        Omissions with their reasons, and assumptions about missing metadata.
    has_p : (N,) bool ndarray, optional
        Whether the dataset has a P arrival for the trace; None if unknown.
    traces : (N,) int64 ndarray, optional
        Row of each trace in the dataset; None if unknown.

    Examples
    --------
    >>> table = pd.DataFrame({"source_id": ["e1", "e2"]})
    >>> labels, events, splits = np.array([["blast", "slide"], ["e1", "e2"], ["train", "dev"]])
    >>> zeros = np.zeros(2, dtype=np.float32)
    >>> data = LabelledWindows(np.zeros((2, 3, 100), np.float32), labels, events, splits, table, zeros, zeros, {})
    >>> len(data.in_split("dev")), data.shared_events()
    (1, [])
    """

    windows: NDArray[np.float32] | RowFile | MemberRows
    labels: NDArray[np.str_]
    groups: NDArray[np.str_]
    splits: NDArray[np.str_]
    metadata: pd.DataFrame
    shifts: NDArray[np.float32]
    snr: NDArray[np.float32]
    notes: dict[str, int]
    has_p: NDArray[np.bool_] | None = None
    traces: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.windows)

    def select(self, rows: NDArray[Any]) -> Self:
        """Return the windows of a boolean mask or of indices."""
        return type(self)(
            self.windows[rows] if isinstance(self.windows, np.ndarray) else self.windows.select(rows),
            self.labels[rows],
            self.groups[rows],
            self.splits[rows],
            self.metadata[rows] if rows.dtype == bool else self.metadata.iloc[rows],
            self.shifts[rows],
            self.snr[rows],
            self.notes,
            None if self.has_p is None else self.has_p[rows],
            None if self.traces is None else self.traces[rows],
        )

    def in_split(self, *names: str) -> Self:
        """Return the windows of the named splits.

        Raises
        ------
        DatasetError
            If there are none; the message lists the available splits.
        """
        rows = np.isin(self.splits, names)
        if not rows.any():
            splits = sorted(set(self.splits.tolist()) - {""})
            hint = suggestion(names[0], splits) if splits else "available: none, as the dataset has no split column"
            raise DatasetError(f"no usable window is in split {' or '.join(names)}; {hint}")
        return self.select(rows)

    def as_picked(self) -> Self:
        """Return the unshifted windows."""
        rows = self.shifts == 0
        return self if rows.all() else self.select(rows)

    def truth(self, labels: Sequence[str]) -> NDArray[np.int64]:
        """Return the index in `labels` of each window's class, (N,)."""
        return np.array([labels.index(label) for label in self.labels], dtype=np.int64)

    def shared_events(self) -> list[str]:
        """Return the events with windows in more than one split."""
        pairs = pd.DataFrame({"event": self.groups, "split": self.splits}).drop_duplicates()
        return sorted(pairs["event"][pairs["event"].duplicated()].unique())


def open_dataset(name: str | Path, component_order: str = "ZNE") -> WaveformDataset:
    """Open a SeisBench dataset: a folder with metadata and waveforms, or a name in `seisbench.data`.

    SeisBench downloads a named dataset that is not in its cache.

    Raises
    ------
    DatasetError
        If the name is neither, or the folder is not a dataset.
    """
    if Path(name).is_dir():
        try:
            with log_from(logging.ERROR):  # it warns of mixed sampling rates, which are meant here
                return WaveformDataset(Path(name), component_order=component_order, dimension_order="NCW")
        except (FileNotFoundError, ValueError, KeyError, IndexError) as error:
            raise DatasetError(f"{name} is a folder, but not a SeisBench dataset: {error}") from error
    known = getattr(seisbench.data, str(name), None)
    if known is None or not _is_benchmark(known):
        names = [key for key in seisbench.data.__all__ if _is_benchmark(getattr(seisbench.data, key, None))]
        raise DatasetError(
            f"{name} is neither a folder nor the name of a dataset in seisbench.data; "
            + suggestion(Path(name).name, names, "seisbench.data.__all__")
        )
    with log_from(logging.ERROR):
        return known(component_order=component_order, dimension_order="NCW")


def _is_benchmark(cls: object) -> bool:
    base = seisbench.data.WaveformBenchmarkDataset  # BenchmarkDataset is a subclass of it, which few datasets use
    return isinstance(cls, type) and issubclass(cls, base) and cls.__module__ != base.__module__


def labels_in(dataset: WaveformDataset, column: str) -> list[str]:
    """Return the sorted, distinct labels in a column of a dataset.

    Raises
    ------
    DatasetError
        If the column is missing or has no labels, or two labels differ only by capitals or blanks.
    """
    _check_columns(dataset.metadata, column)
    labels = set(dataset.metadata[column].dropna().astype(str)) - {""}
    check_spelling(labels, DatasetError)
    if not labels:
        raise DatasetError(f"no trace has a label in {column!r}")
    return sorted(labels)


def read_windows(
    dataset: WaveformDataset,
    preprocessing: Preprocessing,
    *,
    label_column: str = "source_type",
    group_column: str = "source_id",
    split_column: str = "split",
    pick_column: str | None = None,
    labels: Iterable[str] | None = None,
    unlabelled: bool = False,
    every_class: bool = True,
    min_coverage: float = 0.95,
    memory: float = np.inf,
    cuts: Cuts = _AS_PICKED,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> LabelledWindows:
    """Cut windows from the labelled traces of a dataset, or from all traces.

    Each trace gives one window, followed by the shifted copies of `cuts`. If the trace has a P pick, the window starts
    `preprocessing.before` seconds before it; otherwise, as for noise, it is cut from the middle. Traces without a
    complete window (sampling rate unknown or too low for the band, missing component, too short, gap, NaN) are left
    out, and so are rows that repeat trace and pick of an earlier row. A trace without event becomes its own event.
    `notes` counts all these cases, except copies that do not fit into the trace. A warning names the classes of events
    that are cut from the middle, because the model would learn which classes have picks.

    Parameters
    ----------
    dataset : seisbench.data.WaveformDataset
        Its waveforms are read as stored, each at its native sampling rate, however the dataset was opened. Components 1
        and 2 replace N and E, as in `classify`.
    preprocessing : Preprocessing
        Preprocessing of the model.
    label_column, group_column, split_column : str
        Columns with class, event and split. A dataset may lack the split column.
    pick_column : str, optional
        Column with the P arrival in samples of the stored trace. By default the first of SeisBench's usual columns for
        P, Pg and Pn with a value for the trace.
    labels : iterable of str, optional
        Classes to read; by default all.
    unlabelled : bool
        Whether to read traces without label too, with the label "". The dataset may then lack the label column.
    every_class : bool
        Whether it is an error if a class gives no window.
    min_coverage : float
        As in `Discriminator.annotate`.
    memory : float
        Largest size of the windows in memory, in GB. Larger sets are written to a temporary file, which
        `Discriminator.fit` reads block by block.
    cuts : Cuts
        Position of the windows relative to P; by default without shifted copies.
    progress : callable
        Wraps the sequence of traces, for a progress bar.

    Returns
    -------
    LabelledWindows

    Raises
    ------
    ConfigurationError
        If `cuts` would move P out of the window.
    DatasetError
        If a column is missing or unusable, or a requested label does not occur, gives no window, or differs from
        another only by capitals or blanks; if repeated rows have different labels; if there is no column of P arrivals
        for labelled events.
    """
    cuts.check(preprocessing)
    metadata = dataset.metadata.reset_index(drop=True)  # a filtered dataset renumbers its waveforms
    if unlabelled and label_column not in metadata:
        metadata[label_column] = None
    _check_columns(metadata, label_column, group_column, "trace_sampling_rate_hz", *filter(None, [pick_column]))
    names = metadata[label_column]
    names = (names.fillna("") if unlabelled else names.dropna()).astype(str)
    wanted = sorted(set(names) - {""}) if labels is None else list(labels)
    wanted += [""] if unlabelled and "" in set(names) else []
    if not wanted:
        raise DatasetError(f"no trace has a label in {label_column!r}")
    if absent := [label for label in wanted if label not in set(names)]:
        raise DatasetError(
            f"no trace is labelled {listed(absent)} in {label_column!r}; {suggestion(absent[0], sorted(set(names)))}"
        )
    check_spelling(names, DatasetError, wanted)
    events = [label for label, kind in quakeml_types(wanted).items() if label and kind]
    picks = metadata[[pick_column] if pick_column else [column for column in _PICKS if column in metadata]]
    if events and not unlabelled and not len(picks.columns):
        similar = listed(name for name in metadata if "arrival" in name or "pick" in name)
        raise DatasetError(
            f"no P arrivals for {listed(events)}: the dataset has none of the columns {', '.join(_PICKS)}; similar "
            f"columns: {similar}. Name the column with pick_column, or add one, in samples; traces where it "
            "is empty are cut from the middle"
        )
    try:
        picks = picks.astype(float)
    except ValueError as error:
        raise DatasetError(f"column {', '.join(picks.columns)} must be P arrivals in samples: {error}") from error
    p_arrival = picks.bfill(axis=1).iloc[:, 0] if len(picks.columns) else pd.Series(np.nan, index=metadata.index)
    notes: Counter[str] = Counter()
    unpicked: Counter[str] = Counter()
    causes: dict[str, Counter[str]] = defaultdict(Counter)  # of traces without a window, by label
    lengths: dict[str, set[float]] = defaultdict(set)  # of traces that are too short, in s, by label
    eligible = names.isin(wanted)
    indices = _distinct(dataset, metadata, p_arrival, names[eligible])
    if repeated := int(eligible.sum()) - len(indices):
        notes["left out: repeats trace and pick of an earlier row"] = repeated
    stored = _as_stored(dataset, preprocessing)
    shape = len(preprocessing.component_order), preprocessing.in_samples
    rows: list[int] = []
    shifts: list[float] = []
    snr: list[float] = []
    windows: list[NDArray[np.float32]] | RowFile = []
    if 4e-9 * len(indices) * (1 + cuts.copies) * prod(shape) > memory:
        windows = RowFile(*shape)
    rates = pd.to_numeric(metadata["trace_sampling_rate_hz"], errors="coerce")
    for index in progress(indices):
        pick = float(p_arrival[index])
        own = cuts.shifts(int(dataset.metadata.index[index]))  # a filtered dataset keeps this index
        try:
            data = _components(stored, index, str(metadata["trace_component_order"][index]), preprocessing)
            trace = _cut(data, float(rates[index]), pick, own, preprocessing, cuts, min_coverage)
        except WaveformError as error:
            notes[f"left out: {error.summary}"] += 1
            causes[names[index]][error.summary] += 1
            if isinstance(error, _TooShortError):
                lengths[names[index]].add(round(error.seconds, 2))
            continue
        windows.extend(trace.windows)
        shifts.extend(trace.shifts)
        rows += [index] * len(trace.windows)
        snr += [trace.snr] * len(trace.windows)
        if np.isnan(pick):
            notes[f"no P arrival, cut from the middle: {names[index] or 'without label'}"] += 1
            unpicked[names[index]] += 1
    if blind := [f"{unpicked[label]} traces of {label}" for label in events if unpicked[label]]:
        logger.warning(
            "cut from the middle, without a P arrival in %s: %s; the model may learn which classes have picks",
            ", ".join(picks.columns) or ", ".join(_PICKS),
            ", ".join(blind),
        )
    lost = [label for label in wanted if not names[rows].eq(label).any()]
    if lost and every_class and not (unlabelled and rows):  # a training without labels does not need every class
        raise DatasetError(_why_none(lost, causes, lengths, preprocessing))
    chosen = metadata.loc[rows].reset_index(drop=True)
    groups = chosen[group_column].astype(object)
    without = groups.isna() | groups.astype(str).str.strip().eq("")
    if n_without := int(without[np.equal(shifts, 0)].sum()):
        notes["no event, used as its own event"] = n_without
    splits = chosen[split_column].fillna("") if split_column in chosen else pd.Series([""] * len(chosen))
    return LabelledWindows(
        windows if isinstance(windows, RowFile) else np.stack(windows) if rows else np.empty((0, *shape), np.float32),
        names[rows].to_numpy(dtype=str),
        groups.mask(without, pd.Series([f"trace {index}" for index in rows])).astype(str).to_numpy(dtype=str),
        splits.astype(str).to_numpy(dtype=str),
        chosen,
        np.array(shifts, dtype=np.float32),
        np.array(snr, dtype=np.float32),
        dict(notes),
        p_arrival[rows].notna().to_numpy(dtype=bool),
        np.array(rows, dtype=np.int64),
    )


def _check_columns(metadata: pd.DataFrame, *columns: str) -> None:
    for column in columns:
        if column not in metadata:
            hint = suggestion(column, sorted(metadata.columns), "metadata.csv", "it has")
            raise DatasetError(f"the dataset has no column {column!r}; {hint}")


class _TooShortError(WaveformError):
    def __init__(self, seconds: float) -> None:
        super().__init__(f"trace of {seconds:g} s is shorter than the window", "trace shorter than the window")
        self.seconds = seconds


# What to do about the most frequent reason, by its first words.
_MENDS = {
    "trace shorter": "use a model with shorter windows, or traces of more seconds",
    "trace does not": "use a model with shorter windows, or traces with more seconds around P",
    "sampled at": "use a model with a lower band",
    "sampling rate": "fill in the column trace_sampling_rate_hz",
    "component": "use a model with the components of these traces",
    "gap": "lower min_coverage, or repair the traces",
}


def _why_none(
    lost: list[str],
    causes: dict[str, Counter[str]],
    lengths: dict[str, set[float]],
    preprocessing: Preprocessing,
) -> str:
    """Return why no trace of some labels gives a window, and what to do about it."""
    of_class = f" of {listed(filter(None, lost))}" if any(lost) else ""
    reasons = sum((causes[label] for label in lost), Counter[str]())
    (first, _), *others = reasons.most_common()
    mend = next((mend for start, mend in _MENDS.items() if first.startswith(start)), "check the traces")
    if not others and (short := set().union(*(lengths[label] for label in lost))):
        found = f"{min(short):g}" if len(short) == 1 else f"{min(short):g} to {max(short):g}"
        return (
            f"no window{of_class} fits: traces are {found} s long, the model needs {preprocessing.seconds:g} s: {mend}"
        )
    counted = "; ".join(f"{reason} ({count} traces)" for reason, count in reasons.most_common(5))
    return f"no trace{of_class} gives a window: {counted}: {mend}"


def _distinct(dataset: WaveformDataset, metadata: pd.DataFrame, p_arrival: pd.Series, labels: pd.Series) -> list[int]:
    """Return the rows with these labels that differ in trace or pick: one window may be in two splits otherwise."""
    parts = dataset.datasets if isinstance(dataset, MultiWaveformDataset) else [dataset]
    identity = metadata[["trace_chunk", "trace_name"]].assign(
        pick=p_arrival, dataset=np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    )
    identity = identity.loc[labels.index]
    repeated = identity.duplicated()
    contradicting = repeated & ~identity.assign(label=labels).duplicated()
    if contradicting.any():
        name = identity.loc[contradicting, "trace_name"].iloc[0]
        found = ", ".join(labels[identity["trace_name"] == name].unique())
        raise DatasetError(f"trace {name} has several rows with one pick and different labels ({found}): keep one row")
    return labels.index[~repeated].tolist()


def _as_stored(dataset: WaveformDataset, preprocessing: Preprocessing) -> WaveformDataset:
    """Return a view of a dataset at native rates, with all components that the model can use."""
    if isinstance(dataset, MultiWaveformDataset):
        view = MultiWaveformDataset(dataset.datasets)
    else:
        view = copy(dataset)  # its own copy() copies the metadata too
    usable: set[str] = set()
    for codes in map(set, map(str, dataset.metadata["trace_component_order"].unique())):
        usable |= preprocessing.component_rows(codes).keys() | codes & set(preprocessing.component_order)
    view.dimension_order, view.sampling_rate, view.missing_components = "NCW", None, "pad"
    view.component_order = "".join(sorted(usable))
    return view


def _components(stored: WaveformDataset, index: int, own: str, preprocessing: Preprocessing) -> NDArray[Any]:
    """Return the samples (C, n) of a trace in the order of the model, where 1 and 2 may replace N and E."""
    order = preprocessing.component_order
    codes = {order[row]: code for code, row in preprocessing.component_rows(set(own)).items()}
    codes |= {code: code for code in set(order) & set(own)}
    if missing := set(order) - codes.keys():
        raise WaveformError(f"component missing: {', '.join(sorted(missing))}")
    samples: NDArray[Any] = stored.get_waveforms(index)[[stored.component_order.index(codes[code]) for code in order]]
    return samples


class _Trace(NamedTuple):
    windows: NDArray[np.float32]
    shifts: NDArray[np.float64]
    snr: float


def _cut(
    data: NDArray[Any],
    own_rate: float,
    pick: float,
    shifts: NDArray[np.float64],
    preprocessing: Preprocessing,
    cuts: Cuts,
    min_coverage: float,
) -> _Trace:
    if not 0 < own_rate < np.inf:
        raise SamplingRateError(f"the sampling rate is {own_rate} Hz", summary="sampling rate unknown")
    rate, record = preprocessing.sampling_rate, read_array(data, own_rate, preprocessing)
    length, found = preprocessing.in_samples, record.data.shape[1]
    if found < length:
        raise _TooShortError(found / rate)
    if np.isnan(pick):
        arrival = np.nan
        starts = (found - length) // 2 + np.rint(shifts * rate)
    else:
        arrival = cuts.refined(record, pick / own_rate, preprocessing)
        starts = np.rint((arrival - preprocessing.before + shifts) * rate)
    fits = (starts >= 0) & (starts + length <= found)
    if not fits[0]:
        raise WaveformError("trace does not cover the whole window")
    starts, shifts = starts[fits].astype(np.int64), shifts[fits]
    covered = record.coverage(starts, length).min(axis=1) >= min_coverage
    if not covered[0]:
        raise WaveformError("gap or flat line in the window")
    snr = np.nan if np.isnan(pick) else signal_to_noise(record, arrival, rate)
    return _Trace(record.cut(starts[covered], length), shifts[covered], snr)
