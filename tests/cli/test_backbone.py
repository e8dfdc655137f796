"""``backbone``, and weights that need one, on their way through a hub to a machine without a network."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Done
from small_backbone import WEIGHTS, install
from small_hub import BODY, head, use_hubs

import seisbench_lcl as lcl
from seisbench_lcl.cli.common import console
from seisbench_lcl.hub.card import Card


@pytest.fixture
def stem(cache: Path) -> Path:
    return install(cache)


def test_layers_are_listed(run: Callable[..., Done], stem: Path) -> None:
    done = run("backbone", f"PhaseNet/{WEIGHTS}")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0].startswith("PhaseNet 'tiny', version 1, sha256 ")
    assert lines[1:3] == [f"{stem}.json.v1", f"{stem}.pt.v1"]
    assert lines[3] == "takes the components E, N, Z and 3001 samples at 100 Hz"
    assert "* down_branch.4.1 128 12" in lines
    assert "down_branch.4.0 128 12" in lines
    named = [line.split()[1] for line in lines if line.startswith("* ")]
    extractor = lcl.extractors.SeisBenchEncoder(weights=WEIGHTS)
    assert named == extractor.reader.layers


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("PhaseNet", "'PhaseNet' does not name a model and its weights: write MODEL/WEIGHTS"),
        ("PhasNet/original", "seisbench.models has no model 'PhasNet': did you mean 'PhaseNet'"),
    ],
)
def test_wrong_names(run: Callable[..., Done], what: str, message: str) -> None:
    done = run("backbone", what)
    assert done.returncode == 2
    assert message in done.stderr


def test_from_hub_to_hub(
    run: Callable[..., Done], stem: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "width", 300)
    monkeypatch.setattr("seisbench.remote_model_root", "http://127.0.0.1:9/")
    use_hubs(monkeypatch)
    windows = np.random.default_rng(0).normal(size=(12, 3, 800))
    model = lcl.PhaseNetKMeans(
        clusters=["quarry blast", "noise"],
        in_samples=800,
        extractor_args={"weights": WEIGHTS, "layers": ["softmax"]},
    ).fit(windows)
    model.save("mine", version_str="1")
    described = head(
        model="PhaseNetKMeans",
        name="mine",
        preprocessing={
            "sampling_rate": 100.0,
            "samples": 800,
            "before": 2.0,
            "components": "ZNE",
            "band": [1.0, 18.0],
            "normalisation": "component-std",
        },
    )
    Path("mine.md").write_text(Card.of(described).to_text(BODY))
    arguments = ("hub", "add", "--weights", "mine", "--card", "mine.md", "--hub", "hub")
    assert "backbones: [] in the card" in run(*arguments).stderr
    Path("mine.md").write_text(Card.of({**described, "backbones": model.backbones}).to_text(BODY))
    assert run(*arguments).returncode == 0
    assert "needs PhaseNet 'tiny', version 1, SHA-256" in " ".join(
        run("hub", "show", "mine", "--hub", "hub").stdout.split()
    )

    exported = run("hub", "export", "--hub", "hub", "--out", "stick")
    assert "copied PhaseNet 'tiny', version 1, which they need, to stick/backbones" in " ".join(exported.stdout.split())
    shutil.rmtree(cache)
    verified = run("hub", "verify", "--hub", "stick")
    assert verified.returncode == 0
    assert f"not checked {tmp_path}/stick: PhaseNetKMeans mine 1" in " ".join(verified.stdout.split())
    pulled = run("hub", "pull", "mine", "--hub", "stick")
    assert pulled.returncode == 2
    assert "run seisbench-lcl backbone PhaseNet/tiny --version 1 on a machine with a network" in pulled.stderr
    shutil.copytree("stick/backbones", cache, dirs_exist_ok=True)
    assert run("hub", "pull", "mine", "--hub", "stick").returncode == 0
    found = lcl.PhaseNetKMeans.from_pretrained("mine").predict_proba(windows)
    np.testing.assert_array_equal(found, model.predict_proba(windows))

    (cache / "phasenet" / "tiny.pt.v1").unlink()
    again = run("hub", "export", "--hub", "hub", "--out", "other")
    assert "is not in SeisBench's cache: run seisbench-lcl backbone PhaseNet/tiny --version 1" in again.stderr
