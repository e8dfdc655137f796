from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_plan import PLAN

from seisbench_lcl.comparison.plan import Plan
from seisbench_lcl.comparison.targets import digest_of, digest_of_dataset, frozen, make
from seisbench_lcl.comparison.windows import in_turn, read_cut, rows_to_learn
from seisbench_lcl.datasets import open_dataset
from seisbench_lcl.errors import ConfigurationError, DatasetError


def test_targets_deal_whole_events_and_stay_as_they_are(dataset_folder: Path, tmp_path: Path) -> None:
    plan = Plan.model_validate(PLAN)
    table = frozen(plan, dataset_folder, tmp_path)
    metadata = open_dataset(dataset_folder).metadata
    assert table["event"].tolist() == metadata["source_id"].iloc[table["window"]].tolist()
    for deal in ("deal 0", "deal 1"):
        assert table.groupby("event")[deal].nunique().max() == 1
        tested = table[table[deal] == "test"].groupby("label")["event"].nunique()
        assert tested.to_dict() == {"high": 3, "low": 3}  # a quarter of twelve events each
    assert (table["deal 0"] != table["deal 1"]).any()
    again = frozen(plan, Path("nowhere"), tmp_path)  # the dataset is not read again
    assert digest_of(again) == digest_of(table) == digest_of(make(plan, dataset_folder))
    other = plan.model_copy(update={"data": plan.data.model_copy(update={"length": 9.0})})
    with pytest.raises(
        ConfigurationError, match=r"made by other settings .*length: 8.0 there, 9.0 here.* another fold"
    ):
        frozen(other, dataset_folder, tmp_path)


def test_regions_and_single_events_are_folds_too(dataset_folder: Path) -> None:
    for by, column in (("region", "region"), ("event", "event")):
        plan = Plan.model_validate(PLAN | {"split": {"by": by}})
        table = make(plan, dataset_folder)
        assert (table["deal 0"] == table[column]).all()
        assert "deal 1" not in table
    unknown = Plan.model_validate({**PLAN, "data": {**PLAN["data"], "region_column": None}, "split": {"by": "region"}})
    with pytest.raises(DatasetError, match=r"split is by region, .* set region_column in \[data\]"):
        make(unknown, dataset_folder)
    with pytest.raises(DatasetError, match="no column 'regoin' for the region; did you mean 'region'"):
        make(Plan.model_validate(PLAN | {"data": PLAN["data"] | {"region_column": "regoin"}}), dataset_folder)


def test_a_class_of_one_region_alone_is_learnt_but_not_tested(dataset_folder: Path, tmp_path: Path) -> None:
    metadata = pd.read_csv(dataset_folder / "metadata.csv")
    metadata.loc[metadata["source_type"] == "low", "region"] = "north"
    metadata.to_csv(tmp_path / "metadata.csv", index=False)
    (tmp_path / "waveforms.hdf5").symlink_to(dataset_folder / "waveforms.hdf5")
    plan = Plan.model_validate(PLAN | {"split": {"by": "region"}})
    table = make(plan, tmp_path)
    assert set(table.loc[table["label"] == "low", "deal 0"]) == {""}
    assert set(table.loc[table["label"] == "high", "deal 0"]) == {"north", "south"}
    by_class = plan.model_copy(update={"data": plan.data.model_copy(update={"region_column": "source_type"})})
    with pytest.raises(DatasetError, match="no class occurs in two of the groups high, low"):
        make(by_class, tmp_path)


def test_models_learn_from_no_event_that_is_tested(dataset_folder: Path) -> None:
    plan = Plan.model_validate(PLAN)
    table = make(plan, dataset_folder)
    cut = read_cut(plan.data, str(dataset_folder), copies=1, seed=3)
    tested = table["deal 0"] == "test"
    settings: dict[str, object] = {"events": 0, "without": None, "labelled": True}
    rows = rows_to_learn(cut.data, table, tested, **settings)
    assert not set(cut.data.groups[rows]) & set(table.loc[tested, "event"])
    assert len(rows) == 2 * (~tested).sum()  # each window and its shifted copy
    few = rows_to_learn(cut.data, table, tested, **settings | {"events": 6})
    assert pd.Series(cut.data.labels[few]).groupby(cut.data.groups[few]).first().value_counts().to_dict() == {
        "high": 3,
        "low": 3,
    }
    assert set(cut.data.labels[rows_to_learn(cut.data, table, tested, **settings | {"without": "low"})]) == {"high"}
    lonely = np.flatnonzero(cut.data.labels == "low")[:2]
    kept = table[table["window"].isin(cut.data.traces[lonely]) | (table["label"] == "high")]
    assert set(cut.data.labels[rows_to_learn(cut.data, kept, kept["deal 0"] == "no", **settings)]) == {"high"}
    assert in_turn(np.array(["b", "a", "a"]), np.array(["1", "2", "3"]), 1) == ["2", "3", "1"]


def test_windows_at_wrong_picks_are_those_of_other_picks(dataset_folder: Path) -> None:
    shifted = Plan.model_validate(PLAN | {"data": PLAN["data"] | {"shifts": [-1.0, 0.5]}}).data
    wide = read_cut(shifted, str(dataset_folder), 0, 0)
    plain = read_cut(Plan.model_validate(PLAN).data, str(dataset_folder), 0, 0)
    rows = np.arange(4)
    np.testing.assert_array_equal(wide.at(rows), plain.at(rows))
    np.testing.assert_array_equal(wide.at(rows, 0.5)[:, :, :-20], plain.at(rows)[:, :, 20:])
    np.testing.assert_array_equal(wide.at(rows, -1.0)[:, :, 40:], plain.at(rows)[:, :, :-40])


def test_the_digest_of_a_dataset_is_taken_again_when_a_file_changes(tmp_path: Path) -> None:
    folder, memo = tmp_path / "data", tmp_path / "out" / "dataset.json"
    folder.mkdir()
    (folder / "metadata.csv").write_text("a")
    first = digest_of_dataset(folder, memo)
    memo.write_text(memo.read_text().replace(first, "kept"))
    assert digest_of_dataset(folder, memo) == "kept"
    (folder / "metadata.csv").write_text("ab")
    assert digest_of_dataset(folder, memo) not in (first, "kept")
    memo.write_text("{")
    (folder / "metadata.csv").write_text("a")
    assert digest_of_dataset(folder, memo) == first
    assert digest_of_dataset("ETHZ", memo) == "ETHZ"


def test_a_target_region_must_exist_and_labels_may_be_joined(dataset_folder: Path) -> None:
    split = {"by": "targets", "targets": ["norht"], "folds": 2, "test": 1}
    with pytest.raises(DatasetError, match="no window can be tested in the region 'norht'; did you mean 'north'"):
        make(Plan.model_validate(PLAN | {"split": split}), dataset_folder)
    relabel = {"low": "deep", "high": ""}
    table = make(Plan.model_validate(PLAN | {"data": PLAN["data"] | {"relabel": relabel}}), dataset_folder)
    metadata = open_dataset(dataset_folder).metadata
    assert set(table["label"]) == {"deep"}
    assert table["window"].tolist() == np.flatnonzero(metadata["source_type"] == "low").tolist()
