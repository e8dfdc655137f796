import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from obspy.signal.trigger import aic_simple

from seisbench_lcl.waveforms.onset import aic_onset


def make_windows(seed: int, n: int, gain: float, count: int = 5) -> np.ndarray:
    """Noise that becomes louder, or quieter, somewhere."""
    rng = np.random.default_rng(seed)
    windows = rng.normal(size=(count, n))
    for window, onset in zip(windows, rng.integers(0, n, count), strict=True):
        window[onset:] *= gain
    return windows


@given(st.integers(0, 10_000), st.integers(10, 80), st.sampled_from([0.1, 1.0, 5.0, 1e4]))
def test_the_criterion_written_out(seed: int, n: int, gain: float) -> None:
    windows = make_windows(seed, n, gain)
    expected = []
    for x in windows:
        criterion = {k: k * np.log(np.var(x[:k])) + (n - k - 1) * np.log(np.var(x[k:])) for k in range(5, n - 4)}
        expected.append(min(criterion, key=criterion.__getitem__))
    assert aic_onset(torch.from_numpy(windows)).tolist() == expected


@pytest.mark.parametrize("gain", [0.2, 2, 100])
def test_the_criterion_of_obspy(gain: float) -> None:
    """Whose values are those of the last sample of noise; a segment has five samples or more here."""
    windows = make_windows(3, 300, gain, count=20)
    expected = [5 + int(np.argmin(aic_simple(x)[4 : 300 - 5])) for x in windows]
    found = aic_onset(torch.from_numpy(windows))
    assert found.dtype == torch.int64
    assert found.tolist() == expected


def test_an_onset_is_the_first_sample_of_the_signal_whatever_scale_and_offset() -> None:
    rng = np.random.default_rng(0)
    window = rng.normal(0, 1, 400)
    window[137:] += rng.normal(0, 50, 263)
    stack = np.stack([window, 1e-6 * window, 1e6 * window, window + 1e4, window[::-1]]).astype(np.float32)
    assert aic_onset(torch.from_numpy(stack)).tolist() == [137, 137, 137, 137, 263]


def test_a_signal_after_silence() -> None:
    """The variance of zeros has no logarithm, nor has what rounding leaves of it."""
    windows = torch.zeros(2, 200)
    windows[:, 60:] = torch.from_numpy(np.random.default_rng(0).normal(size=140).astype(np.float32))
    windows[1] += 0.1
    assert aic_onset(windows).tolist() == [60, 60]


def test_windows_without_an_onset_give_their_middle() -> None:
    assert aic_onset(torch.full((2, 51), 0.1)).tolist() == [25, 25]
    assert aic_onset(torch.randn(3, 9)).tolist() == [4, 4, 4]
    assert aic_onset(torch.zeros(1, 1)).tolist() == [0]
    assert aic_onset(torch.zeros(0, 50)).shape == (0,)
