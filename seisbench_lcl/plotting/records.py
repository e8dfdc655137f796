"""Records as figures draw them: the component, the band, and as few points as the eye needs."""

from collections.abc import Iterable
from contextlib import suppress

import numpy as np
import obspy
from numpy.typing import NDArray

from seisbench_lcl.errors import SamplingRateError
from seisbench_lcl.waveforms.channels import channel_code
from seisbench_lcl.waveforms.preprocessing import Preprocessing

UNFILTERED = "unfiltered"
_POINTS = 20_000  # most points of a drawn waveform, minimum and maximum of about each pixel


def shown_component(stream: obspy.Stream, preprocessing: Preprocessing) -> obspy.Stream:
    """Return the traces of the component that shows most: Z, or else the first of the model, if there is motion on it.

    Parameters
    ----------
    stream : obspy.Stream
        Of one station. A component of constant values gives way to the next.
    preprocessing : Preprocessing
    """
    components: dict[str, list[obspy.Trace]] = {}
    for trace in stream:
        components.setdefault(channel_code(trace.stats.channel).component, []).append(trace)
    rows = preprocessing.component_rows({*components})
    order = sorted(components, key=lambda code: (code != "Z", code not in rows, rows.get(code, 0)))
    moving = (code for code in order if any(len(trace) and np.ptp(trace.data) > 0 for trace in components[code]))
    return obspy.Stream(components[next(moving, order[0])] if order else [])


def drawable(stream: obspy.Stream) -> list[obspy.Trace]:
    """Return the gapless parts of traces, as copies, without those of one sample or of values that are no numbers."""
    return [
        trace
        for trace in stream.copy().split()
        if trace.stats.npts > 1 and trace.data.dtype.kind in "iuf" and np.isfinite(trace.data).all()
    ]


def conditioned(trace: obspy.Trace, preprocessing: Preprocessing) -> obspy.Trace:
    """Return a gapless trace in the band of the model; unfiltered if its sampling rate is too low for the band.

    `band_name` says which.
    """
    shown = trace.copy().detrend("demean")
    with suppress(SamplingRateError):
        shown.data = preprocessing.condition(trace.data, trace.stats.sampling_rate)
        shown.stats.sampling_rate = preprocessing.sampling_rate
    return shown


def band_name(shown: Iterable[obspy.Trace], preprocessing: Preprocessing) -> str:
    """Return the band of conditioned traces for a label, such as "1–18 Hz", or `UNFILTERED` if one of them is."""
    lowest, highest = preprocessing.band
    filtered = all(trace.stats.sampling_rate == preprocessing.sampling_rate for trace in shown)
    return f"{lowest:g}–{highest:g} Hz" if filtered else UNFILTERED


def envelope(
    times: NDArray[np.float64], data: NDArray[np.floating], points: int = _POINTS
) -> tuple[NDArray[np.float64], NDArray[np.floating]]:
    """Reduce a long waveform to its extremes: a day is drawn as fast as a minute, and looks the same.

    Parameters
    ----------
    times, data : (n,) ndarray
    points : int
        A waveform of twice as many samples or more is reduced to about this number of points.
    """
    step = 2 * (len(data) // points)
    if step < 4:
        return times, data
    whole = data[: len(data) // step * step].reshape(-1, step)
    extremes = np.stack([whole.min(axis=1), whole.max(axis=1)], axis=1).ravel()
    return times[: len(whole) * step : step // 2], extremes
