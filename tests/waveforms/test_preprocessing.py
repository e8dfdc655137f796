import json

import numpy as np
import pytest
import torch

from seisbench_lcl.errors import ConfigurationError, SamplingRateError
from seisbench_lcl.waveforms.preprocessing import Preprocessing

ALL = ["component-std", "component-peak", "joint-std", "joint-peak"]


def windows(n=4, seed=0):
    """Noise of unequal strength on the three components, with offsets."""
    noise = np.random.default_rng(seed).normal(size=(n, 3, 300))
    return torch.tensor(noise * [[1], [20], [0.1]] + [[5], [-3], [0]], dtype=torch.float32)


def slow_normalise(window, normalisation):
    """Normalise one window (C, T) sample by sample, in Python floats."""
    rows = [[float(v) for v in row] for row in window]
    if "std" in normalisation:
        rows = [[v - sum(row) / len(row) for v in row] for row in rows]
    groups = [[v for row in rows for v in row]] * len(rows) if "joint" in normalisation else rows
    scales = [(sum(v * v for v in g) / len(g)) ** 0.5 if "std" in normalisation else max(map(abs, g)) for g in groups]
    return [[v / scale for v in row] for row, scale in zip(rows, scales, strict=True)]


@pytest.mark.parametrize("normalisation", ALL)
class TestNormalise:
    def test_agrees_with_a_plain_loop(self, normalisation):
        x = windows()
        out = Preprocessing(normalisation=normalisation).normalise(x)
        assert out.dtype == torch.float32
        for window, found in zip(x, out, strict=True):
            np.testing.assert_allclose(found, slow_normalise(window, normalisation), atol=2e-6)

    @pytest.mark.parametrize("scale", [1e-12, 7.0, 1e12])
    def test_does_not_depend_on_units_and_leaves_its_input(self, normalisation, scale):
        x, normalise = windows(), Preprocessing(normalisation=normalisation).normalise
        before = x.clone()
        np.testing.assert_allclose(normalise(x * scale), normalise(x), atol=1e-5)
        assert torch.equal(x, before)

    def test_component_without_motion_stays_zero(self, normalisation):
        x = windows()
        x[:, 1] = 0
        x[0] = 0
        out = Preprocessing(normalisation=normalisation).normalise(x)
        assert torch.isfinite(out).all()
        assert (out[:, 1] == 0).all()
        assert (out[0] == 0).all()
        assert (out[1:, 0].std(dim=-1) > 0).all()

    def test_joint_scale_keeps_the_ratios_of_components(self, normalisation):
        x = windows() - windows().mean(dim=-1, keepdim=True)
        factor = (Preprocessing(normalisation=normalisation).normalise(x) / x).median(dim=-1).values
        spread = factor.max(dim=1).values / factor.min(dim=1).values
        assert (spread < 1.0001).all() if "joint" in normalisation else (spread > 50).all()


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float64])
def test_small_motion_on_a_huge_offset_survives(dtype):
    motion = np.round(100 * np.sin(2 * np.pi * 5 * np.arange(3000) / 100)).astype(dtype)
    out = Preprocessing().condition(motion + dtype(10**9), 100)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, Preprocessing().condition(motion, 100), atol=1e-3)
    np.testing.assert_allclose(out[300:-300], motion[300:-300], atol=1)


def test_record_below_the_band_is_refused_and_a_rounded_rate_is_not():
    preprocessing = Preprocessing(band=(1, 20))
    assert len(preprocessing.condition(np.arange(800.0), 40 - 1e-6)) == 2000
    with pytest.raises(SamplingRateError, match=r"sampled at 39 Hz.* reaches 20 Hz.* at least 40 Hz"):
        preprocessing.condition(np.zeros(800), 39)


def test_a_band_from_zero_removes_only_the_mean_and_what_is_too_fast():
    raw = 500 + np.random.default_rng(0).normal(size=3000).cumsum()  # drifts, which a high-pass would remove
    kept = Preprocessing(sampling_rate=50, in_samples=500, band=(0, 25)).condition(raw, 50)
    slow = np.fft.rfft(raw - raw.mean())[:200], np.fft.rfft(kept)[:200]  # below 3.3 Hz
    assert abs(kept.mean()) < 1e-2 * kept.std()
    np.testing.assert_allclose(slow[1][1:], slow[0][1:], rtol=1e-2)
    filtered = Preprocessing(sampling_rate=50, in_samples=500, band=(1, 25)).condition(raw, 50)
    assert filtered.std() < 0.3 * kept.std()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"band": (-1, 18)}, "band must satisfy 0 <= lowest"),
        ({"band": (0, 0)}, "band"),
        ({"band": (18, 1)}, "band"),
        ({"band": (1, 51)}, "50 Hz"),
        ({"band": (1, float("nan"))}, "band"),
        ({"sampling_rate": 0}, "positive sampling rate"),
        ({"before": 20}, "window of 20 s"),
        ({"before": -1}, "-1 s"),
        ({"in_samples": 0}, "0 samples"),
        ({"component_order": ""}, "component_order"),
        ({"component_order": "ZNZ"}, "'ZNZ'"),
        ({"normalisation": "zscore"}, "joint-peak.*'zscore'"),
    ],
)
def test_what_cannot_work_is_refused(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        Preprocessing(**arguments)


def test_dict_is_json_and_makes_the_same_again():
    preprocessing = Preprocessing(sampling_rate=50, in_samples=500, band=[2, 20], normalisation="joint-peak")
    assert Preprocessing(**json.loads(json.dumps(preprocessing.to_dict()))) == preprocessing
    assert preprocessing.seconds == 10


@pytest.mark.parametrize(
    ("order", "codes", "flexible", "rows"),
    [
        ("ZNE", "ZNE", True, {"Z": 0, "N": 1, "E": 2}),
        ("ZNE", "Z12", True, {"Z": 0, "1": 1, "2": 2}),
        ("Z12", "ZNE", True, {"Z": 0, "N": 1, "E": 2}),
        ("ZNE", "Z12", False, {"Z": 0}),
        ("ZNE", "Z", True, {"Z": 0}),
        ("Z", "ZNE", True, {"Z": 0}),
        ("ZNE", "ZN1E", True, {"Z": 0, "N": 1, "1": 1, "E": 2}),
        ("ZNE", "ZN1E", False, {"Z": 0, "N": 1, "E": 2}),
        ("ZNE", "3FH", True, {}),
    ],
)
def test_component_codes_find_their_rows(order, codes, flexible, rows):
    assert Preprocessing(component_order=order).component_rows(set(codes), flexible) == rows


@pytest.mark.parametrize("normalisation", ["component-std", "joint-std"])
def test_a_constant_component_is_zero_whatever_its_level(normalisation: str) -> None:
    windows = torch.full((1, 2, 500), 7.1)
    windows[0, 1] = torch.randn(500, generator=torch.Generator().manual_seed(0))
    out = Preprocessing(in_samples=500, component_order="ZN", normalisation=normalisation).normalise(windows)
    assert (out[0, 0] == 0).all()
    assert out[0, 1].std() > 0.1
