"""Records of any length from traces that are too short for windows of 100 s."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve
from seisbench.data import WaveformDataset

from seisbench_lcl.errors import WaveformError
from seisbench_lcl.waveforms.preprocessing import Preprocessing
from seisbench_lcl.waveforms.records import read_array

_GUARD = 1.0  # s before P that are not taken for noise, as picks may be late
_LONGEST = 20.0  # s of noise that serve as a model
_SHORTEST = 5.0  # s of noise below which a trace is left out
_JOINT = 1.0  # s over which record and noise overlap


@dataclass(frozen=True)
class Extended:
    """A record around P, extended by noise to both sides.

    Attributes
    ----------
    data : (C, n) float32 ndarray
        From `before` s before P, or before the middle of a noise record.
    row : int
        Row of the trace in the metadata.
    real : (float, float)
        Seconds before and after P that were recorded.
    """

    data: NDArray[np.float32]
    row: int
    real: tuple[float, float]


def extended(
    dataset: WaveformDataset, preprocessing: Preprocessing, before: float, after: float, notes: dict[str, int]
) -> Iterator[Extended]:
    """Yield each trace with a label, extended to `before` s before P and `after` s after it.

    What was not recorded is noise with the spectrum of up to 20 s before P, and the same relation between the
    components: white noise, the same for all components, convolved with the recorded noise. `notes` counts the traces
    that are left out.
    """
    rate = preprocessing.sampling_rate
    table = dataset.metadata.reset_index(drop=True)
    for row in range(len(table)):
        entry = table.iloc[row]
        if not isinstance(entry["source_type"], str):
            continue
        try:
            record = read_array(dataset.get_waveforms(row), float(entry["trace_sampling_rate_hz"]), preprocessing)
        except WaveformError as error:
            notes[error.summary] = notes.get(error.summary, 0) + 1
            continue
        data, n = record.data, record.data.shape[1]
        pick = float(entry["trace_p_arrival_sample"]) / float(entry["trace_sampling_rate_hz"])
        is_noise = np.isnan(pick)
        arrival = n // 2 if is_noise else round(pick * rate)
        quiet = data if is_noise else data[:, : max(0, arrival - round(_GUARD * rate))]
        quiet = quiet[:, -round(_LONGEST * rate) :]
        if quiet.shape[1] < _SHORTEST * rate:
            what = f"less than {_SHORTEST:g} s of noise before P"
            notes[what] = notes.get(what, 0) + 1
            continue
        rng = np.random.default_rng(row)
        early, late = round(before * rate) - arrival, round(after * rate) - (n - arrival)
        whole = joined(data, quiet, early, late, round(_JOINT * rate), rng)
        yield Extended(whole, row, (arrival / rate, (n - arrival) / rate))


def joined(
    data: NDArray[np.float32], quiet: NDArray[np.float32], early: int, late: int, joint: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Put noise before and after a record, or cut it where `early` or `late` is negative."""
    mean = data.mean(axis=1, keepdims=True)
    length = max(early, 0) + data.shape[1] + max(late, 0)
    noise = like(quiet, length, rng) if early > 0 or late > 0 else np.zeros((len(data), length))
    weight = np.zeros(length)
    start = max(early, 0)
    weight[start : start + data.shape[1]] = 1
    ramp = np.sin(np.linspace(0, np.pi / 2, joint)) ** 2
    if early > 0:
        weight[start : start + joint] = ramp
    if late > 0:
        weight[start + data.shape[1] - joint : start + data.shape[1]] = ramp[::-1]
    placed = np.zeros((len(data), length))
    placed[:, start : start + data.shape[1]] = data - mean
    # Powers add up: the sum of two independent noises keeps its level.
    whole = np.sqrt(weight) * placed + np.sqrt(1 - weight) * noise
    return whole[:, max(-early, 0) : length - max(-late, 0)].astype(np.float32)


def like(quiet: NDArray[np.float32], length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return noise (C, length) with the spectrum of a stretch of noise, and the same phases between components."""
    centred = quiet - quiet.mean(axis=1, keepdims=True)
    window = np.hanning(quiet.shape[1])
    white = rng.normal(size=length + quiet.shape[1] - 1)
    kernel = centred * window / np.sqrt((window**2).sum())
    return np.stack([fftconvolve(white, row, mode="valid") for row in kernel])
