"""Triggers of a recursive STA/LTA on continuous records, one gapless stretch at a time."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, takewhile
from typing import Any

import numpy as np
import obspy
from numpy.typing import NDArray
from obspy.signal.trigger import recursive_sta_lta, trigger_onset
from scipy.signal import butter, sosfilt

from seisbench_lcl.errors import WaveformError, check_arguments
from seisbench_lcl.waveforms import StationId
from seisbench_lcl.waveforms.channels import channel_code
from seisbench_lcl.waveforms.flaws import Flaw, bridge, find_flaws, runs
from seisbench_lcl.waveforms.preprocessing import Preprocessing
from seisbench_lcl.waveforms.segments import gapless, join

SECOND = 10**9  # times are integer nanoseconds since the epoch, as in UTCDateTime.ns
_FILTER_PERIODS = 5  # periods of the lowest frequency after which the causal filter has forgotten the start
_FULL_WEIGHT = 30  # LTA lengths after which an average has its full weight in double precision
_MISALIGNED = 0.1  # samples between components
_BRIDGED = 0.1  # s: longer gaps end a stretch
_DEAD = 2.0  # s: longer flaws end a stretch, shorter ones are bridged

Remark = Callable[[str, Any], None]  # takes a remark, and the station, stretch or trigger that it counts


@dataclass(frozen=True)
class Stretch:
    """Samples of one component without gaps, dead channel or conflicts; `start` in nanoseconds.

    `data` are raw; in `clean`, spikes and other short flaws are bridged, so that they do not trigger.
    """

    start: int
    rate: float
    data: NDArray[Any]
    clean: NDArray[Any]

    @property
    def end(self) -> int:
        """Time after the last sample."""
        return self.time(len(self.data))

    def time(self, index: int) -> int:
        """Return the time of a sample."""
        return self.start + round(index * SECOND / self.rate)

    def position(self, time: int) -> float:
        """Return the sample position of a time."""
        return (time - self.start) * self.rate / SECOND


@dataclass(frozen=True)
class Trigger:
    """An onset at one station: its time, largest STA/LTA, stretch, and the stretches of all components."""

    time: int
    station: StationId
    ratio: float
    stretch: Stretch
    components: dict[str, list[Stretch]]
    """Stretches by code, in component order."""


@dataclass(frozen=True)
class StaLta:
    """The recursive STA/LTA of band-passed samples; times in seconds, frequencies in Hz."""

    sta: float
    lta: float
    on: float
    off: float
    band: tuple[float, float]
    interval: float

    def __post_init__(self) -> None:
        check_arguments(
            "",
            ("sta and lta must satisfy 0 < sta < lta", 0 < self.sta < self.lta < np.inf, (self.sta, self.lta)),
            (
                "off and on must satisfy 1 <= off <= on, as noise has a ratio of 1",
                1 <= self.off <= self.on < np.inf,
                (self.off, self.on),
            ),
            ("band must satisfy 0 < lowest < highest", 0 < self.band[0] < self.band[1] < np.inf, self.band),
            ("interval must be finite and not negative", 0 <= self.interval < np.inf, self.interval),
        )

    @property
    def filter_settled(self) -> float:
        """Seconds after which the filter is no longer affected by the start of a stretch."""
        return _FILTER_PERIODS / self.band[0]

    @property
    def settled(self) -> float:
        """Seconds at the start of a stretch without triggers."""
        return self.filter_settled + self.lta

    def onsets(self, data: NDArray[Any], rate: float) -> Iterator[tuple[int, float, bool]]:
        """Yield sample and largest ratio of each trigger, and whether it was on before the averages had settled."""
        skipped, n_sta, n_lta = (max(1, round(t * rate)) for t in (self.filter_settled, self.sta, self.lta))
        # Relative to the first sample, so that the filter does not see an offset as a step.
        filtered = sosfilt(_sections(rate, self.band), data.astype(np.float64) - data[0])[skipped:]
        ratio = recursive_sta_lta(filtered, n_sta, n_lta)
        # ObsPy's averages start at zero and its ratios after n_lta samples, when the LTA has a weight of only 1 - 1/e.
        weight = 1 - (1 - 1 / n_lta) ** np.arange(min(len(ratio), _FULL_WEIGHT * n_lta))
        ratio[: len(weight)] *= weight
        for first, last in trigger_onset(ratio, self.on, self.off):
            yield skipped + int(first), float(ratio[first : last + 1].max()), first <= n_lta


@lru_cache
def _sections(rate: float, band: tuple[float, float]) -> NDArray[np.float64]:
    return butter(4, band, "bandpass", fs=rate, output="sos")


def find_triggers(
    stream: obspy.Stream, method: StaLta, preprocessing: Preprocessing, done: float, horizon: float, remark: Remark
) -> list[Trigger]:
    """Find the triggers with `done` <= onset < `horizon`, in order of time and regardless of their spacing."""
    stations: dict[StationId, dict[str, list[obspy.Trace]]] = defaultdict(lambda: defaultdict(list))
    for trace in stream:
        stats = trace.stats
        stations[StationId.of(stats)][channel_code(stats.channel).component].append(trace)
    triggers = []
    for station, codes in stations.items():
        rows = preprocessing.component_rows(set(codes))
        if 0 not in rows.values():
            remark(f"stations without component {preprocessing.component_order[0]}, at least temporarily", station)
        elif len(set(rows.values())) < len(rows):
            remark(f"stations left out: two sets of components, {', '.join(rows)}", station)
        elif any(trace.data.dtype.kind not in "iuf" for code in rows for trace in codes[code]):
            remark("stations left out: samples are not numbers", station)
        else:
            ordered = {code: codes[code] for code in sorted(rows, key=rows.__getitem__)}
            triggers += list(_of_station(station, ordered, method, done, horizon, remark))
    return sorted(triggers, key=lambda trigger: (trigger.time, trigger.station))


def _of_station(
    station: StationId,
    traces: dict[str, list[obspy.Trace]],
    method: StaLta,
    done: float,
    horizon: float,
    remark: Remark,
) -> Iterator[Trigger]:
    def note(text: str, end: int) -> None:
        # A later end belongs to the next stream, and an earlier end was counted before.
        if done < end <= horizon:
            remark(text, (station, end))

    vertical, *others = traces
    components = {vertical: list(_stretches(traces[vertical], note))}
    onsets = []
    for stretch in components[vertical]:
        if stretch.rate <= 2 * method.band[1]:
            remark(f"stations left out: sampled at {stretch.rate:g} Hz, too slowly for the trigger's band", station)
        elif len(stretch.data) <= method.settled * stretch.rate:
            note(f"stretches left out: shorter than {method.settled:g} s, in which the averages settle", stretch.end)
        else:
            for index, ratio, was_on in method.onsets(stretch.clean, stretch.rate):
                time = stretch.time(index)
                if not done <= time < horizon:
                    continue
                if was_on:
                    remark("triggers left out: on before the averages had settled", (station, time))
                else:
                    onsets.append((time, ratio, stretch))
    if onsets:  # the other components are only needed to cut windows
        components |= {code: list(_stretches(traces[code])) for code in others}
    for time, ratio, stretch in onsets:
        yield Trigger(time, station, ratio, stretch, components)


def _stretches(traces: list[obspy.Trace], note: Callable[[str, int], None] | None = None) -> Iterator[Stretch]:
    """Split one component at gaps, masked and NaN samples, dead channels, and conflicting overlaps."""
    segments = [segment for trace in traces for segment in gapless(_masked(trace))]
    if not segments:
        return
    joined: list[Stretch] = []
    live: list[NDArray[np.bool_]] = []
    for data, missing, stats in sorted(join(segments, _BRIDGED), key=lambda segment: segment.stats.starttime.ns):
        rate = stats.sampling_rate
        flaws = find_flaws(data, rate, missing)
        flaws[flaws == Flaw.CLIPPED] = 0  # clipped motion triggers
        one = Stretch(stats.starttime.ns, rate, data, bridge(data, flaws) if flaws.any() else data)
        alive = np.ones(len(data), dtype=bool)
        for first, end in zip(*runs(flaws > 0), strict=True):
            if end - first >= _DEAD * rate - 1:
                alive[first:end] = False
                if note:
                    note("stretches left out: dead channel", one.time(int(end)))
        joined.append(one)
        live.append(alive)
    for i, one in enumerate(joined):
        later = takewhile(lambda pair: pair[1].start < one.end, islice(enumerate(joined), i + 1, None))  # noqa: B023
        for j, other in later:
            end = min(one.end, other.end)
            shared = round(one.position(other.start)), round(one.position(end))
            if shared[0] == shared[1]:  # less than half a sample
                continue
            live[i][slice(*shared)] = False
            live[j][: round(other.position(end))] = False
            if note:
                note("overlaps of conflicting traces, treated as gaps", end)
    for stretch, mask in zip(joined, live, strict=True):
        for span in np.ma.clump_unmasked(np.ma.masked_array(stretch.data, ~mask)):
            yield Stretch(stretch.time(span.start), stretch.rate, stretch.data[span], stretch.clean[span])


def _masked(trace: obspy.Trace) -> obspy.Trace:
    if trace.data.dtype.kind != "f" or np.isfinite(trace.data).all():
        return trace
    return obspy.Trace(np.ma.masked_invalid(trace.data), header=trace.stats)


def cut(trigger: Trigger, before: float, after: float, order: str) -> tuple[NDArray[Any], int, bool]:
    """Cut the raw samples around a trigger.

    Returns
    -------
    samples : (C, n) ndarray
    onset : int
        Sample of the onset.
    aligned : bool
        Whether all components are sampled at the same times.

    Raises
    ------
    WaveformError
        If a component is missing or does not cover the whole window.
    """
    rate = trigger.stretch.rate
    onset = round(before * rate)
    length = onset + round(after * rate)
    start = trigger.time - round(onset * SECOND / rate)
    if len(trigger.components) < len(order):
        raise WaveformError(f"only components {''.join(trigger.components)}")
    samples, aligned = [], True
    for stretches in trigger.components.values():
        first, stretch = _covering(stretches, start, length, rate)
        aligned &= bool(abs(stretch.position(start) - first) <= _MISALIGNED)
        samples.append(stretch.data[first : first + length])
    return np.stack(samples), onset, aligned


def _covering(stretches: Iterable[Stretch], start: int, length: int, rate: float) -> tuple[int, Stretch]:
    for stretch in stretches:
        first = round(stretch.position(start))
        if 0 <= first <= len(stretch.data) - length:
            if abs(stretch.rate / rate - 1) > 1e-6:
                raise WaveformError("components of different sampling rates")
            return first, stretch
    raise WaveformError("gap, dead channel or end of the record in the window")
