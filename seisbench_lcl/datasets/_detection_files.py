"""Input and output of `detect_windows`: an SDS archive read span by span, and the new SeisBench dataset."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import obspy
import pandas as pd
import seisbench
from numpy.typing import NDArray
from obspy import UTCDateTime
from obspy.clients.filesystem.sds import Client
from seisbench.data import WaveformDataWriter
from seisbench.data.base import GeometricBucketer
from tqdm import tqdm

from seisbench_lcl.datasets._triggers import SECOND, Remark, Trigger, cut
from seisbench_lcl.errors import ConfigurationError, OutputError, WaveformError, check_arguments


def read_archive(
    root: str | Path,
    stations: Iterable[str],
    start: UTCDateTime,
    end: UTCDateTime,
    *,
    span: float = 86400.0,
    on_error: Callable[[str], None] | None = None,
) -> Iterator[obspy.Stream]:
    """Read an SDS archive span by span; `detect_windows` keeps the end of each span for the next one.

    Parameters
    ----------
    root : path
        Root folder of the archive.
    stations : iterable of str
        "NET.STA", or "NET.STA.LOC.CHA" with location and channel; ``*`` and ``?`` are wildcards.
    start, end : UTCDateTime
    span : float
        Seconds to hold in memory at once.
    on_error : callable, optional
        Receives a message for each channel and span that cannot be read, which is skipped. By default such a file
        raises an error.

    Yields
    ------
    obspy.Stream
        Traces of all stations; empty spans are skipped.

    Raises
    ------
    ConfigurationError
        If the archive is not a folder, a station name is malformed or has no file, or the time span is empty.
    WaveformError
        If a file cannot be read.
    """
    if not Path(root).is_dir():
        raise ConfigurationError(f"the archive {root} is not a folder: pass the root folder of an SDS archive")
    if not start < end:
        raise ConfigurationError(f"start must be before end, but they are {start} and {end}")
    check_arguments("", ("span must be a positive number of seconds", span > 0, span))
    client = Client(str(root))
    patterns = []
    for station in stations:
        parts = station.split(".")
        if not 2 <= len(parts) <= 4:
            raise ConfigurationError(f"a station must be NET.STA or NET.STA.LOC.CHA, but is {station}")
        patterns.append([*parts, *"*" * (4 - len(parts))])
        if not client.has_data(*patterns[-1]):
            raise ConfigurationError(f"the archive {root} has no files for {station}")
    while start < end:
        stop = min(start + span, end)
        stream = obspy.Stream()
        for codes in _channels(client, patterns, start, stop):
            try:
                stream += client.get_waveforms(*codes, start, stop, merge=None)
            except Exception as error:  # the libraries behind ObsPy's readers raise errors of any type
                message = f"{'.'.join(codes)} from {start} to {stop}: {type(error).__name__}: {error}"
                if on_error is None:
                    raise WaveformError(f"cannot read {message}") from error
                on_error(message)
        if stream:
            yield stream
        start = stop


def _channels(
    client: Client, patterns: list[list[str]], start: UTCDateTime, stop: UTCDateTime
) -> list[tuple[str, str, str, str]]:
    """List each channel of the days from start to stop, so that a broken file affects only its own channel."""
    days = [*np.arange(0, stop - start, 86400), stop - start]
    available = {codes for day in days for codes in client.get_all_nslc(datetime=start + day)}
    return sorted(codes for codes in available if any(all(map(fnmatchcase, codes, pattern)) for pattern in patterns))


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder that is renamed to the target at the end, and removed after an error.

    Raises
    ------
    OutputError
        If the target exists, or its parent folder is not writable.
    """
    exists = OutputError(f"{target} exists already: choose another folder, or remove it")
    if os.path.lexists(target):
        raise exists
    temporary = target.with_name(f".{uuid4().hex}.{target.name}")
    try:
        temporary.mkdir(parents=True)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error}") from error
    try:
        yield temporary
        if os.path.lexists(target):  # made by another process meanwhile; an empty folder would be replaced
            raise exists
        os.replace(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_events(
    folder: Path,
    events: Iterable[list[Trigger]],
    before: float,
    after: float,
    order: str,
    dev: float,
    remark: Remark,
) -> list[dict[str, Any]]:
    """Cut and write the windows of all events, and return their metadata rows."""
    rows: list[dict[str, Any]] = []
    onsets: list[int] = []
    with _silent(), _Writer(folder / "metadata.csv", folder / "waveforms.hdf5") as writer:
        writer.data_format = {"dimension_order": "CW", "component_order": order}
        for event in events:
            for trigger in event:
                try:
                    samples, onset, aligned = cut(trigger, before, after, order)
                except WaveformError as error:
                    remark(f"triggers left out: {error}", (trigger.station, trigger.time))
                    continue
                if not aligned:
                    text = "windows with components sampled 0.1 to 0.5 samples apart, aligned to the nearest sample"
                    remark(text, (trigger.station, trigger.time))
                onsets.append(trigger.time)
                rows.append(_row(trigger, onset, UTCDateTime(ns=event[0].time)))
                writer.add_trace(rows[-1], samples)
        # The writer keeps a reference to each row, and writes the rows when it is closed.
        for row, split in zip(rows, _splits(rows, onsets, dev, before + after, remark), strict=True):
            row["split"] = split
    return rows


def _row(trigger: Trigger, onset: int, event: UTCDateTime) -> dict[str, Any]:
    network, station, location, instrument = trigger.station
    rate = trigger.stretch.rate
    return {
        "source_id": str(event),
        "split": "train",
        "station_network_code": network,
        "station_code": station,
        "station_location_code": location,
        "trace_channel": instrument,
        "trace_native_components": "".join(trigger.components),
        "trace_start_time": str(UTCDateTime(ns=trigger.time - round(onset * SECOND / rate))),
        "trace_sampling_rate_hz": rate,
        "trace_p_arrival_sample": onset,
        "trace_detection_ratio": round(trigger.ratio, 3),
    }


def _splits(rows: list[dict[str, Any]], onsets: list[int], dev: float, length: float, remark: Remark) -> list[str]:
    """Assign the last events to "dev", such that no sample is in both splits."""
    event = pd.factorize(pd.Series([row["source_id"] for row in rows], dtype=object))[0]
    spans = pd.Series(onsets, dtype="int64").groupby(event).agg(["min", "max"])
    border = len(spans) - round(dev * len(spans))
    apart = spans["min"][::-1].cummin()[::-1] - spans["max"].cummax().shift() >= length * SECOND
    free = np.flatnonzero(apart[border:])
    if border < len(spans) and not len(free):
        remark("no border between events without overlap: all windows are in split train", "")
    first = border + free[0] if len(free) else len(spans)
    return np.where(event < first, "train", "dev").tolist()


class _ByType(GeometricBucketer):
    """Separates sample types, because SeisBench packs traces of similar length into one array."""

    def get_bucket(self, metadata: dict[str, Any], waveform: NDArray[Any]) -> str:
        return f"{waveform.dtype.str} {super().get_bucket(metadata, waveform)}"


class _Writer(WaveformDataWriter):
    """SeisBench's writer without its progress bar, because only the command line prints."""

    def __init__(self, metadata_path: Path, waveforms_path: Path) -> None:
        super().__init__(metadata_path, waveforms_path)
        self.bucketer = _ByType()
        self._pbar = tqdm(disable=True)


@contextmanager
def _silent() -> Iterator[None]:
    """Silence the writer, which wrongly reports saved progress after an error."""
    level = seisbench.logger.level
    seisbench.logger.setLevel("CRITICAL")
    try:
        yield
    finally:
        seisbench.logger.setLevel(level)
