"""Labels of members are matched by their QuakeML types, and by nothing else."""

import pytest

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.labels import quakeml_types
from seisbench_lcl.models._classes import Classes, match_classes

OURS = quakeml_types(["earthquake", "noise", "surface event"])
THEIRS = quakeml_types(["eq", "px", "no", "su"], {"px": "explosion", "no": None, "su": "slide"})
BLASTS = quakeml_types(["quarry blast", "earthquake"])


def match(*types: dict[str, str | None], **merge: str | None) -> Classes:
    return match_classes([f"m{i}" for i in range(len(types))], types, merge)


def test_labels_of_one_type_are_one_class() -> None:
    found = match(OURS, THEIRS)
    assert found.labels == ["earthquake", "noise", "surface event", "px"]
    assert found.event_types == {"earthquake": "earthquake", "noise": None, "surface event": "slide", "px": "explosion"}
    assert [columns.tolist() for columns in found.columns] == [[0, 1, 2], [0, 3, 1, 2]]
    assert found.known.astype(int).tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    assert match(THEIRS, OURS).labels == ["earthquake", "px", "noise", "su"]  # a label spelt like its type wins


def test_types_stay_apart_unless_the_user_joins_them() -> None:
    assert match(THEIRS, BLASTS).labels == ["earthquake", "px", "no", "su", "quarry blast"]
    joined = match_classes(["a", "b"], [THEIRS, BLASTS], {"quarry blast": "explosion"})
    assert joined.labels == ["earthquake", "explosion", "no", "su"]  # the user names the class
    assert joined.columns[1].tolist() == [1, 0]
    assert joined.event_types["explosion"] == "explosion"
    quiet = match(OURS, THEIRS, slide=None)
    assert quiet.labels == ["earthquake", "noise", "px"]
    assert quiet.columns[0].tolist() == [0, 1, 1]
    once = match_classes(["a", "b"], [THEIRS, BLASTS], {"quarry blast": "explosion", "explosion": "chemical explosion"})
    assert once.columns[1].tolist()[0] != once.columns[0].tolist()[1]  # not applied twice


def test_other_events_are_matched_by_spelling_alone() -> None:
    known = {"earthquake": "earthquake", "Tremor": "other event", "whistle": "other event"}
    found = match(known, {"earthquake": "earthquake", "tremor": "other event", "unknown": None, "noise": None})
    assert found.labels == ["earthquake", "Tremor", "whistle", "unknown", "noise"]
    assert found.columns[1].tolist() == [0, 1, 3, 4]


@pytest.mark.parametrize(
    ("types", "merge", "message"),
    [
        (
            [OURS, BLASTS],
            {"quary blast": "explosion"},
            "neither a label of a member nor the QuakeML type of one: did",
        ),
        ([OURS, BLASTS], {"noise": "hum"}, "merge maps 'noise' to 'hum', which is not a QuakeML event type; "),
        (
            [OURS, quakeml_types(["ice quake", "quarry blast"])],
            {},
            "m1 shares no class with m0: it knows ice quake, quarry blast, but m0 and those that share classes with it "
            "know earthquake, noise, surface event. If classes mean the same, join them by their QuakeML types",
        ),
        (
            [OURS, BLASTS],
            {"quarry blast": "earthquake"},
            "m1 would know only the class 'earthquake', which joins",
        ),
        (
            [OURS, {"earthquake": "earthquake", "noise": "ice quake"}],
            {},
            "the label 'noise' has different event types in different members, no type and ice quake: say what it "
            "means by merge, such as merge={'noise': 'ice quake'}",
        ),
    ],
)
def test_classes_that_cannot_be_matched(types: list, merge: dict, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        match_classes([f"m{i}" for i in range(len(types))], types, merge)
    assert message in str(caught.value)


def test_a_chain_of_shared_classes_is_enough() -> None:
    far = quakeml_types(["ice quake", "slide"])
    between = quakeml_types(["quarry blast", "slide"])
    assert len(match(BLASTS, far, between).labels) == 4
