"""Damaged samples are found whatever their amplitude, place, length and type, and ground motion is not."""

import numpy as np
import obspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seisbench_lcl.waveforms.flaws import Flaw, bridge, fill, find_flaws, runs

RATE = 100.0
TYPES = [np.int32, np.float32, np.float64]


def noise(seed=0, n=6000, amplitude=50.0, offset=0.0, kind=np.float64):
    """White noise and a microseism, as counts where the type is of whole numbers."""
    time = np.arange(n) / RATE
    x = np.random.default_rng(seed).normal(size=n) + 3 * np.sin(2 * np.pi * 0.2 * time)
    x = amplitude * x + offset
    return np.rint(x).astype(kind) if np.dtype(kind).kind == "i" else x.astype(kind)


def event(seed=0, n=6000, onset=3000):
    """A sudden onset, a thousand times as large as the noise before it, and its coda."""
    rng = np.random.default_rng(seed)
    since = (np.arange(n) - onset) / RATE
    signal = np.where(since > 0, np.exp(-since.clip(0) / 3), 0) * rng.normal(size=n)
    return noise(seed, n, 1.0) + 1000 * signal


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("amplitude", [2.0, 50.0, 1e5])
def test_noise_has_no_flaws(kind, amplitude):
    for seed in range(5):
        assert not find_flaws(noise(seed, amplitude=amplitude, offset=1000, kind=kind), RATE).any()


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e6])
def test_an_onset_is_no_spike(scale):
    for seed in range(10):
        assert not find_flaws(scale * event(seed, onset=3000 + 7 * seed), RATE).any()


def test_recorded_motion_has_no_flaws():
    for trace in obspy.read():
        assert not find_flaws(trace.data, trace.stats.sampling_rate).any()


@given(
    st.integers(0, 99),
    st.sampled_from(TYPES),
    st.floats(0, 1),
    st.integers(3, 400),
    st.sampled_from([0.0, 1000.0, -77777.0]),
)
def test_filled_gaps_are_found(seed, kind, place, length, value):
    """Of any length and constant, at any place, where the step into the filling is no ground motion."""
    x = noise(seed, amplitude=20.0, offset=3000.0, kind=kind)
    first = round(place * (len(x) - length))
    x[first : first + length] = value
    flaws = find_flaws(x, RATE)
    assert np.isin(flaws[first : first + length], [Flaw.FLAT, Flaw.CLIPPED]).all()
    assert np.count_nonzero(flaws) <= length + 2  # a neighbour may happen to have the value


@given(
    st.integers(0, 99),
    st.floats(0, 1),
    st.integers(30, 2000),
    st.sampled_from(TYPES),
    st.sampled_from([np.trunc, np.rint, np.asarray]),
    st.sampled_from([1.0, 1e-9]),
)
def test_interpolated_gaps_are_flat(seed, place, length, kind, rounded, unit):
    """As `Stream.merge(fill_value="interpolate")` leaves them, in counts or in units of motion."""
    x = noise(seed)
    first = 20 + round(place * (len(x) - length - 40))
    x[first : first + length] = np.linspace(x[first - 1], x[first + length], length + 2)[1:-1]
    counts = rounded(x).astype(kind)
    flaws = find_flaws(counts if unit == 1 else counts * unit, RATE)
    assert np.count_nonzero(flaws[first : first + length] == Flaw.FLAT) > 0.9 * length - 6
    assert np.count_nonzero(flaws) <= length + 8


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("offset", [0.0, 7e6])
def test_a_quiet_record_of_few_counts_is_not_flat(kind, offset):
    for seed in range(10):
        assert not find_flaws(noise(seed, amplitude=0.7, offset=offset, kind=np.int32).astype(kind), RATE).any()


@given(
    st.integers(0, 99),
    st.sampled_from(TYPES),
    st.integers(100, 5000),
    st.integers(1, 5),
    st.sampled_from([-1e6, -4000.0, 3000.0, 1e5]),
)
def test_a_step_is_found_and_levelled(seed, kind, at, length, height):
    record = noise(seed, amplitude=20.0, offset=3000.0, kind=kind)
    x = record + (height * (np.arange(len(record)) - at + length).clip(0, length) / length).astype(kind)
    flaws = find_flaws(x, RATE)
    assert set(np.flatnonzero(flaws)) <= set(range(at - length - 3, at + 4))
    levelled = bridge(x, flaws) - bridge(record, flaws)
    assert np.ptp(levelled) < 200  # the motion of a record does not tell its offset better


@given(
    st.integers(0, 99),
    st.sampled_from(TYPES),
    st.floats(0, 1),
    st.integers(1, 8),
    st.sampled_from([100.0, 1e3, 1e6]),
    st.booleans(),
)
def test_spikes_and_bursts(seed, kind, place, length, size, negative):
    rng = np.random.default_rng(seed)
    x = noise(seed, amplitude=20.0, kind=kind)
    first = 5 + round(place * (len(x) - length - 10))
    burst = 20 * size * rng.choice([-1, 1], length) * rng.uniform(0.7, 1, length) * (-1 if negative else 1)
    x[first : first + length] += burst.astype(kind)
    flaws = find_flaws(x, RATE)
    assert (flaws[first : first + length] == Flaw.SPIKE).all()
    assert np.count_nonzero(flaws) <= length + 4


@given(st.integers(0, 99), st.sampled_from(TYPES), st.integers(1000, 4000), st.integers(15, 300), st.integers(15, 300))
def test_several_spikes_do_not_hide_each_other(seed, kind, first, second, third):
    x = noise(seed, amplitude=20.0, kind=kind)
    places = np.cumsum([first, second, third])
    x[places] += np.array([1, -1, 1]).astype(kind) * 2000
    flaws = find_flaws(x, RATE)
    assert (flaws[places] == Flaw.SPIKE).all()
    assert np.count_nonzero(flaws) <= 9


def test_short_flaws_keep_the_bridge_and_longer_ones_get_motion():
    data = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    flaws = np.zeros(1000, dtype=np.uint8)
    for first, end in ((100, 105), (300, 360), (500, 800)):
        flaws[first:end], data[first:end] = Flaw.FLAT, 0.01
    filled = data.copy()
    fill(filled, flaws, 10, 200)
    assert (filled[flaws == 0] == data[flaws == 0]).all()
    assert (filled[100:105] == data[100:105]).all()
    assert 0.7 < filled[300:360].std() < 1.3
    assert filled[300] == pytest.approx(data[299], abs=0.4)
    assert filled[359] == pytest.approx(data[360], abs=0.4)
    assert (filled[500:800] == 0).all()


@pytest.mark.parametrize("value", [1e9, 1e30, 1e200, np.nan, np.inf, -np.inf])
def test_one_wild_sample_does_not_cost_the_record(value):
    x = noise()
    x[2000] = value
    flaws = find_flaws(x, RATE)
    assert set(np.flatnonzero(flaws)) <= {1999, 2000, 2001}
    assert flaws[2000] == (Flaw.SPIKE if np.isfinite(value) else Flaw.GAP)


@pytest.mark.parametrize("kind", TYPES)
def test_clipped_stretches(kind):
    x = event()
    smooth = 100 * np.convolve(x, np.ones(8) / 8, "same")  # so that several samples in turn exceed the level
    level = 0.4 * np.abs(smooth).max()
    clipped = np.clip(smooth, -level, level).astype(kind)
    flaws = find_flaws(clipped, RATE)
    at = np.abs(clipped) == np.abs(clipped).max()
    assert set(np.unique(flaws)) <= {0, Flaw.CLIPPED}
    assert np.count_nonzero(flaws) > 0.5 * np.count_nonzero(at)
    assert not flaws[~at].any()


def test_a_quiet_float32_record_far_from_zero_is_judged_by_its_own_rounding():
    """An earlier rule took the tolerance from the largest sample of the record."""
    x = noise(amplitude=1e-8, kind=np.float32)
    x[10] = 1.0
    flaws = find_flaws(x, RATE)
    assert np.flatnonzero(flaws).tolist() == [9, 10, 11]


def test_known_gaps_are_kept_and_bridged():
    x = noise()
    missing = np.zeros(len(x), dtype=bool)
    missing[1000:1100] = True
    x[missing] = 1e7
    flaws = find_flaws(x, RATE, missing)
    np.testing.assert_array_equal(flaws == Flaw.GAP, missing)
    assert not flaws[~missing].any()
    bridged = bridge(x, flaws)
    np.testing.assert_allclose(bridged[1000:1100], np.linspace(x[999], x[1100], 102)[1:-1])
    np.testing.assert_array_equal(bridged[~missing], x[~missing])


@given(st.lists(st.booleans(), max_size=30))
def test_runs_agree_with_a_plain_loop(values):
    expected, first = [], None
    for i, value in enumerate([*values, False]):
        if value and first is None:
            first = i
        if not value and first is not None:
            expected.append((first, i))
            first = None
    assert list(zip(*runs(np.array(values, dtype=bool)), strict=True)) == expected


@pytest.mark.parametrize("data", [[], [1.0], [1.0, 2.0, np.nan], [0.0] * 7, [5] * 100])
def test_short_and_constant_records(data):
    flaws = find_flaws(np.array(data), RATE)
    assert len(flaws) == len(data)
    assert flaws.all() == (len(data) == 100 or not data)
