from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import i0

from seisbench_lcl.waveforms.resampling import high_pass, resample

TARGET, HIGHEST = 100.0, 18.0
RATES = [40, 50, 62.5, 99.9, 100, 125, 200]


def sine(frequency, rate, n, start=0.0):
    return np.sin(2 * np.pi * frequency * (start + np.arange(n) / rate) + 0.7)


def slow_resample(data, rate, target_rate, highest, offset, n_out):
    """Convolve with the continuous kernel, one product at a time; samples beyond the ends by point reflection."""
    half = (80 - 7.95) / (2.285 * 2 * np.pi * 0.15 * highest) / 2
    n, corner, beta = len(data), highest * (1 - 0.15 / 2), 0.1102 * (80 - 8.7)
    out = np.zeros(n_out)
    for k in range(n_out):
        for i in range(-ceil(half * rate), n + ceil(half * rate)):
            time = offset + k / target_rate - i / rate
            if abs(time) <= half:
                x = 2 * data[0] - data[-i] if i < 0 else data[i] if i < n else 2 * data[-1] - data[2 * n - 2 - i]
                taper = i0(beta * np.sqrt(1 - (time / half) ** 2)) / i0(beta)
                out[k] += x * 2 * corner * np.sinc(2 * corner * time) * taper / rate
    return out


@pytest.mark.parametrize("offset", [0.0, 0.0037])
@pytest.mark.parametrize("rate", RATES)
def test_sines_of_the_pass_band_keep_amplitude_and_time_at_every_rate(rate, offset):
    for frequency in (0.5, 1, 5, 10, 12.3, 15):
        out = resample(sine(frequency, rate, round(12 * rate)), rate, TARGET, HIGHEST, offset)
        expected = sine(frequency, TARGET, len(out), offset)
        np.testing.assert_allclose(out[200:-200], expected[200:-200], atol=1e-3)


@pytest.mark.parametrize("rate", RATES)
def test_nothing_remains_above_the_highest_frequency(rate):
    for frequency in np.linspace(HIGHEST * 1.005, rate / 2, 6):
        out = resample(sine(frequency, rate, round(12 * rate)), rate, TARGET, HIGHEST)
        assert np.abs(out[200:-200]).max() < 1e-3


@pytest.mark.parametrize(
    ("rate", "target", "highest", "offset"),
    [(62.5, 100, 18, 0.004), (100, 40, 10, 0.0171), (99.9, 100, 18, 0), (50, 50, 20, 0.013)],
)
def test_polyphase_equals_the_plain_convolution(rate, target, highest, offset):
    data = np.random.default_rng(1).normal(size=170).cumsum()
    out = resample(data, rate, target, highest, offset)
    np.testing.assert_allclose(out, slow_resample(data, rate, target, highest, offset, len(out)), atol=1e-9)


@given(
    st.integers(0, 2**32),
    st.integers(1, 400),
    st.sampled_from(RATES),
    st.sampled_from([50.0, 100.0]),
    st.floats(0, 0.99),
    st.floats(-9, 9),
)
def test_is_linear_and_gives_every_grid_point_that_the_input_covers(seed, n, rate, target, fraction, factor):
    one, two = np.random.default_rng(seed).normal(size=(2, n))
    offset = fraction / target
    out = resample(one + factor * two, rate, target, HIGHEST, offset)
    parts = [resample(data, rate, target, HIGHEST, offset) for data in (one, two)]
    np.testing.assert_allclose(out, parts[0] + factor * parts[1], atol=1e-9)
    k = np.arange(n * 4 + 2)
    assert len(out) == np.count_nonzero(offset * target + k < n / rate * target - 1e-3)


@pytest.mark.parametrize(("rate", "n"), [(40, 800), (50, 1000), (62.5, 1250), (99.9, 1998), (125, 2500), (200, 4000)])
def test_twenty_seconds_stay_twenty_seconds(rate, n):
    for exact_or_rounded in (rate, 1 / float(np.float32(1 / rate))):
        assert len(resample(np.zeros(n), exact_or_rounded, TARGET, HIGHEST)) == 2000


def test_rate_of_a_rounded_sampling_interval_is_the_nominal_rate():
    data = np.random.default_rng(2).normal(size=30_000)
    np.testing.assert_allclose(
        resample(data, 1 / float(np.float32(0.01)), TARGET, HIGHEST), resample(data, 100, TARGET, HIGHEST), atol=1e-5
    )


def test_high_pass_removes_a_slow_wave_and_keeps_a_fast_one_without_delay():
    fast, slow = sine(5, 100, 3000), 100 * sine(0.1, 100, 3000) + 40
    np.testing.assert_allclose(high_pass(fast + slow, 100, 1.0)[300:-300], fast[300:-300], atol=1e-3)


def test_a_high_pass_from_zero_changes_nothing():
    data = 40 + sine(5, 100, 3000)
    np.testing.assert_array_equal(high_pass(data, 100, 0.0), data)


@pytest.mark.parametrize("n", [0, 1, 2, 50])
def test_high_pass_takes_any_length(n):
    out = high_pass(np.ones(n), 100, 1.0)
    assert len(out) == n
    np.testing.assert_allclose(out, 0, atol=1e-6)


@pytest.mark.parametrize("rate", [100.0024, 99.999, 62.37, 100.05, 125.003, 33.3 * 1.5])
def test_time_does_not_slip_at_rates_that_are_no_simple_ratio(rate):
    """An hour of a sine stays in phase: a sample of slip would change it by 0.3."""
    time = np.arange(round(3600 * rate)) / rate
    out = resample(np.sin(2 * np.pi * 5 * time), rate, 100.0, 18.0, offset=0.004)
    expected = np.sin(2 * np.pi * 5 * (0.004 + np.arange(len(out)) / 100))
    np.testing.assert_allclose(out[300:-300], expected[300:-300], atol=0.01)
