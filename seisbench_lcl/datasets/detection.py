"""A training set from continuous records: windows with triggers, as a SeisBench dataset."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import obspy
from obspy import UTCDateTime

from seisbench_lcl.datasets._detection_files import read_archive, write_events
from seisbench_lcl.datasets._triggers import SECOND, Remark, StaLta, Trigger, find_triggers
from seisbench_lcl.datasets.writing import new_folder
from seisbench_lcl.errors import DatasetError, WaveformError, check_arguments
from seisbench_lcl.waveforms import StationId
from seisbench_lcl.waveforms.preprocessing import Preprocessing
from seisbench_lcl.wording import counted

__all__ = ["DetectionSummary", "detect_windows", "read_archive"]

_LATE = 60.0  # seconds by which the channels of a day may end at different times
_STATION = ("station_network_code", "station_code", "station_location_code", "trace_channel")
_MEMORY = 10  # LTA lengths after which earlier samples have a weight of e^-10


@dataclass(frozen=True)
class DetectionSummary:
    """Contents of a dataset written by `detect_windows`, and counts of the omissions.

    Attributes
    ----------
    path : Path
        Folder of the dataset.
    events : int
    stations : dict from station to number of windows
        A station is NET.STA.LOC with band and instrument code.
    splits : dict from split to number of windows
    notes : dict from remark to number
        Numbers of the stations, stretches of record, triggers or windows that the remark names.

    Examples
    --------
    >>> print(DetectionSummary(Path("set"), 1, {"XX.ABC..HH": 2}, {"train": 2}, {}))
    2 windows (2 train) of 1 event at 1 station
    XX.ABC..HH: 2 windows
    """

    path: Path
    events: int
    stations: dict[str, int]
    splits: dict[str, int]
    notes: dict[str, int]

    @property
    def windows(self) -> int:
        """Number of windows."""
        return sum(self.stations.values())

    def __str__(self) -> str:
        splits = ", ".join(f"{count} {split}" for split, count in self.splits.items())
        windows, events = counted(self.windows, "window"), counted(self.events, "event")
        lines = [f"{windows} ({splits}) of {events} at {counted(len(self.stations), 'station')}"]
        lines += [f"{station}: {counted(count, 'window')}" for station, count in sorted(self.stations.items())]
        return "\n".join(lines + [f"{count} {remark}" for remark, count in self.notes.items()])


def detect_windows(
    waveforms: obspy.Stream | Iterable[obspy.Stream],
    path: str | Path,
    *,
    sta: float = 0.5,
    lta: float = 10.0,
    on: float = 3.5,
    off: float = 1.5,
    band: tuple[float, float] = (2.0, 15.0),
    before: float = 10.0,
    after: float = 30.0,
    interval: float = 20.0,
    coincidence: int = 1,
    within: float = 10.0,
    component_order: str = "ZNE",
    dev: float = 0.0,
) -> DetectionSummary:
    """Trigger on continuous records, and write windows around the triggers as a SeisBench dataset.

    Kinzel et al. (2024) train on such unlabelled windows from a recursive STA/LTA (Withers et al. 1998). The first
    component of `component_order`, by default the vertical, is band-passed and triggers; all components are cut around
    the onset, raw and at their native sampling rate. Onsets are where the ratio exceeds `on`, some tenths of a second
    after the arrival.

    Gaps, masked and NaN samples, flat lines of two seconds, and conflicting overlaps end a stretch of record. There are
    no triggers while filter and averages settle at the start of a stretch, and no window extends beyond its end. Onsets
    of different stations that are close in time are one event, with one `source_id`.

    Parameters
    ----------
    waveforms : obspy.Stream or iterable of obspy.Stream
        One stream, or several in order of time, such as one per day, each with all stations. Streams may be contiguous
        or overlap: the end of each is kept for the next one, so that no onset is lost or found twice. Streams are not
        changed.
    path : path
        Folder to write; it must not exist. The columns are those of SeisBench, including ``source_id``, ``split`` and
        ``trace_p_arrival_sample`` (the onset), plus ``trace_detection_ratio``, the largest ratio of the trigger, and
        ``trace_native_components``, the recorded component codes (1 and 2 replace N and E).
    sta, lta : float
        Time constants of the short-term and long-term averages, in seconds.
    on, off : float
        Ratios at which a trigger starts and ends.
    band : (float, float)
        Frequency band of the trigger in Hz. Records need a sampling rate of more than twice the upper frequency.
    before, after : float
        Seconds to cut before and after the onset. The defaults suit windows of 20 s that start 2 s before P, with a
        margin for the filters of `Preprocessing`.
    interval : float
        Shortest time between onsets of a station, in seconds.
    coincidence : int
        Smallest number of stations of an event. Several instruments at one site (with the same network and station
        code) give one window each, but count as one station.
    within : float
        Seconds after the first onset of an event in which other stations may trigger; less than `interval`.
    component_order : str
        Component codes of the dataset.
    dev : float
        Fraction of the events, the last ones in time, for the split "dev"; all others are "train". The border moves to
        a later event until no sample is in both splits.

    Returns
    -------
    DetectionSummary

    Raises
    ------
    ConfigurationError
        If a parameter is out of its range.
    OutputError
        If the folder exists or cannot be created.
    WaveformError
        If the streams are not in order of time.
    DatasetError
        If there are no windows; the message counts the reasons.

    References
    ----------
    Withers et al. (1998), A comparison of select trigger algorithms for automated global seismic phase and event
    detection, BSSA 88(1), 95-106. Kinzel et al. (2024), Unsupervised deep feature learning for icequake discrimination
    at Neumayer Station, Antarctica, SRL, doi:10.1785/0220230078.
    """
    method = StaLta(sta, lta, on, off, band, interval)
    preprocessing = Preprocessing(component_order=component_order)
    check_arguments(
        "",
        ("before must be finite and not negative", 0 <= before < np.inf, before),
        ("after must be positive and finite", 0 < after < np.inf, after),
        (f"within must be at least 0 and below the interval of {interval:g} s", 0 <= within < interval, within),
        ("coincidence must be 1 station or more", coincidence >= 1, coincidence),
        ("dev must be a fraction of at least 0 and below 1", 0 <= dev < 1, dev),
    )
    remarks: dict[str, set[Any]] = defaultdict(set)

    def remark(text: str, key: Any) -> None:
        remarks[text].add(key)

    reach = after + _LATE
    passes = _passes(waveforms, reach, before + method.settled + _MEMORY * lta)
    triggers = chain.from_iterable(
        find_triggers(stream, method, preprocessing, done, horizon, remark) for stream, done, horizon in passes
    )
    events = _events(_spaced(triggers, interval, remark), coincidence, within, remark)
    target = Path(path)
    with new_folder(target) as folder:
        rows = write_events(folder, events, before, after, component_order, dev, remark)
        notes = {text: len(keys) for text, keys in sorted(remarks.items())}
        if not rows:
            raise DatasetError(f"found no window: {notes or 'no triggers'}; lower `on`, or check the records")
    return DetectionSummary(
        target,
        len({row["source_id"] for row in rows}),
        dict(Counter(".".join(row[code] for code in _STATION) for row in rows)),
        dict(Counter(row["split"] for row in rows)),
        notes,
    )


def _passes(
    waveforms: obspy.Stream | Iterable[obspy.Stream], reach: float, memory: float
) -> Iterator[tuple[obspy.Stream, float, float]]:
    """Yield each stream with the end of the one before, and the half-open time span for its onsets."""
    if isinstance(waveforms, obspy.Stream):
        yield waveforms, -np.inf, np.inf
        return
    kept, done = obspy.Stream(), -np.inf
    last: tuple[UTCDateTime, UTCDateTime] | None = None
    for stream in waveforms:
        filled = [trace.stats for trace in stream if trace.stats.npts]
        if not filled:
            continue
        span = min(stats.starttime for stats in filled), max(stats.endtime for stats in filled)
        if last and (span <= last or span[1] < last[1]):
            raise WaveformError(
                f"streams must be in order of time, each with all stations, but a stream from {span[0]} to {span[1]} "
                f"follows one from {last[0]} to {last[1]}"
            )
        last = span
        together = kept + stream
        horizon = span[1] - reach
        yield together, done, horizon.ns
        done = max(done, horizon.ns)
        kept = together.slice(horizon - memory).copy()  # a view would keep the whole day
    yield kept, done, np.inf


def _spaced(triggers: Iterable[Trigger], interval: float, remark: Remark) -> Iterator[Trigger]:
    last: dict[StationId, int] = {}
    for trigger in triggers:
        if trigger.station in last and trigger.time - last[trigger.station] < interval * SECOND:
            text = f"triggers left out: less than {interval:g} s after the previous one"
            remark(text, (trigger.station, trigger.time))
            continue
        last[trigger.station] = trigger.time
        yield trigger


def _events(triggers: Iterable[Trigger], least: int, within: float, remark: Remark) -> Iterator[list[Trigger]]:
    """Join the triggers of different stations to events.

    ObsPy's `coincidence_trigger` is not suitable: it needs overlapping triggers instead of close onsets, returns no
    onsets of single stations, counts HH and HN of one site twice, and needs all records in one stream.
    """
    waiting: list[Trigger] = []
    for trigger in chain(triggers, [None]):
        while waiting and (trigger is None or trigger.time - waiting[0].time > within * SECOND):
            if len({one.station.site for one in waiting}) >= least:
                yield waiting
                waiting = []
            else:
                first = waiting.pop(0)
                remark(f"triggers left out: fewer than {least} stations", (first.station, first.time))
        if trigger is not None:
            waiting.append(trigger)
