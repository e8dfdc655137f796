from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import seisbench_lcl as lcl
from seisbench_lcl.datasets import Cuts, LabelledWindows, open_dataset, read_windows
from seisbench_lcl.errors import ConfigurationError, DatasetError, TrainingError
from seisbench_lcl.evaluation import column_folds, event_folds, held_out_probabilities
from seisbench_lcl.evaluation.protocols import classes_left


@pytest.fixture(scope="module")
def template() -> lcl.MiniRocketRidge:
    return lcl.MiniRocketRidge(labels=["high", "low"], extractor_args={"max_features": 420})


@pytest.fixture(scope="module")
def data(dataset_folder: Path, template: lcl.MiniRocketRidge) -> LabelledWindows:
    return read_windows(open_dataset(dataset_folder), template.preprocessing)


def test_event_folds_keep_events_whole_and_classes_even(data: LabelledWindows) -> None:
    folds = event_folds(data, 4)
    for event in set(data.groups):
        assert len(set(folds[data.groups == event])) == 1
    for label in ("high", "low"):
        assert np.unique(folds[data.labels == label], return_counts=True)[1].tolist() == [6] * 4
    assert (event_folds(data, 4, seed=1) != folds).any()


def test_impossible_folds_are_refused(data: LabelledWindows) -> None:
    with pytest.raises(TrainingError, match=r"13 folds need 13 training events .* 'high' has 12: use fewer folds"):
        event_folds(data, 13)
    with pytest.raises(ConfigurationError, match="folds of events must be 2 or more, but is 1"):
        event_folds(data, 1)
    three = np.isin(data.groups, ["event1", "event3", "event5"]) | (data.labels == "low")
    with pytest.raises(TrainingError, match=r"2 folds need 4 training events of each .* 'high' has 3: use 3 folds"):
        event_folds(data, 2, learn=three)
    with pytest.raises(DatasetError, match="no column 'network'"):
        column_folds(data, "network")
    with pytest.raises(DatasetError, match="only the value 'ZNE'"):
        column_folds(data, "trace_component_order")


@pytest.mark.parametrize("nothing", [None, np.nan, "", " "])
def test_windows_without_a_value_are_refused(data: LabelledWindows, nothing: object) -> None:
    metadata = data.metadata.assign(network=["XX", "YY", nothing] * 16)
    with pytest.raises(DatasetError, match=r"'network' has no value for 16 of 48 windows: fill in the values"):
        column_folds(replace(data, metadata=metadata), "network")


def test_training_events_are_spread_evenly(data: LabelledWindows) -> None:
    learn = np.isin(data.groups, ["event1", "event3", "event5"])  # all of them high
    for seed in range(5):
        folds = event_folds(data, 3, seed, learn)
        assert len(set(folds[learn])) == 3
        assert np.unique(folds, return_counts=True)[1].tolist() == [16] * 3


def test_each_fold_is_predicted_by_a_fit_without_it(template: lcl.MiniRocketRidge, data: LabelledWindows) -> None:
    folds = column_folds(data, "region")
    found = held_out_probabilities(template, data, folds)
    north = folds == "north"
    south = template.fresh().fit(data.windows[~north], data.labels[~north], data.groups[~north])
    np.testing.assert_array_equal(found[north], south.predict_proba(data.windows[north]))


def test_other_windows_of_a_tested_event_are_not_used_for_training(
    template: lcl.MiniRocketRidge, data: LabelledWindows
) -> None:
    first_station = (data.metadata["station_code"] == "ST0").to_numpy()
    tested = (data.splits == "dev") & first_station
    folds = np.where(tested, "dev at ST0", data.splits)
    rows = ~((data.splits == "dev") & ~first_station) | (data.groups == "event20")
    found = held_out_probabilities(template, data.select(rows), folds[rows])
    train = data.in_split("train")
    clean = template.fresh().fit(train.windows, train.labels, train.groups)
    np.testing.assert_array_equal(found[tested[rows]], clean.predict_proba(data.windows[tested]))


def test_a_class_of_one_fold_has_probability_zero_there(template: lcl.MiniRocketRidge, data: LabelledWindows) -> None:
    labels = data.labels.astype("<U8")
    third = np.isin(data.groups, ["event0", "event4", "event8"])
    labels[third] = "third"
    odd = replace(data, labels=labels)
    three = lcl.MiniRocketRidge(labels=["high", "low", "third"], extractor_args={"max_features": 420})
    folds = np.where(third, "with", "without")
    found = held_out_probabilities(three, odd, np.where(third | (np.arange(len(odd)) % 8 < 2), "with", folds))
    assert (found[third][:, 2] == 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("n", [1, 2])
def test_a_class_needs_two_events(data: LabelledWindows, n: int) -> None:
    third = np.isin(data.groups, ["event0", "event4"][:n])
    odd = replace(data, labels=np.where(third, "third", data.labels))
    folds, labels = column_folds(odd, "region"), ["high", "low", "third"]
    assert classes_left(odd, folds, labels) == {"north": labels[:2], "south": labels[: n + 1]}
    three = lcl.MiniRocketRidge(labels=labels, extractor_args={"max_features": 84})
    found = held_out_probabilities(three, odd, folds)
    assert (found[folds == "south"][:, 2] > 0).all() == (n == 2)


def test_an_impossible_fold_is_named_before_any_training(template: lcl.MiniRocketRidge, data: LabelledWindows) -> None:
    folds = np.where(data.labels == "high", "z", np.where(np.isin(data.groups, ["event0", "event2"]), "a", "b"))
    with pytest.raises(
        TrainingError, match=r"training without 'z' needs two classes .* but has 'low': use other folds"
    ):
        held_out_probabilities(template, data, folds, progress=lambda _: pytest.fail("a training began"))
    windows = np.full_like(data.windows, np.nan)
    with pytest.raises(TrainingError, match=r"training without 'north' failed: .*finite"):
        held_out_probabilities(template, replace(data, windows=windows), column_folds(data, "region"))


def test_only_training_windows_are_used_for_training(template: lcl.MiniRocketRidge, data: LabelledWindows) -> None:
    """Replacing the other windows by noise must not change the result."""
    folds, learn = column_folds(data, "region"), np.random.default_rng(0).random(len(data)) < 0.6
    spoilt = data.windows.copy()
    spoilt[~learn] = np.random.default_rng(1).normal(size=spoilt[~learn].shape)
    expected = held_out_probabilities(template, data, folds, learn=learn)
    found = held_out_probabilities(template, replace(data, windows=spoilt), folds, learn=learn)
    np.testing.assert_array_equal(found[learn], expected[learn])
    np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-6)
    north = folds == "north"
    rows = ~north & learn
    south = template.fresh().fit(data.windows[rows], data.labels[rows], data.groups[rows])
    np.testing.assert_array_equal(expected[north], south.predict_proba(data.windows[north]))
    with pytest.raises(TrainingError, match=r"training without 'north' needs two classes .* but has none"):
        held_out_probabilities(template, data, folds, learn=north)


def test_copies_of_a_tested_event_are_not_used_for_training(
    dataset_folder: Path, template: lcl.MiniRocketRidge
) -> None:
    data = read_windows(open_dataset(dataset_folder), template.preprocessing, cuts=Cuts(max_shift=1.0, copies=1))
    assert len(data) == 96
    folds = np.where(data.shifts == 0, event_folds(data, 2), "copies")  # in their own fold, but of the same events
    with pytest.raises(TrainingError, match=r"training without .* needs two classes"):
        held_out_probabilities(template, data, folds)
    folds = event_folds(data, 2)
    assert len(set(zip(data.groups.tolist(), folds.tolist(), strict=True))) == 24
