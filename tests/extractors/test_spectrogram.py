import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.extractors._spectrogram import Spectrogram


def slow(windows, rate, spectrogram):
    """Compute the image by loops over windows, components, frequencies and frames, in float64."""
    windows = windows.numpy().astype(float)
    length, frequencies = spectrogram.frame_length, spectrogram.frequencies.numpy()
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / (length - 1))
    amplitudes = np.empty((*windows.shape[:2], 87, 100))
    for b, window in enumerate(windows):
        for c, component in enumerate(window):
            for column in range(100):
                start = round(column * (len(component) - length) / 99)
                frame = component[start : start + length]
                frame = (frame - frame.mean()) * taper
                for row, frequency in enumerate(frequencies):
                    wave = np.exp(-2j * np.pi * frequency * np.arange(length) / rate)
                    amplitudes[b, c, row, column] = abs((frame * wave).sum())
    decibels = 20 * np.log10(amplitudes / amplitudes.max(axis=(1, 2, 3), keepdims=True))
    return np.maximum(decibels, -60) / 30 + 1


@pytest.mark.parametrize(("in_samples", "rate"), [(100, 20.0), (2000, 100.0)])
def test_an_image_is_the_tapered_fourier_transform_frame_by_frame(in_samples, rate):
    windows = torch.randn(2, 1, in_samples, generator=torch.Generator().manual_seed(0)).cumsum(dim=-1)
    windows[1] *= 1e3 * torch.logspace(0, -4, in_samples)  # a wide range of amplitudes, down to the floor
    spectrogram = Spectrogram(in_samples, rate)
    images = spectrogram(windows)
    assert images.dtype == torch.float32
    assert (images == -1).any()
    np.testing.assert_allclose(images.numpy(), slow(windows, rate, spectrogram), atol=2e-3)


@given(
    seconds=st.floats(5, 120),
    rate=st.sampled_from([20.0, 31.25, 40.0, 100.0, 200.0]),
    n_components=st.integers(1, 4),
)
def test_every_window_gives_one_size_and_the_whole_range(seconds, rate, n_components):
    in_samples = int(np.ceil(seconds * rate))
    spectrogram = Spectrogram(in_samples, rate)
    windows = torch.randn(1, n_components, in_samples)
    images = spectrogram(windows)
    assert images.shape == (1, n_components, 87, 100)
    assert images.max() == 1
    assert images.min() >= -1
    assert torch.isfinite(images).all()
    assert spectrogram.frequencies[0] == 1
    assert spectrogram.frequencies[-1] == min(18, rate / 2)
    half = (spectrogram.frame_length - 1) / 2 / rate
    assert spectrogram.times[0].item() == pytest.approx(half)
    assert spectrogram.times[-1].item() == pytest.approx((in_samples - 1) / rate - half)


def test_a_burst_stands_at_its_time_and_frequency():
    t = torch.arange(2000) / 100
    burst = torch.sin(2 * torch.pi * 7 * t) * torch.exp(-((t - 12) ** 2))
    spectrogram = Spectrogram(2000, 100.0)
    row, column = divmod(int(spectrogram(burst[None, None]).argmax()), 100)
    assert spectrogram.frequencies[row].item() == pytest.approx(7, abs=0.2)
    assert spectrogram.times[column].item() == pytest.approx(12, abs=0.2)
    assert (spectrogram.frame_length, spectrogram.hop) == (102, pytest.approx(19.17, abs=0.01))


@pytest.mark.parametrize("factor", [1e-30, -1e-3, 1e30])
def test_units_offsets_and_dead_windows_do_not_matter(factor):
    windows = torch.randn(2, 3, 500, generator=torch.Generator().manual_seed(0))
    windows[:, 1] *= 0.1
    spectrogram = Spectrogram(500, 50.0)
    images = spectrogram(windows)
    torch.testing.assert_close(spectrogram(factor * windows), images, rtol=0, atol=1e-3)
    torch.testing.assert_close(spectrogram(windows + 3), images, rtol=0, atol=1e-2)
    assert 0.5 < (images[:, 0] - images[:, 1]).mean() < 0.8  # 20 dB between components stay 20 dB, two thirds
    assert (spectrogram(torch.zeros(1, 3, 500)) == -1).all()


@pytest.mark.parametrize("frequency_range", [(0.0, 10.0), (5.0, 5.0), (8.0, 2.0), (25.0, 40.0), (torch.nan, 5.0)])
def test_a_range_must_hold_frequencies_that_were_recorded(frequency_range):
    with pytest.raises(ConfigurationError, match=r"0 < lowest < highest, .* half the sampling rate, 25 Hz"):
        Spectrogram(500, 50.0, frequency_range)


@pytest.mark.parametrize(("in_samples", "frequency_range"), [(90, (1.0, 18.0)), (500, (0.1, 18.0)), (500, (5.0, 5.1))])
def test_a_window_must_hold_two_frames(in_samples, frequency_range):
    with pytest.raises(ConfigurationError, match=r"need frames of .* s and windows of at least two .* s long: use"):
        Spectrogram(in_samples, 50.0, frequency_range)
