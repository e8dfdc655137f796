"""One event as it is drawn: its stations' records as few points, windows, picks and probabilities."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import obspy
from numpy.typing import NDArray
from obspy import UTCDateTime
from scipy.signal import spectrogram

from seisbench_lcl.errors import SamplingRateError
from seisbench_lcl.events.views import StationView
from seisbench_lcl.models.event import Pick
from seisbench_lcl.review.page.decimate import extremes
from seisbench_lcl.waveforms import Preprocessing
from seisbench_lcl.waveforms.channels import channel_code

Floats = NDArray[np.float32]

_ORDER = "ZNE123"
_FLOOR = 60.0  # dB below the strongest, at which a spectrogram ends


@dataclass(frozen=True)
class Line:
    """A component as it is drawn.

    Attributes
    ----------
    component : str
    times : (m,) float32 ndarray
        Seconds after P; NaN at gaps.
    samples : (m,) float32 ndarray
        Filtered as for the model, the largest of all components of the station ±1; NaN at gaps.
    """

    component: str
    times: Floats
    samples: Floats


@dataclass(frozen=True)
class StationRow:
    """A station as it is drawn; times are in seconds after its P.

    Attributes
    ----------
    name : str
        NET.STA.LOC.CH.
    distance : float
        In km; NaN if unknown.
    label : str
        "" if the model abstained.
    probabilities : mapping from label to float
    reason : str
        Why the model abstained, or why there is no waveform; "" otherwise.
    p_source : str
    novelty, snr : float
    lines : tuple of Line
        Vertical first; empty without a waveform.
    window : (float, float)
    arrivals : tuple of (str, float)
        Phase and time of the picks at the station in the catalogue.
    place : (float, float)
        Latitude and longitude; NaN if unknown.
    """

    name: str
    distance: float
    label: str
    probabilities: Mapping[str, float]
    reason: str
    p_source: str
    novelty: float
    snr: float
    lines: tuple[Line, ...]
    window: tuple[float, float]
    arrivals: tuple[tuple[str, float], ...]
    place: tuple[float, float]


@dataclass(frozen=True)
class Spectrogram:
    """Power in dB below the strongest, (frequencies, times), with the edges of the image.

    Attributes
    ----------
    decibels : (F, M) float32 ndarray
        From −60 to 0.
    start, end : float
        Seconds after P.
    highest : float
        Frequency of the upper edge in Hz.
    """

    decibels: Floats
    start: float
    end: float
    highest: float


def station_row(
    view: StationView, preprocessing: Preprocessing, picks: Iterable[Pick] = (), bins: int = 600
) -> StationRow:
    """Prepare a station for drawing.

    Parameters
    ----------
    view : StationView
    preprocessing : Preprocessing
        Whose band the records are filtered to.
    picks : iterable of Pick
        Of the event in the catalogue; those of this station are drawn.
    bins : int
        Pixels across the drawing.
    """
    decision = view.decision
    network, station = [*decision.station.split("."), "", ""][:2]
    arrivals = tuple(
        (pick.phase or "pick", float(pick.time - decision.p_time))
        for pick in picks
        if pick.station == station and pick.network in ("", network)
    )
    return StationRow(
        decision.station,
        view.distance,
        decision.label or "",
        decision.probabilities,
        decision.reason or view.reason,
        decision.p_source,
        decision.novelty,
        decision.snr,
        lines_of(view.stream, decision.p_time, preprocessing, bins),
        (float(view.window[0] - decision.p_time), float(view.window[1] - decision.p_time)),
        arrivals,
        (view.latitude, view.longitude),
    )


def lines_of(
    stream: obspy.Stream, p_time: UTCDateTime, preprocessing: Preprocessing, bins: int = 600
) -> tuple[Line, ...]:
    """Return the components of a station, the vertical first, scaled together."""
    pieces: dict[str, list[tuple[NDArray[np.float64], NDArray[np.float32]]]] = {}
    for trace in sorted(_gapless(stream), key=lambda trace: trace.stats.starttime):
        component = channel_code(trace.stats.channel).component
        samples, rate = filtered(trace, preprocessing)
        times = float(trace.stats.starttime - p_time) + np.arange(len(samples)) / rate
        pieces.setdefault(component, []).append((times, samples))
    largest = max((float(np.abs(s).max(initial=0)) for own in pieces.values() for _, s in own), default=0.0) or 1.0
    return tuple(
        Line(component, *_joined([extremes(times, samples / largest, bins) for times, samples in pieces[component]]))
        for component in sorted(pieces, key=_rank)
    )


def filtered(trace: obspy.Trace, preprocessing: Preprocessing) -> tuple[NDArray[np.float32], float]:
    """Return the samples of a gapless trace in the model's band, and their rate in Hz.

    A record that is sampled too slowly for the band is only freed of its mean.
    """
    rate = float(trace.stats.sampling_rate)
    data = np.asarray(trace.data)
    if not np.isfinite(data).all():
        data = np.nan_to_num(data, posinf=0, neginf=0)
    try:
        return preprocessing.condition(data, rate), preprocessing.sampling_rate
    except SamplingRateError:
        return (data - data.mean()).astype(np.float32), rate


def spectrogram_of(stream: obspy.Stream, p_time: UTCDateTime, most: int = 400) -> Spectrogram | None:
    """Return the spectrogram of the longest piece of the first component; None if there is none of a second or more.

    Parameters
    ----------
    stream : obspy.Stream
        Of one station.
    p_time : UTCDateTime
    most : int
        Number of columns at most.
    """
    trace = longest(stream)
    if trace is None:
        return None
    rate = float(trace.stats.sampling_rate)
    data = np.nan_to_num(np.asarray(trace.data, dtype=np.float64), posinf=0, neginf=0)
    length = max(16, round(rate))
    if len(data) < 2 * length:
        return None
    hop = max(1, round(length / 10), -(-len(data) // most))
    hop = min(hop, length - 1)
    frequencies, times, power = spectrogram(data - data.mean(), rate, nperseg=length, noverlap=length - hop)
    decibels = 10 * np.log10(np.maximum(power, np.finfo(float).tiny))
    decibels = np.clip(decibels - decibels[1:].max(), -_FLOOR, 0)
    start = float(trace.stats.starttime - p_time)
    half = hop / rate / 2
    return Spectrogram(
        decibels.astype(np.float32), start + float(times[0]) - half, start + float(times[-1]) + half, frequencies[-1]
    )


def longest(stream: obspy.Stream) -> obspy.Trace | None:
    """Return the longest gapless piece of the first component of a station; None if there is none."""
    traces = list(_gapless(stream))
    if not traces:
        return None
    first = min((channel_code(trace.stats.channel).component for trace in traces), key=_rank)
    own = [trace for trace in traces if channel_code(trace.stats.channel).component == first]
    return max(own, key=lambda trace: trace.stats.npts)


def stacked(lines: Sequence[Line], middle: float, height: float) -> tuple[Floats, Floats]:
    """Return lines below each other around a height, as one line with NaN between them.

    Parameters
    ----------
    lines : sequence of Line
        From top to bottom.
    middle, height : float
        Of the strip that they share.
    """
    if not lines:
        return np.empty(0, np.float32), np.empty(0, np.float32)
    share = height / len(lines)
    moved = [
        (line.times, (middle + height / 2 - (i + 0.5) * share + line.samples * share / 2).astype(np.float32))
        for i, line in enumerate(lines)
    ]
    return _joined(moved)


def _rank(component: str) -> tuple[int, str]:
    return (_ORDER.index(component) if component in _ORDER and component else len(_ORDER)), component


def _gapless(stream: obspy.Stream) -> Iterable[obspy.Trace]:
    for trace in stream:
        pieces = trace.split() if np.ma.isMaskedArray(trace.data) else [trace]
        yield from (piece for piece in pieces if len(piece) > 1)


def _joined(pieces: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """Return pieces of a line as one, with NaN between them."""
    gap = np.full(1, np.nan, np.float32)
    times = [part for piece in pieces for part in (piece[0], gap)][:-1]
    samples = [part for piece in pieces for part in (piece[1], gap)][:-1]
    return np.concatenate(times), np.concatenate(samples)
