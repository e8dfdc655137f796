import json
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seisbench_lcl.errors import ConfigurationError, NotFittedError, WindowError
from seisbench_lcl.extractors import Physical
from seisbench_lcl.extractors.physical import DEFAULT_GROUPS, GROUPS

RATE, N = 50.0, 500  # windows of ten seconds


def noise(n, n_components=3, n_samples=N, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=(n, n_components, n_samples)).astype(np.float32))


def events(n, p=2.0, s=5.0, seed=0):
    """Noise, P, and S on the horizontal components."""
    t = torch.arange(N) / RATE
    gain = 0.01 + (t >= p) + torch.tensor([1.0, 5.0, 5.0])[:, None] * (t >= s) * torch.exp(-(t - s).clamp_min(0))
    return noise(n, seed=seed) * gain


def make(n_components=3, n_samples=N, rate=RATE, **arguments):
    return Physical(n_components, n_samples, rate, **arguments)


def halves(extractor, windows):
    """Return the features and their indicators by name."""
    values, indicators = extractor(windows).chunk(2, dim=1)
    names = extractor.feature_names
    return dict(zip(names, values.T, strict=True)), dict(zip(names, indicators.T, strict=True))


def test_the_default_features():
    extractor = make()
    assert extractor.n_features == 2 * len(extractor.feature_names) == 38
    assert not any("noise" in name for name in extractor.feature_names)
    assert DEFAULT_GROUPS == tuple(name for name in GROUPS if name != "signal_to_noise")
    assert make(groups=GROUPS).feature_names[-2:] == ["signal-to-noise P", "signal-to-noise S"]


@pytest.mark.parametrize("group", GROUPS)
def test_each_group_alone_is_what_it_is_among_others(group):
    x = events(5)
    alone, together = make(groups=[group]).measure(x), make(groups=GROUPS).measure(x)
    assert alone
    for name, column in alone.items():
        assert column.dtype == torch.float64
        assert torch.equal(column, together[name])


def test_groups_come_in_the_order_they_are_asked_for():
    names = make(groups=["complexity", "s_minus_p"]).feature_names
    assert names == ["complexity", "S-P"]


@given(st.floats(-9, 9), st.integers(0, 1000))
def test_gain_does_not_matter(power, seed):
    x = torch.cat([events(3, seed=seed), noise(2, seed=seed)])
    extractor = make(groups=GROUPS).fit(x)
    torch.testing.assert_close(extractor(x * 10**power), extractor(x), atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_units_do_not_matter_where_squares_leave_single_precision(scale):
    x = events(4)
    extractor = make(groups=GROUPS).fit(x)
    torch.testing.assert_close(extractor(scale * x), extractor(x), atol=2e-3, rtol=1e-3)


def spike(row, at):
    x = torch.zeros(1, 3, N)
    x[0, row, at] = 1.0
    return x


@pytest.mark.parametrize(
    ("arguments", "windows"),
    [
        ({}, noise(4)),
        ({}, torch.zeros(4, 3, N)),
        ({}, torch.full((2, 3, N), 3e38)),
        ({}, torch.cat([spike(row, at) for row in range(3) for at in (0, 99, 100, 250, N - 1)])),
        ({}, torch.cat([events(2)[:, :1], torch.zeros(2, 2, N)], dim=1)),
        ({"n_components": 1}, noise(4, 1)),
        ({"n_components": 2}, noise(4, 2)),
        ({"n_components": 2, "component_order": "ZN"}, noise(4, 2)),
        ({"n_components": 4}, noise(4, 4)),
        ({"bands": [(2, 4), (20, 40)]}, events(4)),
        ({"rate": 20.0}, noise(4)),
        ({"rate": 37.3, "n_samples": 401}, noise(4, n_samples=401)),
        ({"n_samples": 151, "before": 0.5}, noise(4, n_samples=151)),
        ({"n_samples": 151, "before": 3.0}, noise(4, n_samples=151)),
        ({"before": 0.0}, events(4)),
        ({"before": 9.9}, events(4)),
        ({"before": 9.9, "refine": 3.0}, events(4)),
        ({"s_length": 20.0, "p_length": 20.0, "least_s_minus_p": 30.0}, events(4)),
        ({"frequency_range": (0.2, 0.6), "bands": [(2, 4)]}, events(4)),
        ({"frequency_range": (30.0, 90.0), "bands": [(2, 4)]}, events(4)),
    ],
)
@pytest.mark.parametrize("picked", [False, True])
def test_features_are_finite_whatever_the_window_holds(arguments, windows, picked):
    extractor = make(**arguments, groups=GROUPS).fit(windows)
    picks = torch.tensor([torch.nan, -torch.inf, 3.0, 1e30]).repeat(4)[: len(windows)] if picked else None
    features = extractor(windows, picks)
    assert features.shape == (len(windows), extractor.n_features)
    assert features.isfinite().all()
    values, indicators = features.chunk(2, dim=1)
    assert ((indicators == 0) | (indicators == 1)).all()
    assert (values == extractor.medians)[indicators == 1].all()


def test_undefined_features_are_the_training_median_and_indicated():
    x = events(9)
    extractor = make(groups=["amplitude_ratios", "s_minus_p", "polarisation"]).fit(x)
    measured = extractor.measure(x)
    for name, median in zip(measured, extractor.medians.tolist(), strict=True):
        assert median == pytest.approx(np.median(measured[name]))
    values, indicators = halves(extractor, torch.cat([x, torch.zeros(1, 3, N)]))
    for k, name in enumerate(measured):
        assert torch.equal(values[name][:9], measured[name].float())
        assert values[name][9] == extractor.medians[k]
        assert indicators[name].tolist() == [0] * 9 + [1]


def test_the_median_is_of_the_windows_that_have_the_feature():
    x = torch.cat([events(5), torch.zeros(20, 3, N)])
    extractor = make().fit(x)
    torch.testing.assert_close(extractor.medians, make().fit(x[:5]).medians, atol=1e-5, rtol=0)


def test_a_band_above_half_the_sampling_rate_is_undefined_in_all_windows():
    extractor = make(bands=[(2, 4), (20, 40)]).fit(events(5))
    values, indicators = halves(extractor, events(5))
    assert not values["P/S amplitude, band 2"].any()
    assert indicators["P/S amplitude, band 2"].all()
    assert not indicators["P/S amplitude, band 1"].any()


@pytest.mark.parametrize("frequency_range", [(0.2, 0.6), (5, 12)])  # too few frequencies, too few octaves
def test_a_narrow_band_holds_no_cepstrum(frequency_range):
    extractor = make(bands=[(2, 4)], frequency_range=frequency_range)
    measured = extractor.measure(events(3))
    assert measured["cepstral peak"].isnan().all()
    assert measured["quefrency"].isnan().all()
    assert measured["centroid P"].isfinite().all()


@pytest.mark.parametrize(("n_components", "order"), [(1, None), (2, None), (2, "ZN"), (3, "NEX")])
def test_the_ratio_of_components_needs_a_vertical_and_two_horizontals(n_components, order):
    extractor = make(n_components, component_order=order)
    measured = extractor.measure(noise(3, n_components))
    assert measured.pop("H/V of S").isnan().all()
    assert all(column.isfinite().all() for column in measured.values())


def test_the_order_of_components_is_known():
    x = events(5)
    for order in ("ZNE", "NEZ", "ENZ"):
        measured = make(component_order=order).measure(x[:, ["ZNE".index(code) for code in order]])
        torch.testing.assert_close(measured, make().measure(x), atol=1e-3, rtol=1e-3)


def test_refinement_finds_a_p_that_is_a_second_off():
    late, right = events(6, p=3.0, s=6.0), make(before=3.0, groups=GROUPS)
    unrefined = make(before=2.0, groups=GROUPS).measure(late)
    for before in (2.0, 3.0, 4.0):
        refined = make(before=before, refine=1.2, groups=GROUPS)
        np.testing.assert_allclose(refined._onsets(late[:, 0]), 3, atol=0.1)
        found, expected = refined.measure(late), right.measure(late)
        for name in ("S-P", "signal-to-noise P", "P/S amplitude, band 3", "half time"):
            np.testing.assert_allclose(found[name], expected[name], atol=0.15)
    assert (unrefined["S-P"] - right.measure(late)["S-P"]).abs().max() > 0.9


@pytest.mark.parametrize("arguments", [{}, {"refine": 1.5}, {"before": 4.0, "refine": 2.0}])
def test_windows_do_not_depend_on_their_batch_nor_on_its_order(arguments):
    """Even if the onset of one window leaves less time after P than that of another."""
    x = torch.cat([events(40, p=1.2), events(40, p=3.0, seed=1)])
    extractor = make(**arguments).fit(x)
    together = extractor(x)
    assert torch.equal(extractor(x), together)
    order = torch.randperm(80, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(extractor(x[order]), together[order], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(torch.cat([extractor(row[None]) for row in x]), together, atol=1e-4, rtol=1e-4)
    assert extractor(x[:0]).shape == (0, extractor.n_features)
    picks = torch.linspace(3, 8, 80)
    expected = extractor(x, picks)[order]
    torch.testing.assert_close(extractor(x[order], picks[order]), expected, atol=1e-4, rtol=1e-4)


def test_nan_picks_are_no_picks():
    x = events(5)
    extractor = make().fit(x)
    assert torch.equal(extractor(x, torch.full((5,), torch.nan)), extractor(x))
    assert extractor(x, torch.full((5,), 4.0))[:, extractor.feature_names.index("S-P")].tolist() == [2] * 5


def test_it_is_fitted_before_it_is_used_and_travels():
    x = events(5)
    extractor = make(bands=[(2, 4), (4, 12)], groups=["spectra", "cepstrum"], refine=0.5, component_order="ENZ")
    with pytest.raises(NotFittedError, match=r"Physical is not fitted: call fit\(windows\) first"):
        extractor(x)
    expected = extractor.fit(x)(x)
    assert list(extractor.state_dict()) == ["medians"]
    loaded = make(**json.loads(json.dumps(extractor.config())))
    loaded.load_state_dict(extractor.state_dict())
    assert torch.equal(loaded(x), expected)
    assert torch.equal(pickle.loads(pickle.dumps(extractor))(x), expected)
    assert loaded.config() == extractor.config()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"groups": ["spectra", "colour"]}, ConfigurationError, r"groups must be from .*, but are \['colour'\]"),
        ({"groups": []}, ConfigurationError, "groups must be from .*, but are none"),
        ({"p_length": 0}, ConfigurationError, "must be positive, and refine not negative, but are 1.0, 0.0, 3.0"),
        ({"s_length": float("inf")}, ConfigurationError, "must be positive"),
        ({"refine": -1}, ConfigurationError, "refine not negative"),
        ({"least_s_minus_p": float("nan")}, ConfigurationError, "must be positive"),
        ({"p_length": 0.01}, ConfigurationError, "must be at least 0.04 s, one sample"),
        ({"component_order": "ZN"}, ConfigurationError, "component_order must name 3 components, but is 'ZN'"),
        ({"bands": [(2, 1)]}, ConfigurationError, "0 < lowest < highest"),
        ({"frequency_range": (5, 1), "bands": [(1, 2)]}, ConfigurationError, "frequency_range must be two"),
        ({"frequency_range": (1,)}, ConfigurationError, "frequency_range must be two"),
        ({"before": 10.0}, WindowError, "P must be inside the window of 10 s"),
        ({"before": -0.1}, WindowError, "P must be inside the window of 10 s"),
        ({"n_samples": 100, "before": 1.0}, WindowError, "use longer windows or higher bands"),
    ],
)
def test_invalid_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        make(**arguments)
