import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.optim.augmentations import (
    AUGMENTATIONS,
    BandPass,
    BandStop,
    Chain,
    ComponentDrop,
    Noise,
    Scaling,
    TimeShift,
)

NEEDED = {"seisbench": {"augmentations": {"RotateHorizontalComponents": {}, "GaussianNoise": {"scale": [0, 0.1]}}}}


def made(name, **arguments):
    return Chain.from_config({name: NEEDED.get(name, {}) | arguments}).steps[0]


def gaussian(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def drawn(augment, windows, rate=100.0, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return augment(windows, rate)


def strength(windows):
    return windows.square().mean(dim=-1).sqrt()


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_an_augmentation_changes_a_fraction_of_the_windows_and_never_its_input(name):
    windows = gaussian(200, 3, 500)
    before = windows.clone()
    augment = made(name, probability=0.3)
    augmented = drawn(augment, windows)
    assert torch.equal(windows, before)
    assert augmented.shape == windows.shape
    assert augmented.dtype == torch.float32
    assert torch.isfinite(augmented).all()
    changed = (augmented != windows).flatten(1).any(dim=1)
    assert 0.15 < changed.float().mean() < 0.45
    assert torch.equal(drawn(augment, windows), augmented)
    assert not torch.equal(drawn(augment, windows, seed=1), augmented)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_each_window_is_changed_differently(name):
    windows = gaussian(1, 3, 500).expand(8, -1, -1)
    augmented = drawn(made(name, probability=1.0), windows)
    assert len(torch.unique(augmented.flatten(1), dim=0)) > (1 if name == "component_drop" else 7)


@given(name=st.sampled_from(list(AUGMENTATIONS)), n=st.integers(0, 3), c=st.integers(1, 4), t=st.integers(401, 800))
def test_every_accepted_shape_is_preserved(name, n, c, t):
    augment = made(name, probability=1.0)
    try:
        augment.check(c, t, 100.0)
    except ConfigurationError:
        assert (name, c) in {("seisbench", 1), ("seisbench", 2)}  # no horizontal components to rotate
        return
    assert drawn(augment, gaussian(n, c, t)).shape == (n, c, t)


def test_scaling_multiplies_windows_and_components_within_its_ranges():
    windows = gaussian(300, 3, 50)
    ratio = drawn(Scaling(window=(0.1, 10), component=(1, 1), probability=1), windows) / windows
    torch.testing.assert_close(ratio, ratio[:, :1, :1].expand_as(ratio))
    exponents = ratio[:, 0, 0].log10()
    assert -1 <= exponents.min() < -0.9
    assert 0.9 < exponents.max() <= 1
    assert abs(exponents.mean()) < 0.1
    ratio = drawn(Scaling(window=(1, 1), component=(0.5, 2), probability=1), windows) / windows
    torch.testing.assert_close(ratio, ratio[..., :1].expand_as(ratio))
    assert (ratio[:, 0, 0] - ratio[:, 1, 0]).abs().mean() > 0.1
    assert 0.5 <= ratio.min() < ratio.max() <= 2 + 1e-5


def test_noise_has_the_level_and_the_spectrum_of_each_component():
    time = torch.arange(2000) / 100
    scale = torch.tensor([1.0, 10.0, 0.0])[:, None]
    windows = (scale * sum(torch.sin(2 * torch.pi * f * time) for f in range(2, 12))).expand(400, -1, -1)
    noise = drawn(Noise(level=(0.3, 0.3), probability=1), windows) - windows
    relative = strength(noise)[:, :2] / strength(windows)[:, :2]
    torch.testing.assert_close(relative.square().mean(dim=0).sqrt(), torch.tensor([0.3, 0.3]), rtol=0.05, atol=0)
    assert (noise[:, 2] == 0).all()
    spectrum = torch.fft.rfft(noise[:, 0]).abs().square().mean(dim=0)
    lines = spectrum[20 * torch.arange(2, 12)]  # a line each 20 bins of 0.05 Hz
    assert lines.sum() > 0.999 * spectrum.sum()
    assert lines.max() < 1.6 * lines.min()


@pytest.mark.parametrize("augmentation", [BandPass, BandStop])
def test_bands_are_those_of_a_slow_filter(augmentation):
    windows, rate, n = gaussian(6, 2, 60), 50.0, 60
    time = np.arange(n)
    augment = augmentation(frequencies=(2.0, 16.0), octaves=(0.5, 1.5), probability=1)
    filtered = drawn(augment, windows, rate)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.rand(6)  # which windows are changed
        widths = 0.5 + torch.rand(6, 1, 1)
        lows = 1 + (3 - widths) * torch.rand(6, 1, 1)
    for i, (low, width) in enumerate(zip(lows.flatten().tolist(), widths.flatten().tolist(), strict=True)):
        for j in range(2):
            samples, expected = windows[i, j].double().numpy(), np.zeros(n)
            for k in range(-n, n):  # frequencies of the window and as many zeros
                octave = math.log2(abs(k) * rate / (2 * n)) if k else -math.inf
                outside = min(max(low - octave, octave - low - width, 0) / 0.5, 1)
                gain = (1 + math.cos(math.pi * outside)) / 2
                wave = np.exp(2j * np.pi * k * time / (2 * n))
                amplitude = (wave.conj() * samples).sum() / (2 * n)
                expected += (gain if augmentation is BandPass else 1 - gain) * (amplitude * wave).real
            np.testing.assert_allclose(filtered[i, j].numpy(), expected, atol=1e-5)


def test_bands_stay_within_their_frequencies_and_have_their_width():
    time = torch.arange(4000) / 100
    tones = torch.stack([torch.sin(2 * torch.pi * f * time) for f in (0.35, 4.0, 36.0)])[:, None]

    def gains(augmentation):
        windows = tones.repeat(100, 1, 1)
        filtered = drawn(augmentation(frequencies=(1, 18), octaves=(1.5, 1.5), probability=1), windows)
        return (strength(filtered) / strength(windows)).reshape(100, 3)

    passed, stopped = gains(BandPass), gains(BandStop)
    assert passed[:, [0, 2]].max() < 0.1
    assert stopped[:, [0, 2]].min() > 0.9
    for gain in (passed[:, 1], 1 - stopped[:, 1]):
        assert gain.min() < 0.05
        assert gain.max() > 0.95
        assert 0.4 < (gain > 0.5).float().mean() < 0.95  # half the positions of a band of 1.5 octaves, plus its edges


@given(seconds=st.floats(0.05, 0.99), rate=st.sampled_from([20.0, 100.0]), seed=st.integers(0, 99))
def test_time_shift_mirrors_the_samples_at_the_edge(seconds, rate, seed):
    windows = gaussian(4, 2, round(rate) + 1, seed=seed)
    augment = TimeShift(seconds=seconds, probability=1)
    augment.check(2, windows.shape[-1], rate)
    largest = round(seconds * rate)
    for window, shifted in zip(windows, drawn(augment, windows, rate, seed), strict=True):
        wide = np.pad(window.numpy(), ((0, 0), (largest, largest)), mode="reflect")
        places = np.lib.stride_tricks.sliding_window_view(wide, windows.shape[-1], axis=1).swapaxes(0, 1)
        assert (places == shifted.numpy()).all(axis=(1, 2)).sum() == 1


def test_component_drop_leaves_one_component_or_more():
    windows = gaussian(300, 3, 20)
    augmented = drawn(ComponentDrop(probability=1), windows)
    kept = (augmented == windows).all(dim=-1)
    assert ((augmented == 0).all(dim=-1) | kept).all()
    assert set(kept.sum(dim=1).tolist()) == {1, 2}
    assert (kept.float().mean(dim=0) - 0.5).abs().max() < 0.1
    single = windows[:, :1]
    assert torch.equal(drawn(ComponentDrop(probability=1), single), single)


def test_a_chain_is_its_augmentations_in_turn_and_survives_json():
    config = {"time_shift": {"seconds": 1.0}, "seisbench": NEEDED["seisbench"], "scaling": {"window": [1, 2]}}
    chain = Chain.from_config(config)
    assert [step.name for step in chain.steps] == list(config)
    again = Chain.from_config(json.loads(json.dumps(chain.config())))
    assert again == chain
    assert again.config() == chain.config()
    windows = gaussian(5, 3, 300)

    def in_turn(windows, rate):
        for step in chain.steps:
            windows = step(windows, rate)
        return windows

    assert torch.equal(drawn(again, windows), drawn(in_turn, windows))
    assert Chain.from_config({})(windows, 100.0) is windows


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"shift": {}}, "no augmentation 'shift'; available: scaling, noise, band_pass, band_stop, time_shift, comp"),
        ({"noise": {"levels": [0, 1]}}, "noise has no argument levels; its arguments are level, probability"),
        ({"noise": {"level": [1, 0]}}, r"noise: level must be two ascending numbers of at least 0, but is \[1,"),
        ({"noise": {"level": 0.5}}, "noise: level must be two ascending numbers"),
        ({"scaling": {"window": [0, 1]}}, "scaling: window must be two ascending numbers of at least 0.001"),
        ({"band_stop": {"octaves": [1, torch.nan]}}, "band_stop: octaves must be two ascending numbers"),
        ({"time_shift": {"seconds": 0}}, "time_shift: seconds must be positive, but is 0"),
        ({"scaling": {"probability": 0}}, "probability must be above 0 and at most 1, but is 0; to switch"),
        ({"seisbench": {}}, "seisbench needs augmentations"),
    ],
)
def test_errors_in_a_configuration_are_named(config, message):
    with pytest.raises(ConfigurationError, match=message):
        Chain.from_config(config)


def test_windows_that_cannot_be_augmented_are_refused():
    with pytest.raises(ConfigurationError, match=r"up to 3 octaves, but the range from 1 Hz to 4 Hz .* has 2\.00"):
        Chain.from_config({"band_pass": {}}).check(3, 2000, 10.0)
    with pytest.raises(ConfigurationError, match=r"has 0\.00"):
        BandStop().check(3, 2000, 1.0)
    with pytest.raises(ConfigurationError, match=r"by up to 2 s, but they are only 1\.5 s long"):
        TimeShift().check(3, 150, 100.0)
