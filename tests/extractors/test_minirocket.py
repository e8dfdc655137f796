import copy
import pickle
import threading
from types import FunctionType

import numpy as np
import obspy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from seisbench_lcl.errors import ConfigurationError, NotFittedError, WindowError
from seisbench_lcl.extractors import MiniRocket, _minirocket_torch
from seisbench_lcl.extractors._minirocket_kernels import TAPS

UNIT_ROUNDOFF = 2.0**-24  # of float32


def gaussian(shape, seed=0, scale=1.0):
    return torch.from_numpy((scale * np.random.default_rng(seed).normal(size=shape)).astype(np.float32))


def seismograms(n_samples, n_components=3):
    """Overlapping windows of ObsPy's bundled local earthquake, demeaned, standard deviation 1."""
    data = np.stack([trace.data.astype(float) for trace in obspy.read()])[:n_components]
    starts = range(0, data.shape[1] - n_samples + 1, 100)
    windows = np.stack([data[:, start : start + n_samples] for start in starts])
    windows -= windows.mean(axis=-1, keepdims=True)
    return torch.from_numpy((windows / windows.std(axis=-1, keepdims=True)).astype(np.float32))


def valid_only(model, d, k):
    """Return whether a kernel has outputs only where all nine taps are inside the window."""
    return (d + k) % 2 if model.padding == "alternate" else 1 + 0 * k


def positions(model):
    """Return the number of samples that each feature counts."""
    return np.concatenate(
        [
            np.repeat(model.in_samples - valid_only(model, d, np.arange(84)) * 8 * dilation, n_biases)
            for d, (dilation, n_biases) in enumerate(zip(model.dilations, model.biases_per_kernel, strict=True))
        ]
    )


def reference(model, windows):
    """Eq. 1 and 2 of Yin et al. 2022 in three loops and float64; counts and close calls of each feature.

    The kernel sums up to C components (C − 1 additions), the nine taps of the shared part (8), triples (1) and adds
    three taps (3), so a sample is rounded at most m = C + 11 times on its way into C[t], and

        |C_float32[t] − C[t]| <= m u / (1 − m u) Σ (|x_j| for all nine taps + 3 |x_j| for the three),    u = 2^−24.

    A sample whose |C − b| is within that bound is a close call: it may fall on either side.
    """
    x_all, subsets, biases = windows.double().numpy(), model.subsets.numpy(), model.biases.double().numpy()
    n_components, n_samples = x_all.shape[1:]
    m = n_components + 11
    bound = m * UNIT_ROUNDOFF / (1 - m * UNIT_ROUNDOFF)
    above, close = [], []
    for d, dilation in enumerate(model.dilations):
        for k, taps in enumerate(TAPS):
            weights = np.full(9, -1.0)
            weights[taps] = 2.0
            cost = np.where(weights == 2, 4.0, 1.0)
            used = x_all[:, subsets[d, k]]
            margin = 4 * dilation
            signal, size = (np.pad(rows.sum(axis=1), [(0, 0), (margin, margin)]) for rows in (used, np.abs(used)))
            taps_of = [slice(j * dilation, j * dilation + n_samples) for j in range(9)]
            conv = sum(weights[j] * signal[:, tap] for j, tap in enumerate(taps_of))
            reach = sum(cost[j] * size[:, tap] for j, tap in enumerate(taps_of))
            edge = 4 * dilation if valid_only(model, d, k) else 0
            conv, reach = conv[:, edge : n_samples - edge], reach[:, edge : n_samples - edge]
            for _ in range(model.biases_per_kernel[d]):
                b = biases[len(above)]
                above.append((conv > b).sum(axis=1))
                close.append((np.abs(conv - b) <= bound * reach).sum(axis=1))
    return np.array(above).T, np.array(close).T


def torch_path(model, windows):
    """Call the GPU path on the device of the windows."""
    return _minirocket_torch.transform(windows, model._plan(), model.biases)


models = st.builds(
    MiniRocket,
    in_channels=st.integers(1, 4),
    in_samples=st.integers(9, 130),
    max_features=st.integers(84, 84 * 12),
    max_dilations=st.integers(1, 6),
    channels=st.sampled_from(["subsets", "sum"]),
    padding=st.sampled_from(["alternate", "none"]),
    seed=st.integers(0, 2**32),
)


@given(models, st.integers(1, 20), st.sampled_from([0, 1, 30, 100_000]), st.integers(-40, 13), st.integers(0, 2**32))
def test_where_every_sum_is_exact_features_equal_the_three_loops(model, n, largest, exponent, seed):
    # Whole numbers times a power of two, up to 8e8: 9 taps of weight 2 at most, 4 components, so sums stay below 2^24.
    rng = np.random.default_rng(seed)
    whole = rng.integers(-largest, largest + 1, size=(n, model.in_channels, model.in_samples))
    whole[rng.random(n) < 0.2] = rng.integers(-largest, largest + 1)  # constant windows: C ties with its bias
    windows = torch.from_numpy(np.ldexp(whole, exponent).astype(np.float32))
    above, _ = reference(model.fit(windows), windows)
    np.testing.assert_array_equal(model(windows).numpy(), (above / positions(model)).astype(np.float32))


@given(
    models,
    st.integers(1, 20),
    st.floats(-1e9, 1e9, width=32),
    st.sampled_from([0.0, 1e-9, 1.0, 1e9]),
    st.integers(0, 2**32),
)
def test_features_differ_from_the_three_loops_by_no_more_than_the_samples_within_rounding(
    model, n, offset, scale, seed
):
    windows = offset + gaussian((n, model.in_channels, model.in_samples), seed, scale)
    above, close = reference(model.fit(windows), windows)
    features, sizes = model(windows).numpy(), positions(model)
    found = np.rint(features.astype(float) * sizes)
    np.testing.assert_array_equal(features, (found / sizes).astype(np.float32))
    assert (np.abs(found - above) <= close).all()


def test_close_calls_are_rare_in_windows_as_models_use_them():
    # Otherwise the bound above would allow anything.
    windows = seismograms(500)
    model = MiniRocket(3, 500, max_features=84 * 8).fit(windows)
    _, close = reference(model, windows)
    assert close.sum() / (positions(model).sum() * len(windows)) < 1e-4


@given(models, st.lists(st.integers(1, 30), max_size=4), st.integers(1, 150), st.integers(0, 2**32))
def test_sliding_over_records_equals_single_windows(model, sizes, stride, seed):
    records = [
        gaussian((model.in_channels, (n - 1) * stride + model.in_samples), seed + i) for i, n in enumerate(sizes)
    ]
    windows = [record.unfold(1, model.in_samples, stride).transpose(0, 1) for record in records]
    windows = torch.cat([*windows, torch.empty(0, model.in_channels, model.in_samples)])
    model.fit(windows if len(windows) else gaussian((1, model.in_channels, model.in_samples)))
    assert torch.equal(model.slide(records, stride), model(windows))


@pytest.mark.parametrize("padding", ["alternate", "none"])
def test_sliding_over_a_seismogram_equals_single_windows(padding):
    record = torch.from_numpy(np.stack([trace.data for trace in obspy.read()])).float()
    windows = record.unfold(1, 2000, 25).transpose(0, 1)
    model = MiniRocket(padding=padding).fit(windows)
    assert torch.equal(model.slide([record], 25), model(windows))


@pytest.mark.timeout(120)
def test_features_depend_on_the_window_only():
    windows = gaussian((19, 3, 300))
    model = MiniRocket(3, 300, max_features=84 * 20).fit(windows)
    before, expected = windows.clone(), model(windows)
    assert expected.shape == (19, model.n_features)
    assert expected.dtype == torch.float32

    strided = torch.empty(19, 3, 600)[..., ::2].copy_(windows)
    transposed = windows.permute(2, 1, 0).contiguous().permute(2, 1, 0)
    fortran = torch.from_numpy(np.asfortranarray(windows.numpy()))
    for same in (strided, transposed, fortran, windows.double()):
        assert torch.equal(model(same), expected)
    assert torch.equal(model(windows.flip(0)), expected.flip(0))
    assert torch.equal(torch.cat([model(window[None]) for window in windows]), expected)
    threads = torch.get_num_threads()
    try:
        for n in (1, 2, 5):
            torch.set_num_threads(n)
            assert torch.equal(model(windows), expected)
    finally:
        torch.set_num_threads(threads)
    assert model(windows[:0]).shape == (0, model.n_features)
    assert torch.equal(windows, before)


@pytest.mark.timeout(120)
def test_python_threads_may_call_at_once():
    # SeisBench calls forward in worker threads; numba's own threading layer would abort the process here.
    windows = gaussian((40, 3, 400))
    model = MiniRocket(3, 400, max_features=84 * 20).fit(windows)
    expected, results, barrier = model(windows), {}, threading.Barrier(4, timeout=30)

    def call(i):
        barrier.wait()
        results[i] = [model(windows) for _ in range(3)]

    threads = [threading.Thread(target=call, args=(i,), daemon=True) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(results) == [0, 1, 2, 3]
    assert all(torch.equal(features, expected) for found in results.values() for features in found)


def test_float64_windows_are_rounded_first():
    windows = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 3, 200)))
    a, b = (MiniRocket(3, 200, max_dilations=8).fit(x) for x in (windows, windows.float()))
    assert torch.equal(a.biases, b.biases)
    assert torch.equal(a(windows), b(windows.float()))


def test_the_seed_determines_subsets_and_biases():
    windows = gaussian((10, 3, 200))

    def fitted(seed):
        return MiniRocket(3, 200, seed=seed).fit(windows)

    a, again, other = fitted(1), fitted(1).fit(windows), fitted(2)
    assert torch.equal(a.biases, again.biases)
    assert torch.equal(a.subsets, again.subsets)
    assert not torch.equal(a.subsets, other.subsets)
    assert not torch.equal(a.biases, other.biases)
    sizes = a.subsets.sum(dim=-1).flatten().bincount(minlength=4) / a.subsets[..., 0].numel()
    # Sizes are floor(2^u), u uniform up to log2(4): 1 in half of the cases, 2 in log2(3/2) / 2, 3 in log2(4/3) / 2.
    assert sizes.tolist() == pytest.approx([0, 1 / 2, np.log2(3 / 2) / 2, np.log2(4 / 3) / 2], abs=0.03)


def test_biases_are_quantiles_of_the_output_on_a_training_window():
    window = gaussian((1, 3, 2000))
    model = MiniRocket(3, 2000).fit(window)
    assert model.n_features == 9996
    quantile = (np.arange(1, 9997) * (1 + np.sqrt(5)) / 2) % 1
    padded = positions(model) == 2000  # there biases and features count the same samples
    assert padded.mean() == 0.5
    above = np.rint(model(window)[0].numpy() * 2000)[padded]
    # floor(q (n − 1)) + 1 samples are at or below quantile q; rounding may move one across.
    expected = 2000 - (np.floor(quantile * 1999) + 1)[padded]
    assert np.abs(above - expected).max() <= 1
    assert (above == expected).mean() > 0.95

    # Each kernel draws its own window: of two windows of different scale, neither gives all biases.
    pair = MiniRocket(3, 2000).fit(torch.cat([window, 1000 * window]))
    large = pair.biases.abs() > 10 * model.biases.abs()
    assert 0.4 < large.float().mean() < 0.6


def test_sum_is_the_univariate_transform_of_the_summed_components():
    z, n, e = torch.from_numpy(np.random.default_rng(0).integers(-9, 10, size=(3, 12, 1, 300))).float()
    windows = torch.cat([z, n, e], dim=1)
    model = MiniRocket(3, 300, channels="sum", max_dilations=8).fit(windows)
    univariate = MiniRocket(1, 300, channels="sum", max_dilations=8).fit(z + n + e)
    assert torch.equal(model.biases, univariate.biases)
    assert torch.equal(model(windows), univariate(z + n + e))

    permuted = torch.cat([e, z, n], dim=1)
    assert torch.equal(model(permuted), model(windows))
    subsets = MiniRocket(3, 300, channels="subsets", max_dilations=8).fit(windows)
    assert (subsets(permuted) != subsets(windows)).float().mean() > 0.5


def test_more_components_than_bits_in_an_integer():
    windows = torch.from_numpy(np.random.default_rng(0).integers(-9, 10, size=(3, 70, 40))).float()
    model = MiniRocket(70, 40, max_features=84 * 3).fit(windows)
    assert model.subsets.sum(dim=-1).max() <= 9
    above, _ = reference(model, windows)
    np.testing.assert_array_equal(model(windows).numpy(), (above / positions(model)).astype(np.float32))


@pytest.mark.parametrize("n_components", [1, 3])
def test_the_torch_path_differs_by_samples_within_rounding_and_not_with_its_blocks(monkeypatch, n_components):
    windows = torch.cat([gaussian((2, n_components, 700)), seismograms(700, n_components)[:3]])
    model = MiniRocket(n_components, 700, max_features=84 * 15).fit(windows)
    found, sizes = torch_path(model, windows), positions(model)
    above, close = reference(model, windows)
    assert (np.abs(np.rint(found.numpy() * sizes) - above) <= close).all()
    assert np.abs(found.numpy() - above / sizes).mean() < 1e-6
    for block_bytes in (1, 2 * 4 * 84 * 700):  # one window, and two, at once
        monkeypatch.setattr(_minirocket_torch, "_BLOCK_BYTES", block_bytes)
        assert torch.equal(torch_path(model, windows), found)
    assert torch_path(model, windows[:0]).shape == (0, model.n_features)


def test_the_torch_path_is_within_1e3_at_the_default_size():
    windows = seismograms(2000)[:2]
    model = MiniRocket(3, 2000).fit(windows)
    torch.testing.assert_close(torch_path(model, windows), model(windows), rtol=0, atol=1e-3)


def test_the_torch_path_is_exact_where_sums_are_exact():
    windows = torch.from_numpy(np.random.default_rng(0).integers(-50, 51, size=(3, 3, 300))).float()
    windows[:2, :, 100:] = 7  # mostly constant: there C ties with biases
    model = MiniRocket(3, 300, max_dilations=8).fit(windows)
    torch.testing.assert_close(torch_path(model, windows), model(windows), rtol=0, atol=1e-6)


def test_a_fitted_extractor_is_restored_from_its_state(tmp_path):
    windows = gaussian((8, 3, 120))
    arguments = {"max_features": 500, "max_dilations": 3, "channels": "subsets", "padding": "none", "seed": 7}
    model = MiniRocket(3, 120, 50.0, **arguments)
    assert model.config() == arguments
    save_file(model.fit(windows).state_dict(), tmp_path / "model.safetensors")
    loaded = MiniRocket(model.in_channels, model.in_samples, model.sampling_rate, **model.config())
    loaded.load_state_dict(load_file(tmp_path / "model.safetensors"))
    for other in (loaded, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(other(windows), model(windows))
        assert other.config() == arguments


def test_invalid_input_is_refused():
    with pytest.raises(WindowError, match=r"at least 9 samples.*in_samples is 8"):
        MiniRocket(3, 8)
    with pytest.raises(ConfigurationError, match=r"max_features must be 84 or more.*but is 83"):
        MiniRocket(3, 100, max_features=83)
    with pytest.raises(ConfigurationError, match="max_dilations must be 1 or more, but is 0"):
        MiniRocket(3, 100, max_dilations=0)
    with pytest.raises(ConfigurationError, match="channels must be one of subsets, sum, but is 'mean'"):
        MiniRocket(3, 100, channels="mean")
    with pytest.raises(ConfigurationError, match="padding must be one of alternate, none, but is 'record'"):
        MiniRocket(3, 100, padding="record")
    with pytest.raises(NotFittedError, match=r"MiniRocket is not fitted: call fit\(windows\) first, or load weights"):
        MiniRocket(3, 100)(torch.zeros(1, 3, 100))
    model = MiniRocket(3, 100).fit(gaussian((4, 3, 100)))
    windows = torch.zeros(3, 3, 100)
    windows[1, 2, 5] = torch.nan
    with pytest.raises(WindowError, match=r"1 of 3 windows .* index 1"):
        model(windows)
    with pytest.raises(WindowError, match=r"NaN or infinite samples"):
        model.slide([windows[0], windows[1]], 10)
    with pytest.raises(WindowError, match=r"3 components and at least 100 samples, but got shape \(3, 99\)"):
        model.slide([windows[0, :, :99]], 10)
    assert model(torch.full((1, 3, 100), 3e38)).shape == (1, model.n_features)  # finite, though their sum is not


# Against the reference implementation.


@pytest.fixture
def aeon_minirocket(monkeypatch):
    """aeon's MiniRocket as plain Python, which is faster here than compiling it and rounds without fastmath."""
    module = pytest.importorskip("aeon.transformations.collection.convolution_based._minirocket")
    for name, value in vars(module).copy().items():
        if isinstance(getattr(value, "py_func", None), FunctionType):
            monkeypatch.setattr(module, name, value.py_func)
    return module.MiniRocket


def with_parameters_of(fitted, n_components, n_samples):
    sizes, components, dilations, counts, biases = fitted.parameters
    model = MiniRocket(n_components, n_samples, max_features=len(biases))
    assert model.dilations == dilations.tolist()
    assert model.biases_per_kernel == counts.tolist()
    subsets = np.zeros((len(sizes), n_components), dtype=bool)
    for row, members in zip(subsets, np.split(components, np.cumsum(sizes)[:-1]), strict=True):
        row[members] = True
    model.subsets.copy_(torch.from_numpy(subsets.reshape(model.subsets.shape)))
    model.biases.copy_(torch.from_numpy(biases))
    return model


@pytest.mark.parametrize("n_components", [1, 3])
@pytest.mark.parametrize("data", ["gaussian", "seismograms"])
def test_with_the_parameters_of_aeon_features_are_those_of_aeon(aeon_minirocket, n_components, data):
    windows = gaussian((6, n_components, 1000)) if data == "gaussian" else seismograms(1000, n_components)[::4]
    fitted = aeon_minirocket(84 * 20, random_state=0).fit(windows.numpy())
    expected = fitted.transform(windows.numpy())
    model = with_parameters_of(fitted, n_components, 1000)
    found, sizes = model(windows).numpy(), positions(model)
    assert (found == expected).mean() >= 0.999
    # No feature differs by more than one sample.
    assert (np.abs(found - expected) * sizes).max() < 1.01


@pytest.mark.parametrize("n_samples", [9, 10, 50, 500, 2000, 6000])
def test_dilations_and_counts_are_those_of_aeon(n_samples):
    aeon = pytest.importorskip("aeon.transformations.collection.convolution_based._minirocket")
    for max_features, max_dilations in [(84, 32), (84 * 3 + 1, 32), (1000, 5), (10_000, 32), (10_000, 7)]:
        dilations, counts = aeon._fit_dilations(n_samples, max_features, max_dilations)
        model = MiniRocket(1, n_samples, max_features=max_features, max_dilations=max_dilations)
        assert model.dilations == dilations.tolist()
        assert model.biases_per_kernel == counts.tolist()
        assert model.n_features == 84 * counts.sum()
