import pytest
from obspy.core.event.header import EventType

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.labels import _COMMON, check_labels, quakeml_types


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
    ],
)
def test_labels_that_cannot_name_classes_are_refused(labels, message):
    with pytest.raises(ConfigurationError, match=message):
        check_labels(labels)
