import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seisbench_lcl.errors import ConfigurationError, WindowError
from seisbench_lcl.extractors.stages import Envelope

N = 400  # samples at 100 Hz


def gaussian(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def events(n, seed=0):
    """Noise, and an arrival with a coda."""
    since = torch.arange(N) / 100 - 1
    return gaussian(n, 3, N, seed=seed) * (0.01 + (since > 0) * torch.exp(-since.clamp_min(0)))


@pytest.mark.parametrize("width", [0.001, 0.2, 0.5, 100])
def test_the_formula_written_out(width):
    stage = Envelope(3, N, width=width)
    x = events(2)
    power = stage.power(x).double().numpy()
    n = max(1, round(width * stage.out_rate))
    found = stage(x)
    for b in range(2):
        for channel in range(12):
            p = power[b, channel // 4, channel % 4]
            mean = [p[max(0, i - n // 2) : max(0, i - n // 2 + n)].mean() for i in range(len(p))]
            y = np.log10([max(m, 1e-8 * max(mean)) for m in mean])
            np.testing.assert_allclose(found[b, channel], y - y.mean(), atol=2e-4)


def test_the_slope_of_a_coda():
    """Energy that decays as exp(−2t/τ) has the log envelope −2t/(τ ln 10)."""
    t = torch.arange(1000) / 100
    coda = torch.exp(-t / 2) * torch.sin(2 * torch.pi * 5.5 * t)
    y = Envelope(1, 1000)(coda[None, None].float())[0, 2]
    slope = np.polyfit(np.arange(40, 160) / 20, y[40:160], 1)[0]
    assert slope == pytest.approx(-2 / (2 * np.log(10)), rel=0.02)


@given(st.integers(0, 1000), st.lists(st.floats(-9, 9), min_size=3, max_size=3))
def test_the_gain_of_a_component_does_not_matter(seed, powers):
    stage = Envelope(3, N)
    x = events(2, seed)
    gains = torch.tensor([10.0**power for power in powers])[:, None]
    torch.testing.assert_close(stage(x * gains), stage(x), atol=1e-3, rtol=0)
    exact = 2.0 ** gains.log2().round()
    torch.testing.assert_close(stage(x * exact), stage(x), atol=0, rtol=0)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_units_do_not_matter_where_squares_leave_single_precision(scale):
    x = events(2)
    torch.testing.assert_close(Envelope(3, N)(scale * x), Envelope(3, N)(x), atol=1e-3, rtol=0)


def test_channels_have_mean_zero_and_a_limited_range():
    y = Envelope(3, N)(torch.cat([events(3), gaussian(3, 3, N)]))
    torch.testing.assert_close(y.mean(dim=-1), torch.zeros(6, 12), atol=1e-5, rtol=0)
    assert (y.amax(dim=-1) - y.amin(dim=-1) <= 8 + 1e-4).all()


@pytest.mark.parametrize("offset", [0.0, 1e-20, 0.1, 1e9])
def test_a_dead_component_is_zero_whatever_its_offset(offset):
    x = events(2)
    x[:, 1] = offset
    y = Envelope(3, N)(x).unflatten(1, (3, 4))
    assert not y[:, 1].any()
    assert (y[:, [0, 2]].std(dim=-1) > 0.1).all()


def test_channels_are_finite_whatever_the_window_holds():
    x = torch.zeros(8, 1, N)
    x[1, 0, 0] = x[2, 0, 200] = 1.0
    x[3, 0, 57] = 3e38
    x[4] = 3e38 * torch.sign(gaussian(1, N))
    x[5] = 1e-44
    x[6, 0, 100:] = 1e30
    x[7] = events(1)[0, 0] + 1e6
    y = Envelope(1, N)(x)
    assert y.isfinite().all()
    assert not y[[0, 5]].any()


@pytest.mark.parametrize("in_channels", [1, 2, 3])
@pytest.mark.parametrize("in_samples", [250, 399, 400, 401])
@pytest.mark.parametrize(("rate", "highest"), [(20.0, 9.0), (40.0, 18.0), (50.0, 18.0), (100.0, 45.0)])
def test_the_attributes_describe_the_output(in_channels, in_samples, rate, highest):
    stage = Envelope(in_channels, in_samples, rate, frequency_range=(1, highest))
    x = gaussian(2, in_channels, in_samples)
    assert stage(x).shape == (2, stage.out_channels, stage.out_samples)
    assert stage.out_rate == pytest.approx(stage.out_samples * rate / (in_samples - in_samples % stage.power.step))
    assert stage(x).dtype == torch.float32
    assert stage(x[:0]).shape == (0, stage.out_channels, stage.out_samples)
    made_again = Envelope(in_channels, in_samples, rate, **json.loads(json.dumps(stage.config())))
    assert torch.equal(made_again(x), stage(x))
    assert made_again.config() == stage.config()
    assert not stage.state_dict()


def test_channels_are_the_bands_of_the_first_component_then_of_the_second():
    stage = Envelope(2, N, bands=[(2, 4), (4, 8), (8, 16)])
    single = Envelope(1, N, bands=[(2, 4), (4, 8), (8, 16)])
    x = events(3)[:, :2]
    separate = torch.cat([single(x[:, [0]]), single(x[:, [1]])], dim=1)
    torch.testing.assert_close(stage(x), separate, atol=1e-5, rtol=0)


def test_a_window_does_not_depend_on_its_batch():
    x = events(7)
    stage = Envelope(3, N)
    torch.testing.assert_close(torch.cat([stage(window[None]) for window in x]), stage(x), atol=1e-5, rtol=0)


def test_invalid_arguments_are_refused():
    with pytest.raises(ConfigurationError, match=r"must not exceed 10 Hz, half the sampling rate .* but bands are"):
        Envelope(3, N, 20)
    for width in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ConfigurationError, match="width must be a positive number of seconds"):
            Envelope(3, N, width=width)
    with pytest.raises(WindowError, match="use longer windows or higher bands"):
        Envelope(3, 150)
