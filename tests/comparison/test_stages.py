"""A whole comparison, as its files tell it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from small_plan import PLAN, make_place

from seisbench_lcl import MiniRocketRidge
from seisbench_lcl.comparison import Comparison, Plan, compare
from seisbench_lcl.comparison.windows import read_cut
from seisbench_lcl.datasets import open_dataset, read_windows
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.evaluation import event_folds
from seisbench_lcl.waveforms import Preprocessing

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def place(dataset_folder: Path, tmp_path: Path) -> Path:
    return make_place(tmp_path, dataset_folder)


def test_predictions_are_those_of_a_model_trained_by_hand(dataset_folder: Path, tmp_path: Path) -> None:
    plan = Plan.model_validate(PLAN | {"split": {"folds": 4, "test": 1, "repeats": 1, "seeds": 0}})
    job = Comparison(plan, tmp_path, dataset_folder.parent, tmp_path / "out")
    job.__dict__["dataset"] = str(dataset_folder)
    assert compare(job) == ([], [tmp_path / "out" / "tables.md"])
    data = read_cut(plan.data, str(dataset_folder), 0, 0).data
    test = event_folds(data, 4, 0) == "fold 1"
    shape: dict[str, Any] = {"sampling_rate": 40, "in_samples": 320, "extractor_args": {"max_features": 84}}
    torch.set_num_threads(1)
    model = MiniRocketRidge(labels=["high", "low"], **shape)
    model.fit(data.windows[~test], data.labels[~test], data.groups[~test])
    table = pd.read_parquet(tmp_path / "out/predictions/MiniRocketRidge/deal-0-seed-0.parquet")
    assert table["window"].tolist() == np.flatnonzero(test).tolist()
    np.testing.assert_allclose(table[["p:high", "p:low"]], model.predict_proba(data.windows[test]), atol=1e-6)


def test_ensembles_and_weights_are_compared_too(dataset_folder: Path, tmp_path: Path) -> None:
    rocket = {"name": "MiniRocketRidge", "extractor_args": {"max_features": 84}}
    relabel = {"earthquake": "high", "surface event": "low", "noise": ""}
    models = [
        rocket,
        rocket | {"shown": "both", "members": 2},
        {"weights": "MiniRocketRidge/mixed-3c", "relabel": relabel},
        {"weights": "MiniRocketRidge/mixed-3c", "shown": "strange"},
    ]
    plan = Plan.model_validate(PLAN | {"split": {"folds": 4, "test": 1, "repeats": 1, "seeds": 2}, "models": models})
    job = Comparison(plan, tmp_path, dataset_folder.parent, tmp_path / "out")
    job.__dict__["dataset"] = str(dataset_folder)
    failed, _ = compare(job, ("targets", "predictions"))
    assert [one.run.entry.title for one in failed] == ["strange"]
    assert "earthquake, noise, surface event) are none of high, low: say with relabel" in str(failed[0].error)

    def read(model: str, seed: int = 0) -> pd.DataFrame:
        return pd.read_parquet(tmp_path / "out" / "predictions" / model / f"deal-0-seed-{seed}.parquet")

    mean = (read("MiniRocketRidge")[["p:high", "p:low"]] + read("MiniRocketRidge", 1)[["p:high", "p:low"]]) / 2
    np.testing.assert_allclose(read("both")[["p:high", "p:low"]], mean, atol=1e-6)
    weights = read("MiniRocketRidge-mixed-3c")
    windows = read_windows(open_dataset(dataset_folder), Preprocessing()).select(weights["window"].to_numpy())
    given = MiniRocketRidge.from_pretrained("mixed-3c").predict_proba(windows.windows)[:, [0, 2]]
    np.testing.assert_allclose(weights[["p:high", "p:low"]], given / given.sum(axis=1, keepdims=True), atol=1e-4)


def test_leaving_out_events_in_closed_form_is_what_the_loop_finds(dataset_folder: Path, tmp_path: Path) -> None:
    """The loop chooses penalty and temperature anew for each event, so that probabilities differ a little."""
    rocket = {"name": "MiniRocketRidge", "extractor_args": {"max_features": 84}}
    ways = [rocket | {"shown": how, "how": how} for how in ("closed form", "heads")]
    kmeans = {"name": "WaveformKMeans", "how": "closed form"}
    tables = [{"title": "Agreement", "kind": "agreement", "models": ["closed form", "heads"]}]
    plan = Plan.model_validate(
        PLAN | {"split": {"by": "event", "repeats": 1}, "models": [*ways, kmeans], "tables": tables}
    )
    job = Comparison(plan, tmp_path, dataset_folder.parent, tmp_path / "out")
    job.__dict__["dataset"] = str(dataset_folder)
    failed, _ = compare(job)
    assert [one.run.entry.name for one in failed] == ["WaveformKMeans"]
    assert "WaveformKMeans" in str(failed[0].error)
    closed, loop = (
        pd.read_parquet(tmp_path / f"out/predictions/{how}/deal-0-seed-0.parquet") for how in ("closed form", "heads")
    )
    data = read_cut(plan.data, str(dataset_folder), 0, 0).data
    shape: dict[str, Any] = {"sampling_rate": 40, "in_samples": 320, "extractor_args": {"max_features": 84}}
    model = MiniRocketRidge(labels=["high", "low"], **shape).fit(data.windows, data.labels, data.groups)
    np.testing.assert_allclose(closed[["p:high", "p:low"]], model.held_out, atol=1e-6)
    assert np.abs(closed["p:high"] - loop["p:high"]).max() < 0.2
    assert "| heads | 48 of 48 |" in (tmp_path / "out/tables.md").read_text()


def test_workers_of_a_scheduler_do_the_same(place: Path) -> None:
    distributed = pytest.importorskip("distributed")
    plan = Plan.read(place / "plan.toml")
    here, there = (Comparison(plan, place, place, place / name, 1) for name in ("here", "there"))
    compare(here, ("targets", "predictions"))
    counts: list[tuple[int, int]] = []
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        failed, _ = compare(
            there,
            ("targets", "predictions"),
            address=cluster.scheduler_address,
            done=lambda *told: counts.append(told),
        )
    assert [one.run.entry.title for one in failed] == ["broken"]
    assert counts == [(k, 4) for k in range(1, 5)]
    files = sorted(file.relative_to(place / "here") for file in (place / "here").rglob("*.parquet"))
    assert len(files) == 5
    for file in files:
        pd.testing.assert_frame_equal(pd.read_parquet(place / "here" / file), pd.read_parquet(place / "there" / file))
    with pytest.raises(ConfigurationError, match="either workers on this machine or those of a Dask scheduler"):
        compare(there, address="tcp://127.0.0.1:1", workers=2)


def test_what_cannot_be_compared_is_refused_before_the_work(place: Path, dataset_folder: Path) -> None:
    plan = Plan.read(place / "plan.toml")
    with pytest.raises(ConfigurationError, match="repeats must be 1 to the 2 of the plan, but is 3"):
        Comparison(plan, place, place, place / "out", 3)
    (place / "paper" / "small.toml").write_text("source = 'x'")
    with pytest.raises(ConfigurationError, match=r"small.toml must have source, data, and a table \[values.MODEL\]"):
        Comparison(plan, place, place, place / "out")
    (place / "paper" / "small.toml").unlink()
    with pytest.raises(ConfigurationError, match=r"cannot read the numbers of the paper, .*small.toml"):
        Comparison(plan, place, place, place / "out")
