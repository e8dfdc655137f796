"""Ensembles, their best member, chosen numbers of clusters, and models that move to another region."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from small_plan import PLAN

from seisbench_lcl import MiniRocketKMeans, MiniRocketRidge
from seisbench_lcl.comparison import Comparison, Plan, compare
from seisbench_lcl.comparison.building import together
from seisbench_lcl.comparison.windows import UNKNOWN, in_turn, read_cut
from seisbench_lcl.errors import TrainingError
from seisbench_lcl.evaluation.cluster_number import cluster_numbers

pytestmark = pytest.mark.timeout(120)

ROCKET = {"name": "MiniRocketRidge", "extractor_args": {"max_features": 84}}
SHAPE: dict[str, Any] = {"sampling_rate": 40, "in_samples": 320, "extractor_args": {"max_features": 84}}


def comparison(folder: Path, dataset: Path, **parts: Any) -> Comparison:
    job = Comparison(Plan.model_validate(PLAN | parts), folder, dataset.parent, folder / "out")
    job.__dict__["dataset"] = str(dataset)
    return job


def found(folder: Path, model: str) -> pd.DataFrame:
    return pd.read_parquet(folder / "out" / "predictions" / model / "deal-0-seed-0.parquet")


def test_a_model_moves_to_a_target_region_as_by_hand(dataset_folder: Path, tmp_path: Path) -> None:
    ways: dict[str, dict[str, Any]] = {
        "as it is": {"learn": "elsewhere"},
        "tuned": {"learn": "elsewhere", "fine_tune": True, "events": 4},
        "scratch": {"learn": "target", "events": 4},
        "all": {},
    }
    split = {"by": "targets", "targets": ["north", "south"], "folds": 2, "test": 1, "repeats": 1, "seeds": 0}
    models = [ROCKET | {"shown": title} | way for title, way in ways.items()]
    job = comparison(tmp_path, dataset_folder, split=split, models=models)
    assert compare(job, ("targets", "predictions"))[0] == []
    fold, region, event = (job.targets[name].to_numpy(dtype=str) for name in ("deal 0", "region", "event"))
    assert set(fold) == {UNKNOWN, "north", "south"}
    assert set(fold[region == "north"]) == {UNKNOWN, "north"}
    data = read_cut(job.plan.data, str(dataset_folder), 0, 0).data
    torch.set_num_threads(1)

    def of(rows: np.ndarray) -> tuple[Any, ...]:
        return data.windows[rows], data.labels[rows], data.groups[rows]

    for target in ("north", "south"):
        test, here = fold == target, region == target
        assert len(set(event[test])) == 6
        assert not set(event[test]) & set(event[~test])
        few = here & ~test & np.isin(event, in_turn(data.labels[here & ~test], data.groups[here & ~test], 4))
        assert len(set(event[few])) == 4
        plain = MiniRocketRidge(labels=["high", "low"], **SHAPE).fit(*of(~here))
        expected = {"as it is": plain.predict_proba(data.windows[test])}
        expected["tuned"] = plain.fine_tune(*of(few)).predict_proba(data.windows[test])
        for title, rows in (("scratch", few), ("all", ~test)):
            model = MiniRocketRidge(labels=["high", "low"], **SHAPE).fit(*of(rows))
            expected[title] = model.predict_proba(data.windows[test])
        for title, probabilities in expected.items():
            table = found(tmp_path, title).set_index("window").loc[np.flatnonzero(test)]
            np.testing.assert_allclose(table[["p:high", "p:low"]], probabilities, atol=1e-6, err_msg=title)


def test_a_criterion_chooses_the_number_of_clusters(dataset_folder: Path, tmp_path: Path) -> None:
    entry = {"name": "MiniRocketKMeans", "extractor_args": {"max_features": 84}, "map": True}
    models = [entry | {"clusters": "silhouette"}, entry | {"shown": "five", "clusters": 5}]
    figures = [{"name": "clusters", "kind": "clusters"}]
    job = comparison(
        tmp_path,
        dataset_folder,
        split={"folds": 4, "test": 1, "repeats": 1, "seeds": 0},
        models=models,
        tables=[{"title": "Cost", "kind": "cost"}],
        figures=figures,
    )
    failed, files = compare(job)
    assert failed == []
    learn = job.targets["deal 0"].to_numpy(dtype=str) == UNKNOWN
    data = read_cut(job.plan.data, str(dataset_folder), 0, 0).data
    model = MiniRocketKMeans(clusters=2, **SHAPE).fit(data.windows[learn], None, data.groups[learn])
    numbers = cluster_numbers(model.features(data.windows[learn]), range(2, 13), n_references=2)
    chosen = numbers.attrs["suggested"]["silhouette"]
    assert pd.read_csv(tmp_path / "out" / "cards.csv").set_index("model")["clusters"].to_dict() == {
        "metadata alone": pytest.approx(np.nan, nan_ok=True),
        "MiniRocketKMeans": chosen,
        "five": 5,
    }
    assert f"| {chosen} |" in files[0].read_text()
    assert [file.name for file in files] == ["tables.md", "clusters.svg"]


def test_the_best_member_has_the_lowest_loss_of_what_it_held_out() -> None:
    class Member:
        name, labels = "member", ["high", "low"]

        def __init__(self, *of_truth: float) -> None:
            self.held_out = np.array([[p, 1 - p] for p in of_truth])

    truth = np.array(["high", "high", "high"])
    sure, unsure, partly = Member(0.9, 0.9, 0.9), Member(0.6, 0.6, 0.99), Member(np.nan, 0.95, np.nan)
    members: Any = [unsure, sure, partly]
    assert together(members, True, truth) is partly
    assert together(members[:2], True, truth) is sure
    nothing: Any = [Member(np.nan, np.nan, np.nan), sure]
    with pytest.raises(TrainingError, match="member holds no event out while it trains"):
        together(nothing, True, truth)
