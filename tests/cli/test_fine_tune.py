"""``fine-tune``: weights for another region."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from command_tools import few_traces, is_png, saved_models, strict
from conftest import Done
from small_backbone import WEIGHTS, install

import seisbench_lcl as lcl

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def run(run: Callable[..., Done]) -> Callable[..., Done]:
    return strict(run)


@pytest.fixture
def weights(dataset_folder: Path) -> Path:
    return saved_models(dataset_folder)


def test_a_network(run: Callable[..., Done], weights: Path, dataset_folder: Path, tmp_path: Path) -> None:
    done = run(
        *("fine-tune", "--dataset", dataset_folder, "--split", "dev", "--weights", weights / "network"),
        *("--out", "w/new", "--version", 2, "--epochs", 1, "--freeze", 3, "--learning-rate", 0.001),
        *("--report", "report.md", "--curves", "c.png", "--logs", "l", "--checkpoints", "c"),
    )
    assert "fine-tuning on 16 windows of 8 events" in done.stderr
    assert "wrote w/new.{json,safetensors,pt}.v2" in done.stdout
    tuned, before = lcl.ResNet18.load(tmp_path / "w" / "new", "2"), lcl.ResNet18.load(weights / "network")
    assert tuned.weights_docstring == "Fine-tuned. Before: of the north"
    for name, tensor in before.extractor.stages[:3].state_dict().items():
        assert tensor.equal(tuned.extractor.stages[:3].state_dict()[name])
    assert len(pd.read_csv(tmp_path / "l" / "resnet18.csv")) == 1
    assert is_png(tmp_path / "c.png")
    report = (tmp_path / "report.md").read_text()
    assert 'weights = "network"' in report
    assert str(weights) not in report
    assert "freeze = 3" in report


def test_a_backbone(run: Callable[..., Done], weights: Path, cache: Path, dataset_folder: Path, tmp_path: Path) -> None:
    install(cache)
    run(
        *("train", "--dataset", dataset_folder, "--extractor", "seisbench", "--head", "linear", "--out", "w/frozen"),
        *("--extractor-arg", f"weights={WEIGHTS}", "--extractor-arg", 'layers=["softmax"]', "--length", 8),
        *("--max-shift", 0),
    )
    data = ("fine-tune", "--dataset", few_traces(dataset_folder), "--split", "all", "--backbone")
    run(*data, "--weights", "w/frozen", "--out", "w/tuned", "--epochs", 1)
    tuned = lcl.load(tmp_path / "w" / "tuned")
    assert (tuned.extractor.name, tuned.backbones) == ("seisbench_network", [])
    assert tuned.training_windows["copies"] == 0
    frozen = ("--weights", "w/frozen", "--out", "w/other", "--freeze", 1)
    assert "--freeze does not apply with --backbone" in run(*data, *frozen, expect=2).stderr
    done = run(*data, "--weights", weights / "rocket", "--out", "w/other", expect=2)
    assert "does not have the extractor seisbench and the head linear" in done.stderr


def test_a_ridge_regression(run: Callable[..., Done], weights: Path, dataset_folder: Path, tmp_path: Path) -> None:
    data = ("fine-tune", "--dataset", few_traces(dataset_folder), "--split", "all")
    outputs = ("--out", "w/rocket", "--description", "of the south", "--curves", "none.png")
    done = run(*data, "--weights", weights / "rocket.json", *outputs)
    assert "none.png was not written: MiniRocketRidge is not trained in epochs" in done.stderr
    assert "Training windows, each predicted by a head fitted without its event" in done.stdout
    assert lcl.MiniRocketRidge.load(tmp_path / "w" / "rocket").weights_docstring == "of the south"
    own = (*data, "--weights", "./w/rocket", "--out", "w/rocket")
    before = (tmp_path / "w" / "rocket.safetensors").read_bytes()
    assert "w/rocket.json exists already" in run(*own, expect=2).stderr
    assert (tmp_path / "w" / "rocket.safetensors").read_bytes() == before
    run(*own, "--overwrite", "--report", "r.md")
    assert lcl.load(tmp_path / "w" / "rocket").weights_docstring == "Fine-tuned. Before: of the south"
    assert "overwrite" not in (tmp_path / "r.md").read_text()


def test_an_ensemble(run: Callable[..., Done], weights: Path, dataset_folder: Path, tmp_path: Path) -> None:
    own = ("fine-tune", "--dataset", dataset_folder, "--split", "dev", "--weights", weights / "both")
    run(*own, "--out", "new", "--checkpoints", "c", "--freeze", 1)  # only its network has stages
    tuned, before = (lcl.DiscriminatorEnsemble.load(path) for path in (tmp_path / "new", weights / "both"))
    assert tuned.weights_docstring == "Fine-tuned. Before: two of them"
    assert [file.name for file in (tmp_path / "c").iterdir()] == ["member-0-resnet18.checkpoint"]
    first, stayed = (model.members[0].extractor.stages[0].state_dict() for model in (before, tuned))
    assert all(tensor.equal(stayed[name]) for name, tensor in first.items())


@pytest.mark.parametrize(
    ("weights_name", "arguments", "message"),
    [
        ("network", ["--freeze", 9], "freeze must be at most 5, the number of stages of ResNet18Encoder, but is 9"),
        ("network", ["--epochs", 0], "epochs must be a whole number of 1 or more, but is 0"),
        ("network", ["--learning-rate", 0], "learning_rate must be positive"),
        ("network", ["--label-column", "region"], "the model does not know the labels ['north', 'south']"),
        ("network", ["--split", "test"], "no usable window is in split test; available: dev, train"),
        ("network", ["--report", "."], "is a folder"),
        ("network", ["--report", "a.svg", "--curves", "./a.svg"], "a.svg cannot be both the report and the figure"),
        ("network", ["--version", "a/b"], "'a/b' is not a version"),
        ("network", ["--out", "file/w"], "cannot write file/w"),
        ("network", ["--model", "VGG16"], "holds weights of ResNet18, not of VGG16"),
        ("rocket", ["--epochs", 3], "freeze, learning_rate and epochs do not apply"),
        ("clusters", [], "WaveformKMeans learns without labels and cannot be fine-tuned: fit it again"),
        ("absent", [], "no weights file"),
    ],
)
def test_fine_tuning_that_cannot_work(
    run: Callable[..., Done],
    weights: Path,
    dataset_folder: Path,
    tmp_path: Path,
    weights_name: str,
    arguments: list[Any],
    message: str,
) -> None:
    (tmp_path / "file").write_text("")
    own = ("fine-tune", "--dataset", few_traces(dataset_folder), "--weights", weights / weights_name, "--out", "w")
    assert message in run(*own, *arguments, expect=2).stderr
    assert list(tmp_path.glob("w*")) == []
