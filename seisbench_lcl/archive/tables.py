"""The tables of an archive in Parquet: detections, and windows, with the model on each row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seisbench_lcl.archive.settings import Kept, Weights
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.models.decision_list import PROBABILITY
from seisbench_lcl.models.detections import LabelledDetectionList
from seisbench_lcl.models.results import WindowList
from seisbench_lcl.storage import write_file
from seisbench_lcl.storage.files import Guard
from seisbench_lcl.waveforms.station import StationId

_TEXT = "dictionary<values=string, indices=int32, ordered=0>"


def check_pyarrow() -> None:
    """Refuse, before the work, to do without pyarrow.

    Raises
    ------
    ConfigurationError
    """
    if find_spec("pyarrow") is None:
        raise ConfigurationError("archives are Parquet and need pyarrow: pip install 'seisbench-lcl[archive]'")


@dataclass(frozen=True)
class Layout:
    """Columns of the two tables.

    Attributes
    ----------
    weights : Weights
    labels : list of str
    windows : "none", "top" or "all"
        Which probabilities of windows are kept.
    diagnostics : tuple of str
    voters : bool
        Whether windows name the members of an ensemble that voted.
    """

    weights: Weights
    labels: Sequence[str]
    windows: Kept
    diagnostics: tuple[str, ...]
    voters: bool

    def schema(self, table: str) -> Any:
        """Return the pyarrow schema of "detections" or "windows"."""
        pa = import_module("pyarrow")
        text, time = pa.dictionary(pa.int32(), pa.string()), pa.timestamp("us")
        probability = pa.float16() if self.windows == "all" else pa.float32()
        columns = [("station", text), ("day", pa.date32())]
        if table == "detections":
            columns += [("onset", time), ("start_time", time), ("end_time", time), ("label", text)]
            columns += [("probability", pa.float32()), ("mean_probability", pa.float32()), ("n_windows", pa.int32())]
            columns += [(PROBABILITY.format(label), pa.float32()) for label in self.labels]
            columns += [("coverage", pa.float32()), ("novelty", pa.float32()), ("event_type", text)]
        else:
            columns += [("start_time", time), ("end_time", time)]
            if self.windows == "all":
                columns += [(label, probability) for label in self.labels]
            columns += [("label", text), *([("probability", probability)] if self.windows == "top" else [])]
            columns += [("reason", text), ("coverage", pa.float32())]
            columns += [(name, pa.float32()) for name in self.diagnostics]
            columns += [("voters", text)] if self.voters else []
        codes = [("code", text), ("location", text), ("instrument", text)]
        return pa.schema([*columns, *codes, ("model", text), ("version", text), ("digest", text)])

    def detections(self, found: LabelledDetectionList, day: str) -> Any:
        """Return the detections of a day as a pyarrow table."""
        frame = found.to_dataframe()
        for label in self.labels:
            frame[PROBABILITY.format(label)] = [one.probabilities.get(label, np.nan) for one in found]
        frame["coverage"] = [one.coverage for one in found]
        frame["novelty"] = [one.novelty for one in found]
        frame["event_type"] = [one.event_type for one in found]
        return self._table("detections", frame, [one.station for one in found], day)

    def windows_of(self, windows: WindowList, day: str) -> Any:
        """Return the windows of a day as a pyarrow table."""
        frame = windows.to_dataframe()
        if self.windows == "top":
            frame["probability"] = np.concatenate(
                [np.where(block.decided, block.highest, np.nan) for block in windows.blocks] or [np.empty(0)]
            )
        for name in self.diagnostics:
            frame[name] = frame.get(name, np.nan)
        stations = [block.station for block in windows.blocks for _ in range(len(block))]
        return self._table("windows", frame, stations, day)

    def _table(self, table: str, frame: pd.DataFrame, stations: Sequence[StationId], day: str) -> Any:
        pa, schema = import_module("pyarrow"), self.schema(table)
        frame["day"] = date.fromisoformat(day)
        for name, position in (("code", 1), ("location", 2), ("instrument", 3)):
            frame[name] = [station[position] for station in stations]
        frame["model"], frame["version"] = self.weights.name, self.weights.version
        frame["digest"] = self.weights.digest
        if frame.empty:
            return schema.empty_table()
        arrays = []
        for field in schema:
            values = frame[field.name]
            kind = field.type
            if pa.types.is_float16(kind):
                arrays.append(pa.array(values.to_numpy(np.float16), kind))
            elif pa.types.is_timestamp(kind):
                arrays.append(pa.array(values.to_numpy("datetime64[us]"), kind))
            elif pa.types.is_dictionary(kind):
                arrays.append(pa.array(values.astype(object), pa.string(), from_pandas=True).dictionary_encode())
            else:
                arrays.append(pa.array(values, kind, from_pandas=not pa.types.is_floating(kind)))
        return pa.Table.from_arrays(arrays, schema=schema)


def write_batch(path: Path, parts: Mapping[str, Any], kept: Sequence[str], schema: Any, guard: Guard) -> int:
    """Write the tables of days into one file, with those of other days that it holds; return its size in bytes.

    The file is complete or unchanged. Rows are in order of days, so a file depends on what it holds alone, not on the
    runs that made it.

    Parameters
    ----------
    path : Path
    parts : mapping from day to pyarrow table
    kept : sequence of str
        Days whose rows are taken from the present file.
    schema : pyarrow schema
    guard : callable
        As in `seisbench_lcl.storage.replace`.

    Raises
    ------
    OutputError
        If the disk is full, or the folder cannot be written to.
    """
    pa, parquet, compute = (import_module(name) for name in ("pyarrow", "pyarrow.parquet", "pyarrow.compute"))
    tables = dict(parts)
    if kept and path.exists():
        present = parquet.ParquetFile(path).read()
        for day in kept:
            rows = present.filter(compute.equal(present["day"], pa.scalar(date.fromisoformat(day), pa.date32())))
            tables[day] = _cast(rows, schema)
    joined = pa.concat_tables([schema.empty_table(), *(tables[day] for day in sorted(tables))])
    joined = joined.unify_dictionaries().combine_chunks()
    write_file(path, lambda file: parquet.write_table(joined, file, compression="zstd", store_schema=True), guard)
    return path.stat().st_size


def _cast(rows: Any, schema: Any) -> Any:
    """Return rows of an earlier run with the columns of this one."""
    pa = import_module("pyarrow")
    columns = []
    for field in schema:
        if field.name in rows.column_names:
            columns.append(rows[field.name].cast(field.type))
        else:
            columns.append(pa.nulls(len(rows), field.type))
    return pa.Table.from_arrays(columns, schema=schema)
