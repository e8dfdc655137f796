import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seisbench_lcl.errors import ConfigurationError, WindowError
from seisbench_lcl.extractors.stages.bands import BandPower, in_range, running_mean, shared_power


def gaussian(*shape, seed=0, scale=1.0):
    return torch.from_numpy((scale * np.random.default_rng(seed).normal(size=shape)).astype(np.float32))


def taper(f, low, high):
    """A cosine around each end, a quarter of an octave wide."""
    gain = 1.0
    for ratio in (f / low, high / f if f else np.inf):
        octaves = np.log2(ratio) if ratio else -np.inf
        gain *= np.sin(np.pi / 2 * np.clip(octaves / 0.25 + 0.5, 0, 1))
    return gain


def reference(window, model, rate, band):
    """|a(t)|² by a Fourier sum written out at the full sampling rate, of the mirrored window, every step-th sample."""
    period = model.step * int(np.ceil(model.out_rate / min(low for low, _ in model.bands)))
    after = period
    while (len(window) + period + after) % model.step:
        after += 1
    mirrored = np.concatenate([window[1 : period + 1][::-1], window, window[-after - 1 : -1][::-1]]).astype(float)
    n = len(mirrored)
    t = np.arange(n)
    analytic = np.zeros(n, complex)
    for k in range(n // 2 + 1):
        if gain := taper(k * rate / n, *band):
            wave = np.exp(2j * np.pi * ((k * t) % n) / n)
            analytic += 2 / n * gain * (mirrored @ wave.conj()) * wave
    return (np.abs(analytic) ** 2)[period : period + len(window)][:: model.step][: len(window) // model.step]


@given(
    seed=st.integers(0, 1000),
    n_samples=st.integers(140, 420),
    rate=st.sampled_from([20.0, 40.0, 50.0, 100.0]),
    bands=st.sampled_from([[(2, 4), (4, 8)], [(3, 3.3)], [(2, 9.9), (5, 6)]]),
    least=st.sampled_from([3.0, 10.0, 20.0]),
)
def test_power_is_that_of_the_analytic_signal(seed, n_samples, rate, bands, least):
    model = BandPower(n_samples, rate, bands, least)
    x = gaussian(2, 2, n_samples, seed=seed)
    power = model(x)
    assert power.shape == (2, 2, len(bands), model.out_samples)
    assert model.out_samples == n_samples // model.step
    assert model.out_rate == rate / model.step >= least
    expected = [[[reference(row, model, rate, band) for band in bands] for row in window] for window in x.numpy()]
    np.testing.assert_allclose(power, expected, rtol=1e-3, atol=1e-5)
    assert (power >= 0).all()


@pytest.mark.parametrize(("rate", "n_samples"), [(20, 399), (40, 800), (50, 999), (100, 1999)])
def test_a_sine_has_the_square_of_its_amplitude_in_its_band_and_nothing_elsewhere(rate, n_samples):
    t = torch.arange(n_samples) / rate
    bands = [(1, 2), (2, 4), (4, 8)]
    model = BandPower(n_samples, rate, bands)
    for k, frequency in enumerate([1.43, 2.9, 5.7]):
        power = model(3 * torch.sin(2 * torch.pi * frequency * t + 0.3)[None, None].float())[0, 0]
        middle = power[:, model.out_samples // 3 : -model.out_samples // 3]
        torch.testing.assert_close(middle[k], torch.full_like(middle[k], 9.0), rtol=0.03, atol=0)
        assert middle[[row for row in range(3) if row != k]].max() < 0.02


def test_the_rate_of_the_output_does_not_change_its_values():
    x = gaussian(2, 3, 400)
    full = BandPower(400, 100, [(1, 2), (8, 16)], 100)(x)
    for rate in (20, 25, 50):
        model = BandPower(400, 100, [(1, 2), (8, 16)], rate)
        torch.testing.assert_close(model(x), full[..., :: model.step][..., : model.out_samples], rtol=1e-4, atol=1e-6)


def test_the_rate_is_raised_to_hold_the_widest_band():
    model = BandPower(300, 100, [(2, 40)], 20)
    assert (model.step, model.out_rate) == (2, 50)
    x = gaussian(1, 1, 300)
    np.testing.assert_allclose(model(x)[0, 0, 0], reference(x[0, 0].numpy(), model, 100, (2, 40)), rtol=1e-3, atol=1e-4)
    assert BandPower(2000, 100, frequency_range=(1, 45)).out_rate >= 25


def test_default_bands_have_equal_widths_in_octaves_up_to_what_the_resampling_passes():
    bands = BandPower(2000, 100, frequency_range=(1, 18)).bands
    assert [low for low, _ in bands[1:]] == [high for _, high in bands[:-1]]
    assert (bands[0][0], bands[-1][1]) == (1, 15.3)
    np.testing.assert_allclose([high / low for low, high in bands], 15.3**0.25, rtol=1e-3)


def test_a_band_above_half_the_sampling_rate_is_undefined():
    x = gaussian(2, 3, 200)
    model = BandPower(200, 20, [(2, 4), (8, 16), (4, 8)])
    assert model.undefined == [(8, 16)]
    power = model(x)
    assert power[:, :, 1].isnan().all()
    torch.testing.assert_close(power[:, :, [0, 2]], BandPower(200, 20, [(2, 4), (4, 8)])(x))


def test_a_batch_may_be_empty():
    assert BandPower(300, 100)(torch.zeros(0, 3, 300)).shape == (0, 3, 4, 60)


def test_windows_hold_more_than_two_periods():
    BandPower(201, 100, [(1, 2), (2, 4)])
    message = r"bands from 1 Hz need windows of more than 2 s, but these have 2 s"
    with pytest.raises(WindowError, match=message):
        BandPower(200, 100, [(2, 4), (1, 2)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bands": []}, "one or more with 0 < lowest < highest"),
        ({"bands": [(0, 1)]}, "one or more with 0 < lowest < highest"),
        ({"bands": [(4, 2)]}, "one or more with 0 < lowest < highest"),
        ({"bands": [(2, float("nan"))]}, "one or more with 0 < lowest < highest"),
        ({"bands": [(1, 2, 3)]}, "pairs of frequencies"),
        ({"bands": 3}, "pairs of frequencies"),
        ({"bands": [(1, 1.0001)]}, "too narrow for windows of 2.5 s"),
        ({"frequency_range": (10, 11)}, "between 0 and 85% of the upper end.* 10 and 11 Hz"),
        ({"frequency_range": (0, 11)}, "between 0 and 85% of the upper end"),
        ({"rate": 0}, "above 0 and at most 100 Hz"),
        ({"rate": 101}, "above 0 and at most 100 Hz"),
        ({"rate": float("nan")}, "above 0 and at most 100 Hz"),
    ],
)
def test_invalid_bands_and_rates_are_refused(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        BandPower(250, 100, **arguments)


@given(seed=st.integers(0, 1000), n_samples=st.integers(1, 40), n=st.integers(1, 60))
def test_the_running_mean_written_out(seed, n_samples, n):
    x = gaussian(2, n_samples, seed=seed).abs()
    expected = [
        [np.mean([row[j] for j in range(i - n // 2, i - n // 2 + n) if 0 <= j < n_samples]) for i in range(n_samples)]
        for row in x.double().numpy()
    ]
    np.testing.assert_allclose(running_mean(x, n), expected, rtol=1e-6)


def test_zeros_stay_zeros_after_a_large_sample():
    x = torch.zeros(1, 50)
    x[0, 3] = 1e30
    assert (running_mean(x, 5)[0, 8:] == 0).all()


@given(st.floats(-44, 38), st.integers(0, 1000))
def test_in_range_multiplies_by_a_power_of_two(power, seed):
    scale = 10**power
    x = gaussian(2, 3, 20, seed=seed)
    x = x / x.abs().amax() * scale
    for over in [(-1,), (-2, -1)]:
        found = in_range(x, over)
        peak = found.abs().amax(dim=over)
        if scale > 1e-30:
            assert ((peak >= 0.5) & (peak <= 4)).all()
            moving = x != 0
            assert (torch.frexp((found / x.double())[moving]).mantissa == 0.5).all()
        else:
            assert ((peak > 0) == (x.abs().amax(dim=over) > 0)).all()
            assert peak.max() <= 4
    assert not in_range(torch.zeros(1, 1, 5), (-1,)).any()


def test_power_that_extractors_share_is_that_of_the_same_windows():
    generator = torch.Generator().manual_seed(0)
    windows = torch.randn(6, 3, 2000, generator=generator) * torch.tensor([1e-20, 1.0, 1e15])[:, None]
    models = [BandPower(2000, 100), BandPower(2000, 100), BandPower(2000, 100, [(2, 9)])]
    alone = [model(in_range(windows, over=(-2, -1))) for model in models]
    with shared_power():
        for _ in range(3):  # windows made here may lie where others lay before
            for rows in (slice(0, 3), slice(3, 6), slice(0, 6)):
                for model, expected in zip(models, alone, strict=True):
                    power, scaled = model.of_windows(windows[rows].clone())
                    assert torch.equal(power, expected[rows])
                    assert torch.equal(scaled, in_range(windows, over=(-2, -1))[rows])
        first, again = (model.of_components(windows)[0] for model in models[:2])
        assert first is again
    assert models[0].of_components(windows)[0] is not first
