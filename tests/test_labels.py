from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from obspy.core.event.header import EventType

from seisbench_lcl.errors import ConfigurationError, TrainingError
from seisbench_lcl.labels import _COMMON, check_labels, encode, encode_groups, named_clusters, quakeml_types


def test_defaults_know_quakeml_and_common_names():
    expected = {
        "earthquake": "earthquake",
        "EQ": "earthquake",
        "Quarry Blast": "quarry blast",
        "quarry_blast": "quarry blast",
        "blast": "explosion",
        "surface event": "slide",
        "icequake": "ice quake",
        "other": "other event",
        "rumble": "other event",
        "noise": None,
        "Noise": None,
        "noise ": None,
        "quarry  blast": "quarry blast",
    }
    assert quakeml_types(list(expected)) == expected


def test_every_default_is_a_type_of_quakeml():
    assert quakeml_types(list(EventType)) == {name: name for name in EventType}
    assert set(_COMMON.values()) <= set(EventType)


def test_mapping_overrides_in_the_spelling_of_quakeml_and_is_not_changed():
    mapping = {"a": "Rockslide", "earthquake": None, "noise": "acoustic noise", "b": "other"}
    before = dict(mapping)
    types = quakeml_types(["a", "b", "earthquake", "noise", "eq"], mapping)
    assert types == {
        "a": "rockslide",
        "b": "other event",
        "earthquake": None,
        "noise": "acoustic noise",
        "eq": "earthquake",
    }
    assert mapping == before


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"a": "quarryblast"}, r"'a' is mapped to 'quarryblast'.*quarry blast"),
        ({"c": "slide"}, r"\['c'\], but the labels are \['a', 'b'\]"),
    ],
)
def test_mapping_that_quakeml_or_the_model_does_not_know_is_refused(mapping, message):
    with pytest.raises(ConfigurationError, match=message):
        quakeml_types(["a", "b"], mapping)


def test_labels_become_a_list():
    assert check_labels(("earthquake", "noise")) == ["earthquake", "noise"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "at least two"),
        ("earthquake", "at least two"),
        (["earthquake"], "at least two"),
        (["a", "b", "a"], "distinct"),
        (["a", "station", "coverage"], r"\['coverage', 'station'\]"),
        (["earthquake", "b", "Earthquake"], "'Earthquake' and 'earthquake' differ only by capitals or blanks"),
        (["quarry blast", "quarry_blast"], "'quarry blast' and 'quarry_blast' differ only"),
        (["quarry blast", "quarry\u00a0 blast"], "differ only"),
        (["\u00e9boulement", "e\u0301boulement"], "differ only"),
        (["earthquake", "noise "], "'noise ' begins or ends with a blank: write 'noise'"),
    ],
)
def test_labels_that_cannot_name_classes_are_refused(labels, message):
    with pytest.raises(ConfigurationError, match=message):
        check_labels(labels)


def test_clusters_without_a_name_are_not_reported():
    assert named_clusters("SCAN", False, None, 3) == ["cluster 0", "cluster 1", "cluster 2"]
    assert check_labels(named_clusters("SCAN", False, None, 12)) == named_clusters("SCAN", False, None, 12)
    types = quakeml_types([*named_clusters("SCAN", False, None, 2), "cluster 10", "my cluster 0", "cluster", "noise"])
    assert types == {
        "cluster 0": "not reported",
        "cluster 1": "not reported",
        "cluster 10": "not reported",
        "my cluster 0": "other event",
        "cluster": "other event",
        "noise": None,
    }
    assert quakeml_types(["cluster 0", "b"], {"cluster 0": "slide"})["cluster 0"] == "slide"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("a b", r"does not know the labels \['a b'\]"),
        ("Noise", "'Noise' and 'noise' differ only"),
        ("noise ", "'noise' and 'noise ' differ only"),
        ("low ", "'low ' begins or ends with a blank"),
    ],
)
def test_labels_of_windows_are_spelt_as_those_of_the_model(given: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        encode(["noise", "quake", given], None, ["noise", "quake"], 3)


@pytest.mark.parametrize("nothing", [None, float("nan"), np.nan, pd.NA, pd.NaT, "", " "])
@pytest.mark.parametrize("kind", [list, pd.Series, lambda events: np.array(events, dtype=object)])
def test_windows_without_event_are_their_own_events(nothing: object, kind: Callable) -> None:
    events = kind(["a", nothing, "b", nothing, "a", nothing])
    assert encode_groups(events, 6).tolist() == [0, 1, 2, 3, 0, 4]
    labels = ["quake", "noise", "quake", "noise", "quake", "noise"]
    assert encode(labels, events, ["noise", "quake"], 6)[1].tolist() == [0, 1, 2, 3, 0, 4]


@pytest.mark.parametrize("kind", [np.array, torch.tensor, pd.Series, iter])
def test_numbers_of_events_come_in_any_container(kind: Callable) -> None:
    assert encode_groups(kind([7, 3, 7, 3]), 4).tolist() == [0, 1, 0, 1]


@given(st.lists(st.one_of(st.integers(), st.text("ab", min_size=1), st.booleans()), min_size=1))
def test_events_become_indices_in_order_of_appearance(events):
    indices = encode_groups(iter(events), len(events)).tolist()
    assert [indices[i] == indices[j] for i in range(len(events)) for j in range(i)] == [
        events[i] == events[j] for i in range(len(events)) for j in range(i)
    ]
    assert list(dict.fromkeys(indices)) == list(range(len(set(indices))))


def test_events_come_as_arrays_or_not_at_all():
    assert encode_groups(None, 3) is None
    assert encode_groups(np.array(["b", "a", "b"]), 3).tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (["a", "b"], "3 windows came with 2 groups"),
        (np.zeros((3, 1)), "one name or number per window"),
        ([["a"], "b", "c"], "one name or number per window"),
    ],
)
def test_events_that_are_not_one_for_each_window_are_refused(events, message):
    with pytest.raises(TrainingError, match=message):
        encode_groups(events, 3)
