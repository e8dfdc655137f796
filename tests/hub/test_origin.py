"""Which weights a model uses: from the package, the cache, a hub or a path."""

from pathlib import Path

import pytest
from small_hub import FOLDER, NAME, fitted, make_hub, use_hubs, windows

import seisbench_lcl as lcl
from seisbench_lcl.hub import weights
from seisbench_lcl.models.lookup import describe_weights, load

Model = lcl.WaveformKMeans


def test_each_place(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_hubs(monkeypatch, make_hub(tmp_path / "hub"))
    monkeypatch.setattr(weights, "bundled", lambda: tmp_path / "package")
    monkeypatch.chdir(tmp_path)
    fitted().save("package/waveformkmeans/bundled", version_str="2")
    fitted().save(cache / FOLDER / "own", version_str="3-rc.1")
    fitted().save("mine")
    fitted().save("w/mine", version_str="4")
    digest = weights.file_digest(tmp_path / "mine.safetensors")
    for model, place, line in (
        (Model.from_pretrained("bundled"), "package", "WaveformKMeans/bundled, version 2, from the package"),
        (Model.from_pretrained("own"), "cache", "WaveformKMeans/own, version 3-rc.1, saved in the cache"),
        (Model.from_pretrained(NAME), "hub", f"WaveformKMeans/{NAME}, version 1, pulled from a hub"),
        (Model.from_pretrained(NAME), "hub", f"WaveformKMeans/{NAME}, version 1, pulled from a hub"),
        (load("./mine"), "path", "WaveformKMeans from mine, version 1"),
        (load("w/mine.json.v4"), "path", "WaveformKMeans from w/mine, version 4"),
        (load("package/waveformkmeans/bundled"), "package", "WaveformKMeans/bundled, version 2, from the package"),
    ):
        assert (model.weights_origin.place, model.weights_origin.sha256) == (place, digest)
        assert describe_weights(model) == f"{line} (sha256 {digest[:12]})"


def test_a_changed_model_has_no_origin(tmp_path: Path) -> None:
    fitted().save(tmp_path / "mine")
    assert "not loaded from saved weights" in describe_weights(fitted())
    assert load(tmp_path / "mine").fit(windows(1)).weights_origin is None
    assert load(tmp_path / "mine").name_clusters({0: "rockfall"}).weights_origin is None


def test_an_ensemble(pretrained: lcl.MiniRocketRidge, tmp_path: Path) -> None:
    ensemble = lcl.DiscriminatorEnsemble.from_pretrained("mixed-3c")
    assert describe_weights(ensemble).startswith("DiscriminatorEnsemble/mixed-3c, version 1, from the package (sha256 ")
