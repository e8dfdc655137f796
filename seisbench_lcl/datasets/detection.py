"""From continuous records to a training set: windows in which something happens, as a SeisBench dataset."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import obspy
from obspy import UTCDateTime

from seisbench_lcl.datasets._detection_files import new_folder, read_archive, write_events
from seisbench_lcl.datasets._triggers import SECOND, Remark, StaLta, Trigger, find_triggers
from seisbench_lcl.errors import ConfigurationError, DatasetError, WaveformError
from seisbench_lcl.waveforms.preprocessing import Preprocessing

__all__ = ["DetectionSummary", "detect_windows", "read_archive"]

_LATE = 60.0  # seconds: the channels of a day file do not all end together, the rest lies in the next
_STATION = ("station_network_code", "station_code", "station_location_code", "trace_channel")
_MEMORY = 10  # LTAs after which what came before a stretch weighs e^-10


@dataclass(frozen=True)
class DetectionSummary:
    """What `detect_windows` wrote, and what it left out.

    Attributes
    ----------
    path : Path
        Folder of the dataset.
    events : int
    stations : dict from station to number of windows
        A station is NET.STA.LOC and band and instrument code.
    splits : dict from split to number of windows
    notes : dict from remark to number
        Of stations, stretches of record, triggers or windows, whichever the remark names.
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
        lines = [f"{self.windows} windows ({splits}) of {self.events} events at {len(self.stations)} stations"]
        lines += [f"{station}: {count} windows" for station, count in sorted(self.stations.items())]
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
    """Cut windows of continuous records in which something happens, and write them as a SeisBench dataset.

    What a recursive STA/LTA finds (Withers et al. 1998) makes the unlabelled training data of Kinzel et al. (2024).
    The first component of `component_order`, the vertical by default, is band-passed and triggers; all components are
    cut around the onset, raw and at their native rate. Onsets are where the ratio passes `on`, some tenths of a
    second after the arrival.

    Gaps, masked and NaN samples, flat lines of two seconds, and overlaps that disagree all end a stretch of record.
    Nothing is triggered while filter and averages settle after the start of a stretch, and no window reaches over its
    end. Onsets of different stations that are close in time are one event, with one `source_id`.

    Parameters
    ----------
    waveforms : obspy.Stream or iterable of obspy.Stream
        One stream, or several in order of time, such as one for each day, each with all stations. Streams may follow
        on each other or overlap: the end of each is kept for the next, so no onset is lost or found twice. They are
        left as they are.
    path : path
        Folder to write; it must not exist. The columns are those of SeisBench, among them ``source_id``, ``split``
        and ``trace_p_arrival_sample`` (the onset), with ``trace_detection_ratio``, the largest ratio of the trigger,
        and ``trace_native_components``, the codes found (1 and 2 stand in for N and E).
    sta, lta : float
        Time constants of the short and the long average, in seconds.
    on, off : float
        Ratios at which a trigger begins and ends.
    band : (float, float)
        Of the trigger, in Hz. A record must be sampled more than twice as fast.
    before, after : float
        Seconds of record that are cut before and after the onset. The default holds windows of 20 s that start 2 s
        before P, with a margin for the filters of `Preprocessing`.
    interval : float
        Least time from one onset to the next of a station, in seconds.
    coincidence : int
        Least number of stations of an event. Several instruments at one site (the same network and station code) give
        a window each, but count once here.
    within : float
        Seconds after the first onset of an event in which other stations may follow; less than `interval`.
    component_order : str
        Component codes of the dataset.
    dev : float
        Fraction of the events, the last in time, that go to the split "dev"; all others are "train". The border is
        moved later until no record is on both sides of it.

    Returns
    -------
    DetectionSummary

    Raises
    ------
    ConfigurationError
        If a parameter is out of its range.
    OutputError
        If the folder exists or cannot be made.
    WaveformError
        If the streams are not in order of time.
    DatasetError
        If there is no window at all; the message counts the reasons.

    References
    ----------
    Withers et al. (1998), A comparison of select trigger algorithms for automated global seismic phase and event
    detection, BSSA 88(1), 95-106. Kinzel et al. (2024), Unsupervised deep feature learning for icequake discrimination
    at Neumayer Station, Antarctica, SRL, doi:10.1785/0220230078.
    """
    method = StaLta(sta, lta, on, off, band, interval)
    preprocessing = Preprocessing(component_order=component_order)
    if not (before >= 0 and after > 0 and np.isfinite(before + after)):
        raise ConfigurationError(f"a window needs before >= 0 and after > 0, but is given {before:g} and {after:g} s")
    if not 0 <= within < interval:
        raise ConfigurationError(f"within must be at least 0 and less than interval, {interval:g} s: it is {within:g}")
    if coincidence < 1:
        raise ConfigurationError(f"coincidence is a number of stations, at least 1, but is {coincidence}")
    if not 0 <= dev < 1:
        raise ConfigurationError(f"dev is a fraction of the events, at least 0 and less than 1, but is {dev:g}")
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
            raise DatasetError(f"no window was found: {notes or 'nothing triggered'}; lower `on`, or check the records")
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
    """Yield what to look at together, and the half-open span of onsets that are to be found in it."""
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
        if last and (span[0] < last[0] or span[1] <= last[1]):
            raise WaveformError(
                f"streams must come in order of time, each with all stations, but one from {span[0]} to {span[1]} "
                f"follows on one from {last[0]} to {last[1]}"
            )
        last = span
        together = kept + stream
        horizon = span[1] - reach
        yield together, done, horizon.ns
        done = max(done, horizon.ns)
        kept = together.slice(horizon - memory).copy()  # a view would keep the whole day
    yield kept, done, np.inf


def _spaced(triggers: Iterable[Trigger], interval: float, remark: Remark) -> Iterator[Trigger]:
    last: dict[str, int] = {}
    for trigger in triggers:
        if trigger.station in last and trigger.time - last[trigger.station] < interval * SECOND:
            text = f"triggers left out: less than {interval:g} s after the one before"
            remark(text, (trigger.station, trigger.time))
            continue
        last[trigger.station] = trigger.time
        yield trigger


def _events(triggers: Iterable[Trigger], least: int, within: float, remark: Remark) -> Iterator[list[Trigger]]:
    """Join the triggers of different stations to events.

    ObsPy's `coincidence_trigger` does not fit: it asks for triggers that overlap from on to off instead of onsets that
    are close, gives no onset of the single stations, takes HH and HN of one site for two, and needs all in one stream.
    """
    waiting: list[Trigger] = []
    for trigger in chain(triggers, [None]):
        while waiting and (trigger is None or trigger.time - waiting[0].time > within * SECOND):
            if len({_site(one.station) for one in waiting}) >= least:
                yield waiting
                waiting = []
            else:
                first = waiting.pop(0)
                remark(f"triggers left out: fewer than {least} stations", (first.station, first.time))
        if trigger is not None:
            waiting.append(trigger)


def _site(station: str) -> str:
    return ".".join(station.split(".")[:2])
