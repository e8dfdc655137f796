"""Commands with an expected exit status, and small datasets and weights for them, made once."""

import json
import re
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pandas as pd
from conftest import Done

import seisbench_lcl as lcl
from seisbench_lcl.training import open_dataset, read_windows

SHAPE: dict[str, Any] = {"sampling_rate": 40, "in_samples": 320}
SHORT = ("--sampling-rate", 40, "--length", 8)
ROCKET = ("--model", "MiniRocketRidge", *SHORT, "--extractor-arg", "max_features=84")
NETWORK = ("--model", "ResNet18", *SHORT, "--extractor-arg", "width=2", "--extractor-arg", "epochs=2")


def strict(run: Callable[..., Done]) -> Callable[..., Done]:
    """Return a function that runs a command, expects an exit status, and joins the lines of its output."""

    def call(*arguments: object, expect: int = 0) -> Done:
        done = run(*arguments)
        assert done.returncode == expect, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return Done(done.returncode, *(" ".join(text.split()) for text in (done.stdout, done.stderr)))

    return call


@cache
def few_traces(dataset_folder: Path) -> Path:
    """Return a dataset of six events at two stations: four events in split train, two in split dev."""
    folder = shutil.copytree(dataset_folder, dataset_folder.with_name("few-traces"))
    metadata = pd.read_csv(folder / "metadata.csv")
    kept = [f"event{event}" for event in (0, 1, 2, 3, 16, 17)]
    metadata[metadata["source_id"].isin(kept)].to_csv(folder / "metadata.csv", index=False)
    return folder


@cache
def saved_models(dataset_folder: Path) -> Path:
    """Return a folder with weights: network, rocket, other, vertical (with other windows and one class more), clusters,
    four clusters, and the ensembles both and two.
    """
    folder = dataset_folder.with_name("saved-models")
    labels = ["high", "low"]
    network = lcl.ResNet18(labels=labels, **SHAPE, extractor_args={"width": 2, "epochs": 2})
    data = read_windows(open_dataset(dataset_folder), network.preprocessing).in_split("train")
    learnt = data.windows, data.labels, data.groups
    network.fit(*learnt).save(folder / "network", "of the north")
    rocket, other = (
        lcl.MiniRocketRidge(labels=labels, **SHAPE, extractor_args={"max_features": 84, "seed": seed}).fit(*learnt)
        for seed in (0, 1)
    )
    rocket.save(folder / "rocket", "of the north")
    other.save(folder / "other")
    vertical = lcl.PhysicalRidge(labels=[*labels, "explosion"], sampling_rate=50, in_samples=1000, component_order="Z")
    longer = read_windows(open_dataset(dataset_folder), vertical.preprocessing).in_split("train")
    every_fourth = np.where(np.unique(longer.groups, return_inverse=True)[1] % 4 == 3, "explosion", longer.labels)
    vertical.fit(longer.windows, every_fourth, longer.groups).save(folder / "vertical")
    lcl.WaveformKMeans(clusters=2, **SHAPE).fit(data.windows).save(folder / "clusters")
    four = lcl.MiniRocketKMeans(clusters=4, **SHAPE, extractor_args={"max_features": 168})
    four.fit(data.windows, groups=data.groups).save(folder / "four", "made up")
    lcl.DiscriminatorEnsemble([network, rocket]).save(folder / "both", "two of them")
    lcl.DiscriminatorEnsemble([rocket, other]).save(folder / "two")
    return folder


def change_metadata(dataset: Path, copy: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Path:
    """Copy a dataset, change its metadata, and return the copy."""
    shutil.copytree(dataset, copy)
    change(pd.read_csv(copy / "metadata.csv")).to_csv(copy / "metadata.csv", index=False)
    return copy


def description(file: Path) -> Any:
    """Return the content of the JSON file of weights."""
    return json.loads(file.read_text())


def configuration(report: Path) -> str:
    """Return the TOML text in the section "Configuration" of a report."""
    (block,) = re.findall(r"### Configuration\n\n```toml\n(.*?)```\n", report.read_text(), flags=re.DOTALL)
    return str(block)


def files_in(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def is_png(path: Path) -> bool:
    image = matplotlib.image.imread(path)
    return path.read_bytes().startswith(b"\x89PNG") and min(image.shape[:2]) > 100 and np.ptp(image) > 0.5
