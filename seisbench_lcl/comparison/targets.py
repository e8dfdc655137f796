"""The frozen targets: each window with its event, its class, its region, and the fold that it is tested in."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seisbench_lcl.comparison.files import read_table, write_table
from seisbench_lcl.comparison.plan import Data, Plan, Split
from seisbench_lcl.comparison.windows import UNKNOWN, read_cut, rows_of
from seisbench_lcl.datasets import LabelledWindows
from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.evaluation import column_folds, event_folds, known_elsewhere, mean_by_event
from seisbench_lcl.storage import write_text
from seisbench_lcl.wording import suggestion

FILE = "targets.parquet"

_REGIONS = ("origin_repository", "station_network_code")


def frozen(plan: Plan, dataset: Path | str, out: Path) -> pd.DataFrame:
    """Return the targets in a folder of results; write them there if there are none.

    Parameters
    ----------
    plan : Plan
    dataset : Path or str
    out : Path
        Folder of results.

    Returns
    -------
    pandas.DataFrame
        A row for each window: ``window``, the row of its trace in the dataset; ``event``, ``label``, ``region``,
        ``station``, ``snr`` in dB; ``known``, what the baseline without waveforms may know of it; and ``deal 0``, …,
        the fold that it is tested in, "" if it is only learnt from.

    Raises
    ------
    ConfigurationError
        If the targets in the folder are those of another plan.
    DatasetError
        If the dataset cannot be read, or lacks a column.
    """
    file = out / FILE
    made = None
    if file.is_file():
        kept = read_table(file)
        made = str(kept.attrs.get("plan", ""))
        if made != (wanted := _described(plan)):
            raise ConfigurationError(
                f"{file} was made by other settings of data or split ({_difference(made, wanted)}): use another folder "
                "for --out, or remove this one"
            )
        return kept
    table = make(plan, dataset)
    table.attrs["plan"] = _described(plan)
    write_table(file, table)
    return table


def make(plan: Plan, dataset: Path | str) -> pd.DataFrame:
    """Make the targets of `frozen`."""
    data = read_cut(plan.data, str(dataset), 0, 0).data
    labelled = np.flatnonzero(data.labels != UNKNOWN)
    known = data.select(labelled)
    labels = sorted(set(known.labels.tolist()))
    truth = known.truth(labels)
    mean_by_event(np.eye(len(labels))[truth], truth, known.groups)  # an event has one class
    column = _region_column(data, plan.data.region_column)
    regions = data.metadata[column].fillna("").astype(str).to_numpy(dtype=object) if column else ""
    table = pd.DataFrame(
        {
            "window": rows_of(data),
            "event": data.groups.astype(str),
            "label": data.labels.astype(str),
            "region": regions,
            "station": _station(data),
            "snr": data.snr.astype(float),
            "known": _known(data, plan.data),
        }
    )
    for deal in range(plan.split.n_deals):
        if plan.split.by in ("region", "targets"):
            if column is None:
                raise DatasetError(
                    "the split is by region, which the dataset does not tell: set region_column in [data]"
                )
            found = column_folds(known, column)
            # A class of one region alone can be learnt by no model that lacks it: it is learnt from, but not tested.
            elsewhere = known_elsewhere(truth, found, known.groups, n_classes=len(labels))
            found = np.where(elsewhere[np.arange(len(truth)), truth], found, UNKNOWN)
            if plan.split.targets:
                found = np.where(_dealt_in_targets(known, found, plan.split, deal), found, UNKNOWN)
        elif plan.split.by == "event":
            found = known.groups.astype(str)
        else:
            found = event_folds(known, plan.split.folds, deal)
            if plan.split.test:
                tested = [f"fold {k + 1}" for k in range(plan.split.test)]
                found = np.where(np.isin(found, tested), "test", UNKNOWN)
        folds = np.full(len(data), UNKNOWN, dtype=object)
        folds[labelled] = found
        table[f"deal {deal}"] = folds
    return table


def _dealt_in_targets(known: LabelledWindows, regions: NDArray[np.str_], split: Split, deal: int) -> NDArray[np.bool_]:
    """Return which windows are tested: those of some events of each target region."""
    tested = np.zeros(len(known), dtype=bool)
    for target in split.targets:
        rows = np.flatnonzero(regions == target)
        if not len(rows):
            there = sorted(set(regions.tolist()) - {UNKNOWN})
            raise DatasetError(f"no window can be tested in the region {target!r}; {suggestion(target, there)}")
        parts = event_folds(known.select(rows), split.folds, deal)
        tested[rows] = np.isin(parts, [f"fold {k + 1}" for k in range(split.test)])
    return tested


def digest_of(table: pd.DataFrame) -> str:
    """Return a digest of targets, whatever the file that holds them."""
    return sha256(table.to_csv(index=False, float_format="%.6g").encode()).hexdigest()


def digest_of_dataset(dataset: Path | str, memo: Path) -> str:
    """Return a digest of the files of a dataset, or its name if SeisBench keeps it.

    Parameters
    ----------
    dataset : Path or str
    memo : Path
        JSON file that keeps the digest for as long as the files have the same size and time: they may be large.
    """
    folder = Path(dataset)
    if not folder.is_dir():
        return str(dataset)
    files = [file for file in sorted(folder.iterdir()) if file.suffix in (".csv", ".hdf5")]
    state = {file.name: [file.stat().st_size, file.stat().st_mtime_ns] for file in files}
    try:
        kept = json.loads(memo.read_text(encoding="utf-8"))
        if kept["files"] == state:
            return str(kept["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # none yet, or damaged
    found = sha256()
    for file in files:
        found.update(file.name.encode())
        with file.open("rb") as opened:
            while block := opened.read(1 << 22):
                found.update(block)
    write_text(memo, json.dumps({"files": state, "sha256": found.hexdigest()}) + "\n")
    return found.hexdigest()


def _region_column(data: LabelledWindows, wanted: str | None) -> str | None:
    columns = list(data.metadata.columns)
    if wanted is None:
        return next((column for column in _REGIONS if column in columns), None)
    if wanted not in columns:
        raise DatasetError(
            f"the dataset has no column {wanted!r} for the region; {suggestion(wanted, sorted(columns))}"
        )
    return wanted


def _station(data: LabelledWindows) -> NDArray[np.object_]:
    there = [name for name in ("station_network_code", "station_code") if name in data.metadata]
    if not there:
        return np.full(len(data), "", dtype=object)
    return data.metadata[there].astype(str).agg(".".join, axis=1).to_numpy(dtype=object)


def _known(data: LabelledWindows, settings: Data) -> NDArray[np.object_]:
    columns = [data.metadata[name].astype(str) for name in settings.metadata_columns if name in data.metadata]
    if "trace_channel" in data.metadata:
        columns.append(data.metadata["trace_channel"].astype(str).str[:1])
    if not columns:
        return np.full(len(data), "", dtype=object)
    return pd.concat(columns, axis=1).agg("|".join, axis=1).to_numpy(dtype=object)


def _described(plan: Plan) -> str:
    data, split = (
        plan.data.model_dump(exclude_defaults=True),
        plan.split.model_dump(exclude={"seeds", *([] if plan.split.targets else ["targets"])}),
    )
    return json.dumps(data | split, sort_keys=True)


def _difference(made: str, wanted: str) -> str:
    theirs, ours = json.loads(made or "{}"), json.loads(wanted)
    names = sorted(name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name))
    return "; ".join(f"{name}: {theirs.get(name)} there, {ours.get(name)} here" for name in names)
