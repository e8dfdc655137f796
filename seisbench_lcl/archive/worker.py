"""What a worker does with a batch: decide on its days one by one, and write one file of each table."""

import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numba
import torch
from threadpoolctl import threadpool_limits

from seisbench_lcl.archive.deciding import Decided, decide
from seisbench_lcl.archive.fence import Fence
from seisbench_lcl.archive.manifest import Entry, Status
from seisbench_lcl.archive.plan import Task
from seisbench_lcl.archive.settings import Settings
from seisbench_lcl.archive.tables import Layout, write_batch
from seisbench_lcl.archive.units import SECOND, Unit
from seisbench_lcl.errors import ArchiveError, OutputError
from seisbench_lcl.models.model import Model
from seisbench_lcl.seisbench_log import log_from

ATTEMPTS = 3
"""Times that a station-day is tried."""

_NEARLY = 1e-3  # fraction of a day without complete windows at the end of a record
_NAMED = 3


@dataclass(frozen=True)
class Outcome:
    """What came of a task: counts and sizes, no rows.

    Attributes
    ----------
    task : Task
    entries : list of Entry
        Of its units.
    files : dict from str to int
        Path below the folder of results, and size in bytes, of the files of its batch.
    parts : dict from str to float
        Seconds by what they were used for.
    """

    task: Task
    entries: list[Entry]
    files: dict[str, int]
    parts: dict[str, float] = field(default_factory=dict)


def execute(task: Task, settings: Settings, fence: Fence, one_thread: bool = True) -> Outcome:
    """Decide on the units of a task, and write the files of its batch.

    A unit that fails three times is an entry with its reason, and stops no other. Its files may change while they are
    read: then it is tried again.

    Parameters
    ----------
    task : Task
    settings : Settings
    fence : Fence
        Of the run and its folder.
    one_thread : bool
        Whether to limit this process to one thread.

    Raises
    ------
    OutputError
        If the results cannot be written.
    ArchiveError
        If this machine has other weights, or a later run has begun.
    """
    if one_thread:
        _limit_threads()
    model = settings.weights.load()
    layout = layout_of(model, settings)
    entries: list[Entry] = []
    tables: dict[str, dict[str, Any]] = {name: {} for name in tables_of(settings, task)}
    parts: dict[str, float] = {}
    with log_from(logging.ERROR), torch.no_grad():  # abstentions are in the tables
        for unit in task.units:
            fence.check()
            entry, found = _attempted(unit, model, settings)
            entries.append(entry)
            if found is None:
                continue
            for name, seconds in found.parts.items():
                parts[name] = parts.get(name, 0.0) + seconds
            begin = time.perf_counter()
            tables["detections"][unit.day] = layout.detections(found.detections, unit.day)
            if "windows" in tables:
                tables["windows"][unit.day] = layout.windows_of(found.windows, unit.day)
            parts["writing"] = parts.get("writing", 0.0) + time.perf_counter() - begin
    begin = time.perf_counter()
    files = {}
    for name, days in tables.items():
        path = f"{name}/{task.batch}.parquet"
        files[path] = write_batch(Path(fence.folder, path), days, task.kept, layout.schema(name), fence.passed)
    parts["writing"] = parts.get("writing", 0.0) + time.perf_counter() - begin
    return Outcome(task, entries, files, parts)


def tables_of(settings: Settings, task: Task) -> list[str]:
    """Return the names of the tables that a task writes."""
    at_picks = settings.picker is not None or any(unit.arrivals is not None for unit in task.units)
    return ["detections", "windows"] if at_picks or settings.windows != "none" else ["detections"]


def layout_of(model: Model, settings: Settings) -> Layout:
    """Return the columns of the tables; at picks, all probabilities are kept."""
    kept = "all" if settings.windows == "none" else settings.windows
    voters = hasattr(model, "member_names")
    return Layout(settings.weights, model.labels, kept, tuple(model.diagnostic_names), voters)


def _attempted(unit: Unit, model: Model, settings: Settings) -> tuple[Entry, Decided | None]:
    reason = ""
    begin, cpu = time.perf_counter(), time.process_time()
    for attempt in range(ATTEMPTS):
        unit = unit.renewed()
        try:
            found = decide(unit, model, settings)
        except (OutputError, ArchiveError):
            raise
        except Exception as error:  # whatever is wrong with one station-day stops no other
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        else:
            if unit.renewed() == unit:
                spent = time.perf_counter() - begin, time.process_time() - cpu
                return _entry(unit, found, settings, spent), found
            reason = "its files changed while they were read"
        if attempt + 1 < ATTEMPTS:
            time.sleep(0.1 * 2**attempt)
    spent = time.perf_counter() - begin, time.process_time() - cpu
    return (
        Entry(str(unit.site), unit.day, unit.key(settings.digest), "failed", reason, seconds=spent[0], cpu=spent[1]),
        None,
    )


def _entry(unit: Unit, found: Decided, settings: Settings, spent: tuple[float, float]) -> Entry:
    blocks = found.windows.blocks
    decided = sum(int(block.decided.sum()) for block in blocks)
    computed = sum(len(block) for block in blocks if block.coverage.any())
    status: Status = "done"
    reason = "; ".join(found.problems[:_NAMED])
    if not decided and not reason:
        reasons = Counter(str(text) for block in blocks for text in block.reasons if text)
        reason = "; ".join(text for text, _ in reasons.most_common(_NAMED))
    if not computed:
        status = "empty"
        reason = reason or ("no arrival with waveforms" if found.coverage is None else "no waveform")
    elif found.problems or (found.coverage is not None and found.coverage < 1 - _NEARLY):
        status = "gaps"
        if found.coverage is not None:
            share = f"{100 * found.coverage:.4g}% of {(unit.end - unit.start) / SECOND / 3600:.4g} h complete"
            reason = f"{share}: {reason}" if reason else share
    return Entry(
        str(unit.site),
        unit.day,
        unit.key(settings.digest),
        status,
        reason,
        len(found.windows),
        decided,
        len(found.detections),
        found.coverage,
        *(round(seconds, 3) for seconds in spent),
    )


def failed(unit: Unit, settings: Settings, reason: str) -> Entry:
    """Return the entry of a unit that no worker survives."""
    return Entry(str(unit.site), unit.day, unit.key(settings.digest), "failed", reason)


def _limit_threads() -> None:
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    threadpool_limits(1)
