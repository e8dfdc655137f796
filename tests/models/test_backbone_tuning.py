"""A backbone that is trained further: what it starts from, what changes, and weights that hold all of it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from small_backbone import WEIGHTS, install
from torch import nn

import seisbench_lcl as lcl
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.models import fine_tune_backbone

LABELS = ["blast", "noise"]


@pytest.fixture
def windows() -> np.ndarray:
    """Noise, and noise with a tone in every other window."""
    data = np.random.default_rng(0).normal(size=(24, 3, 600)).astype(np.float32)
    data[::2] += 3 * np.sin(np.arange(600) / 3).astype(np.float32)
    return data


@pytest.fixture
def frozen(cache: Path, windows: np.ndarray) -> lcl.Discriminator:
    install(cache)
    model = lcl.Discriminator(
        "seisbench",
        "linear",
        labels=LABELS,
        in_samples=600,
        extractor_args={"weights": WEIGHTS, "layers": ["down_branch.0.1", "up_branch.3.3"]},
        head_args={"penalty": 1.0},
    )
    return model.fit(windows, LABELS * 12)


def test_training_goes_on_and_the_weights_hold_everything(
    frozen: lcl.Discriminator, windows: np.ndarray, tmp_path: Path, cache: Path
) -> None:
    before = {name: tensor.clone() for name, tensor in frozen.extractor.reader.module.state_dict().items()}
    answers = frozen.predict_proba(windows)
    noisy = [LABELS[(i // 2) % 2] for i in range(24)]  # labels that the backbone has to learn anew
    tuned = fine_tune_backbone(frozen, windows, noisy, learning_rate=3e-3, epochs=3, seed=1)
    np.testing.assert_array_equal(frozen.predict_proba(windows), answers)
    after = tuned.extractor.reader.module.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert tuned.histories[0].best_epoch >= 0
    assert {name.rpartition(".")[2] for name in changed} == {"weight", "bias"}
    assert tuned.extractor.recipe.seed == 1
    assert tuned.extractor.source.startswith("PhaseNet/tiny, version 1, SHA-256 ")

    tuned.save(tmp_path / "tuned")
    for file in (cache / "phasenet").iterdir():
        file.unlink()
    loaded = lcl.load(tmp_path / "tuned")
    assert loaded.backbones == []
    np.testing.assert_allclose(loaded.predict_proba(windows), tuned.predict_proba(windows), atol=1e-6)


def test_if_no_epoch_is_better_the_model_is_kept(frozen: lcl.Discriminator, windows: np.ndarray) -> None:
    tuned = fine_tune_backbone(frozen, windows, LABELS * 12, learning_rate=0.1, epochs=1)
    assert tuned.histories[0].best_epoch == -1
    np.testing.assert_allclose(tuned.predict_proba(windows), frozen.predict_proba(windows), atol=1e-5)


def test_every_parameter_gets_a_gradient(frozen: lcl.Discriminator, windows: np.ndarray) -> None:
    network = fine_tune_backbone(frozen, windows, LABELS * 12, epochs=1).extractor
    network.train()
    network.encode(torch.from_numpy(windows)).sum().backward()
    used = {name for name, parameter in network.named_parameters() if parameter.grad is not None}
    assert any("down_branch.0" in name for name in used)
    assert any("up_branch.3" in name for name in used)
    assert not any(part.training for part in network.modules() if isinstance(part, nn.BatchNorm1d))


def test_other_models_are_refused(windows: np.ndarray) -> None:
    ridge = lcl.MiniRocketRidge(labels=LABELS, in_samples=600)
    with pytest.raises(
        ConfigurationError, match=r"does not have the extractor seisbench and the head linear.*fit Disc"
    ):
        fine_tune_backbone(ridge, windows, LABELS * 12)
    with pytest.raises(ConfigurationError, match=r"PhaseNet cannot be built from \{'colour': 'red'\}"):
        lcl.Discriminator(
            "seisbench_network", "linear", labels=LABELS, extractor_args={"model_args": {"colour": "red"}}
        )
