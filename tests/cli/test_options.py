"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path

import obspy
import pytest
import torch
from command_tools import few_traces, saved_models, strict
from conftest import Done
from typer.main import get_command

from seisbench_lcl import load
from seisbench_lcl.cli.app import app
from seisbench_lcl.cli.lazy import COMMANDS
from seisbench_lcl.models.lookup import DEFAULT_MODEL

pytestmark = pytest.mark.timeout(120)

MODELS = {
    "MiniRocketRidge": "rocket",
    "ResNet18": "network",
    "MiniRocketKMeans": "four",
    "DiscriminatorEnsemble": "two",
}


def test_every_command_takes_weights_as_model_and_name(
    run: Callable[..., Done], dataset_folder: Path, tmp_path: Path, cache: Path
) -> None:
    """Four classes have weights of one name, so that the name alone is ambiguous."""
    run, data = strict(run), ("--dataset", few_traces(dataset_folder))
    for model, name in MODELS.items():
        load(saved_models(dataset_folder) / name).save(cache / model.lower() / "mine", version_str="1")
    obspy.read().write(str(tmp_path / "a.mseed"), "MSEED")
    commands = {
        ("classify", "a.mseed"): "DiscriminatorEnsemble",
        ("evaluate", *data, "--split", "train"): "MiniRocketRidge",
        ("fine-tune", *data, "--out", "tuned", "--overwrite"): "MiniRocketRidge",
        ("name", *data, "--out", "named", "--overwrite"): "MiniRocketKMeans",
    }
    ambiguous = "mine are weights of several models: choose one of DiscriminatorEnsemble/mine, MiniRocketKMeans/mine, "
    for command, model in commands.items():
        run(*command, "--weights", f"{model}/mine")
        assert ambiguous in run(*command, "--weights", "mine", expect=2).stderr
        other = run(*command, "--weights", f"{model}/mine", "--model", "ResNet18", expect=2)
        assert f"{model}/mine are weights of {model}, not of ResNet18" in other.stderr
    run("classify", "a.mseed", "--weights", "mine", "--model", "MiniRocketRidge")
    clusters = ("clusters", *data, "--out", "report", "--split", "test")  # stops before the figures, which are slow
    assert ambiguous in run(*clusters, "--weights", "mine", expect=2).stderr
    assert "no usable window is in split test" in run(*clusters, "--weights", "MiniRocketKMeans/mine", expect=2).stderr
    run("ensemble", "--weights", "ResNet18/mine", "--weights", "MiniRocketRidge/mine", "--out", "joined")
    assert load(tmp_path / "joined").labels == ["high", "low"]
    assert load(tmp_path / "tuned").name == "MiniRocketRidge"
    assert set(load(tmp_path / "named").labels) >= {"high", "low"}


def test_threads_and_device(run: Callable[..., Done], tmp_path: Path) -> None:
    obspy.read().write(str(tmp_path / "a.mseed"), "MSEED")
    command = ("classify", "a.mseed", "--weights", "MiniRocketRidge/mixed-3c-fast", "--stride", 5)
    before = torch.get_num_threads()
    try:
        strict(run)(*command, "--threads", before + 1, "--device", "cpu")
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)
    assert run(*command, "--threads", 0).returncode == 2


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("gpu", "--device takes cpu, cuda, cuda:N or mps, but got 'gpu'"),
        ("meta", "--device takes cpu, cuda, cuda:N or mps, but got 'meta'"),
        ("cuda:7", "this machine has no device cuda:7, or torch cannot use it: use one of cpu"),
    ],
)
def test_a_device_is_checked_before_the_work(run: Callable[..., Done], device: str, message: str) -> None:
    done = strict(run)("classify", "absent.mseed", "--weights", "absent", "--device", device, expect=2)
    assert message in done.stderr


def test_help_names_the_default_model() -> None:
    """Literally, so that help needs no model; commands for clusters name the default that has clusters."""
    expected = dict.fromkeys(["adapt", "catalog", "classify", "evaluate", "fine-tune", "train", "watch"], DEFAULT_MODEL)
    expected |= dict.fromkeys(["clusters", "name"], "MiniRocketSCAN")
    group = get_command(app)
    commands = {name: group.get_command(None, name).params for name in COMMANDS}
    found = {name: parameter.help for name, own in commands.items() for parameter in own if parameter.name == "model"}
    assert found.keys() == expected.keys()
    assert all(expected[name] in found[name] for name in found)
