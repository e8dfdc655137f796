"""Features of a pretrained SeisBench model: each layer pooled over the steps of the window, and nothing else."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from seisbench.models import CRED, GPD, BasicPhaseAE, EQTransformer, PhaseNet, VariableLengthPhaseNet
from small_backbone import WEIGHTS, install, put, random_phasenet

from seisbench_lcl.errors import ConfigurationError, WeightsError, WindowError
from seisbench_lcl.extractors import SeisBenchEncoder
from seisbench_lcl.testing import run_checks

LAYERS = ["down_branch.1.1", "down_branch.4.1", "up_branch.3.3", "softmax"]


@pytest.fixture(autouse=True)
def stem(cache: Path) -> Path:
    return install(cache)


def windows(n=3, channels=3, samples=2000, seed=0):
    return torch.randn(n, channels, samples, generator=torch.Generator().manual_seed(seed))


def encoder(channels=3, samples=2000, **arguments):
    return SeisBenchEncoder(channels, samples, 100.0, weights=WEIGHTS, **arguments)


def outputs(model, inputs, layers):
    """The outputs of layers, one by one."""
    found = []
    for name in layers:
        handle = model.get_submodule(name).register_forward_hook(lambda _, __, output: found.append(output))
        with torch.no_grad():
            model(inputs)
        handle.remove()
    return [output.double().numpy() for output in found]


def reference(window, layers, pooling):
    """Features of one window of at most 3001 samples, components ENZ, by plain loops."""
    model, samples = random_phasenet(), window.shape[-1]
    before = (3001 - samples) // 2
    inputs = torch.zeros(1, 3, 3001)
    inputs[0, :, before : before + samples] = model.annotate_batch_pre(window[None], {})[0]
    features = []
    for output in outputs(model, inputs, layers):
        channels = [np.maximum(channel, 0) for channel in output[0]]
        features += [np.log1p(getattr(np, name)(channel)) for name in pooling for channel in channels]
    return np.array(features)


@pytest.mark.parametrize("pooling", [["mean", "max", "std"], ["std", "mean"]])
@pytest.mark.parametrize("samples", [1500, 2000, 3001])
def test_features_agree_with_plain_loops(pooling, samples):
    x = windows(2, samples=samples)
    found = encoder(samples=samples, layers=LAYERS, pooling=pooling, component_order="ENZ")(x)
    expected = np.stack([reference(window, LAYERS, pooling) for window in x])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_longer_window_is_pooled_over_its_pieces():
    x = windows(2, samples=6002)
    found = encoder(samples=6002, layers=["softmax"], pooling=["mean", "max"], component_order="ENZ")(x)
    halves = torch.stack(
        [
            encoder(samples=3001, layers=["softmax"], pooling=["mean"], component_order="ENZ")(h)
            for h in x.split(3001, 2)
        ]
    )
    torch.testing.assert_close(found[:, :3].expm1(), halves.expm1().mean(dim=0))
    assert (found[:, 3:] >= found[:, :3]).all()


def test_components_go_where_the_backbone_expects_them():
    x = windows()
    torch.testing.assert_close(encoder(component_order="ENZ")(x), encoder(component_order="ZNE")(x[:, [2, 1, 0]]))
    torch.testing.assert_close(encoder()(x[:, [2, 1, 0]]), encoder(component_order="ENZ")(x))
    alone = torch.zeros(3, 3, 2000)
    alone[:, 2] = x[:, 0]
    torch.testing.assert_close(encoder(1)(x[:, :1]), encoder(component_order="ENZ")(alone))


def test_the_defaults_are_the_stages_of_phasenet():
    extractor = encoder()
    assert extractor.reader.layers == [
        *(f"down_branch.{i}.1" for i in range(5)),
        *(f"up_branch.{i}.3" for i in range(4)),
        "softmax",
    ]
    assert extractor.n_features == 3 * (8 + 16 + 32 + 64 + 128 + 64 + 32 + 16 + 8 + 3)
    assert (extractor(windows()) >= 0).all()


def test_the_state_holds_no_backbone_and_the_description_complete(cache):
    extractor, x = encoder(), windows()
    assert list(extractor.state_dict()) == ["probe"]
    assert not list(extractor.parameters())
    again = SeisBenchEncoder(3, 2000, 100.0, **extractor.config())
    torch.testing.assert_close(again(x), extractor(x), rtol=0, atol=0)
    install(cache, version="2", seed=1)
    assert encoder().backbone.version == "2"
    torch.testing.assert_close(SeisBenchEncoder(3, 2000, 100.0, **extractor.config())(x), extractor(x), rtol=0, atol=0)


@pytest.mark.parametrize("changed", [{"component_order": "ZNE"}, {"norm": "peak"}])
def test_another_way_of_a_window_to_the_same_tensors_is_refused(stem, changed):
    extractor = encoder()
    config, state = extractor.config(), extractor.state_dict()
    SeisBenchEncoder(3, 2000, 100.0, **config).load_state_dict(state)
    description = json.loads(Path(f"{stem}.json.v1").read_text())
    description["model_args"] |= changed
    Path(f"{stem}.json.v1").write_text(json.dumps(description))
    with pytest.raises(WeightsError, match=r"right tensors, but responds .* differently than in training"):
        SeisBenchEncoder(3, 2000, 100.0, **config).load_state_dict(state)


def test_other_tensors_are_refused(cache):
    config = encoder().config()
    install(cache, seed=1)
    with pytest.raises(WeightsError, match=r"are not the weights .* remove .*tiny.\{pt,json\}.v1, then run .*tiny --v"):
        SeisBenchEncoder(3, 2000, 100.0, **config)


def test_double_precision_and_back():
    extractor, x = encoder(), windows()
    before = extractor(x)
    torch.testing.assert_close(extractor.double()(x), before, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(extractor.float()(x), before, rtol=0, atol=0)


def test_no_window_gives_no_row():
    assert encoder()(windows(0)).shape == (0, 1113)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"model": "PhasNet"}, ConfigurationError, "seisbench.models has no model 'PhasNet': did you mean 'PhaseNet'"),
        ({"layers": ["softmx"]}, ConfigurationError, "no layer 'softmx' .*did you mean 'softmax'"),
        ({"layers": []}, ConfigurationError, "name the layers of PhaseNet 'tiny', version 1: it has inc, in_bn"),
        ({"layers": ["down_branch"]}, ConfigurationError, "no layer 'down_branch' with an output of channels"),
        ({"pooling": ["median"]}, ConfigurationError, r"pooling must be from mean, max, std, but is \['median'\]"),
        ({"pooling": []}, ConfigurationError, "but is empty"),
        ({"component_order": "Z12"}, ConfigurationError, "takes the components E, N, Z, but windows have Z, 1, 2"),
        ({"sampling_rate": 50.0}, ConfigurationError, "takes records at 100 Hz, but .* with sampling_rate=100"),
        ({"in_samples": 200}, WindowError, r"shorter than a step of layer down_branch.4.1 .* use at least 251 samples"),
        ({"weights": "../tiny"}, WeightsError, "is not a name of pretrained weights"),
    ],
)
def test_bad_arguments(arguments, error, message):
    given = {"weights": WEIGHTS, **arguments}
    shape = {"in_channels": 3, "in_samples": 2000, "sampling_rate": 100.0}
    with pytest.raises(error, match=message):
        SeisBenchEncoder(**shape | given)


def test_a_backbone_that_returns_nan(stem):
    state = torch.load(f"{stem}.pt.v1")
    state["up_branch.0.3.weight"][0] = torch.nan
    torch.save(state, f"{stem}.pt.v1")
    with pytest.raises(WeightsError, match=r"returns NaN or infinite values in layer up_branch\.0\.3: its weights are"):
        encoder()


def test_layers_without_steps_are_taken_as_they_are(cache):
    put(GPD(), cache / "gpd" / WEIGHTS)
    extractor = encoder(samples=900, model="GPD")
    assert extractor.reader.layers == ["bn1", "bn2", "bn3", "bn4", "bn5", "bn6"]
    assert extractor.n_features == 3 * (32 + 64 + 128 + 256) + 2 * 200
    assert extractor(windows(samples=900)).shape == (3, extractor.n_features)


@pytest.mark.parametrize("cls", [EQTransformer, CRED, BasicPhaseAE, VariableLengthPhaseNet])
def test_models_with_default_layers(cls, cache):
    put(cls(), cls._model_path() / WEIGHTS)
    for samples in (2000, 7000):
        extractor = encoder(samples=samples, model=cls.__name__)
        features = extractor(windows(2, samples=samples))
        assert features.shape == (2, extractor.n_features)
        assert (features.std(dim=0) > 0).any()


def test_hooks_do_not_stay():
    extractor = encoder()
    extractor(windows())
    assert isinstance(extractor.reader.module, PhaseNet)
    assert not any(module._forward_hooks for module in extractor.reader.module.modules())


@pytest.mark.slow
def test_conformance():
    for outcome in run_checks(partial(SeisBenchEncoder, weights=WEIGHTS, in_samples=600)):
        assert outcome.state != "failed", f"{outcome.check}: {outcome.reason}"
