"""Where the recursive STA/LTA of continuous records triggers, stretch by gapless stretch."""

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

from seisbench_lcl.errors import ConfigurationError, WaveformError
from seisbench_lcl.waveforms.preprocessing import Preprocessing
from seisbench_lcl.waveforms.segments import dead_runs, gapless, join

SECOND = 10**9  # times are whole nanoseconds since the epoch, as in UTCDateTime.ns
_FILTER_PERIODS = 5  # of the lowest frequency, until the causal filter has forgotten the start of a stretch
_FULL_WEIGHT = 30  # averages from their start until nothing is missing in double precision
_MISALIGNED = 0.1  # of a sample, between components

Remark = Callable[[str, Any], None]  # what happened, and to which station, stretch or trigger


@dataclass(frozen=True)
class Stretch:
    """Samples of one component without gap, dead channel or conflict; `start` in nanoseconds."""

    start: int
    rate: float
    data: NDArray[Any]

    @property
    def end(self) -> int:
        """Time after the last sample."""
        return self.time(len(self.data))

    def time(self, index: int) -> int:
        """Return the time of a sample."""
        return self.start + round(index * SECOND / self.rate)

    def position(self, time: int) -> float:
        """Return where a time lies, in samples."""
        return (time - self.start) * self.rate / SECOND


@dataclass(frozen=True)
class Trigger:
    """An onset at one station: when, how clear (largest STA/LTA), and its component's samples at and around it."""

    time: int
    station: str
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
        if not 0 < self.sta < self.lta < np.inf:
            raise ConfigurationError(f"averages must satisfy 0 < sta < lta, but are {self.sta:g} and {self.lta:g} s")
        if not 1 <= self.off <= self.on < np.inf:
            raise ConfigurationError(
                f"thresholds must satisfy 1 <= off <= on, but are {self.off:g} and {self.on:g}: noise has a ratio of 1"
            )
        if not 0 < self.band[0] < self.band[1] < np.inf:
            raise ConfigurationError(f"band must satisfy 0 < lowest < highest, but is {self.band} Hz")
        if not 0 <= self.interval < np.inf:
            raise ConfigurationError(f"interval must be a time in seconds, but is {self.interval:g}")

    @property
    def filter_settled(self) -> float:
        """Seconds from the start of a stretch until the filter gives what it would without that start."""
        return _FILTER_PERIODS / self.band[0]

    @property
    def settled(self) -> float:
        """Seconds from the start of a stretch in which nothing is triggered."""
        return self.filter_settled + self.lta

    def onsets(self, data: NDArray[Any], rate: float) -> Iterator[tuple[int, float, bool]]:
        """Yield sample and largest ratio of each trigger, and whether it was on when the averages had settled."""
        skipped, n_sta, n_lta = (max(1, round(t * rate)) for t in (self.filter_settled, self.sta, self.lta))
        # From its first sample on, so that an offset is no step to the filter.
        filtered = sosfilt(_sections(rate, self.band), data.astype(np.float64) - data[0])[skipped:]
        ratio = recursive_sta_lta(filtered, n_sta, n_lta)
        # ObsPy's averages start at zero, its ratios after n_lta samples: the weight of the LTA is by then 1 - 1/e only.
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
    """Find the triggers with `done` <= onset < `horizon`, in order of time; too close ones are still among them."""
    stations: dict[str, dict[str, list[obspy.Trace]]] = defaultdict(lambda: defaultdict(list))
    for trace in stream:
        stats = trace.stats
        station = f"{stats.network}.{stats.station}.{stats.location}.{stats.channel[:-1]}"
        stations[station][stats.channel[-1:]].append(trace)
    triggers = []
    for station, codes in stations.items():
        rows = preprocessing.component_rows(set(codes))
        if 0 not in rows.values():
            remark(f"stations without component {preprocessing.component_order[0]}, at least for a time", station)
        elif len(set(rows.values())) < len(rows):
            remark(f"stations left out: two sets of components, {', '.join(rows)}", station)
        elif any(trace.data.dtype.kind not in "iuf" for code in rows for trace in codes[code]):
            remark("stations left out: samples are not numbers", station)
        else:
            ordered = {code: codes[code] for code in sorted(rows, key=rows.__getitem__)}
            triggers += list(_of_station(station, ordered, method, done, horizon, remark))
    return sorted(triggers, key=lambda trigger: (trigger.time, trigger.station))


def _of_station(
    station: str,
    traces: dict[str, list[obspy.Trace]],
    method: StaLta,
    done: float,
    horizon: float,
    remark: Remark,
) -> Iterator[Trigger]:
    def note(text: str, end: int) -> None:
        # What ends later goes on in the next stream, and what ended before was counted then.
        if done < end <= horizon:
            remark(text, (station, end))

    vertical, *others = traces
    components = {vertical: list(_stretches(traces[vertical], note))}
    onsets = []
    for stretch in components[vertical]:
        if stretch.rate <= 2 * method.band[1]:
            remark(f"stations left out: sampled at {stretch.rate:g} Hz, too slowly for the trigger's band", station)
        elif len(stretch.data) <= method.settled * stretch.rate:
            note(f"stretches left out: shorter than the {method.settled:g} s in which averages settle", stretch.end)
        else:
            for index, ratio, was_on in method.onsets(stretch.data, stretch.rate):
                time = stretch.time(index)
                if not done <= time < horizon:
                    continue
                if was_on:
                    remark("triggers left out: on before the average had settled", (station, time))
                else:
                    onsets.append((time, ratio, stretch))
    if onsets:  # what nothing is cut from need not be looked at
        components |= {code: list(_stretches(traces[code])) for code in others}
    for time, ratio, stretch in onsets:
        yield Trigger(time, station, ratio, stretch, components)


def _stretches(traces: list[obspy.Trace], note: Callable[[str, int], None] | None = None) -> Iterator[Stretch]:
    """Split one component at gaps, masked samples, NaN, dead channel, and where traces overlap and disagree."""
    segments = [segment for trace in traces for segment in gapless(_masked(trace))]
    if not segments:
        return
    joined = sorted(
        (Stretch(stats.starttime.ns, stats.sampling_rate, data) for data, stats in join(segments)),
        key=lambda stretch: stretch.start,
    )
    live = [np.ones(len(stretch.data), dtype=bool) for stretch in joined]
    for i, one in enumerate(joined):
        for run in dead_runs(one.data, one.rate):
            live[i][run] = False
            if note:
                note("stretches left out: dead channel", one.time(run.stop))
        later = takewhile(lambda pair: pair[1].start < one.end, islice(enumerate(joined), i + 1, None))  # noqa: B023
        for j, other in later:
            end = min(one.end, other.end)
            shared = round(one.position(other.start)), round(one.position(end))
            if shared[0] == shared[1]:  # less than half a sample
                continue
            live[i][slice(*shared)] = False
            live[j][: round(other.position(end))] = False
            if note:
                note("overlaps of traces that disagree, taken as gaps", end)
    for stretch, mask in zip(joined, live, strict=True):
        for span in np.ma.clump_unmasked(np.ma.masked_array(stretch.data, ~mask)):
            yield Stretch(stretch.time(span.start), stretch.rate, stretch.data[span])


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
        If a component is missing or does not hold the whole window.
    """
    rate = trigger.stretch.rate
    onset = round(before * rate)
    length = onset + round(after * rate)
    start = trigger.time - round(onset * SECOND / rate)
    if len(trigger.components) < len(order):
        raise WaveformError(f"components {''.join(trigger.components)} only")
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
