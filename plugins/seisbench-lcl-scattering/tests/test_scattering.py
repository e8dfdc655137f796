import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from seisbench_lcl_scattering import Scattering, ScatteringRidge

import seisbench_lcl as lcl
from seisbench_lcl.errors import ConfigurationError, WindowError
from seisbench_lcl.testing import parametrize_with_checks

RATE = 50.0
SAMPLES = 400


def noise(n, n_components=3, n_samples=SAMPLES, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=(n, n_components, n_samples)).astype(np.float32))


def time():
    return np.arange(SAMPLES) / RATE


def alone(signal):
    return torch.from_numpy(np.asarray(signal, dtype=np.float32))[None, None]


def slow_filter(frequency, ratio, n):
    """Return one period of a Morlet wavelet by its Fourier sum, term by term."""
    bandwidth = 2 * (1 - ratio) / (1 + ratio) * frequency
    width = bandwidth / 2 / math.sqrt(math.log(2))
    wavelet = np.zeros(n, dtype=complex)
    peak = 1 - math.exp(-((frequency / width) ** 2))
    for k in range(1, n // 2 + 1):
        f = k * RATE / n
        gain = math.exp(-((f - frequency) ** 2) / 2 / width**2)
        gain -= math.exp(-(frequency**2) / 2 / width**2) * math.exp(-(f**2) / 2 / width**2)
        wavelet += 2 * gain / peak * np.exp(2j * math.pi * k * np.arange(n) / n) / n
    return wavelet


def slow_modulus(signal, wavelet):
    n = len(signal)
    return np.array([abs(sum(wavelet[(t - s) % n] * signal[s] for s in range(n))) for t in range(n)])


def slow_scattering(window, extractor, pool):
    """Return all coefficients of a window (C, T) at the full sampling rate, without logarithms."""
    first_ratio, second_ratio = (2 ** (-1 / q) for q in extractor.resolution)
    rows = []
    for component in window.astype(float):
        component = component - component.mean()
        period = np.concatenate([component, component[::-1]])
        moduli = {f: slow_modulus(period, slow_filter(f, first_ratio, len(period))) for f in extractor.frequencies}
        rows += [pool(moduli[f]) for f in extractor.frequencies]
        for f1, f2 in extractor.paths:
            second = slow_modulus(moduli[f1], slow_filter(f2, second_ratio, len(period)))
            rows.append(pool(second) / pool(moduli[f1]))
    return np.array(rows)


@pytest.mark.parametrize(("pooling", "pool"), [("mean", np.mean), ("max", np.max)])
@pytest.mark.parametrize(("n_samples", "resolution"), [(64, (2, 1)), (75, (3, 2))])
def test_the_transform_agrees_with_a_slow_reference(pooling, pool, n_samples, resolution):
    windows = 1000 * noise(1, 2, n_samples).cumsum(dim=-1) + 5e4
    extractor = Scattering(2, n_samples, RATE, resolution=resolution, pooling=pooling, log=False)
    assert extractor.paths
    expected = slow_scattering(windows[0].numpy(), extractor, pool)
    np.testing.assert_allclose(extractor(windows)[0], expected, rtol=0.02 if pooling == "max" else 0.005)
    logarithms = Scattering(2, n_samples, RATE, resolution=resolution, pooling=pooling)(windows)[0]
    np.testing.assert_allclose(logarithms, np.log(expected), atol=0.02)


def test_the_median_ignores_a_transient():
    steady = np.sin(2 * np.pi * 5 * time())
    burst = steady + 500 * (np.abs(time() - 4) < 0.1)
    changes = {}
    for pooling in ("median", "max"):
        extractor = Scattering(1, SAMPLES, RATE, order=1, pooling=pooling)
        nearest = int(np.argmin(np.abs(np.array(extractor.frequencies) - 5)))
        changes[pooling] = float((extractor(alone(burst)) - extractor(alone(steady)))[0, nearest])
    assert abs(changes["median"]) < 0.2 < 1 < changes["max"]


@settings(max_examples=25, deadline=None)
@given(factor=st.floats(-25, 25).map(lambda e: 10**e), offset=st.floats(-1e3, 1e3), sign=st.sampled_from([-1, 1]))
def test_a_scale_shifts_the_first_order_and_keeps_the_second(factor, offset, sign):
    extractor = Scattering(3, SAMPLES, RATE)
    windows = noise(2)
    plain = extractor(windows).unflatten(1, (3, -1))
    scaled = extractor((sign * factor * (windows.double() + offset)).float()).unflatten(1, (3, -1))
    n_first = len(extractor.frequencies)
    # An offset of 1000 times the signal costs three of the seven digits.
    torch.testing.assert_close(scaled[..., :n_first], plain[..., :n_first] + math.log(factor), atol=0.02, rtol=1e-5)
    torch.testing.assert_close(scaled[..., n_first:], plain[..., n_first:], atol=0.02, rtol=0)


@settings(max_examples=25, deadline=None)
@given(frequency=st.floats(2, 20), shift=st.integers(1, 5))
def test_a_small_delay_of_a_wavelet_changes_little(frequency, shift):
    def at(seconds):
        return np.exp(-(((time() - seconds) / 0.5) ** 2)) * np.sin(2 * np.pi * frequency * (time() - seconds))

    extractor = Scattering(1, SAMPLES, RATE)
    early, late = extractor(alone(at(4.0))), extractor(alone(at(4.0 + shift / RATE)))
    # The largest differences are in bands 60 dB below the wavelet.
    assert (early - late).abs().max() < 0.3
    assert (early - late).abs().mean() < 0.015


@settings(max_examples=25, deadline=None)
@given(frequency=st.floats(1, 20), amplitude=st.floats(0.1, 100), phase=st.floats(0, 6))
def test_a_sine_is_found_at_its_frequency_with_its_amplitude(frequency, amplitude, phase):
    extractor = Scattering(1, SAMPLES, RATE, order=1, log=False)
    found = extractor(alone(amplitude * np.sin(2 * np.pi * frequency * time() + phase)))[0]
    distances = np.abs(np.log2(np.array(extractor.frequencies) / frequency))
    strongest = int(found.argmax())
    assert distances[strongest] <= min(distances) + 1 / 8  # its own band, or the next one if it is between two
    assert 0.6 < found[strongest] / amplitude < 1.1


@pytest.mark.parametrize("depth", [0.1, 0.5, 0.9])
def test_the_second_order_is_the_depth_of_the_modulation(depth):
    extractor = Scattering(1, SAMPLES, RATE, log=False)
    paths = np.array(extractor.paths)
    row = int(np.argmax(np.where(paths[:, 1] < paths[:, 0] / 12, paths[:, 1], 0)))  # within the band of f1
    f1, f2 = paths[row]
    signal = (1 + depth * np.cos(2 * np.pi * f2 * time())) * np.sin(2 * np.pi * f1 * time())
    found = extractor(alone(signal))[0, len(extractor.frequencies) + row]
    assert found == pytest.approx(depth, rel=0.15)


def test_an_impulse_and_noise_of_one_amplitude_differ_in_the_second_order():
    extractor = Scattering(1, SAMPLES, RATE)
    impulse = np.zeros(SAMPLES)
    impulse[SAMPLES // 2] = 1
    fast = [k + len(extractor.frequencies) for k, (f1, f2) in enumerate(extractor.paths) if f2 < f1 / 8]
    stationary = extractor(noise(20, 1))[:, fast].mean(dim=0)
    assert (extractor(alone(impulse))[0, fast] > stationary + 0.3).all()


@pytest.mark.parametrize("order", [1, 2])
def test_windows_without_motion_have_finite_features(order):
    windows = noise(4)
    windows[0] = 0
    windows[1] = 12345.678
    windows[2, 1] = -3.21e7
    extractor = Scattering(3, SAMPLES, RATE, order=order, floor=(1e-3, 1e-1))
    found = extractor(windows)
    assert torch.isfinite(found).all()
    by_component = found.unflatten(1, (3, -1))
    n_first = len(extractor.frequencies)
    assert torch.equal(by_component[:2, :, :n_first], torch.full((2, 3, n_first), math.log(1e-3)))
    assert torch.equal(by_component[:3, 1, n_first:], torch.full((3, len(extractor.paths)), math.log(1e-1)))
    by_component = by_component[2]
    largest = by_component[:, :n_first].max()
    torch.testing.assert_close(by_component[1, :n_first], (largest + math.log(1e-3)).expand(n_first))
    assert (Scattering(3, SAMPLES, RATE, log=False)(torch.zeros(1, 3, SAMPLES)) == 0).all()


def test_features_are_named_and_counted():
    extractor = Scattering(3, 2000, 100.0, frequency_range=(1, 18), component_order="ZNE")
    assert extractor.n_features == len(extractor.feature_names) == len(set(extractor.feature_names))
    assert extractor.n_features == 3 * (len(extractor.frequencies) + len(extractor.paths))
    assert extractor.feature_names[0].startswith("Z, ")
    assert 200 < extractor.n_features < 500
    assert all(1 < f < 18 for f in extractor.frequencies)
    assert all(f2 <= f1 / 5.5 for f1, f2 in extractor.paths)
    assert not extractor.state_dict()


def test_octaves_are_counted_from_the_highest():
    extractor = Scattering(1, 2000, 100.0, octaves=[3, 2], resolution=[8, 2])
    assert (len(extractor.frequencies), len(extractor.modulations)) == (24, 4)
    assert extractor.frequencies[8] == pytest.approx(extractor.frequencies[0] / 2)
    again = Scattering(1, 2000, 100.0, **json.loads(json.dumps(extractor.config())))
    assert again.feature_names == extractor.feature_names


def test_blocks_do_not_change_results(monkeypatch):
    extractor, windows = Scattering(3, SAMPLES, RATE), noise(7)
    expected = extractor(windows)
    monkeypatch.setattr("seisbench_lcl_scattering.scattering._BLOCK", 2 * 3 * SAMPLES)
    torch.testing.assert_close(extractor(windows), expected)
    assert extractor(windows[:0]).shape == (0, extractor.n_features)


def test_short_windows_lack_a_second_order_and_shorter_ones_are_refused():
    assert not Scattering(1, 10, RATE).paths
    assert torch.isfinite(Scattering(1, 10, RATE)(noise(3, 1, 10))).all()
    with pytest.raises(WindowError, match=r"with 4 wavelets per octave, none fits the window: windows of 0\.02 s"):
        Scattering(1, 1, RATE)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"pooling": "sum"}, ConfigurationError, "pooling must be one of mean, max, median, but is 'sum'"),
        ({"order": 3}, ConfigurationError, "order must be 1 or 2, but is 3"),
        ({"floor": [0.0, 0.1]}, ConfigurationError, "floor must be two numbers between 0 and 1"),
        ({"floor": [0.1, math.nan]}, ConfigurationError, "floor must be two numbers between 0 and 1"),
        ({"resolution": [4]}, ConfigurationError, "resolution must be two positive whole numbers, but is"),
        ({"resolution": [0, 1]}, ConfigurationError, "resolution must be two positive whole numbers, but is"),
        ({"octaves": [1.5, None]}, ConfigurationError, "octaves must be two positive whole numbers, or None, but is"),
        ({"octaves": [12, None]}, WindowError, "12 octaves below .* use longer windows, fewer octaves"),
        ({"octaves": [None, 9]}, WindowError, "9 octaves below .* use longer windows, fewer octaves"),
        ({"frequency_range": [1, 26]}, ConfigurationError, "0 <= lowest < highest <= 25 Hz, half the sampling rate"),
        ({"frequency_range": [5, 2]}, ConfigurationError, "frequency_range must be two frequencies"),
        ({"frequency_range": [3]}, ConfigurationError, "frequency_range must be two frequencies"),
        (
            {"frequency_range": [10, 12]},
            ConfigurationError,
            "4 wavelets per octave, none fits .* wider freq",
        ),
        ({"frequency_range": [0, 0.1]}, WindowError, "4 wavelets per octave, none fits the window.* longer windows"),
        ({"component_order": "ZN"}, ConfigurationError, "component_order must have 3 letters, but is 'ZN'"),
    ],
)
def test_wrong_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        Scattering(3, SAMPLES, RATE, **arguments)


def test_a_model_learns_and_is_saved_and_loaded(tmp_path):
    tremor = noise(12, 3).numpy()
    impulses = 0.05 * tremor
    impulses[:, :, 200:206] += 3
    windows = np.concatenate([tremor, impulses])
    labels = ["tremor"] * 12 + ["earthquake"] * 12
    model = ScatteringRidge(labels=["earthquake", "tremor"], sampling_rate=RATE, in_samples=SAMPLES, band=(1, 20)).fit(
        windows, labels
    )
    probabilities = model.predict_proba(windows)
    assert (probabilities.argmax(axis=1) == [1] * 12 + [0] * 12).all()
    assert model.extractor.feature_names[0].startswith("Z, ")
    model.save(tmp_path / "w")
    loaded = ScatteringRidge.load(tmp_path / "w")
    np.testing.assert_array_equal(loaded.predict_proba(windows), probabilities)
    assert loaded.extractor.config() == model.extractor.config()


@pytest.mark.parametrize("expression", ["scattering+physical", "envelope>scattering", "component-std>scattering"])
def test_it_works_in_expressions(expression):
    model = lcl.Discriminator(expression, "ridge", labels=["a", "b"], in_samples=1000, sampling_rate=RATE)
    windows = noise(8, n_samples=1000).numpy()
    assert np.isfinite(model.fit(windows, list("abababab")).predict_proba(windows)).all()


def test_the_examples_of_the_readme_run(capsys):
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    exec("\n".join(re.findall(r"```python\n(.*?)```", readme, re.DOTALL)), {})
    assert "['Z, 14.1 Hz', 'Z, 11.8 Hz']" in capsys.readouterr().out


@parametrize_with_checks([Scattering])
def test_conformance(check):
    check()
