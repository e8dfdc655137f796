"""A network's archive in, tables of decisions out."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import obspy
from obspy import UTCDateTime

from seisbench_lcl._version import __version__
from seisbench_lcl.archive.engine import check_distributed, opened_client, run_here, run_on
from seisbench_lcl.archive.fence import Fence
from seisbench_lcl.archive.listing import Listing, Wanted, list_files, list_sds, list_service
from seisbench_lcl.archive.manifest import Entry, Manifest
from seisbench_lcl.archive.picking import check_picks
from seisbench_lcl.archive.picks import read_picks
from seisbench_lcl.archive.plan import Plan, plan, units_of
from seisbench_lcl.archive.settings import Kept, Reach, Settings, Weights
from seisbench_lcl.archive.tables import check_pyarrow
from seisbench_lcl.archive.worker import Outcome
from seisbench_lcl.errors import ArchiveError, ConfigurationError, EmptyStreamError, OutputError, WaveformError
from seisbench_lcl.events.archive import is_sds
from seisbench_lcl.events.fdsn import FdsnSource
from seisbench_lcl.hub.backbones import named_backbone
from seisbench_lcl.models.model import Model
from seisbench_lcl.storage import write_text
from seisbench_lcl.waveforms.channels import INSTRUMENTS

_HEAD = "archive.json"
_FORMAT = 1
LIFETIME = 7200.0
"""Seconds after which a local worker is replaced by a fresh one."""


@dataclass
class Progress:
    """How far a run is.

    Attributes
    ----------
    total, before : int
        Station-days of the plan, and those that were done before.
    dashboard : str
        Address of Dask's dashboard; "" without one.
    statuses : Counter of str
        Station-days of this run by what became of them.
    stations : set of str
    windows, detections : int
    seconds : float
        Since the first task.
    parts : dict from str to float
        Seconds of all workers by what they were used for.

    Examples
    --------
    >>> progress = Progress(total=10, before=4)
    >>> progress.statuses["done"] += 3
    >>> progress.done
    3
    """

    total: int
    before: int
    dashboard: str = ""
    statuses: Counter[str] = field(default_factory=Counter)
    stations: set[str] = field(default_factory=set)
    windows: int = 0
    detections: int = 0
    seconds: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """Station-days that this run has dealt with."""
        return sum(self.statuses.values())

    @property
    def windows_per_second(self) -> float:
        """Windows of this run in each second."""
        return self.windows / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float:
        """Estimate of the time until the end, in s; NaN before the first batch."""
        left = self.total - self.before - self.done
        return self.seconds / self.done * left if self.done else float("nan")

    def take(self, outcome: Outcome, seconds: float) -> None:
        """Count what came of a task."""
        self.seconds = seconds
        for entry in outcome.entries:
            self.statuses[entry.status] += 1
            self.stations.add(entry.station)
            self.windows += entry.windows
            self.detections += entry.detections
        for name, spent in outcome.parts.items():
            self.parts[name] = self.parts.get(name, 0.0) + spent


@dataclass(frozen=True)
class Report:
    """What a run did.

    Attributes
    ----------
    progress : Progress
    failed : list of Entry
        Station-days that failed three times.
    ignored : int
        Files that were no recordings, or have no name of the archive.
    problems : mapping from path to str
        Files that cannot be read, with the reason.

    Examples
    --------
    >>> report = Report(Progress(total=1, before=1), failed=[])
    >>> report.progress.done, report.failed
    (0, [])
    """

    progress: Progress
    failed: list[Entry]
    ignored: int = 0
    problems: Mapping[str, str] = field(default_factory=dict)


def run(
    waveforms: str | Path | Sequence[str | Path],
    weights: str | Path,
    out: str | Path,
    *,
    start: UTCDateTime,
    end: UTCDateTime,
    model: str | None = None,
    stations: Sequence[str] = (),
    instruments: Sequence[str] = INSTRUMENTS,
    stride: float = 1.0,
    threshold: float = 0.5,
    limits: Mapping[str, Any] | None = None,
    windows: Kept = "none",
    picks: str | Path | None = None,
    picker: str | None = None,
    picker_args: Mapping[str, Any] | None = None,
    workers: int | None = None,
    dask: str | None = None,
    lifetime: float | None = LIFETIME,
    progress: Callable[[Progress], None] = lambda progress: None,
    indexing: Callable[[Iterable[Path]], Iterable[Path]] = iter,
) -> Report:
    """Decide on all of an archive, on the cores of this machine or on a cluster.

    What was done before, with the same data, model and settings, is not done again: run the same call after an
    interruption, or when the archive has grown. A script that starts local workers needs
    ``if __name__ == "__main__":`` around it.

    Parameters
    ----------
    waveforms : path, str or sequence of path
        Root of an SDS archive (also ``"sds:FOLDER"``); ``"fdsn:NAME"`` or the address of an FDSN service; otherwise
        files, folders and patterns, which are indexed once.
    weights : str or path
        Pretrained weights as "MODEL/NAME" or "NAME", or the path of saved weights.
    out : path
        Folder of the results; it belongs to one model.
    start, end : UTCDateTime
        Decisions with P from `start` to before `end`.
    model : str, optional
        Class of the weights.
    stations : sequence of str
        NET.STA, where * and ? are wildcards; by default all.
    instruments : sequence of str
        Band and instrument codes to use; empty takes every channel.
    stride : float
        Seconds between windows.
    threshold : float
        Smallest probability of the label of a window in a detection.
    limits : mapping, optional
        Further arguments of `classify`, such as ``{"max_novelty": None}``.
    windows : "none", "top" or "all"
        Keep no windows; each window with the probability of its label; or with those of all labels, in float16.
    picks : path, optional
        Table of P picks, to decide at them only (`seisbench_lcl.archive.picks.read_picks`).
    picker : str, optional
        SeisBench picker, such as "PhaseNet/original", to decide at its P picks only.
    picker_args : mapping, optional
        Arguments of its `classify`, such as ``{"P_threshold": 0.2}``.
    workers : int, optional
        Local processes, by default one for each core; 0 computes in this process.
    dask : str, optional
        Address of a scheduler whose workers see the archive and `out` under the same paths.
    lifetime : float or None
        Seconds after which a local worker is replaced by a fresh one.
    progress : callable
        Called before the first batch, and after each.
    indexing : callable
        Wraps the files to index.

    Returns
    -------
    Report

    Raises
    ------
    ConfigurationError
        If an argument does not fit, or pyarrow or distributed is missing.
    WaveformError
        If there is no such archive, or a service does not answer.
    ArchiveError
        If `out` has results of another model, another run writes to it, or the scheduler has gone.
    OutputError
        If the disk is full, or `out` cannot be written to.
    """
    check_pyarrow()
    if not start < end:
        raise ConfigurationError(f"start must be before end, but they are {start} and {end}")
    if picks is not None and picker is not None:
        raise ConfigurationError("decide either at the picks of a table or at those of a picker: leave one out")
    if dask is not None and workers is not None:
        raise ConfigurationError("name either a Dask scheduler or the number of local workers: leave one out")
    if workers != 0:
        check_distributed()
    chosen = Weights.of(str(weights), model)
    loaded = chosen.load()
    settings = Settings(
        weights=chosen,
        stride=round(stride * loaded.sampling_rate),
        threshold=threshold,
        limits=dict(limits or {}),
        instruments=tuple(instruments),
        windows=windows,
        picker=named_backbone(picker) if picker else None,
        picker_args=dict(picker_args or {}),
        service=_service(waveforms),
    )
    if settings.picker:
        check_picks(settings.picker)
    _check_limits(loaded, settings)
    arrivals = None if picks is None else read_picks(picks)
    wanted = Wanted(tuple(stations), start.ns, end.ns, settings.instruments)
    folder = Path(out).resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from error
    with Manifest.locked(folder) as manifest:
        _check_head(folder, settings, loaded)
        fence = Fence.begin(folder)
        listing = _listed(waveforms, wanted, folder, indexing)
        planned = plan(units_of(listing, wanted, Reach.of(loaded), arrivals), manifest, settings.digest)
        if not planned.units:
            raise WaveformError(_nothing(listing, wanted, arrivals is not None))
        _remove_unfinished(folder)
        told = _work(planned, settings, manifest, fence, workers, dask, lifetime, progress)
        lost = [entry for entry in manifest.entries if entry.status == "failed"]
    return Report(told, lost, listing.ignored, listing.problems)


def _check_limits(model: Model, settings: Settings) -> None:
    """Refuse, before the work, arguments that `classify` does not take."""
    with suppress(EmptyStreamError):
        model.classify(obspy.Stream(), stride=settings.stride, **settings.limits)


def _work(
    planned: Plan,
    settings: Settings,
    manifest: Manifest,
    fence: Fence,
    workers: int | None,
    dask: str | None,
    lifetime: float | None,
    progress: Callable[[Progress], None],
) -> Progress:
    told = Progress(planned.units, planned.done)
    begin = monotonic()

    def done(outcome: Outcome) -> tuple[str, ...]:
        manifest.record(outcome.task.batch, outcome.entries, outcome.task.kept, outcome.files)
        told.take(outcome, monotonic() - begin)
        progress(told)
        days = manifest.days(outcome.task.batch)
        return tuple(sorted(day for day, entry in days.items() if entry.status != "failed"))

    if not planned.tasks:
        progress(told)
    elif workers == 0:
        progress(told)
        run_here(planned.tasks, settings, fence, done)
    else:
        local = min(workers or os.cpu_count() or 1, len(planned.tasks))
        with opened_client(local, dask, lifetime) as client:
            told.dashboard = client.dashboard_link or ""
            progress(told)
            begin = monotonic()
            run_on(client, planned.tasks, settings, fence, done)
    return told


def _service(waveforms: str | Path | Sequence[str | Path]) -> str | None:
    if isinstance(waveforms, str) and (waveforms.startswith("fdsn:") or "://" in waveforms):
        return waveforms.removeprefix("fdsn:")
    return None


def _listed(
    waveforms: str | Path | Sequence[str | Path],
    wanted: Wanted,
    folder: Path,
    indexing: Callable[[Iterable[Path]], Iterable[Path]],
) -> Listing:
    service = _service(waveforms)
    if service is not None:
        return list_service(FdsnSource(service), wanted)
    if isinstance(waveforms, str | Path):
        root = Path(str(waveforms).removeprefix("sds:"))
        if is_sds(root):
            return list_sds(root.resolve(), wanted)
        if str(waveforms).startswith("sds:"):
            raise WaveformError(
                f"{root} is no SDS archive: expected files such as 2024/NET/STA/HHZ.D/NET.STA..HHZ.D.2024.061"
            )
        waveforms = [waveforms]
    return list_files(waveforms, wanted, folder / "index.json", indexing)


def _nothing(listing: Listing, wanted: Wanted, at_picks: bool) -> str:
    span = f"{UTCDateTime(ns=wanted.start)} to {UTCDateTime(ns=wanted.end)}"
    chosen = f" of {', '.join(wanted.stations)}" if wanted.stations else ""
    if listing.spans and at_picks:
        return f"no pick{chosen} lies where there are waveforms from {span}: check stations and times of the table"
    return (
        f"there are no waveforms{chosen} from {span} on instruments {', '.join(wanted.instruments) or 'of any kind'}"
        f"{listing.losses}: check stations, times and --instruments"
    )


def _check_head(folder: Path, settings: Settings, model: Model) -> None:
    """Refuse a folder of another model or other files; write what the tables have in common.

    Raises
    ------
    ArchiveError, OutputError
    """
    path = folder / _HEAD
    head = {
        "format": _FORMAT,
        "written_by": f"seisbench_lcl {__version__}",
        "labels": list(model.labels),
        "event_types": dict(model.event_types),
        "component": "Z" if "Z" in model.preprocessing.component_order else model.preprocessing.component_order[0],
        "settings": settings.to_dict(),
    }
    if path.exists():
        known = read_head(folder)
        own, other = settings.weights, known["settings"]["weights"]
        if other["digest"] != own.digest or known["labels"] != head["labels"]:
            raise ArchiveError(
                f"{folder} has results of {other['name']}, version {other['version']} (sha256 {other['digest'][:12]}), "
                f"not of {own.name}, version {own.version} (sha256 {own.digest[:12]}): choose another folder"
            )
        if known == head:
            return
    elif found := sorted(file.name for file in folder.iterdir() if file.name not in (".lock", "index.json")):
        raise ArchiveError(f"{folder} holds other files ({', '.join(found[:3])}): choose a new or an empty folder")
    write_text(path, json.dumps(head, indent=1))


def read_head(folder: Path) -> dict[str, Any]:
    """Return what the tables of a folder of results have in common.

    Raises
    ------
    ArchiveError
        If the folder has no results, or of another version of this package.
    """
    path = folder / _HEAD
    try:
        head: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = head["format"]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ArchiveError(
            f"{folder} has no results: it lacks {_HEAD}; make some with seisbench-lcl archive run"
        ) from error
    except OSError as error:
        raise ArchiveError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise ArchiveError(f"{path} is damaged ({error}): run again into another folder") from error
    if version != _FORMAT:
        raise ArchiveError(f"{path} is of format {version}, not {_FORMAT}: update seisbench_lcl")
    return head


def _remove_unfinished(folder: Path) -> None:
    """Remove what killed workers left half written."""
    for file in folder.glob("*/*/*/*/.*.parquet"):
        file.unlink(missing_ok=True)
