"""Waveforms, spectrograms and class probabilities of stations over time."""

from collections import defaultdict
from collections.abc import Sequence

import matplotlib.dates as mdates
import numpy as np
import obspy
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.signal import spectrogram

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.models.detections import LabelledDetectionList
from seisbench_lcl.models.results import WindowList
from seisbench_lcl.models.station_windows import StationWindows
from seisbench_lcl.plotting.colours import COLOURS
from seisbench_lcl.plotting.panels import decibels, draw_image
from seisbench_lcl.plotting.records import band_name, conditioned, drawable, envelope, shown_component
from seisbench_lcl.waveforms import StationId
from seisbench_lcl.waveforms.preprocessing import Preprocessing

MAX_STATIONS = 12
_ABSTAINED = "0.85"


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
        Result of the classification. A probability is drawn at the P position of its window, where training windows
        have their P arrival; earlier windows also hold parts of an event, so curves rise before its onset.
    preprocessing : Preprocessing
        Preprocessing of the model. Waveforms are band-passed like the input of the model; the spectrogram shows the raw
        record with the band marked.
    detections : LabelledDetectionList, optional
        Drawn as bars above the probabilities, with a line at the onset.
    stations : sequence of str, optional
        Stations to draw, in this order; by default those of `interesting_stations`. At most 12 are drawn, and a line
        says how many are left out.

    Returns
    -------
    matplotlib.figure.Figure
        All panels share one time axis. The title names the weights.

    Raises
    ------
    ConfigurationError
        If the result is empty or lacks a requested station.
    """
    blocks: dict[str, list[StationWindows]] = {}
    for block in windows.blocks:
        blocks.setdefault(str(block.station), []).append(block)
    wanted = list(stations or interesting_stations(windows))
    chosen = wanted[:MAX_STATIONS]
    if not chosen or (unknown := set(chosen) - set(blocks)):
        missing = f"has no station {', '.join(sorted(unknown))}" if chosen else "is empty"
        raise ConfigurationError(f"the result {missing}; available: {', '.join(blocks) or 'none'}")
    figure = Figure(figsize=(11, 1 + 4.2 * len(chosen)), layout="constrained")
    rows = figure.subplots(3 * len(chosen), 1, sharex=True, squeeze=False, height_ratios=[1, 1, 1.1] * len(chosen))[
        :, 0
    ]
    colours = {label: COLOURS[k % len(COLOURS)] for k, label in enumerate(windows.labels)}
    for i, station in enumerate(chosen):
        waveform, frequencies, probability = rows[3 * i : 3 * i + 3]
        _draw_traces(waveform, frequencies, _vertical(stream, station, preprocessing), preprocessing)
        waveform.set_title(station, loc="left", fontweight="bold")
        for block in blocks[station]:
            _draw_probabilities(probability, block, windows, colours)
        for detection in detections or []:
            if detection.trace_id == station:
                span = [detection.start_time.matplotlib_date, detection.end_time.matplotlib_date]
                colour = colours[detection.label]
                probability.plot(span, [1.06, 1.06], color=colour, lw=5, solid_capstyle="butt")
                for axes in (waveform, probability):
                    axes.axvline(detection.onset.matplotlib_date, color=colour, lw=1, ls=":")
        probability.set(ylim=(0, 1.12), ylabel="probability")
        probability.tick_params(labelbottom=True)
    rows[0].set_xlim(*_limits([block for station in chosen for block in blocks[station]]))
    locator = mdates.AutoDateLocator(minticks=4, maxticks=9)
    rows[0].xaxis.set_major_locator(locator)
    rows[0].xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
    figure.suptitle(windows.weights, x=0.01, ha="left", fontsize="small", color="0.3")
    if left_out := len(wanted) - len(chosen):
        figure.supxlabel(f"{len(chosen)} of {len(wanted)} stations; {left_out} are left out")
    handles = [rows[-1].plot([], [], color=colour, label=label)[0] for label, colour in colours.items()]
    handles.append(rows[-1].fill_between([], [], color=_ABSTAINED, label="abstained"))
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles), frameon=False)
    return figure


def interesting_stations(windows: WindowList) -> list[str]:
    """Return the stations of a result, those with the most evidence of events first.

    Evidence is the sum of the probabilities above one half, over the windows whose label is an event. Stations with
    equal evidence keep their order.
    """
    is_event = np.array([windows.event_types[label] is not None for label in windows.labels])
    evidence: dict[str, float] = defaultdict(float)
    for block in windows.blocks:
        counts = is_event[block.best] & (block.highest > 0.5)  # an abstention has the probability 0
        evidence[str(block.station)] += float(block.highest[counts].sum())
    return sorted(evidence, key=lambda station: -evidence[station])


def _vertical(stream: obspy.Stream, station: str, preprocessing: Preprocessing) -> obspy.Stream:
    """Return the traces of the component that is drawn, usually Z."""
    traces = [trace for trace in stream if str(StationId.of(trace.stats)) == station]
    traces = traces or [trace for trace in stream if trace.id.startswith(station)]  # channels that the user mapped
    return shown_component(obspy.Stream(traces), preprocessing)


def _draw_traces(upper: Axes, lower: Axes, traces: obspy.Stream, preprocessing: Preprocessing) -> None:
    _, highest = preprocessing.band
    drawn = []
    for trace in drawable(traces):  # the probability panel shows why the model abstained on the others
        shown = conditioned(trace, preprocessing)
        drawn.append(shown)
        upper.plot(*envelope(shown.times("matplotlib"), shown.data), color="0.2", lw=0.6)
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
    top = max([2 * highest, *(trace.stats.sampling_rate / 2 for trace in traces)])
    lower.set(ylabel="Hz", ylim=(0, min(top, 2.5 * highest)))
    code = traces[0].stats.channel if traces else ""
    upper.set_ylabel(f"{code}\n{band_name(drawn, preprocessing)}")
    upper.ticklabel_format(axis="y", scilimits=(-3, 4))


def _draw_probabilities(axes: Axes, block: StationWindows, windows: WindowList, colours: dict[str, str]) -> None:
    day = 86400
    position = windows.before if len(block) > 1 or block.decided[0] else block.length / 2  # the latter of the text
    times = block.start.matplotlib_date + (np.arange(len(block)) * block.step + position) / day
    for k, label in enumerate(windows.labels):
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
