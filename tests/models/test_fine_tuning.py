"""Fine-tuning for another region: changed and unchanged state, and refusals."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

import seisbench_lcl as lcl
from seisbench_lcl.errors import ConfigurationError, NotFittedError, OutputError, TrainingError, WindowError
from seisbench_lcl.optim.loop import _seeded
from seisbench_lcl.storage.rows import RowFile
from seisbench_lcl.training import session

LABELS = ["blast", "quake", "slide"]
SHAPE: dict[str, Any] = {
    "in_samples": 200,
    "sampling_rate": 50,
    "band": (1, 20),
    "before": 0,
    "component_order": "ZN",
}
TINY: dict[str, dict[str, Any]] = {
    "ResNet18": {"extractor_args": {"width": 2, "epochs": 3, "augmentations": {}}},
    "VGG16": {"extractor_args": {"width": 2, "epochs": 3, "augmentations": {}}},
    "Inception10": {"extractor_args": {"width": 2, "epochs": 3, "augmentations": {}}},
    "SpectrogramCNN": {"extractor_args": {"epochs": 3, "augmentations": {}, "frequency_range": [1, 20]}},
    "MiniRocketRidge": {"extractor_args": {"max_features": 168}},
}


def region(seed: int, shift: float = 0.0, n_events: int = 24) -> tuple[NDArray[np.float32], list[str], list[str]]:
    """Two windows per event; each class has a frequency, which a region shifts."""
    rng = np.random.default_rng(seed)
    labels = [LABELS[event % 3] for event in range(n_events) for _ in range(2)]
    groups = [f"event {event}" for event in range(n_events) for _ in range(2)]
    frequencies = np.array([4.0, 9.0, 14.0])[[LABELS.index(label) for label in labels]] + shift
    phases = rng.uniform(0, 2 * np.pi, (len(labels), 2, 1))
    waves = np.sin(2 * np.pi * frequencies[:, None, None] * np.arange(200) / 50 + phases)
    return (waves + 0.5 * rng.normal(size=waves.shape)).astype(np.float32), labels, groups


def state(model: lcl.Discriminator) -> dict[str, Tensor]:
    return deepcopy(model.state_dict())


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(tensor, other[name]) for name, tensor in one.items())


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], lcl.Discriminator]:
    """Return a function that loads a trained model of a kind."""
    folder = tmp_path_factory.mktemp("trained")

    def get(kind: str) -> Any:
        cls = getattr(lcl, kind)
        if not (folder / f"{kind}.json").exists():
            cls(labels=LABELS, **SHAPE, **TINY[kind]).fit(*region(0)).save(folder / kind)
        return cls.load(folder / kind)

    return get


@pytest.mark.parametrize("kind", TINY)
def test_the_adapted_model_is_calibrated_again_and_saved(
    models: Callable[[str], Any], kind: str, tmp_path: Path
) -> None:
    model = models(kind)
    before = state(model)
    windows, labels, groups = region(1, shift=2.5)
    assert model.fine_tune(windows, labels, groups, **({} if kind == "MiniRocketRidge" else {"epochs": 1})) is model
    assert not model.training
    probabilities = model.predict_proba(windows)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert not torch.equal(model.novelty_detector.threshold, before["unlikeness.threshold"])
    assert not torch.equal(model.head.temperature, before["head.temperature"])
    held_out = model.held_out
    assert held_out.shape == (48, 3)
    assert np.isfinite(held_out[:, 0]).sum() == (48 if kind == "MiniRocketRidge" else 12)
    model.save(tmp_path / "tuned")
    np.testing.assert_array_equal(type(model).load(tmp_path / "tuned").predict_proba(windows), probabilities)


def test_ridge_regressions_learn_the_new_region(models: Callable[[str], Any]) -> None:
    windows, labels, groups = region(1, shift=3.5)
    new = region(2, shift=3.5)
    truth = [LABELS.index(label) for label in new[1]]
    model = models("MiniRocketRidge")
    before = (model.predict_proba(new[0]).argmax(axis=1) == truth).mean()
    extractor = deepcopy(model.extractor.state_dict())
    after = (model.fine_tune(windows, labels, groups).predict_proba(new[0]).argmax(axis=1) == truth).mean()
    assert after > max(before, 0.9)
    assert same(extractor, model.extractor.state_dict())


def test_networks_learn_the_new_region(models: Callable[[str], Any]) -> None:
    windows, labels, groups = region(1, shift=3.5)
    model = models("SpectrogramCNN")
    truth = [LABELS.index(label) for label in labels]
    before = (model.predict_proba(windows).argmax(axis=1) == truth).mean()
    model.fine_tune(windows, labels, groups, epochs=12, learning_rate=3e-3)
    assert (model.predict_proba(windows).argmax(axis=1) == truth).mean() > before
    assert len(model.histories[0].train) == 12 or model.histories[0].stopped


@pytest.mark.parametrize("kind", ["ResNet18", "SpectrogramCNN"])
@pytest.mark.parametrize("freeze", [1, 2, -1])
def test_frozen_stages_stay_unchanged(models: Callable[[str], Any], kind: str, freeze: int) -> None:
    """Including their running statistics."""
    model = models(kind)
    before = state(model.extractor)
    head = model.head.weight.detach().clone()
    windows, labels, groups = region(0)
    swapped = [LABELS[LABELS.index(label) - 1] for label in labels]  # so that the state before is not kept
    model.fine_tune(windows, swapped, groups, freeze=freeze, learning_rate=0.02, epochs=6)
    stages = len(model.extractor.stages)
    changed = {
        int(name.split(".")[1])
        for name, tensor in model.extractor.state_dict().items()
        if name.startswith("stages") and not torch.equal(tensor, before[name])
    }
    assert model.histories[0].best_epoch >= 0
    assert changed == set(range(stages if freeze == -1 else freeze, stages))
    assert not torch.equal(head, model.head.weight)
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("kind", ["ResNet18", "MiniRocketRidge"])
def test_a_class_that_the_new_region_lacks_stays_known(models: Callable[[str], Any], kind: str) -> None:
    windows, labels, groups = region(1, shift=1)
    there = np.array(labels) != "slide"
    model = models(kind)
    model.fine_tune(windows[there], np.array(labels)[there], np.array(groups)[there])
    assert model.labels == LABELS
    probabilities = model.predict_proba(region(0)[0])
    assert np.isfinite(probabilities).all()
    assert (probabilities[:, 2] > 0).all()
    with pytest.raises(TrainingError, match=r"no window is labelled \['slide'\]"):
        model.fit(windows[there], np.array(labels)[there], np.array(groups)[there])


def test_windows_from_a_file_give_the_same(models: Callable[[str], Any]) -> None:
    windows, labels, groups = region(1, shift=1)
    file = RowFile(*windows.shape[1:])
    file.extend(windows)
    for kind in ("ResNet18", "MiniRocketRidge"):
        one, other = (models(kind).fine_tune(x, labels, groups) for x in (windows, file))
        assert same(one.state_dict(), other.state_dict())


def test_a_network_before_another_head_stays_unchanged() -> None:
    model = lcl.Discriminator("resnet18", "ridge", labels=LABELS, **SHAPE, **TINY["ResNet18"]).fit(*region(0))
    before = state(model.extractor)
    model.fine_tune(*region(1, shift=2))
    assert same(before, model.extractor.state_dict())
    assert np.isfinite(model.held_out).all()
    with pytest.raises(ConfigurationError, match="Discriminator is not a network trained with its head"):
        model.fine_tune(*region(1, shift=2), freeze=-1)


def bad_windows(what: str) -> NDArray[np.float32]:
    windows = region(1)[0]
    if what == "dead":
        windows[3, 1] = 0
    elif what == "nan":
        windows[3, 1, 7] = np.nan
    return {"short": windows[..., :150], "components": windows[:, :1]}.get(what, windows)


@pytest.mark.parametrize("kind", ["ResNet18", "MiniRocketRidge"])
@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("dead", "1 of 48 windows have a component without any motion, the first at index 3"),
        ("nan", "hold NaN or infinite samples, the first at index 3"),
        ("short", r"needs windows of shape \(B, 2, 200\).*got \(48, 2, 150\)"),
        ("components", r"needs windows of shape \(B, 2, 200\).*got \(48, 1, 200\)"),
    ],
)
def test_unsuitable_windows_leave_the_model_unchanged(
    models: Callable[[str], Any], kind: str, what: str, message: str
) -> None:
    model = models(kind)
    before = state(model)
    with pytest.raises(WindowError, match=message):
        model.fine_tune(bad_windows(what), *region(1)[1:])
    assert same(before, model.state_dict())


@pytest.mark.parametrize("kind", ["ResNet18", "MiniRocketRidge"])
@pytest.mark.parametrize(
    ("labels", "groups", "message"),
    [
        (["quake"] * 48, None, r"needs windows of at least two classes, but all of these are \['quake'\]"),
        (["bang"] * 48, None, r"the model does not know the labels \['bang'\]; its labels are"),
        (["quake"] * 47, None, "48 windows came with 47 labels"),
        (["quake"] * 24 + ["slide"] * 24, [1] * 24 + [2] * 24, "class 'quake' has a single event"),
        (["quake"] * 24 + ["slide"] * 24, range(47), "48 windows came with 47 groups"),
        (["quake", "slide"] * 24, [1] * 48, "event 1 has windows labelled 'quake' and 'slide'"),
        (["quake", "slide"] * 24, [[1]] * 48, "one name or number per window"),
    ],
)
def test_unsuitable_labels_leave_the_model_unchanged(
    models: Callable[[str], Any], kind: str, labels: list[str], groups: Any, message: str
) -> None:
    model = models(kind)
    before = state(model)
    with pytest.raises(TrainingError, match=message):
        model.fine_tune(region(1)[0], labels, groups)
    assert same(before, model.state_dict())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"freeze": -2}, "freeze must be .*-1 for all stages, but is -2"),
        ({"freeze": 6}, "freeze must be at most 5, the number of stages of ResNet18Encoder, but is 6"),
        ({"epochs": -1}, "epochs must be a whole number of 1 or more, .*but is -1"),
        ({"epochs": 0}, "epochs must be a whole number of 1 or more, .*but is 0"),
        ({"learning_rate": 0}, "learning_rate must be positive, but is 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be positive, but is nan"),
    ],
)
def test_arguments_out_of_range(models: Callable[[str], Any], arguments: dict[str, Any], message: str) -> None:
    model = models("ResNet18")
    before = state(model)
    with pytest.raises(ConfigurationError, match=message):
        model.fine_tune(*region(1), **arguments)
    assert same(before, model.state_dict())
    with pytest.raises(ConfigurationError, match="freeze, learning_rate and epochs do not apply"):
        models("MiniRocketRidge").fine_tune(*region(1), **arguments)


@pytest.mark.parametrize("kind", TINY)
def test_unfitted_models_cannot_be_adapted(kind: str) -> None:
    model = getattr(lcl, kind)(labels=LABELS, **SHAPE, **TINY[kind])
    with pytest.raises(NotFittedError, match=r"call fit"):
        model.fine_tune(*region(1))


def test_heads_that_cannot_be_adapted_say_so() -> None:
    clusters = lcl.WaveformKMeans(clusters=3, **SHAPE).fit(region(0)[0])
    before = state(clusters)
    with pytest.raises(ConfigurationError, match="WaveformKMeans learns without labels and cannot be fine-tuned"):
        clusters.fine_tune(*region(1))
    assert same(before, clusters.state_dict())
    logits = lcl.Discriminator("raw", "linear", labels=LABELS, **SHAPE).fit(*region(0))
    before = state(logits)
    with pytest.raises(ConfigurationError, match="Linear cannot be fine-tuned: fit it again"):
        logits.fine_tune(*region(1))
    assert same(before, logits.state_dict())


@pytest.mark.parametrize("method", ["fit", "fine_tune"])
def test_an_interrupted_training_leaves_the_model_unchanged(models: Callable[[str], Any], method: str) -> None:
    """Including its predictions: batch normalisation must not stay in training mode."""
    model = models("ResNet18")
    windows = region(0)[0]
    before, expected = state(model), model.predict_proba(windows[:5])
    held_out = model.held_out

    def interrupt(name: str) -> Any:
        def epochs(numbers: Any) -> Any:
            yield 0
            raise KeyboardInterrupt

        return epochs

    with session(progress=interrupt), pytest.raises(KeyboardInterrupt):
        getattr(model, method)(*region(1, shift=2))
    assert same(before, model.state_dict())
    assert not any(module.training for module in model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())
    np.testing.assert_array_equal(model.predict_proba(windows[:5]), expected)
    assert model.held_out is held_out


def test_an_error_in_the_middle_of_an_epoch_leaves_evaluation_mode(
    models: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models("ResNet18")
    expected = model.predict_proba(region(0)[0][:5])
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda *a, **k: (_ for _ in ()).throw(RuntimeError("no room")))
    with pytest.raises(RuntimeError, match="no room"):
        model.fine_tune(*region(1, shift=2))
    assert not any(module.training for module in model.modules())
    np.testing.assert_array_equal(model.predict_proba(region(0)[0][:5]), expected)


def test_an_interrupted_fine_tuning_continues_to_the_same_state(models: Callable[[str], Any], tmp_path: Path) -> None:
    straight = models("ResNet18").fine_tune(*region(1, shift=2))
    seen = []

    def stop_after_one(name: str) -> Any:
        def epochs(numbers: Any) -> Any:
            for i, number in enumerate(numbers):
                if i and not seen:
                    seen.append(number)
                    raise KeyboardInterrupt
                yield number

        return epochs

    for interrupted in (True, False):
        model = models("ResNet18")
        with session(tmp_path, stop_after_one, tmp_path / "logs"):
            if interrupted:
                with pytest.raises(KeyboardInterrupt):
                    model.fine_tune(*region(1, shift=2))
            else:
                model.fine_tune(*region(1, shift=2))
    assert same(straight.state_dict(), model.state_dict())
    assert len((tmp_path / "logs" / "resnet18.csv").read_text().splitlines()) == 4


def test_folders_that_cannot_be_written_to(models: Callable[[str], Any], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    model = models("ResNet18")
    before = state(model)
    for folders, message in (
        ({"checkpoints": tmp_path / "file"}, "cannot write the checkpoint"),
        ({"logs": tmp_path / "file"}, "cannot write logs"),
    ):
        with session(**folders), pytest.raises(OutputError, match=message):
            model.fine_tune(*region(1))
        assert same(before, model.state_dict())
    with session(checkpoints=tmp_path / "c"):
        model.fine_tune(*region(1))
        next((tmp_path / "c").iterdir()).write_bytes(b"nothing")
        before = state(model)
        with pytest.raises(ConfigurationError, match="is not a checkpoint: remove it"):
            model.fine_tune(*region(1))
    assert same(before, model.state_dict())


def test_fine_tuning_twice_with_one_seed_gives_one_model(models: Callable[[str], Any]) -> None:
    with _seeded(torch.nn.Module(), 5):
        one = models("ResNet18").fine_tune(*region(1, shift=2))
    assert same(one.state_dict(), models("ResNet18").fine_tune(*region(1, shift=2)).state_dict())
