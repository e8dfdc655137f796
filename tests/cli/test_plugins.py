"""``plugins``: installed plugins, and the conformance checks of one."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from command_tools import SHORT, description, few_traces
from conftest import Done
from small_published import ENTRY, Tiny, trained

from seisbench_lcl.cli.common import console
from seisbench_lcl.testing import Outcome

GOOD = """
    from seisbench_lcl import hookimpl
    from seisbench_lcl.extractors import FeatureExtractor

    class Peak(FeatureExtractor):
        name = "peak"

        def __init__(self, in_channels, in_samples, sampling_rate, *, floor=1e-6):
            super().__init__(in_channels, in_samples, sampling_rate)
            self.n_features = in_channels
            self.floor = floor

        def config(self):
            return {"floor": self.floor}

        def _fit(self, windows, labels, groups):
            pass

        def _extract(self, windows):
            return windows.abs().amax(dim=-1).clamp(min=self.floor).log()

    @hookimpl
    def register_feature_extractors():
        return [Peak]
"""


@pytest.fixture
def _installed(install: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A good plugin, one that cannot be imported, and one whose name is taken."""
    monkeypatch.setattr(console, "width", 200)
    monkeypatch.setenv("SEISBENCH_LCL_PLUGINS", "peak,broken,copy")
    install("lcl-test-copy", GOOD, version="2.0", entry="copy")
    install("lcl-test-broken", "import a_module_that_is_not_there", version="0.3", entry="broken")
    install("lcl-test-bells", GOOD, version="1.1", entry="peak")  # the first by its name, though not by its folder


@pytest.mark.usefixtures("_installed")
def test_plugins_are_listed_with_their_state(run: Callable[..., Done]) -> None:
    done = run("plugins")
    assert done.returncode == 0
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "peak lcl-test-bells 1.1 extractors: peak loaded" in lines
    assert any(
        line.startswith("broken lcl-test-broken 0.3 ModuleNotFoundError: No module named 'a_module_that_is")
        and line.endswith("failed")
        for line in lines
    )
    assert "copy lcl-test-copy 2.0 the name 'peak' is taken by 'peak' of lcl-test-bells 1.1 failed" in lines


@pytest.mark.usefixtures("_installed")
def test_plugins_are_listed_for_programs(run: Callable[..., Done]) -> None:
    rows = {row["plugin"]: row for row in json.loads(run("plugins", "--json").stdout)}
    assert rows["peak"] == {
        "plugin": "peak",
        "distribution": "lcl-test-bells",
        "version": "1.1",
        "extractors": ["peak"],
        "heads": [],
        "models": [],
        "state": "loaded",
        "reason": None,
    }
    assert (rows["broken"]["state"], rows["copy"]["state"]) == ("failed", "failed")
    assert rows["copy"]["reason"] == "the name 'peak' is taken by 'peak' of lcl-test-bells 1.1"
    assert "MiniRocketRidge" in rows["built-in"]["models"]


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize("name", ["peak", "lcl-test-bells"])
@pytest.mark.parametrize(
    ("outcomes", "status", "last"),
    [
        ({"output": "passed", "GPU": "skipped"}, 0, "all checks passed"),
        ({"output": "failed", "groups": "passed"}, 1, "1 check failed"),
        ({"output": "failed", "groups": "failed"}, 1, "2 checks failed"),
    ],
)
def test_outcomes_of_checks(
    run: Callable[..., Done],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    outcomes: dict[str, Any],
    status: int,
    last: str,
) -> None:
    """A plugin is checked under any of its names, with the arguments that are passed."""
    checked: list[Any] = []

    def run_checks(candidate: Any) -> Iterator[Outcome]:
        checked.append((candidate.func.name, candidate.keywords))
        for check, state in outcomes.items():
            yield Outcome(check, state, "" if state == "passed" else f"{check} says why")

    monkeypatch.setattr("seisbench_lcl.cli.plugins.run_checks", run_checks)
    done = run("plugins", "--check", name, "--arg", "floor=0.5")
    assert checked == [("peak", {"floor": 0.5})]
    assert done.returncode == status
    expected = [" Peak "]
    for check, state in outcomes.items():
        expected += [f"{state:8}{check}"] + [f"        {check} says why"] * (state != "passed")
    lines = [line.strip("─") if "─" in line else line for line in done.stdout.splitlines()]
    assert lines == [*expected, last]


def test_a_trained_model_is_checked_once_its_weights_are_here(
    run: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[Any] = []

    def run_checks(candidate: Any) -> Iterator[Outcome]:
        checked.append(candidate())
        yield Outcome("records", "passed")

    monkeypatch.setattr("seisbench_lcl.cli.plugins.run_checks", run_checks)
    monkeypatch.setattr("seisbench_lcl.cli.plugins.publishers", lambda: {"Tiny": Tiny})
    monkeypatch.setattr(Tiny, "published", {"tiny": ENTRY})
    done = run("plugins", "--check", "Tiny")
    assert (done.returncode, "no check ran: run seisbench-lcl hub pull Tiny/tiny" in done.stderr) == (2, True)
    trained().save(Tiny._model_path() / "tiny", version_str="1")
    done = run("plugins", "--check", "Tiny")
    assert (done.returncode, done.stdout.splitlines()[1:]) == (0, ["passed  records", "all checks passed"])
    assert [type(model) for model in checked] == [Tiny]


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--check", "nothing"), "no extractor, head or plugin is called 'nothing'"),
        (
            ("--check", "broken"),
            "cannot check plugin 'broken' of lcl-test-broken 0.3, because it is not loaded: ModuleNot",
        ),
        (
            ("--check", "built-in", "--arg", "seed=1"),
            "--arg applies to one extractor or head, but built-in has several",
        ),
        (
            ("--check", "peak", "--arg", "ceiling=1"),
            "Peak has no argument ceiling: its arguments are in_channels, in_samples, sampling_rate, floor",
        ),
    ],
)
def test_checks_that_are_refused(run: Callable[..., Done], arguments: tuple[str, ...], message: str) -> None:
    done = run("plugins", *arguments)
    assert (done.returncode, message in done.stderr) == (2, True), done.stdout + done.stderr


@pytest.mark.usefixtures("_installed")
def test_a_plugin_in_training_and_evaluation(run: Callable[..., Done], dataset_folder: Path, tmp_path: Path) -> None:
    few = ("--dataset", few_traces(dataset_folder))
    done = run("train", "--extractor", "peak", "--head", "ridge", *SHORT, *few, "--out", "one")
    assert done.returncode == 0, done.stderr
    assert run("ensemble", "--weights", "one", "--weights", "one", "--out", "two").returncode == 0
    for weights in ("one", "two"):
        done = run("evaluate", "--weights", weights, "--dataset", dataset_folder, "--folds", "2")
        assert done.returncode == 0, done.stderr
        assert "balanced accuracy" in done.stdout.replace("_", " ").lower()
    needed = description(tmp_path / "one.json")["seisbench_lcl"]["requires"]["extractor"]
    assert needed == {"name": "peak", "distribution": "lcl-test-bells", "version": "1.1"}
