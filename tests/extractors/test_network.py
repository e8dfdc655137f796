"""The four networks that learn from labels: their layers, their training, and every head on their features."""

import json
from dataclasses import fields

import numpy as np
import pytest
import torch

import seisbench_lcl as lcl
from seisbench_lcl.errors import ConfigurationError, NotFittedError, TrainingError, WindowError
from seisbench_lcl.extractors import Inception10Encoder, ResNet18Encoder, SpectrogramCNNEncoder, VGG16Encoder
from seisbench_lcl.heads import Ridge
from seisbench_lcl.optim.supervised import Trainable, TrainingRecipe

NETWORKS = {
    network.name: network for network in (ResNet18Encoder, VGG16Encoder, Inception10Encoder, SpectrogramCNNEncoder)
}
SMALL = {"resnet18": {"width": 4}, "vgg16": {"width": 4}, "inception10": {"width": 4}, "spectrogram_cnn": {}}
QUICK = {"epochs": 2, "batch_size": 8, "learning_rate": 5e-3}
RATE, LENGTH = 50.0, 200

every_network = pytest.mark.parametrize("name", NETWORKS)


def build(name, c=3, t=LENGTH, rate=RATE, **arguments):
    return NETWORKS[name](c, t, rate, **(SMALL[name] | QUICK | arguments))


def signals(n, c=3, t=LENGTH, rate=RATE, seed=0):
    """Return windows with a wave train of 3 Hz or 9 Hz in turn, at a random time in noise; events have two windows."""
    generator = torch.Generator().manual_seed(seed)
    time, kind, seconds = torch.arange(t) / rate, torch.arange(n) % 2, t / rate
    onset = seconds * (0.1 + 0.4 * torch.rand(n, 1, 1, generator=generator))
    phase = 6.28 * torch.rand(n, c, 1, generator=generator)
    frequency = torch.where(kind == 0, 3.0, 9.0)[:, None, None]
    since = (time - onset).clamp(min=0)
    train = torch.sin(6.28 * frequency * time + phase) * since * torch.exp(-2 * since)
    windows = 20 * train + 0.2 * torch.randn(n, c, t, generator=generator)
    return windows / windows.std(dim=-1, keepdim=True), kind, 2 * (torch.arange(n) // 4) + kind


@pytest.fixture(scope="module")
def fitted():
    """Every network after a short training; tests do not change them."""
    return {name: build(name).fit(*signals(24)) for name in NETWORKS}


def features(network, windows):
    with torch.no_grad():
        return network(windows)


# Layers --------------------------------------------------------------------------------------------------------------


def relu(x):
    return np.maximum(x, 0)


def convolve(x, kernel, stride=1):
    """Zeros at the edges keep the number of samples, or halve it."""
    half = kernel.shape[-1] // 2
    padded = np.pad(x, [(0, 0), (0, 0), (half, half)])
    starts = range(0, x.shape[-1], stride)
    return np.stack([np.einsum("bct,oct->bo", padded[..., i : i + 2 * half + 1], kernel) for i in starts], axis=-1)


def convolve_images(x, kernel, stride):
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])
    rows, columns = range(0, x.shape[2], stride), range(0, x.shape[3], stride)
    return np.stack(
        [
            np.stack([np.einsum("bcij,ocij->bo", padded[..., i : i + 3, j : j + 3], kernel) for j in columns], axis=-1)
            for i in rows
        ],
        axis=-2,
    )


def largest(x, size, stride, padding=0):
    padded = np.pad(x, [(0, 0), (0, 0), (padding, padding)], constant_values=-np.inf)
    starts = range(0, padded.shape[-1] - size + 1, stride)
    return np.stack([padded[..., i : i + size].max(axis=-1) for i in starts], axis=-1)


def normalise(x, state, name):
    """Batch normalisation as in use: by the statistics of the training."""
    weight, bias, mean, variance = (
        state[f"{name}.{what}"].reshape(-1, *[1] * (x.ndim - 2))
        for what in ("weight", "bias", "running_mean", "running_var")
    )
    return (x - mean) / np.sqrt(variance + 1e-5) * weight + bias


def resnet18(x, state):
    """He et al. (2016), table 1: the column of 18 layers."""
    x = relu(normalise(convolve(x, state["stages.0.0.weight"], 2), state, "stages.0.1"))
    x = largest(x, 3, 2, padding=1)
    layers = 1
    for stage in (1, 2, 3, 4):
        for block in (0, 1):
            name = f"stages.{stage}.{block}"
            stride = 2 if stage > 1 and block == 0 else 1
            y = convolve(x, state[f"{name}.inner.0.weight"], stride)
            y = convolve(relu(normalise(y, state, f"{name}.inner.1")), state[f"{name}.inner.3.weight"])
            y = normalise(y, state, f"{name}.inner.4")
            if stride == 2:
                x = normalise(convolve(x, state[f"{name}.shortcut.0.weight"], 2), state, f"{name}.shortcut.1")
            x = relu(x + y)
            layers += 2
    assert layers + 1 == 18  # with the dense layer of the head
    return x.mean(axis=-1)


def vgg16(x, state):
    """Simonyan and Zisserman (2015), table 1: the convolutions of column D."""
    layers = 0
    for stage, convolutions in enumerate((2, 2, 3, 3, 3)):
        for i in range(convolutions):
            x = convolve(x, state[f"stages.{stage}.{3 * i}.weight"])
            x = relu(normalise(x, state, f"stages.{stage}.{3 * i + 1}"))
            layers += 1
        x = largest(x, 2, 2)
    assert layers + 3 == 16  # with the three dense layers, which are not here
    return x.mean(axis=-1)


def inception10(x, state):
    x = relu(normalise(convolve(x, state["stages.0.0.weight"], 2), state, "stages.0.1"))
    x = largest(x, 2, 2)
    layers = 1
    for stage, name in enumerate(("stages.1", "stages.2.1", "stages.3.1")):
        if stage:
            x = largest(x, 2, 2)
        y = x
        for i in range(3):
            module = f"{name}.modules_.{i}"
            reduced = convolve(y, state[f"{module}.reduce.weight"])
            branches = [convolve(reduced, state[f"{module}.convolve.{j}.weight"]) for j in range(3)]
            assert [state[f"{module}.convolve.{j}.weight"].shape[-1] for j in range(3)] == [9, 19, 39]
            branches.append(convolve(largest(y, 3, 1, padding=1), state[f"{module}.largest.1.weight"]))
            y = relu(normalise(np.concatenate(branches, axis=1), state, f"{module}.normalise"))
            layers += 1
        past = normalise(convolve(x, state[f"{name}.shortcut.0.weight"]), state, f"{name}.shortcut.1")
        x = relu(y + past)
    assert layers == 10
    return x.mean(axis=-1)


def spectrogram_cnn(x, state):
    for stage in range(5):
        x = relu(normalise(convolve_images(x, state[f"stages.{stage}.0.weight"], 2), state, f"stages.{stage}.1"))
    assert x.shape[1:3] == (64, 3)
    return x.mean(axis=-1).reshape(len(x), -1)


@every_network
def test_a_trained_network_computes_the_layers_of_the_paper(fitted, name):
    network, (windows, _, _) = fitted[name], signals(2, seed=5)
    state = {key: value.double().numpy() for key, value in network.state_dict().items()}
    x = windows.double().numpy()
    if name == "spectrogram_cnn":
        x = network.spectrogram(windows).double().numpy()
    else:
        x = x / np.sqrt((x**2).mean(axis=(1, 2), keepdims=True))
    np.testing.assert_allclose(features(network, windows), globals()[name](x, state), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("network", "arguments", "millions"),
    [
        (ResNet18Encoder, {}, 0.96),
        (ResNet18Encoder, {"width": 64}, 3.84),
        (VGG16Encoder, {}, 0.31),
        (VGG16Encoder, {"width": 64}, 4.91),
        (Inception10Encoder, {}, 0.19),
        (SpectrogramCNNEncoder, {}, 0.05),
    ],
)
def test_the_number_of_parameters_is_that_of_the_docstring(network, arguments, millions):
    model = network(**arguments)
    n_parameters = sum(p.numel() for p in model.parameters())
    assert round(n_parameters / 1e6, 2) == millions
    assert {ResNet18Encoder: 8, VGG16Encoder: 8, Inception10Encoder: 4}.get(network, 192) * getattr(
        model, "width", 1
    ) == model.n_features


def test_two_dense_layers_of_vgg16_would_have_the_parameters_of_the_docstring():
    with torch.no_grad():
        last = VGG16Encoder(3, 2000, width=64).stages(torch.zeros(1, 3, 2000)).numel()
    assert round((last * 4096 + 4096 + 4096 * 4096 + 4096) / 1e6, 1) == 146.8


# Windows --------------------------------------------------------------------------------------------------------------


@every_network
@pytest.mark.parametrize("c", [1, 3])
@pytest.mark.parametrize(
    ("rate", "t"), [(20.0, 100), (40.0, 200), (50.0, 250), (100.0, 500), (40.0, 237), (100.0, 801)]
)
def test_windows_of_any_rate_and_length_have_features(name, c, rate, t):
    network = build(name, c, t, rate).eval()
    network.epochs_trained.fill_(1)
    found = features(network, signals(3, c, t, rate)[0])
    assert found.shape == (3, network.n_features)
    assert found.dtype == torch.float32
    assert torch.isfinite(found).all()
    assert features(network, torch.zeros(0, c, t)).shape == (0, network.n_features)
    assert torch.isfinite(features(network, torch.zeros(1, c, t))).all()


@pytest.mark.parametrize(
    ("name", "shortest", "error", "message"),
    [
        ("resnet18", 32, WindowError, r"needs windows of at least 32 samples \(0.64 s\), but in_samples is 31"),
        ("vgg16", 32, WindowError, r"needs windows of at least 32 samples \(0.64 s\), but in_samples is 31"),
        ("inception10", 16, WindowError, r"needs windows of at least 16 samples \(0.32 s\), but in_samples is 15"),
        ("spectrogram_cnn", 100, ConfigurationError, r"at least two frames, but the windows are 1\.98 s long"),
    ],
)
def test_the_shortest_window_can_be_fitted_and_a_shorter_one_is_refused(name, shortest, error, message):
    windows, kind, events = signals(10, t=shortest)
    network = build(name, t=shortest, augmentations={"noise": {}}).fit(windows, kind, events)
    assert torch.isfinite(features(network, windows)).all()
    with pytest.raises(error, match=message):
        build(name, t=shortest - 1, augmentations={"noise": {}})


@every_network
def test_a_window_does_not_depend_on_the_others_of_its_batch(fitted, name):
    windows, _, _ = signals(300, seed=1)  # more than are encoded at a time
    together = features(fitted[name], windows)
    for i in (0, 17, 299):
        torch.testing.assert_close(features(fitted[name], windows[i : i + 1])[0], together[i], rtol=1e-4, atol=1e-5)


@every_network
@pytest.mark.parametrize("gain", [1e-36, 1e-20, 8.0, 1e20, 1e36])
def test_gain_does_not_matter(fitted, name, gain):
    windows, _, _ = signals(4, seed=2)
    torch.testing.assert_close(
        features(fitted[name], gain * windows), features(fitted[name], windows), rtol=1e-3, atol=1e-4
    )


# Training -------------------------------------------------------------------------------------------------------------


@every_network
def test_training_repeats_exactly_for_a_seed_and_is_recorded(fitted, name):
    windows, kind, events = signals(24)
    again = build(name).fit(windows, kind, events)
    for key, value in fitted[name].state_dict().items():
        assert torch.equal(again.state_dict()[key], value), key
    assert torch.equal(again.unseen, fitted[name].unseen)
    assert again.epochs_trained == 2
    assert [history.name for history in again.histories] == [name]
    assert len(again.histories[0].train) == len(again.histories[0].held_out) == 2
    other = build(name, seed=1).fit(windows, kind, events)
    assert not torch.equal(features(other, windows), features(again, windows))


@every_network
def test_held_out_events_are_whole_and_not_trained_on(name):
    windows, kind, events = signals(24)
    network = build(name, epochs=1).fit(windows, kind, events)  # with one epoch there is no best epoch to choose
    unseen = network.unseen
    held_out = torch.unique(events[unseen])
    assert torch.equal(unseen, torch.nonzero(torch.isin(events, held_out)).flatten())
    assert sorted((held_out % 2).tolist()) == [0, 1]  # a fifth of the six events of each kind
    changed = windows.clone()
    changed[unseen] = torch.randn(len(unseen), 3, LENGTH, generator=torch.Generator().manual_seed(3))
    again = build(name, epochs=1).fit(changed, kind, events)
    assert torch.equal(features(again, windows), features(network, windows))


@every_network
def test_a_refused_fit_leaves_no_half_trained_network(name):
    windows, kind, events = signals(12)
    network = build(name)
    with pytest.raises(NotFittedError, match=r"is not fitted: call fit\(windows, labels\) first"):
        network(windows)
    for labels, groups, message in (
        (None, None, r"learns from labels: call fit\(windows, labels\)"),
        (kind[:-1], None, "12 windows came with 11 labels"),
        (kind, events[:-1], "12 windows came with 11 groups"),
        (torch.zeros_like(kind), None, r"from 0 to 1 of at least two classes, but hold \[0\]"),
        (kind - 1, None, r"but hold \[-1, 0\]"),
        (kind, torch.where(kind == 1, 99, events), "class 1 has a single event"),
    ):
        with pytest.raises(TrainingError, match=message):
            network.fit(windows, labels, groups)
        with pytest.raises(NotFittedError):
            network(windows)
    with pytest.raises(TrainingError, match=f"{name}: the loss was not finite.*learning rate below 1e"):
        build(name, learning_rate=1e30, warm_up=0.0).fit(windows, kind, events)


# Description and state ------------------------------------------------------------------------------------------------


@every_network
def test_config_goes_through_json_and_gives_a_network_of_the_same_state(name):
    recipe = {"epochs": 3, "mixup": 0.2, "augmentations": {"time_shift": {"seconds": 0.5}}, "balance": "classes"}
    own = {"frequency_range": [2.0, 9.0]} if name == "spectrogram_cnn" else {"width": 6}
    network = NETWORKS[name](1, 300, 40.0, **own, **recipe)
    config = json.loads(json.dumps(network.config()))
    again = NETWORKS[name](1, 300, 40.0, **config)
    assert again.config() == config
    assert config.keys() == {*own, *(field.name for field in fields(TrainingRecipe))}
    assert (config | own | {"epochs": 3, "mixup": 0.2, "balance": "classes"}) == config
    assert again.n_features == network.n_features
    state, other = network.state_dict(), again.state_dict()
    assert {key: value.shape for key, value in state.items()} == {key: value.shape for key, value in other.items()}
    assert isinstance(network, Trainable)


@every_network
def test_unknown_and_invalid_arguments_are_named(name):
    with pytest.raises(ConfigurationError, match="has no argument epoch, lr; its training arguments are epochs"):
        build(name, lr=1e-3, epoch=3)
    with pytest.raises(ConfigurationError, match="held_out must be between 0 and 1, but is 1"):
        build(name, held_out=1)
    with pytest.raises(ConfigurationError, match="there is no augmentation 'shift'"):
        build(name, augmentations={"shift": {}})
    with pytest.raises(ConfigurationError, match=r"moves windows by up to 4 s, but they are only 4 s long"):
        build(name, augmentations={"time_shift": {"seconds": 4.0}})
    with pytest.raises(ConfigurationError, match=r"epochs must be a whole number of 1 or more, but is 0"):
        build(name, epochs=0).fit(*signals(8))
    if name == "spectrogram_cnn":
        with pytest.raises(ConfigurationError, match=r"0 < lowest < highest.* but is \(9\.0, 2\.0\)"):
            build(name, frequency_range=(9, 2))
    else:
        for width in (0, -4, 2.5, "8"):
            with pytest.raises(ConfigurationError, match=f"width must be a positive whole number, but is {width!r}"):
                build(name, width=width)


# With heads -----------------------------------------------------------------------------------------------------------

HEADS = {"linear": {}, "ridge": {}, "kmeans": {}, "scan": {"n_neighbours": 3, "epochs": 2, "n_heads": 1}}
LABELS = np.array(["low", "high"])


def discriminator(name, head, **arguments):
    outputs = {"clusters": 2} if head in ("kmeans", "scan") else {"labels": list(LABELS)}
    return lcl.Discriminator(
        name,
        head,
        sampling_rate=RATE,
        in_samples=LENGTH,
        before=1.0,
        extractor_args=SMALL[name] | QUICK | arguments,
        head_args=HEADS[head],
        **outputs,
    )


@every_network
@pytest.mark.parametrize("head", HEADS)
def test_every_head_learns_on_a_network_and_both_are_saved(name, head, tmp_path):
    windows, kind, events = signals(32)
    x, labels, groups = windows.numpy(), LABELS[kind], events.numpy()
    model = discriminator(name, head)
    with pytest.raises(NotFittedError):
        model.save(tmp_path / "model")
    with pytest.raises(TrainingError, match=r"learns from labels: call fit\(windows, labels\)"):
        model.fit(x)
    model.fit(x, labels, groups)
    probabilities = model.predict_proba(x)
    assert probabilities.shape == (32, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    unseen = model.extractor.unseen.numpy()
    if head in ("linear", "ridge"):
        held_out = np.isfinite(model.held_out).all(axis=1)
        np.testing.assert_array_equal(np.flatnonzero(held_out), unseen)
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(lcl.Discriminator.load(tmp_path / "model").predict_proba(x), probabilities)


@every_network
def test_ridge_learns_from_events_held_out_of_the_network(name):
    windows, kind, events = signals(32)
    model = discriminator(name, "ridge").fit(windows.numpy(), LABELS[kind], events.numpy())
    unseen = model.extractor.unseen
    rows = model.features(windows.numpy())
    expected = Ridge(model.extractor.n_features, 2).fit(rows[unseen], kind[unseen], events[unseen])
    for key, value in expected.state_dict().items():
        assert torch.equal(model.head.state_dict()[key], value), key
    np.testing.assert_array_equal(model.held_out[unseen.numpy()], expected.held_out)


@every_network
def test_network_and_linear_head_classify_unseen_windows(name):
    windows, kind, events = signals(64)
    model = discriminator(name, "linear", epochs=6).fit(windows.numpy(), LABELS[kind], events.numpy())
    new, truth, _ = signals(40, seed=7)
    assert (model.predict_proba(new.numpy()).argmax(axis=1) == truth.numpy()).mean() > 0.85
    assert [history.name for history in model.histories] == [name]
