"""A model that is fitted and read in milliseconds, its card, and hubs that hold it."""

import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import seisbench_lcl as lcl
from seisbench_lcl.hub import publishing, weights
from seisbench_lcl.hub.head import join
from seisbench_lcl.hub.names import REGISTRY
from seisbench_lcl.hub.schema import HubRegistry

NAME = "tiny"
FOLDER = "waveformkmeans"
BODY = "# tiny\n\nNoise, told from noise.\n"
DIGEST = "0" * 64


def windows(seed: int = 0, count: int = 20) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(count, 3, 50)).astype(np.float32)


@cache
def fitted(seed: int = 0) -> lcl.WaveformKMeans:
    """A model of 2 clusters of 2 principal components; do not change it."""
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
    """The head of a complete card of `fitted`."""
    score = {"data": "noise", "split": "dev", "metric": "purity", "value": 0.5, "low": 0.4, "high": 0.6}
    counts = {"windows": 20, "events": 20}
    return {
        "model": "WaveformKMeans",
        "name": NAME,
        "version": version,
        "task": "Tell noise from noise",
        "state": "experimental",
        "summary": f"Of version {version}: for tests alone.",
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
        "reject": {"novelty_rate": None, "reject_below": 0.0},
        "valid_ranges": {"native sampling rate": "40 Hz or more"},
        "not_for": ["anything"],
        "licence": "CC0-1.0",
        "citation": ["none"],
    } | changes


def save(folder: Path, version: str = "1", seed: int = 0, **changes: Any) -> tuple[Path, Path]:
    """Save `fitted` and a card; return the path of the weights without suffix, and that of the card."""
    path, card = folder / NAME, folder / f"card-{version}.md"
    fitted(seed).save(path, f"saved as version {version}", version)
    card.write_text(join(head(version, **changes), BODY), encoding="utf-8")
    return path, card


def make_hub(folder: Path, *versions: str, mirrors: tuple[str, ...] = (), seed: int = 0) -> Path:
    """Make a hub of `fitted`, in some versions that differ in their docstring."""
    for version in versions or ("1",):
        path, card = save(folder.with_name(f"{folder.name}-made"), version, seed)
        assert publishing.add(lcl.WaveformKMeans, path, version, card, folder, mirrors)
    return folder


def contents(hub: Path) -> dict[str, bytes]:
    """The files of a hub by their paths, as a server has them."""
    return {file.relative_to(hub).as_posix(): file.read_bytes() for file in hub.rglob("*") if file.is_file()}


def declare(hub: Path, version: str = "1", **files: bytes) -> None:
    """Put files of any content into a hub whose registry declares just them: keyed json, safetensors or card."""
    registry = json.loads((hub / REGISTRY).read_text())
    entry = registry["weights"]["WaveformKMeans"][NAME][version]
    for kind, content in files.items():
        entry["files"][kind] |= {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        (hub / entry["files"][kind]["path"]).write_bytes(content)
    (hub / REGISTRY).write_text(HubRegistry.parse(json.dumps(registry).encode(), "here").to_text())


def describe(hub: Path, change: Callable[[dict[str, Any]], object], tensors: bytes | None = None) -> None:
    """Change the JSON file of a hub, with all of its digests right, and its tensors if there are others."""
    files = weights.paths(hub / FOLDER / NAME, "1")
    content = files["safetensors"].read_bytes() if tensors is None else tensors
    metadata = json.loads(files["json"].read_text())
    change(metadata)
    metadata["seisbench_lcl"]["sha256"] = hashlib.sha256(content).hexdigest()
    metadata["seisbench_lcl"]["description_sha256"] = weights._digest(metadata)
    declare(hub, json=json.dumps(metadata).encode(), safetensors=content)


def left_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
