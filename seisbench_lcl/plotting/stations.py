"""Waveforms, spectrograms and class probabilities of stations over time."""

from collections.abc import Sequence
from contextlib import suppress

import matplotlib.dates as mdates
import numpy as np
import obspy
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.signal import spectrogram

from seisbench_lcl.errors import ConfigurationError, SamplingRateError
from seisbench_lcl.models.results import LabelledDetectionList, StationWindows, WindowList
from seisbench_lcl.plotting.colours import COLOURS
from seisbench_lcl.plotting.panels import decibels, draw_image
from seisbench_lcl.waveforms import StationId
from seisbench_lcl.waveforms.channels import channel_code
from seisbench_lcl.waveforms.preprocessing import Preprocessing

MAX_STATIONS = 12
_ABSTAINED = "0.85"
_POINTS = 20_000  # most points of a drawn waveform, minimum and maximum of about each pixel


def plot_stations(
    stream: obspy.Stream,
    windows: WindowList,
    preprocessing: Preprocessing,
    detections: LabelledDetectionList | None = None,
    stations: Sequence[str] | None = None,
) -> Figure:
    """Draw waveform, spectrogram and class probabilities over time for each station.

    Parameters
    ----------
    stream : obspy.Stream
        Classified waveforms.
    windows : WindowList
        Result of the classification; a probability is drawn at the middle of its window.
    preprocessing : Preprocessing
        Preprocessing of the model. Waveforms are band-passed like the input of the model; the spectrogram shows the raw
        record with the band marked.
    detections : LabelledDetectionList, optional
        Drawn as bars above the probabilities.
    stations : sequence of str, optional
        Stations to draw, in this order; by default the first 12 of the result.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ConfigurationError
        If the result is empty or lacks a requested station.
    """
    blocks: dict[str, list[StationWindows]] = {}
    for block in windows.blocks:
        blocks.setdefault(str(block.station), []).append(block)
    chosen = list(stations or blocks)[:MAX_STATIONS]
    if not chosen or (unknown := set(chosen) - set(blocks)):
        missing = f"has no station {', '.join(sorted(unknown))}" if chosen else "is empty"
        raise ConfigurationError(f"the result {missing}; available: {', '.join(blocks) or 'none'}")
    figure = Figure(figsize=(11, 1 + 4.2 * len(chosen)), layout="constrained")
    rows = figure.subplots(3 * len(chosen), 1, squeeze=False, height_ratios=[1, 1, 1.1] * len(chosen))[:, 0]
    colours = {label: COLOURS[k % len(COLOURS)] for k, label in enumerate(windows.labels)}
    for i, station in enumerate(chosen):
        waveform, frequencies, probability = rows[3 * i : 3 * i + 3]
        _draw_traces(waveform, frequencies, _vertical(stream, station, preprocessing), preprocessing)
        waveform.set_title(station, loc="left", fontweight="bold")
        for block in blocks[station]:
            _draw_probabilities(probability, block, windows.labels, colours)
        for detection in detections or []:
            if detection.trace_id == station:
                span = [detection.start_time.matplotlib_date, detection.end_time.matplotlib_date]
                probability.plot(span, [1.06, 1.06], color=colours[detection.label], lw=5, solid_capstyle="butt")
        probability.set(ylim=(0, 1.12), ylabel="probability")
        limits = _limits(blocks[station])
        for axes in (waveform, frequencies, probability):
            axes.set_xlim(*limits)
            locator = mdates.AutoDateLocator(minticks=4, maxticks=9)
            axes.xaxis.set_major_locator(locator)
            axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
            if axes is not probability:
                axes.tick_params(labelbottom=False)
    handles = [rows[-1].plot([], [], color=colour, label=label)[0] for label, colour in colours.items()]
    handles.append(rows[-1].fill_between([], [], color=_ABSTAINED, label="abstained"))
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles), frameon=False)
    return figure


def _vertical(stream: obspy.Stream, station: str, preprocessing: Preprocessing) -> obspy.Stream:
    """Return the traces of the first component of the model that the station has, usually Z."""
    traces = [trace for trace in stream if str(StationId.of(trace.stats)) == station]
    traces = traces or [trace for trace in stream if trace.id.startswith(station)]  # channels that the user mapped
    codes = [channel_code(trace.stats.channel).component for trace in traces]
    rows = preprocessing.component_rows({*codes})
    for code in sorted(rows, key=rows.__getitem__):
        return obspy.Stream([trace for trace, own in zip(traces, codes, strict=True) if own == code])
    return obspy.Stream(traces[:1])


def _draw_traces(upper: Axes, lower: Axes, traces: obspy.Stream, preprocessing: Preprocessing) -> None:
    lowest, highest = preprocessing.band
    segments = traces.copy().split()
    for trace in segments:
        if trace.stats.npts < 2 or trace.data.dtype.kind not in "iuf" or not np.isfinite(trace.data).all():
            continue  # the probability panel shows the reason for the abstention
        shown = trace.copy().detrend("demean")
        with suppress(SamplingRateError):  # a record with a sampling rate too low for the band is drawn unfiltered
            shown.data = preprocessing.condition(trace.data, trace.stats.sampling_rate)
            shown.stats.sampling_rate = preprocessing.sampling_rate
        upper.plot(*_envelope(shown), color="0.2", lw=0.6)
        rate, n = trace.stats.sampling_rate, trace.stats.npts
        window = min(int(2 * rate), n)
        noverlap = max(0, min(int(0.75 * window), window - max(1, n // 2000)))
        raw = trace.data - np.mean(trace.data)
        frequencies, times, power = spectrogram(raw, rate, nperseg=window, noverlap=noverlap)
        image = decibels(power, np.finfo(float).tiny)
        low, high = np.percentile(image, [20, 99.5])
        days = trace.stats.starttime.matplotlib_date + times / 86400
        draw_image(lower, image, days, float(frequencies[-1]), (low, high))
    for frequency in preprocessing.band:
        lower.axhline(frequency, color="white", lw=0.8, ls="--")
    top = max([2 * highest, *(trace.stats.sampling_rate / 2 for trace in segments)])
    lower.set(ylabel="Hz", ylim=(0, min(top, 2.5 * highest)))
    code = traces[0].stats.channel if traces else ""
    upper.set_ylabel(f"{code}\n{lowest:g}–{highest:g} Hz")
    upper.ticklabel_format(axis="y", scilimits=(-3, 4))


def _envelope(trace: obspy.Trace) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Reduce a long waveform to its extremes: a day is drawn as fast as a minute, and looks the same."""
    times, data = trace.times("matplotlib"), trace.data
    step = 2 * (len(data) // _POINTS)
    if step < 4:
        return times, data
    whole = data[: len(data) // step * step].reshape(-1, step)
    extremes = np.stack([whole.min(axis=1), whole.max(axis=1)], axis=1).ravel()
    return times[: len(whole) * step : step // 2], extremes


def _draw_probabilities(axes: Axes, block: StationWindows, labels: Sequence[str], colours: dict[str, str]) -> None:
    day = 86400
    times = block.start.matplotlib_date + (np.arange(len(block)) * block.step + block.length / 2) / day
    for k, label in enumerate(labels):
        marker = "." if np.count_nonzero(block.decided) < 60 else None
        axes.plot(times, block.probabilities[:, k], color=colours[label], lw=1.2, marker=marker, ms=4)
    for first, end, _ in block.runs(np.where(block.decided, -1, 0)):
        half = min(block.step, block.length) / 2 / day
        axes.axvspan(times[first] - half, times[end - 1] + half, color=_ABSTAINED, lw=0)
        if len(block) == 1:
            axes.text(times[0], 0.5, f"abstained: {block.reasons[0]}", ha="center", va="center", fontsize=8)


def _limits(blocks: Sequence[StationWindows]) -> tuple[float, float]:
    first = min(block.start for block in blocks)
    last = max(block.time(len(block) - 1) + block.length for block in blocks)
    return first.matplotlib_date, last.matplotlib_date
