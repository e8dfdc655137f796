"""Typical windows of each cluster: waveforms, a spectrogram, and the mean spectrum."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
from numpy.typing import ArrayLike, NDArray
from scipy.signal import spectrogram, welch

from seisbench_lcl.errors import DatasetError, check_arguments, is_whole
from seisbench_lcl.plotting.colours import COLOURS
from seisbench_lcl.plotting.panels import cluster_title, decibels, draw_image, hide_frame
from seisbench_lcl.storage.rows import RowFile
from seisbench_lcl.waveforms.preprocessing import Preprocessing
from seisbench_lcl.wording import counted

_BLOCK = 1024  # windows normalised at a time
_SILENCE = 1e-6  # smallest amplitude per √Hz drawn on a logarithmic axis; that of windows is about 1
_DECIBELS = 40  # range of a spectrogram below its maximum


def exemplars(
    windows: NDArray[np.float32] | RowFile,
    probabilities: ArrayLike,
    preprocessing: Preprocessing,
    *,
    names: Sequence[str] | None = None,
    groups: ArrayLike | None = None,
    n: int = 3,
) -> Figure:
    """Draw typical windows and the mean spectrum of each cluster, one row of panels per cluster.

    The first panel shows the most typical windows, those with the highest probability of the cluster: the first
    component dark, the others light, with a dotted line at the P arrival of picked windows. The second panel is the
    spectrogram of the most typical window. The third is the mean amplitude spectrum of all windows of the cluster with
    the range from the 10th to the 90th percentile; the dashed line is the mean of all windows. Spectra and the
    spectrogram use the first component.

    Parameters
    ----------
    windows : (N, C, T) float32 ndarray or RowFile
        Windows in the rate and band of the model, not normalised; they are drawn normalised, like the input of the
        extractor.
    probabilities : array_like of shape (N, K)
        Probabilities of the clusters. A window belongs to the most probable one.
    preprocessing : Preprocessing
        Preprocessing of the model.
    names : sequence of str, length K, optional
        Names of the clusters, or "".
    groups : array_like of shape (N,), optional
        Event of each window, to choose typical windows of different events.
    n : int
        Number of typical windows per cluster.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DatasetError
        If the arrays do not fit each other.
    ConfigurationError
        If `n` is less than 1.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    events = np.arange(len(p)) if groups is None else np.asarray(groups)
    if p.ndim != 2 or not p.size or len(windows) != len(p) or events.shape != p.shape[:1]:
        raise DatasetError(
            f"exemplars need one row of probabilities and one event per window, but {len(windows)} windows came with "
            f"probabilities of shape {p.shape} and groups of shape {events.shape}"
        )
    if windows.shape[1:] != (len(preprocessing.component_order), preprocessing.in_samples):
        raise DatasetError(
            f"windows must have the shape of the preprocessing, (N, {len(preprocessing.component_order)}, "
            f"{preprocessing.in_samples}), but are {windows.shape}"
        )
    if names is not None and len(names) != p.shape[1]:
        raise DatasetError(f'{p.shape[1]} clusters need one name each, but found {list(names)}; use "" for no name')
    check_arguments("", ("n must be a whole number of 1 or more", is_whole(n, 1), n))
    clusters = p.argmax(axis=1)
    frequencies, spectra = _amplitude_spectra(windows, preprocessing)
    figure = Figure(figsize=(11, 0.8 + 2 * p.shape[1]), layout="constrained")
    panels = figure.subplots(p.shape[1], 3, squeeze=False, width_ratios=[2.2, 1.4, 1.2], sharex="col", sharey="col")
    for k, (traces, image_axes, spectrum) in enumerate(panels):
        members = np.flatnonzero(clusters == k)
        name = cluster_title(k, "" if names is None else names[k])
        count = counted(len(members), "window")
        traces.set_title(f"{name} ({count})", loc="left", fontweight="bold", fontsize="medium")
        if len(members):
            typical = _typical(members, p[:, k], events, n)
            shown = preprocessing.normalise(torch.tensor(windows[typical])).numpy()
            _draw_waveforms(traces, shown, preprocessing)
            _draw_spectrogram(image_axes, shown[0, 0], preprocessing)
            _draw_spectrum(spectrum, frequencies, spectra[members], spectra.mean(axis=0))
            legend = spectrum.get_legend_handles_labels()
        else:
            traces.text(0.5, 0.5, "no window", transform=traces.transAxes, ha="center", va="center", color="0.4")
    _label(panels, preprocessing, n)
    kept = spectra[:, frequencies <= 0.9 * preprocessing.band[1]]  # above, the low-pass filter dominates
    panels[0, 2].set_ylim(np.percentile(kept, 1), 1.5 * np.percentile(kept, 99.9))
    figure.legend(*legend, loc="outside upper right", ncols=3, frameon=False)
    scale = ScalarMappable(Normalize(-_DECIBELS, 0))
    columns = panels[:, 1].tolist()
    figure.colorbar(
        scale,
        ax=columns,
        label="Power (dB)",
        ticks=range(-_DECIBELS, 1, 10),
        fraction=0.05,
        aspect=25 * len(panels),
        pad=0.02,
    )
    return figure


def _typical(
    members: NDArray[np.int64], probabilities: NDArray[np.float64], events: NDArray[Any], n: int
) -> NDArray[np.int64]:
    """Return up to n members of different events, the most probable first."""
    ordered = members[np.argsort(-probabilities[members], kind="stable")]
    first_of_event = np.unique(events[ordered], return_index=True)[1]
    return ordered[np.sort(first_of_event)[:n]]


def _amplitude_spectra(
    windows: NDArray[np.float32] | RowFile, preprocessing: Preprocessing
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return frequencies (M,) and the amplitude spectra (N, M) of the first component, smoothed as by Welch."""
    length = min(preprocessing.in_samples, max(preprocessing.in_samples // 4, 64))
    spectra = []
    for start in range(0, len(windows), _BLOCK):
        block = preprocessing.normalise(torch.tensor(windows[start : start + _BLOCK]))[:, 0].numpy()
        frequencies, power = welch(block, preprocessing.sampling_rate, nperseg=length, nfft=max(length, 1024))
        spectra.append(np.sqrt(power).clip(_SILENCE))
    lowest, highest = _frequency_limits(preprocessing)
    inside = (frequencies >= lowest) & (frequencies <= highest)
    return frequencies[inside], np.concatenate(spectra)[:, inside]


def _frequency_limits(preprocessing: Preprocessing) -> tuple[float, float]:
    """Return the band; without a high-pass, from what the smoothed spectra resolve, as a logarithmic axis has no 0."""
    lowest, highest = preprocessing.band
    return lowest or min(4 / preprocessing.seconds, highest / 2), highest


def _draw_waveforms(axes: Axes, shown: NDArray[np.float32], preprocessing: Preprocessing) -> None:
    times = np.arange(shown.shape[-1]) / preprocessing.sampling_rate
    for i, window in enumerate(shown):
        scaled = 0.48 * window / max(np.abs(window).max(), np.finfo(np.float32).tiny) - i
        for component in scaled[:0:-1]:
            axes.plot(times, component, color="0.78", lw=0.5)
        axes.plot(times, scaled[0], color="0.1", lw=0.6)


def _draw_spectrogram(axes: Axes, component: NDArray[np.float32], preprocessing: Preprocessing) -> None:
    length = min(len(component), max(round(preprocessing.sampling_rate), 16))
    frequencies, times, power = spectrogram(
        component, preprocessing.sampling_rate, nperseg=length, noverlap=length * 9 // 10, nfft=4 * length
    )
    relative = power / max(power.max(), np.finfo(np.float32).tiny)
    draw_image(axes, decibels(relative, 1e-12), times, float(frequencies[-1]), (-_DECIBELS, 0))


def _draw_spectrum(
    axes: Axes, frequencies: NDArray[np.float64], spectra: NDArray[np.float32], mean_of_all: NDArray[np.float32]
) -> None:
    low, high = np.percentile(spectra, [10, 90], axis=0)
    axes.fill_between(frequencies, low, high, color=COLOURS[0], alpha=0.25, lw=0, label="10–90 %")
    axes.plot(frequencies, mean_of_all, color="0.4", lw=1, ls="--", label="all windows")
    axes.plot(frequencies, spectra.mean(axis=0), color=COLOURS[0], lw=1.5, label="mean")


def _label(panels: NDArray[Any], preprocessing: Preprocessing, n: int) -> None:
    """Label the panels. Axes are shared by column, so only the lowest row has axis labels."""
    code = preprocessing.component_order[0]
    (traces, image_axes, spectrum), lowest = panels[0], panels[-1]
    traces.set(xlim=(0, preprocessing.seconds), ylim=(0.45 - n, 0.55), yticks=[])
    image_axes.set(xlim=(0, preprocessing.seconds), ylim=(0, 1.1 * preprocessing.band[1]))
    spectrum.set(xlim=_frequency_limits(preprocessing), xscale="log", yscale="log")
    spectrum.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=20))
    spectrum.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    spectrum.xaxis.set_minor_formatter(NullFormatter())
    for row in panels:
        row[0].axvline(preprocessing.before, color=COLOURS[1], lw=1, ls=":")
        row[1].set_ylabel("Frequency (Hz)")
        hide_frame(row[2])
    lowest[0].set_xlabel("Time in window (s)")
    lowest[1].set_xlabel("Time in window (s)")
    lowest[2].set_xlabel("Frequency (Hz)")
    image_axes.set_title(f"Spectrogram of the first, {code}", loc="left", fontsize="medium")
    spectrum.set_title(f"Amplitude spectrum, {code} (1/√Hz)", loc="left", fontsize="medium")
