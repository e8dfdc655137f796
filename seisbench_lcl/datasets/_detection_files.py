"""Input and output of `detect_windows`: an SDS archive read span by span, and the new SeisBench dataset."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import obspy
import pandas as pd
from obspy import UTCDateTime

from seisbench_lcl.datasets._triggers import SECOND, Remark, Trigger, cut
from seisbench_lcl.datasets.writing import DatasetWriter
from seisbench_lcl.errors import ConfigurationError, WaveformError, check_arguments
from seisbench_lcl.waveforms.reading import read_recording

_BORDER = 600.0  # seconds by which a day file may reach beyond midnight


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
        Receives a message for each file that cannot be read, and is left out, or is damaged and read in part. By
        default the first raises an error, the second a warning.

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
    patterns = []
    for station in stations:
        parts = station.split(".")
        if not 2 <= len(parts) <= 4:
            raise ConfigurationError(f"a station must be NET.STA or NET.STA.LOC.CHA, but is {station}")
        patterns.append([*parts, *"*" * (4 - len(parts))])
        if not any(_matches(path, patterns[-1:]) for path in Path(root).glob("*/*/*/*.D/*.D.*")):
            raise ConfigurationError(f"the archive {root} has no files for {station}")
    while start < end:
        stop = min(start + span, end)
        stream = obspy.Stream()
        for path in _files(Path(root), patterns, start, stop):
            try:
                recording = read_recording(path, starttime=start, endtime=stop)
            except WaveformError as error:
                if on_error is None:
                    raise WaveformError(f"cannot read {path}: {error}") from error
                on_error(f"cannot read {path}: {error}")
                continue
            stream.extend([trace for trace in recording.stream if trace.id.split(".") == _codes(path)])
            if recording.losses:
                message = f"read {path} in part: {'; '.join(recording.losses)}"
                if on_error is None:
                    warnings.warn(message, stacklevel=2)
                else:
                    on_error(message)
        if stream:
            yield stream
        start = stop


def _files(root: Path, patterns: list[list[str]], start: UTCDateTime, stop: UTCDateTime) -> list[Path]:
    """List the day files of a time span; ObsPy's client for SDS would take the root for a pattern."""
    first, last = start - _BORDER, stop + _BORDER
    days = [*(first + seconds for seconds in np.arange(0, last - first, 86400)), last]
    dates = sorted({(day.year, day.julday) for day in days})
    found = [path for year, day in dates for path in root.glob(f"{year}/*/*/*.D/*.D.{year}.{day:03}")]
    return sorted((path for path in found if _matches(path, patterns)), key=_codes)


def _codes(path: Path) -> list[str]:
    """Return network, station, location and channel of a day file."""
    return path.name.split(".")[:4]


def _matches(path: Path, patterns: list[list[str]]) -> bool:
    return any(all(map(fnmatchcase, _codes(path), pattern)) for pattern in patterns)


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
    with DatasetWriter(folder) as writer:
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
