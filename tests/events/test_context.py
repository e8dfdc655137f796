"""Context learns hours, days and quarries, and stays apart from the waveforms."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from obspy import UTCDateTime

import seisbench_lcl as lcl
from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.events import EventDecision, EventRules, StationDecision
from seisbench_lcl.events.context import EventContext
from seisbench_lcl.events.deciding import vote
from seisbench_lcl.events.quarries import Quarry, read_quarries
from seisbench_lcl.models.event import Event, Origin

MONDAY = UTCDateTime(2024, 3, 4)
PIT = Quarry("pit", 47.0, -122.0, 8.0, 16.0, frozenset(range(5)))
LABELS = ["earthquake", "explosion"]


def origin(hour: float, day: int = 0, north: float = 0.0) -> Origin:
    """Return an origin some km north of the quarry, at a local hour of a weekday (UTC)."""
    return Origin("", MONDAY + 86400 * day + 3600 * hour, 47.0 + north / 111.19, -122.0)


def catalogue() -> tuple[list[Origin], list[str]]:
    """Blasts at noon of workdays at the quarry, earthquakes at any time and place."""
    rng = np.random.default_rng(0)
    blasts = [origin(rng.uniform(11, 14), int(rng.integers(5)), rng.uniform(0, 1.5)) for _ in range(60)]
    quakes = [origin(rng.uniform(0, 24), int(rng.integers(7)), rng.uniform(0, 60)) for _ in range(120)]
    return blasts + quakes, ["explosion"] * 60 + ["earthquake"] * 120


def decision(explosion: float, label: str | None = "earthquake") -> EventDecision:
    p = {"earthquake": 1 - explosion, "explosion": explosion}
    stations = tuple(StationDecision(f"XX.{s}..HH", MONDAY, "pick", p) for s in "AB")
    return EventDecision("e", label, label, p, 0.0, 0.0, 2, 0, "" if label else "why", "mean", "w", stations)


def test_the_tables_are_plain_counts() -> None:
    origins = [origin(5.5), origin(6.0), origin(23.9, day=6, north=3.0), Origin("", MONDAY)]
    context = EventContext.fit(origins, ["earthquake"] * 4, known=LABELS, quarries=[PIT])
    hours = [0.0] * 24
    for hour in (5, 6, 23, 0):
        for shift, weight in ((-1, 0.25), (0, 0.5), (1, 0.25)):
            hours[(hour + shift) % 24] += weight
    np.testing.assert_allclose(context.hours[0], [(h + 1 / 24) / 5 for h in hours])
    np.testing.assert_allclose(context.days[0], [(n + 1 / 7) / 5 for n in (3, 0, 0, 0, 0, 0, 1)])
    np.testing.assert_allclose(context.places[0], [(n + 1 / 5) / 5 for n in (0, 0, 0, 3, 1)])  # the quarry was closed
    np.testing.assert_allclose(context.hours[1], [1 / 24] * 24)
    assert context.prior == (5 / 6, 1 / 6)
    expected = [context.prior[k] * context.hours[k][6] * context.days[k][0] * context.places[k][3] for k in range(2)]
    powers = [x ** (1 / context.temperature) for x in expected]
    assert list(context.alone(origin(6.2)).values()) == pytest.approx([x / sum(powers) for x in powers])


def test_a_blast_at_noon_near_a_quarry_is_likely_and_one_at_night_is_not() -> None:
    context = EventContext.fit(*catalogue(), quarries=[PIT])
    assert context.alone(origin(12.0))["explosion"] > 0.9
    assert context.alone(origin(3.0))["explosion"] < 0.1
    assert context.alone(origin(12.0, day=6))["explosion"] < 0.5
    assert context.alone(origin(12.0, north=40))["explosion"] < 0.2


def test_certainty_is_that_of_events_held_out() -> None:
    """Hour, day and quarry tell the same story three times, which must not count three times."""
    origins, labels = catalogue()
    rng = np.random.default_rng(1)
    mistaken = [LABELS[1 - LABELS.index(label)] if rng.random() < 0.25 else label for label in labels]
    context = EventContext.fit(origins, mistaken, quarries=[PIT])
    assert context.temperature > 1.2
    assert 0.6 < context.alone(origin(12.0))["explosion"] < 0.95


def test_hours_and_days_are_local() -> None:
    context = EventContext.fit(*catalogue(), quarries=[PIT], timezone="America/Los_Angeles")
    summer = UTCDateTime(2024, 7, 1, 3, 30)  # Sunday 20:30 there
    assert context._cells(Origin("", summer))[:2] == (20, 6)
    with pytest.raises(ConfigurationError, match="'Mars/Base' is no time zone"):
        EventContext.fit(*catalogue(), timezone="Mars/Base")


def test_waveforms_and_context_are_shown_apart_and_mixed_only_if_asked() -> None:
    context = EventContext.fit(*catalogue(), quarries=[PIT])
    noon = origin(12.0)
    found = context.beside(decision(0.62, "explosion"), noon)
    alone = context.alone(noon)
    assert found.waveforms["explosion"] == 0.62
    assert found.context == alone
    product = {label: found.waveforms[label] * alone[label] for label in LABELS}
    assert found.together["explosion"] == pytest.approx(product["explosion"] / sum(product.values()))
    assert str(found) == (
        f"waveforms say 0.62 explosion; context alone says {alone['explosion']:.2f}; "
        f"together {found.together['explosion']:.2f}"
    )
    mixed = context.mixed(decision(0.4), noon, {"earthquake": "earthquake", "explosion": "quarry blast"})
    assert (mixed.label, mixed.event_type, mixed.rule) == ("explosion", "quarry blast", "mean and context")
    assert (mixed.n_for, mixed.n_against) == (0, 2)
    assert mixed.margin == pytest.approx(abs(2 * mixed.probability - 1))
    undecided = decision(0.4, None)
    assert context.mixed(undecided, noon, {}) is undecided


def test_quarries_are_read_from_tables_and_geojson(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text(
        "name,latitude,longitude,opens,closes,days\npit,47,-122,8,16,mon Tue wed Thu Fri\n,1,2,,,\n"
    )
    assert read_quarries(tmp_path / "q.csv") == [PIT, Quarry("", 1.0, 2.0)]
    feature = {
        "geometry": {"type": "Point", "coordinates": [-122.0, 47.0, 30.0]},
        "properties": {"name": "pit", "opens": 8, "closes": 16, "days": "Mon,Tue,Wed,Thu,Fri"},
    }
    bare = {"geometry": {"coordinates": [2, 1]}, "properties": None}
    (tmp_path / "q.geojson").write_text(json.dumps({"features": [feature, bare]}))
    assert read_quarries(tmp_path / "q.geojson") == [PIT, Quarry("", 1.0, 2.0)]


def test_work_may_run_across_midnight() -> None:
    night = Quarry("", 0.0, 0.0, 22.0, 4.0, frozenset([4]))
    works = [(day, hour) for day in range(7) for hour in (3.0, 12.0, 23.0) if night.works(hour, day)]
    assert works == [(4, 23.0), (5, 3.0)]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("q.csv", "", "cannot read"),
        ("q.csv", "a,b\n1,2\n", "place 1: KeyError"),
        ("q.csv", "latitude,longitude\n91,2\n", "place 1: .*out of range"),
        ("q.csv", "latitude,longitude,opens\n1,2,25\n", "place 1: .*out of range"),
        ("q.csv", "latitude,longitude,days\n1,2,Holiday\n", "place 1: ValueError"),
        ("q.geojson", "{}", "cannot read"),
        ("q.geojson", '{"features": [{"geometry": null}]}', "cannot read"),
        ("absent.csv", None, "cannot read"),
    ],
)
def test_bad_places_are_refused(tmp_path: Path, name: str, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_quarries(tmp_path / name)


def test_what_cannot_be_learnt_or_combined_is_refused() -> None:
    with pytest.raises(DatasetError, match="0 origins came with 0 labels"):
        EventContext.fit([], [])
    with pytest.raises(DatasetError, match=r"labels \['blast'\] are not among"):
        EventContext.fit([origin(1)], ["blast"], known=LABELS)
    context = EventContext.fit(*catalogue())
    other = EventDecision("e", None, None, {}, math.nan, math.nan, 0, 0, "no picks", "mean", "w")
    with pytest.raises(ConfigurationError, match="event e has probabilities of"):
        context.beside(other, origin(1))


class Labelled:
    """What `EventContext.learnt` takes of a model."""

    labels = ("earthquake", "explosion", "noise")
    event_types: dict[str, str | None] = {"earthquake": "earthquake", "explosion": "explosion", "noise": None}  # noqa: RUF012


def test_context_is_learnt_from_types_that_others_set() -> None:
    """Kinds of blasts are one label; our own types, foreign types and events without origin do not count."""
    events = [
        Event("1", origin(12), type="quarry blast", type_author="analyst"),
        Event("2", origin(13), type="explosion"),
        Event("3", origin(1), type="earthquake"),
        Event("4", origin(2), type="earthquake", type_author="seisbench_lcl"),
        Event("5", origin(3), type="meteorite"),
        Event("6", None, type="earthquake"),
        Event("7", origin(4)),
    ]
    model: Any = Labelled
    context = EventContext.learnt(iter(events), model, quarries=[PIT])
    assert context.labels == Labelled.labels
    assert context.prior == pytest.approx((2 / 6, 3 / 6, 1 / 6))
    with pytest.raises(DatasetError, match="no event has an origin and a type"):
        EventContext.learnt(events[3:], model)


def test_a_decision_keeps_context_apart_unless_asked(pretrained: lcl.MiniRocketRidge) -> None:
    places, labels = catalogue()
    rare = EventContext.fit(
        places, ["surface event" if x == "explosion" else x for x in labels], known=pretrained.labels
    )
    stations = [StationDecision("XX.A..HH", MONDAY, "pick", {"earthquake": 0.6, "surface event": 0.35, "noise": 0.05})]
    noon = Event("e", origin(12.5, day=2))
    alone = vote(noon, stations, pretrained, EventRules())
    beside = vote(noon, stations, pretrained, EventRules(context=rare))
    assert (beside.label, beside.probabilities, beside.rule) == (alone.label, alone.probabilities, "mean")
    assert beside.context == rare.alone(noon.origin)
    together = vote(noon, stations, pretrained, EventRules(context=rare, mix_context=True))
    assert together.probabilities == rare.beside(beside, noon.origin).together
    assert (together.rule, together.context) == ("mean and context", beside.context)
    with pytest.raises(ConfigurationError, match="mix_context needs a context"):
        EventRules(mix_context=True)
