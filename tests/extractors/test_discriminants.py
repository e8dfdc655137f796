"""Discriminants against their formulas, written as loops over the samples of one window."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seisbench_lcl.errors import WindowError
from seisbench_lcl.extractors import Physical, discriminants
from seisbench_lcl.extractors._arrivals import Arrivals
from seisbench_lcl.extractors.stages.bands import BandPower

RATE = 50.0
BANDS = [(1, 2), (2, 4), (4, 8), (8, 16), (20, 40)]  # the last is above half the rate
LOWEST, HIGHEST = 1.0, 15.0
LEAST = 0.5


def make_windows(seed, count, n_samples, n_components):
    """Noise that grows louder twice."""
    rng = np.random.default_rng(seed)
    windows = rng.normal(size=(count, n_components, n_samples))
    for window in windows:
        first, second = sorted(rng.integers(0, n_samples, 2))
        window[:, first:] *= rng.uniform(1, 10)
        window[:, second:] *= rng.uniform(1, 10, (n_components, 1))
    return torch.from_numpy(windows.astype(np.float32))


def make_arrivals(windows, p, picks, latest_p, p_length=1.0, s_length=1.5):
    three = windows.shape[1] == 3
    model = BandPower(windows.shape[-1], RATE, BANDS)
    return Arrivals(
        windows=windows,
        sampling_rate=RATE,
        power=model(windows),
        rate=model.out_rate,
        horizontals=[0, 2] if three else [],
        vertical=1 if three else 0,
        p=p,
        s=torch.full_like(p, torch.nan),
        latest_p=latest_p,
        p_length=p_length,
        s_length=s_length,
    ).with_s(picks, LEAST)


class OneWindow:
    """The features of one window, by the formulas of the docstrings."""

    def __init__(self, arrivals, row, pick):
        self.a = arrivals
        self.windows = arrivals.windows[row].double().numpy()
        power = arrivals.power[row].double().numpy()
        self.power = power[:, :-1]  # bands below half the rate
        assert np.isnan(power[:, -1]).all()
        self.m = power.shape[-1]
        self.p = float(arrivals.p[row])
        self.s = self.estimate() if np.isnan(pick) else pick
        if self.s <= self.p:
            self.s = np.nan

    def estimate(self):
        length = round(self.a.s_length * self.a.rate)
        rows = self.a.horizontals or range(len(self.power))
        energies = {
            k / self.a.rate: self.power[rows, :, k : k + length].sum()
            for k in range(self.m - length + 1)
            if k / self.a.rate >= self.p + LEAST - 1e-6
        }
        return max(energies, key=energies.__getitem__) if energies else np.nan

    def between(self, start, stop):
        """Mean power (components, bands) of the samples between two times."""
        if np.isnan(start) or np.isnan(stop):
            return np.full(self.power.shape[:2], np.nan)
        inside = [k for k in range(self.m) if round(start * self.a.rate) <= k < round(stop * self.a.rate)]
        return self.power[..., inside].mean(axis=-1) if inside else np.full(self.power.shape[:2], np.nan)

    def phases(self):
        end_of_p = self.p + self.a.p_length
        return (
            self.between(self.p, end_of_p if np.isnan(self.s) else min(end_of_p, self.s)),
            self.between(self.s, self.s + self.a.s_length),
        )

    def spectrum(self, start, seconds, lowest, highest):
        samples = min(round(seconds * RATE), self.windows.shape[-1])
        n = 1
        while n < 2 * samples:
            n *= 2
        f = [k * RATE / n for k in range(n // 2 + 1) if lowest <= k * RATE / n <= highest]
        if np.isnan(start) or round(start * RATE) < 0 or round(start * RATE) + samples > self.windows.shape[-1]:
            return np.full(len(f), np.nan), np.array(f)
        segment = self.windows[:, round(start * RATE) :][:, :samples]
        taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(samples) / samples)
        segment = (segment - segment.mean(axis=1, keepdims=True)) * taper
        waves = np.exp(-2j * np.pi * np.outer(f, np.arange(samples)) / RATE)
        return (np.abs(waves @ segment.T) ** 2).sum(axis=1), np.array(f)

    def amplitude_ratios(self):
        p, s = self.phases()
        ratio = [0.5 * np.log10(p[:, k].sum() / s[:, k].sum()) for k in range(p.shape[1])]
        return {f"P/S amplitude, band {k + 1}": value for k, value in enumerate([*ratio, np.nan])}

    def s_minus_p(self):
        return {"S-P": self.s - self.p}

    def spectra(self):
        found = {}
        for phase, start, seconds in (("P", self.p, self.a.p_length), ("S", self.s, self.a.s_length)):
            power, f = self.spectrum(start, seconds, LOWEST, HIGHEST)
            found[f"centroid {phase}"] = np.log2((power * f).sum() / power.sum())
            # Equal weight of each octave is a weight of 1/f of each frequency.
            slope = np.polyfit(np.log10(f), np.log10(np.sqrt(power)), 1, w=f**-0.5)[0] if power[0] > 0 else np.nan
            found[f"slope {phase}"] = slope
            found[f"corner {phase}"] = np.log2(np.sqrt(power.sum() / (power / f**2).sum()))
        return found

    def cepstrum(self):
        undefined = {"cepstral peak": np.nan, "quefrency": np.nan}
        length = min(10, self.windows.shape[-1] / RATE - self.a.latest_p)
        if length < 1:
            return undefined
        power, f = self.spectrum(self.p, length, 1.5 * LOWEST, HIGHEST)
        if np.isnan(power[0]) or len(f) < 8:
            return undefined
        trend = np.polynomial.Polynomial.fit(f, np.log10(power), 3)
        residual = (np.log10(power) - trend(f)) * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(len(f)) / len(f)))
        n = 1
        while n < len(f):
            n *= 2
        delays = np.arange(4 * n + 1) / (8 * n * (f[1] - f[0]))
        delays = delays[(delays >= 0.12) & (delays <= 1)]
        amplitude = np.array([abs((residual * np.exp(-2j * np.pi * delay * f)).sum()) for delay in delays])
        median = np.sort(amplitude)[(len(amplitude) - 1) // 2]
        return {
            "cepstral peak": np.log10(amplitude.max() / median),
            "quefrency": np.log10(delays[amplitude.argmax()]),
        }

    def complexity(self):
        late, early = self.between(self.p + 2, self.m / self.a.rate), self.between(self.p, self.p + 2)
        return {"complexity": np.log10(late.sum() / early.sum())}

    def envelope_shape(self):
        times = np.arange(self.m) / self.a.rate
        e = self.power.sum(axis=(0, 1)) * (times >= self.p - 1e-6)
        n = round(0.5 * self.a.rate)
        smooth = [e[max(0, i - n // 2) : i - n // 2 + n].mean() for i in range(self.m)]
        h = np.cumsum(e) / e.sum()
        at = {part: times[next(i for i in range(self.m) if h[i] >= part)] for part in (0.05, 0.5, 0.75, 0.95)}
        return {
            "rise time": times[int(np.argmax(smooth))] - self.p,
            "duration 5-75 %": at[0.75] - at[0.05],
            "duration 5-95 %": at[0.95] - at[0.05],
            "half time": at[0.5] - self.p,
        }

    def polarisation(self):
        if not self.a.horizontals:
            return {"H/V of S": np.nan}
        n, z, e = self.phases()[1].sum(axis=1)
        return {"H/V of S": np.log10(np.sqrt((n + e) / 2) / np.sqrt(z))}

    def signal_to_noise(self):
        noise = self.between(0, self.p - 0.3).sum()
        p, s = self.phases()
        return {
            "signal-to-noise P": np.log10(p.sum() / noise),
            "signal-to-noise S": np.log10(s.sum() / noise),
        }


@given(
    seed=st.integers(0, 10_000),
    n_samples=st.integers(150, 500),
    n_components=st.integers(1, 3),
    p=st.lists(st.sampled_from([0.0, 0.2, 0.7, 1.4, 1.9, 2.46]), min_size=3, max_size=3),
    picks=st.lists(
        st.one_of(st.just(float("nan")), st.sampled_from([-1e30, -3.0, 0.7, 2.0, 3.1, 30.0, 1e30])),
        min_size=3,
        max_size=3,
    ),
)
def test_every_formula_written_out(seed, n_samples, n_components, p, picks):
    windows = make_windows(seed, 3, n_samples, n_components)
    p, picks = torch.tensor(p, dtype=torch.float64), torch.tensor(picks, dtype=torch.float64)
    arrivals = make_arrivals(windows, p, picks, latest_p=2.46)
    for name, measure in discriminants.groups(LOWEST, HIGHEST).items():
        found = measure(arrivals)
        for row in range(3):
            expected = getattr(OneWindow(arrivals, row, float(picks[row])), name)()
            assert list(found) == list(expected)
            for feature, value in expected.items():
                assert found[feature].shape == (3,)
                np.testing.assert_allclose(
                    found[feature][row], value, rtol=1e-3, atol=1e-3, err_msg=f"{feature} of window {row}"
                )


def bursts(amplitudes, rate=100.0, seconds=12.0, length=2.0):
    """Three components with bursts of (frequency, start): (Z, N, E)."""
    t = np.arange(round(rate * seconds)) / rate
    window = np.zeros((3, len(t)))
    for (frequency, start), components in amplitudes.items():
        inside = (t >= start) & (t < start + length)
        envelope = np.where(inside, np.sin(np.pi * (t - start) / length) ** 2, 0)
        window += np.outer(components, envelope * np.sin(2 * np.pi * frequency * t))
    return torch.from_numpy(window[None].astype(np.float32))


def make_physical(**arguments):
    return Physical(3, 1200, 100, **{"p_length": 2.0, "s_length": 2.0, **arguments})


def test_the_p_to_s_ratio_of_each_band():
    frequencies, p, s = [1.45, 2.8, 5.5, 11.0], [1.0, 2.0, 0.3, 5.0], [2.0, 1.0, 3.0, 0.7]
    x = sum(
        bursts({(f, 2.0): (a, a, 0), (f, 6.0): (0, b, b)}) for f, a, b in zip(frequencies, p, s, strict=True)
    ) + 1e-6 * torch.randn(1, 3, 1200, generator=torch.Generator().manual_seed(0))
    found = make_physical().measure(x)
    assert found["S-P"].item() == pytest.approx(4, abs=0.1)
    for k in range(4):
        assert found[f"P/S amplitude, band {k + 1}"].item() == pytest.approx(np.log10(p[k] / s[k]), abs=0.03)


@pytest.mark.parametrize(("z", "n", "e"), [(1, 1, 1), (5, 1, 7), (0.1, 3, 0)])
@pytest.mark.parametrize("order", ["ZNE", "EZN"])
def test_horizontal_over_vertical(z, n, e, order):
    x = bursts({(5.0, 2.0): (0.1, 0.1, 0.1), (5.0, 6.0): (z, n, e)})[:, ["ZNE".index(code) for code in order]]
    found = make_physical(component_order=order).measure(x)["H/V of S"].item()
    assert found == pytest.approx(np.log10(np.sqrt((n**2 + e**2) / 2) / z), abs=1e-3)


@pytest.mark.parametrize("delay", [0.25, 0.4, 0.6])
def test_a_shot_and_its_echo(delay):
    rng = np.random.default_rng(0)
    shot = np.zeros((3, 1200))
    shot[:, 250:900] = rng.normal(size=(3, 650)) * np.exp(-np.arange(650) / 150)
    fired = shot + 0.9 * np.roll(shot, round(100 * delay), axis=1)
    found = make_physical().measure(torch.from_numpy(np.stack([shot, fired]).astype(np.float32)))
    assert found["quefrency"][1].item() == pytest.approx(np.log10(delay), abs=0.02)
    assert found["cepstral peak"][1] > found["cepstral peak"][0] + 0.2


def test_the_corner_of_brune_s_model():
    f = np.fft.rfftfreq(1200, 0.01)
    shift = np.exp(-2j * np.pi * f * 6)  # to the middle of the P window
    pulses = [np.fft.irfft(f / (1 + (f / corner) ** 2) * shift, 1200) for corner in (2, 4, 8)]
    x = torch.from_numpy(np.stack([[pulse] * 3 for pulse in pulses]).astype(np.float32))
    found = make_physical(p_length=8.0, bands=[(1, 16)], frequency_range=(0.25, 58)).measure(x)
    np.testing.assert_allclose(found["corner P"], [1, 2, 3], atol=0.15)


def test_a_steeper_spectrum_has_a_lower_slope_and_centroid():
    rng = np.random.default_rng(1)
    f = np.fft.rfftfreq(1200, 0.01)
    phases = np.exp(2j * np.pi * rng.random((3, len(f))))
    windows = [np.fft.irfft(phases * np.clip(f, 0.3, None) ** slope, 1200) for slope in (0, -1, -2)]
    found = make_physical(p_length=6.0).measure(torch.from_numpy(np.stack(windows).astype(np.float32)))
    np.testing.assert_allclose(found["slope P"], [0, -1, -2], atol=0.3)
    assert (found["centroid P"].diff() < 0).all()


def test_the_shape_of_a_ramp():
    """Power grows like t for four seconds, so a fraction h of the energy has arrived after 4 sqrt(h) seconds."""
    t = torch.arange(1200) / 100 - 2
    amplitude = torch.where((t > 0) & (t < 4), t.clamp_min(0).sqrt(), 0)
    found = make_physical().measure((amplitude * torch.sin(2 * torch.pi * 5.5 * t)).expand(1, 3, -1).float())
    expected = {
        "rise time": 4 - 0.25,
        "half time": 4 * 0.5**0.5,
        "duration 5-75 %": 4 * (0.75**0.5 - 0.05**0.5),
        "duration 5-95 %": 4 * (0.95**0.5 - 0.05**0.5),
    }
    for name, value in expected.items():
        assert found[name].item() == pytest.approx(value, abs=0.1)


def test_complexity_is_the_power_after_two_seconds():
    x = bursts({(5.0, 2.0): (1, 1, 1), (5.0, 6.0): (3, 3, 3)})
    # The later burst has nine times the energy in eight seconds rather than two.
    assert make_physical().measure(x)["complexity"].item() == pytest.approx(np.log10(9 * 2 / 8), abs=0.01)


def test_signal_to_noise_is_a_ratio_of_powers():
    t = torch.arange(1200) / 100
    amplitude = torch.where(t < 2, 1.0, 10.0)
    x = (amplitude * torch.sin(2 * torch.pi * 5.5 * t)).expand(1, 3, -1).float()
    found = make_physical(groups=["signal_to_noise"]).measure(x)
    assert list(found) == ["signal-to-noise P", "signal-to-noise S"]
    assert [value.item() for value in found.values()] == pytest.approx([2, 2], abs=0.05)


def test_s_picks_replace_the_estimate():
    x = bursts({(5.0, 2.0): (1, 0, 0), (5.0, 6.0): (1, 3, 3)}).expand(6, -1, -1)
    extractor = make_physical()
    estimated = extractor.measure(x)
    picks = torch.tensor([torch.nan, 5.0, 50.0, 1.0, -4.0, torch.inf])
    found = extractor.measure(x, picks)
    assert found["S-P"][:3].tolist() == [estimated["S-P"][0].item(), 3, 48]
    assert found["S-P"].isfinite().tolist() == [True, True, True, False, False, True]
    for name in ("P/S amplitude, band 3", "centroid S", "H/V of S"):
        assert found[name].isfinite().tolist() == [True, True, False, False, False, True]
        assert found[name][0] == found[name][5] == estimated[name][0]
    for name in ("centroid P", "complexity", "rise time", "quefrency"):
        torch.testing.assert_close(found[name], estimated[name])


@pytest.mark.parametrize("shape", [(5,), (6, 1), ()])
def test_the_number_of_picks_must_match_the_windows(shape):
    extractor = make_physical().fit(torch.randn(6, 3, 1200))
    for function in (extractor.measure, extractor):
        with pytest.raises(WindowError, match="s_arrivals must hold one time for each of 6 windows"):
            function(torch.randn(6, 3, 1200), torch.zeros(shape))


def test_s_is_only_estimated_where_a_whole_s_window_is_left():
    x = make_windows(0, 4, 300, 3)
    p = torch.tensor([0.0, 3.97, 3.99, 5.5], dtype=torch.float64)
    arrivals = make_arrivals(x, p, torch.full((4,), torch.nan), latest_p=5.5)
    assert arrivals.s.isfinite().tolist() == [True, True, False, False]
    assert make_arrivals(x, p, torch.full((4,), torch.nan), 5.5, s_length=7.0).s.isnan().all()
    dead = replace(arrivals, power=torch.zeros_like(arrivals.power))
    assert dead.with_s(torch.full((4,), torch.nan), LEAST).s.isnan().all()
