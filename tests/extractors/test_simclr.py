import copy
import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from seisbench_lcl.errors import ConfigurationError, NotFittedError, TrainingError, WindowError
from seisbench_lcl.extractors.simclr import SimCLR

QUICK = {"epochs": 2, "batch_size": 16, "width": 4, "augmentations": {"scaling": {}, "time_shift": {"seconds": 0.5}}}


def signals(n, c=3, t=400, seed=0):
    """Windows of two kinds in turn: a wave train of 3 Hz or of 12 Hz at a random time, in noise; scale 1."""
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(t) / 100
    kind = torch.arange(n) % 2
    onset = 0.5 + 2 * torch.rand(n, 1, 1, generator=generator)
    phase = 6.28 * torch.rand(n, c, 1, generator=generator)
    frequency = torch.where(kind == 0, 3.0, 12.0)[:, None, None]
    since = (time - onset).clamp(min=0)
    train = torch.sin(6.28 * frequency * time + phase) * since * torch.exp(-2 * since)
    windows = 20 * train + 0.2 * torch.randn(n, c, t, generator=generator)
    return windows / windows.std(dim=-1, keepdim=True), kind


@pytest.fixture(scope="module")
def fitted():
    return SimCLR(3, 400, **QUICK).fit(signals(40)[0])


def test_views_of_new_windows_find_each_other_after_training_and_kinds_keep_together():
    torch.manual_seed(0)  # seed of the compared views
    windows, kind = signals(200)
    arguments = QUICK | {"epochs": 12, "batch_size": 50, "width": 8}
    model = SimCLR(3, 400, **arguments).fit(windows[:150])
    first, second = (model.augment(windows[150:], 100.0) for _ in range(2))

    def found(embed):
        return (embed(first) @ embed(second).T).argmax(dim=1) == torch.arange(50)

    untrained = SimCLR(3, 400, **arguments)._encode
    assert found(model).float().mean() > 3 * found(untrained).float().mean()
    features = model(windows)
    nearest = (features @ features.T).fill_diagonal_(-1).argmax(dim=1)
    assert (kind[nearest] == kind).float().mean() > 0.85
    assert len(model.histories[0].train) == model.epochs_trained == 12
    assert model.histories[0].train[-1] < model.histories[0].train[0]


def test_training_repeats_and_ignores_labels_and_what_was_before(fitted):
    windows, kind = signals(40)
    before, state = windows.clone(), torch.get_rng_state()
    torch.manual_seed(99)
    again = SimCLR(3, 400, **QUICK).fit(windows, kind)
    torch.set_rng_state(state)
    assert torch.equal(windows, before)
    assert torch.equal(again(windows), fitted(windows))
    assert torch.equal(again.fit(windows)(windows), fitted(windows))
    assert not torch.equal(SimCLR(3, 400, **QUICK, seed=1).fit(windows)(windows), fitted(windows))


def test_features_are_of_unit_length_and_those_of_windows_one_by_one(fitted):
    windows = signals(7, seed=1)[0]
    features = fitted(windows)
    assert features.shape == (7, fitted.n_features)
    assert features.dtype == torch.float32
    torch.testing.assert_close(features.norm(dim=1), torch.ones(7))
    torch.testing.assert_close(torch.cat([fitted(window[None]) for window in windows]), features, rtol=0, atol=2e-6)
    assert fitted(windows[:0]).shape == (0, fitted.n_features)
    assert not fitted.training


@given(exponent=st.floats(-12, 12))
def test_the_scale_of_a_window_does_not_matter(fitted, exponent):
    windows = signals(3, seed=2)[0]
    torch.testing.assert_close(fitted(10**exponent * windows), fitted(windows), rtol=0, atol=1e-5)
    assert torch.isfinite(fitted(torch.zeros(1, 3, 400))).all()


@pytest.mark.parametrize(("c", "t", "rate"), [(1, 500, 100.0), (3, 200, 40.0), (4, 1, 100.0), (2, 6001, 200.0)])
def test_components_samples_and_rate_are_free(c, t, rate):
    model = SimCLR(c, t, rate, **QUICK | {"augmentations": {"noise": {}, "component_drop": {}}})
    windows = torch.randn(6, c, t, generator=torch.Generator().manual_seed(0))
    assert model.fit(windows)(windows).shape == (6, model.n_features)


def test_a_fitted_extractor_is_restored_from_its_state(fitted, tmp_path):
    windows = signals(5)[0]
    save_file(fitted.state_dict(), tmp_path / "simclr.safetensors")
    config = json.loads(json.dumps(fitted.config()))
    loaded = SimCLR(3, 400, **config)
    assert loaded.config() == fitted.config()
    with pytest.raises(NotFittedError, match=r"fit\(windows\) first, or load weights"):
        loaded(windows)
    loaded.load_state_dict(load_file(tmp_path / "simclr.safetensors"))
    for other in (loaded, copy.deepcopy(fitted)):
        assert torch.equal(other.eval()(windows), fitted(windows))


def test_the_defaults_are_small_and_complete():
    model = SimCLR()
    assert sum(parameter.numel() for parameter in model.parameters()) < 300_000
    assert model.n_features == 128
    assert SimCLR(**model.config()).config() == model.config()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"augmentations": {"blur": {}}}, "there is no augmentation 'blur'; available: scaling"),
        (
            {"augmentations": {}},
            "needs at least one augmentation: without one, both views of a window are equal",
        ),
        ({"augmentations": {"time_shift": {"seconds": 30}}}, "by up to 30 s, but they are only 20 s long"),
        ({"sampling_rate": 8.0}, "lower the frequencies or the octaves"),
        ({"width": 6}, "width must be a positive multiple of 4, but is 6"),
        ({"width": 0}, "width must be a positive multiple of 4, but is 0"),
        ({"temperature": 0.0}, r"temperature must be positive, but is 0\.0"),
    ],
)
def test_invalid_arguments_are_refused(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        SimCLR(**arguments)


def test_too_few_windows_and_a_failed_fit_leave_no_model_behind(fitted):
    model = copy.deepcopy(fitted)
    with pytest.raises(TrainingError, match="training needs 2 windows or more, but has 1"):
        model.fit(signals(1)[0])
    with pytest.raises(NotFittedError):
        model(signals(1)[0])
    with pytest.raises(WindowError, match="SimCLR needs windows of shape"):
        model.fit(torch.zeros(4, 3, 399))
