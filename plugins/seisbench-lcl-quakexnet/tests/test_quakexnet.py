import os
import pickle
import re
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import obspy
import pytest
import seisbench
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from scipy.signal import butter, detrend, filtfilt, get_window
from scipy.signal.windows import tukey
from seisbench_lcl_quakexnet import BASE, QuakeXNet, QuakeXNetEncoder, cli
from seisbench_lcl_quakexnet.layout import shapes
from seisbench_lcl_quakexnet.preparation import Preparation
from torch.nn import functional

import seisbench_lcl as lcl
from seisbench_lcl.errors import ConfigurationError, HubError, WeightsError, WindowError
from seisbench_lcl.hub.backbones import tensor_digest
from seisbench_lcl.hub.published import install
from seisbench_lcl.testing import parametrize_with_checks

RATE, SAMPLES = 50.0, 5000
FOLDER = os.environ.get("SEISBENCH_LCL_PUBLISHED")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty SeisBench cache."""
    monkeypatch.setattr(seisbench, "cache_model_root", tmp_path / "cache")
    monkeypatch.setenv("SEISBENCH_LCL_HUBS", "none")
    return tmp_path / "cache" / "quakexnet"


@pytest.fixture
def published_folder():
    """The published tensors, and the probabilities that their authors' code gives to some windows."""
    if not FOLDER:
        pytest.skip("SEISBENCH_LCL_PUBLISHED names no folder with quakexnet-base.safetensors")
    return Path(FOLDER)


def tensors(seed=0):
    """Random tensors of the published names and shapes, scaled so that the classes differ."""
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for name, shape in shapes().items():
        values = torch.randn(shape, generator=generator)
        if name.endswith("running_var"):
            values = values.abs() + 0.1
        elif name.endswith(".weight") and len(shape) > 1:
            values = values * (4 / values[0].numel()) ** 0.5
        found[name] = values
    return found


def trained():
    return QuakeXNet.from_tensors("base", tensors())


def windows(n=3, n_samples=SAMPLES, seed=0):
    """Noise with a drift, an offset, and a burst of 3 Hz in every other window."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3, n_samples)) + np.linspace(0, 30, n_samples) + 100
    since = (np.arange(n_samples) - 750) / RATE
    x[::2] += 20 * (since > 0) * np.exp(-since.clip(0) / 4) * np.sin(2 * np.pi * 3 * since + rng.uniform(0, 6, (3, 1)))
    return (1000 * x).astype(np.float32)


def record(n_seconds=200, rate=RATE, components="ENZ", seed=0):
    """Three components of the same band-limited ground motion at any sampling rate."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(n_seconds * rate)) / rate
    traces = []
    for code in components:
        frequencies, phases = rng.uniform(0.5, 15, 80), rng.uniform(0, 6, 80)
        data = np.sin(2 * np.pi * frequencies[:, None] * time + phases[:, None]).sum(axis=0)
        data *= 1 + 9 * np.exp(-np.maximum(time - 60, 0) / 8) * (time > 60)
        stats = {"network": "XX", "station": "A", "channel": f"HH{code}", "sampling_rate": rate}
        traces.append(obspy.Trace(1000 * data, stats))
    return obspy.Stream(traces)


# the preparation ----------------------------------------------------------------------------------------------------


def plain_spectra(window, rate):
    """Prepare one window (C, T) step by step, with SciPy and loops."""
    x = detrend(window.astype(np.float64), type="linear")
    x = x * tukey(x.shape[-1], alpha=0.1)
    b, a = butter(4, [1, 20], "bandpass", fs=rate)
    x = filtfilt(b, a, x)
    x = x / (np.std(np.abs(x)) + 1e-10)
    hann = get_window("hann", 256)
    spectra = []
    for component in x:
        columns = []
        for start in range(0, len(component) - 255, 128):
            segment = component[start : start + 256]
            power = np.abs(np.fft.rfft((segment - segment.mean()) * hann)) ** 2 / (rate * (hann**2).sum())
            power[1:-1] *= 2
            columns.append(power)
        image = np.array(columns).T
        spectra.append((image - image.min()) / (image.max() - image.min() + 1e-10))
    return np.array(spectra)


@pytest.mark.parametrize(("n_samples", "rate"), [(5000, 50.0), (1537, 50.0), (256, 41.0), (4000, 100.0)])
def test_the_preparation_is_that_of_scipy(n_samples, rate):
    x = windows(2, n_samples)
    found = Preparation(n_samples, rate)(torch.from_numpy(x))
    assert found.dtype == torch.float32
    for own, window in zip(found.numpy(), x, strict=True):
        np.testing.assert_allclose(own, plain_spectra(window, rate), atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(
    factor=st.floats(-4, 8).map(lambda e: 10**e),
    offset=st.floats(-1e4, 1e4),
    slope=st.floats(-10, 10),
    sign=st.sampled_from([-1, 1]),
)
def test_scale_sign_offset_and_slope_do_not_count(factor, offset, slope, sign):
    x = torch.from_numpy(windows(1)).double()
    ramp = torch.linspace(0, 1, SAMPLES, dtype=torch.float64)
    prepare = Preparation(SAMPLES, RATE)
    torch.testing.assert_close(prepare(sign * factor * (x + offset + slope * ramp)), prepare(x), atol=1e-5, rtol=1e-4)


def test_windows_without_motion_are_finite():
    x = torch.zeros(3, 3, SAMPLES)
    x[1] = 123.0
    x[2, 0] = torch.randn(SAMPLES)
    found = Preparation(SAMPLES, RATE)(x)
    assert torch.isfinite(found).all()
    assert (found[0] == 0).all()
    assert Preparation(SAMPLES, RATE)(x[:0]).shape == (0, 3, 129, 38)


# the network --------------------------------------------------------------------------------------------------------


def plain_network(spectra, t):
    """Return the probabilities of spectra (B, 3, 129, 38), layer by layer with the published tensors."""

    def norm(x, name):
        return functional.batch_norm(
            x, t[f"{name}.running_mean"], t[f"{name}.running_var"], t[f"{name}.weight"], t[f"{name}.bias"]
        )

    x = spectra
    for number, stride in enumerate((1, 2, 1, 2, 1, 2, 1), 1):
        x = functional.conv2d(x, t[f"conv{number}.weight"], t[f"conv{number}.bias"], stride=stride, padding=1)
        x = functional.relu(norm(x, f"bn{number}"))
        if number in (2, 4):
            x = functional.max_pool2d(x, 2)
    x = functional.linear(x.flatten(1), t["fc1.weight"], t["fc1.bias"])
    x = functional.relu(norm(x, "fc1_bn"))
    x = functional.linear(x, t["fc2.weight"], t["fc2.bias"])
    return functional.softmax(norm(x, "fc2_bn"), dim=1)


def test_probabilities_are_those_of_the_network_written_plainly():
    x = windows(4)
    spectra = torch.from_numpy(np.stack([plain_spectra(window, RATE) for window in x])).float()
    expected = plain_network(spectra, tensors()).numpy()
    assert expected.std(axis=0).max() > 0.01  # windows differ
    np.testing.assert_allclose(trained().predict_proba(x), expected, atol=1e-5)


def test_probabilities_are_those_of_its_authors(published_folder, tmp_path):
    file = published_folder / "quakexnet-base.safetensors"
    install(QuakeXNet, "base", file)
    model = lcl.from_pretrained("QuakeXNet/base")
    reference = np.load(published_folder / "quakexnet-reference.npz")
    np.testing.assert_allclose(model.predict_proba(reference["windows"]), reference["probabilities"], atol=1e-4)
    torch.save(load_file(file), tmp_path / "base.pt.v1")  # as its authors distribute it
    install(QuakeXNet, "base", tmp_path / "base.pt.v1")
    again = QuakeXNet.from_pretrained("base")
    np.testing.assert_array_equal(
        again.predict_proba(reference["windows"][:2]), model.predict_proba(reference["windows"][:2])
    )


def test_the_description_is_that_of_the_published_network():
    model = trained()
    assert model.labels == ["earthquake", "explosion", "noise", "surface event"]
    assert list(model.event_types.values()) == ["earthquake", "explosion", None, "slide"]
    form = model.preprocessing
    assert (form.sampling_rate, form.in_samples, form.component_order, form.band) == (50, 5000, "ENZ", (0, 25))
    assert 5 <= form.before <= 20  # where the arrival was in training
    assert model.novelty_detector is None
    assert model.extractor.n_features == 128
    assert [len(tuple(stage.parameters())) for stage in model.extractor.stages] == [4] * 8


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"conv1.weight": None}, r"conv1.weight is missing"),
        ({"conv8.weight": torch.zeros(1)}, r"conv8.weight is not expected"),
        ({"fc2.bias": torch.zeros(5)}, r"fc2.bias is \(5,\) instead of \(4,\)"),
    ],
)
def test_other_tensors_are_refused(changed, message):
    given = {name: value for name, value in (tensors() | changed).items() if value is not None}
    with pytest.raises(WeightsError, match=message):
        QuakeXNet.from_tensors("base", given)


def test_wrong_windows_are_refused():
    with pytest.raises(WindowError, match=r"QuakeXNetEncoder needs windows of at least 1536 samples"):
        QuakeXNetEncoder(3, 1535, RATE)
    assert QuakeXNetEncoder(1, 1536, RATE, epochs=1).stages[-1][1].in_features == 64 * 4
    with pytest.raises(ConfigurationError, match=r"1 to 20 Hz needs a sampling rate above 40 Hz, but it is 40 Hz"):
        QuakeXNetEncoder(3, SAMPLES, 40.0)
    with pytest.raises(WindowError, match=r"at least 256 samples"):
        Preparation(255, RATE)


# records ------------------------------------------------------------------------------------------------------------


def table(model, stream, **arguments):
    return model.classify(stream, stride=250, **arguments).windows.to_dataframe()


def test_records_at_any_rate_reach_the_network_unharmed():
    model = trained()
    reference = table(model, record())
    assert len(reference) == 21
    data = np.stack([trace.data for trace in record()])
    cut = np.stack([data[:, 250 * i : 250 * i + SAMPLES] for i in range(21)])
    # Away from the ends, a record is as it was before the low-pass: nothing is above 20 Hz here.
    np.testing.assert_allclose(reference[model.labels], model.predict_proba(cut), atol=0.01)
    for rate in (100.0, 200.0):
        found = table(model, record(rate=rate))
        np.testing.assert_allclose(found[model.labels], reference[model.labels], atol=0.01)


def test_detections_lie_where_the_arrival_was_in_training():
    model = trained()
    found = model.annotate(record(), stride=250)
    assert {trace.stats.channel for trace in found} == {f"QuakeXNet_{label}" for label in model.labels}
    assert found[0].stats.starttime - record()[0].stats.starttime == model.preprocessing.before


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (record(n_seconds=80), "no window fits: the record is 80 s long, the model needs 100 s"),
        (record(components="EZ"), "component N missing"),
    ],
)
def test_it_abstains_with_a_reason(stream, reason):
    found = table(trained(), stream)
    assert found["label"].isna().all()
    assert reason in found["reason"].iloc[0]


def test_records_at_40_hz_are_refused_since_the_network_sees_20_hz():
    with pytest.raises(lcl.SeisBenchLCLError, match=r"sampled at 40 Hz, .* reaches 25 Hz and needs at least 50 Hz"):
        trained().classify(record(rate=40.0))


# a region of one's own ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("freeze", [-1, 7, 0])
def test_it_is_fine_tuned_saved_and_loaded(tmp_path, freeze):
    model = trained()
    x, labels = windows(12), ["earthquake", "explosion"] * 6
    before = {name: value.clone() for name, value in model.extractor.state_dict().items()}
    model.fine_tune(x, labels, epochs=2, learning_rate=1e-2, freeze=freeze)
    changed = {
        name.split(".")[1]
        for name, value in model.extractor.state_dict().items()
        if name.startswith("stages") and not torch.equal(value, before[name])
    }
    assert changed <= {-1: set(), 7: {"7"}, 0: set("01234567")}[freeze]
    assert len(model.histories[0].train) > 0
    assert model.weights_origin is None
    probabilities = model.predict_proba(x)
    model.save(tmp_path / "mine")
    np.testing.assert_array_equal(lcl.load(tmp_path / "mine").predict_proba(x), probabilities)


def test_fine_tuning_learns():
    model = trained()
    x, labels = windows(20), np.array(["earthquake", "explosion"] * 10)
    with torch.no_grad():  # statistics of a trained network fit its layers, those of random tensors do not
        model.extractor.train()
        for _ in range(50):
            model.extractor.encode(torch.from_numpy(x))
    assert (model.predict(x) == labels).mean() < 0.7
    model.fine_tune(x, labels, epochs=6, learning_rate=3e-3)
    assert (model.predict(x) == labels).mean() > 0.9


# weights ------------------------------------------------------------------------------------------------------------


def entered(monkeypatch):
    """Let random tensors be the published ones."""
    monkeypatch.setattr(QuakeXNet, "published", {"base": replace(BASE, sha256=tensor_digest(tensors()))})


def test_the_address_is_that_of_a_commit():
    assert re.search(r"/QuakeScope/[0-9a-f]{40}/.*/quakexnet/base\.pt\.v1$", BASE.url)
    assert (BASE.licence, QuakeXNet.list_pretrained()) == ("MIT", ["base"])
    assert "Copyright (c) 2024 SeisSCOPED" in QuakeXNet.list_pretrained(details=True)["base"]


@pytest.mark.parametrize("suffix", [".pt.v1", ".safetensors"])
def test_a_local_file_is_installed_by_the_command(tmp_path, monkeypatch, capsys, cache, suffix):
    entered(monkeypatch)
    file = tmp_path / f"base{suffix}"
    content = tensors() | {"bn1.num_batches_tracked": torch.tensor(3)}
    (save_file if suffix == ".safetensors" else torch.save)(content, file)
    assert command(monkeypatch, "install", file) == 0
    assert capsys.readouterr().out.startswith(f"wrote {cache / 'base'}.{{json,safetensors,pt}}.v1\nWeights that others")
    model = QuakeXNet.from_pretrained("base")
    x = windows(2)
    np.testing.assert_array_equal(model.predict_proba(x), trained().predict_proba(x))
    assert lcl.from_pretrained("QuakeXNet/base").citation == model.citation == BASE.citation


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "check the path"),
        (b"<html>not found</html>", "neither a file of PyTorch nor of safetensors"),
        (pickle.dumps(print), "holds more than tensors"),
        ({"conv1.weight": torch.zeros(8, 3, 3, 3)}, "the tensors do not fit the model: conv1.bias is missing"),
        (tensors(1), "holds other weights than QuakeXNet/base: the SHA-256"),
    ],
)
def test_the_command_refuses_other_files(tmp_path, monkeypatch, capsys, cache, content, message):
    entered(monkeypatch)
    file = tmp_path / "base.pt.v1"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        torch.save(content, file)
    assert command(monkeypatch, "install", file) == 2
    assert message in capsys.readouterr().err
    assert not cache.exists()


def test_without_a_network_the_message_names_the_command(monkeypatch):
    monkeypatch.setattr(QuakeXNet, "published", {"base": replace(BASE, url="http://127.0.0.1:9/base.pt.v1")})
    with pytest.raises(
        HubError, match=r"from http://127.0.0.1:9/base.pt.v1: .* run seisbench-lcl-quakexnet install FIL"
    ):
        lcl.from_pretrained("QuakeXNet/base")


def command(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["seisbench-lcl-quakexnet", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


# all else -----------------------------------------------------------------------------------------------------------


@parametrize_with_checks(
    [partial(QuakeXNetEncoder, epochs=1, in_channels=1, in_samples=1600, sampling_rate=50.0), trained]
)
def test_conformance(check):
    check()
