"""A model that is fitted and read in milliseconds, its card, and hubs with it."""

import hashlib
import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import seisbench_lcl as lcl
from seisbench_lcl.hub import hubs, publishing, weights
from seisbench_lcl.hub.head import join
from seisbench_lcl.hub.names import REGISTRY
from seisbench_lcl.hub.schema import HubRegistry

NAME = "tiny"
FOLDER = "waveformkmeans"
BODY = "# tiny\n\nNoise in two clusters.\n"
DIGEST = "0" * 64


def windows(seed: int = 0, count: int = 20) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(count, 3, 50)).astype(np.float32)


@cache
def fitted(seed: int = 0) -> lcl.WaveformKMeans:
    """Return a model with 2 clusters of 2 principal components; do not change it."""
    model = lcl.WaveformKMeans(
        clusters=["quarry blast", "noise"],
        sampling_rate=40.0,
        in_samples=50,
        before=0.5,
        band=(1.0, 15.0),
        extractor_args={"n_components": 2},
    )
    return model.fit(windows(seed))


def head(version: str = "1", **changes: Any) -> dict[str, Any]:
    """Return the head of a complete card of `fitted`."""
    score = {"data": "noise", "split": "dev", "metric": "purity", "value": 0.5, "low": 0.4, "high": 0.6}
    counts = {"windows": 20, "events": 20}
    return {
        "model": "WaveformKMeans",
        "name": NAME,
        "version": version,
        "task": "Sort noise into clusters",
        "state": "experimental",
        "summary": f"Version {version}, for tests only.",
        "classes": {"quarry blast": "quarry blast", "noise": None},
        "training_data": [{"name": "noise", "sources": ["none"], "licence": "CC0-1.0", **counts}],
        "split_manifest_sha256": DIGEST,
        "recipe": {"path": "weights/recipes/tiny.toml", "commit": "a" * 40},
        "preprocessing": {
            "sampling_rate": 40.0,
            "samples": 50,
            "before": 0.5,
            "components": "ZNE",
            "band": [1.0, 15.0],
            "normalisation": "component-std",
        },
        "scores": [{**score, "level": level, **counts} for level in ("station", "event")],
        "calibration": None,
        "reject": {"novelty_rate": 0.05, "reject_below": 0.0},
        "valid_ranges": {"native sampling rate": "40 Hz or more"},
        "not_for": ["anything"],
        "licence": "CC0-1.0",
        "citation": ["none"],
    } | changes


def save(folder: Path, version: str = "1", seed: int = 0, **changes: Any) -> tuple[Path, Path]:
    """Save `fitted` and a card; return the path of the weights without suffix, and the path of the card."""
    path, card = folder / NAME, folder / f"card-{version}.md"
    fitted(seed).save(path, f"saved as version {version}", version)
    card.write_text(join(head(version, **changes), BODY), encoding="utf-8")
    return path, card


def make_hub(folder: Path, *versions: str, mirrors: tuple[str, ...] = (), seed: int = 0) -> Path:
    """Make a hub with `fitted`, in versions that differ in their docstring; or add versions to an existing hub."""
    if folder.exists() or mirrors:
        _add(folder, versions or ("1",), mirrors, seed)
    else:
        shutil.copytree(_prepared(versions or ("1",), seed), folder)
    return folder


@cache
def _prepared(versions: tuple[str, ...], seed: int) -> Path:
    """Return a hub to copy, because publishing takes a tenth of a second."""
    folder = TemporaryDirectory()
    _KEPT.append(folder)
    hub = Path(folder.name, "hub")
    _add(hub, versions, (), seed)
    return hub


_KEPT: list[TemporaryDirectory[str]] = []  # removed when the process ends


def _add(hub: Path, versions: tuple[str, ...], mirrors: tuple[str, ...], seed: int) -> None:
    with TemporaryDirectory() as folder:
        for version in versions:
            path, card = save(Path(folder), version, seed)
            assert publishing.add(lcl.WaveformKMeans, path, version, card, hub, mirrors)


def contents(hub: Path) -> dict[str, bytes]:
    """Return the files of a hub by path, as a server needs them."""
    return {file.relative_to(hub).as_posix(): file.read_bytes() for file in hub.rglob("*") if file.is_file()}


def declare(hub: Path, version: str = "1", **files: bytes) -> None:
    """Put files with any content into a hub, and declare them in its registry; keys: json, safetensors, card."""
    registry = json.loads((hub / REGISTRY).read_text())
    entry = registry["weights"]["WaveformKMeans"][NAME][version]
    for kind, content in files.items():
        entry["files"][kind] |= {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        (hub / entry["files"][kind]["path"]).write_bytes(content)
    (hub / REGISTRY).write_text(HubRegistry.parse(json.dumps(registry).encode(), "here").to_text())


def describe(hub: Path, change: Callable[[dict[str, Any]], object], tensors: bytes | None = None) -> None:
    """Change the JSON file of a hub, and its tensors if given, with all digests correct."""
    files = weights.paths(hub / FOLDER / NAME, "1")
    content = files["safetensors"].read_bytes() if tensors is None else tensors
    metadata = json.loads(files["json"].read_text())
    change(metadata)
    metadata["seisbench_lcl"]["sha256"] = hashlib.sha256(content).hexdigest()
    metadata["seisbench_lcl"]["description_sha256"] = weights._digest(metadata)
    declare(hub, json=json.dumps(metadata).encode(), safetensors=content)


def left_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def use_hubs(monkeypatch: pytest.MonkeyPatch, *addresses: object) -> None:
    """Configure these hubs, or none, and forget the registries of others."""
    monkeypatch.setenv("SEISBENCH_LCL_HUBS", ",".join(map(str, addresses)) or "none")
    hubs.forget_registries()
