"""The two ends of `detect_windows`: an SDS archive read span by span, and the SeisBench dataset written."""

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
from seisbench_lcl.errors import ConfigurationError, OutputError, WaveformError


def read_archive(
    root: str | Path,
    stations: Iterable[str],
    start: UTCDateTime,
    end: UTCDateTime,
    *,
    span: float = 86400.0,
    on_error: Callable[[str], None] | None = None,
) -> Iterator[obspy.Stream]:
    """Read an SDS archive span by span, for `detect_windows`, which keeps the end of each span for the next.

    Parameters
    ----------
    root : path
        Of the archive.
    stations : iterable of str
        "NET.STA", or with location and channel, "NET.STA.LOC.CHA"; ``*`` and ``?`` are wildcards.
    start, end : UTCDateTime
    span : float
        Seconds to hold in memory at once.
    on_error : callable, optional
        Told of each channel and span with a file that cannot be read, which is then left out; by default that is an
        error.

    Yields
    ------
    obspy.Stream
        All stations; empty spans are left out.

    Raises
    ------
    ConfigurationError
        If the archive is no folder, a station is not named as above or has no file in it, or the time is empty.
    WaveformError
        If a file cannot be read.
    """
    if not Path(root).is_dir():
        raise ConfigurationError(f"the archive {root} is no folder: give the root of an SDS archive")
    if not (start < end and span > 0):
        raise ConfigurationError(f"start must come before end, and span be above 0: {start}, {end}, {span:g} s")
    client = Client(str(root))
    patterns = []
    for station in stations:
        parts = station.split(".")
        if not 2 <= len(parts) <= 4:
            raise ConfigurationError(f"a station is given as NET.STA or NET.STA.LOC.CHA, not {station}")
        patterns.append([*parts, *"*" * (4 - len(parts))])
        if not client.has_data(*patterns[-1]):
            raise ConfigurationError(f"the archive {root} has no file of {station}")
    while start < end:
        stop = min(start + span, end)
        stream = obspy.Stream()
        for codes in _channels(client, patterns, start, stop):
            try:
                stream += client.get_waveforms(*codes, start, stop, merge=None)
            except Exception as error:  # ObsPy's readers raise whatever their format's library does
                message = f"{'.'.join(codes)} from {start} to {stop}: {type(error).__name__}: {error}"
                if on_error is None:
                    raise WaveformError(f"could not read {message}") from error
                on_error(message)
        if stream:
            yield stream
        start = stop


def _channels(
    client: Client, patterns: list[list[str]], start: UTCDateTime, stop: UTCDateTime
) -> list[tuple[str, str, str, str]]:
    """Name each channel of the days from start to stop: a broken file then costs no more than its own channel."""
    days = [*np.arange(0, stop - start, 86400), stop - start]
    there = {codes for day in days for codes in client.get_all_nslc(datetime=start + day)}
    return sorted(codes for codes in there if any(all(map(fnmatchcase, codes, pattern)) for pattern in patterns))


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Give a folder beside the target that takes the target's name at the end, and vanishes at an error.

    Raises
    ------
    OutputError
        If the target exists, or its parent cannot be written to.
    """
    exists = OutputError(f"{target} exists already: name another folder, or remove it")
    if os.path.lexists(target):
        raise exists
    temporary = target.with_name(f".{uuid4().hex}.{target.name}")
    try:
        temporary.mkdir(parents=True)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error}") from error
    try:
        yield temporary
        if os.path.lexists(target):  # made by another in the meantime; an empty folder would be replaced in silence
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
    """Cut and write the windows of all events, and return the rows of the metadata."""
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
                    text = "windows whose components are sampled a tenth to half a sample apart, taken to the nearest"
                    remark(text, (trigger.station, trigger.time))
                onsets.append(trigger.time)
                rows.append(_row(trigger, onset, UTCDateTime(ns=event[0].time)))
                writer.add_trace(rows[-1], samples)
        # The writer keeps a reference to each row, and writes them when it is closed.
        for row, split in zip(rows, _splits(rows, onsets, dev, before + after, remark), strict=True):
            row["split"] = split
    return rows


def _row(trigger: Trigger, onset: int, event: UTCDateTime) -> dict[str, Any]:
    network, station, location, instrument = trigger.station.split(".")
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
    """Give the last events in time to "dev", so that no record lies on both sides of the border."""
    event = pd.factorize(pd.Series([row["source_id"] for row in rows], dtype=object))[0]
    spans = pd.Series(onsets, dtype="int64").groupby(event).agg(["min", "max"])
    border = len(spans) - round(dev * len(spans))
    apart = spans["min"][::-1].cummin()[::-1] - spans["max"].cummax().shift() >= length * SECOND
    free = np.flatnonzero(apart[border:])
    if border < len(spans) and not len(free):
        remark("border without common record not found: all windows are in split train", "")
    first = border + free[0] if len(free) else len(spans)
    return np.where(event < first, "train", "dev").tolist()


class _ByType(GeometricBucketer):
    """SeisBench packs traces of similar length into one array, and cannot if their sample types differ."""

    def get_bucket(self, metadata: dict[str, Any], waveform: NDArray[Any]) -> str:
        return f"{waveform.dtype.str} {super().get_bucket(metadata, waveform)}"


class _Writer(WaveformDataWriter):
    """SeisBench's writer without its progress bar: only the command line prints."""

    def __init__(self, metadata_path: Path, waveforms_path: Path) -> None:
        super().__init__(metadata_path, waveforms_path)
        self.bucketer = _ByType()
        self._pbar = tqdm(disable=True)


@contextmanager
def _silent() -> Iterator[None]:
    """Silence the writer, which at an error says that its progress was saved: it is not."""
    level = seisbench.logger.level
    seisbench.logger.setLevel("CRITICAL")
    try:
        yield
    finally:
        seisbench.logger.setLevel(level)
