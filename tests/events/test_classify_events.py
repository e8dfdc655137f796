"""From picks to decisions: batches, votes, reasons, and events that go wrong."""

import math
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import obspy
import pytest
import seisbench.models as sbm
from obspy import UTCDateTime
from obspy.core.event import Arrival, Catalog, WaveformStreamID
from obspy.core.event import Event as CatalogEvent
from obspy.core.event import Origin as CatalogOrigin
from obspy.core.event import Pick as CatalogPick
from obspy.core.inventory import Inventory, Network, Station
from small_backbone import random_phasenet

import seisbench_lcl as lcl
from seisbench_lcl.errors import ConfigurationError, DatasetError, WaveformError
from seisbench_lcl.events import (
    Event,
    EventCalibration,
    EventDecision,
    EventRules,
    Origin,
    Pick,
    classify,
    classify_catalog,
    classify_events,
    classify_picks,
    decide_events,
)
from seisbench_lcl.events.arrivals import group_picks, picks_of
from seisbench_lcl.events.source import Found, Site, StreamSource
from seisbench_lcl.events.votes import Ballot
from seisbench_lcl.models import Discriminator

START = UTCDateTime(2024, 3, 1, 12)
STATIONS = ["AAA", "BBB", "CCC"]
MakeStream = Callable[..., obspy.Stream]


@pytest.fixture
def stream(make_stream: MakeStream) -> obspy.Stream:
    """Ten minutes of three stations: noise, with the example earthquake of ObsPy added at 100, 300 and 500 s."""
    stream = obspy.Stream()
    for i, station in enumerate(STATIONS):
        part = make_stream(600, station=f"XX.{station}..HH", seed=i)
        for trace, quake in zip(part, obspy.read(), strict=True):
            trace.data *= 0.002
            for k, at in enumerate((100, 300, 500)):
                first = (at + i) * 100
                trace.data[first : first + len(quake)] += quake.data * (1 + k)
        stream += part
    return stream


def event(name: str, at: float, *stations: str) -> Event:
    """Return an event with P where the example earthquake has it."""
    order = {station: i for i, station in enumerate(STATIONS)}
    return Event(name, picks=tuple(Pick("", START + at + order.get(s, 0) + 4.3, "XX", s) for s in stations))


def plain(decision: EventDecision) -> dict[str, float]:
    return dict(decision.probabilities)


def test_an_event_is_decided_by_the_mean_of_its_stations(pretrained: lcl.MiniRocketRidge, stream: obspy.Stream) -> None:
    [found] = classify_events(pretrained, [event("e", 100, *STATIONS)], stream, max_novelty=None)
    assert (found.event, found.label, found.event_type) == ("e", "earthquake", "earthquake")
    assert (found.n_for, found.n_against, found.reason, found.rule) == (3, 0, "", "mean")
    assert found.weights.startswith("MiniRocketRidge/mixed-3c, version 1")
    rows = [station.probabilities for station in found.stations]
    expected = {label: sum(row[label] for row in rows) / 3 for label in pretrained.labels}
    assert plain(found) == pytest.approx(expected)
    first, second = sorted(expected.values())[:-3:-1]
    assert found.margin == pytest.approx(first - second)
    assert found.disagreement == pytest.approx(float(np.std([row["earthquake"] for row in rows])))
    assert [s.station for s in found.stations] == [f"XX.{s}..HH" for s in STATIONS]
    assert all(s.snr > 10 and s.coverage == 1 and s.novelty > 0 and s.p_source == "pick" for s in found.stations)


def test_batches_change_nothing(
    pretrained: lcl.MiniRocketRidge, stream: obspy.Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [event(f"e{i}", 40 + 17 * i, *STATIONS[: 1 + i % 3], "NONE") for i in range(20)]
    together = classify_events(pretrained, events, stream)
    monkeypatch.setattr(classify, "_BATCH", 1)
    alone = classify_events(pretrained, events, stream)
    assert [d.event for d in together] == [f"e{i}" for i in range(20)]
    for one, other in zip(together, alone, strict=True):
        assert plain(one) == pytest.approx(plain(other), abs=1e-5)
        assert [s.reason for s in one.stations] == [s.reason for s in other.stations]
        assert "no waveform" in [station.reason for station in one.stations]


def test_decisions_come_before_the_events_end(pretrained: lcl.MiniRocketRidge, stream: obspy.Stream) -> None:
    asked = 0

    def endless() -> Iterator[Event]:
        nonlocal asked
        while True:
            asked += 1
            yield event(f"e{asked}", 100, "AAA")

    decisions = decide_events(pretrained, endless(), stream)
    assert [next(decisions).event for _ in range(3)] == ["e1", "e2", "e3"]
    assert asked <= classify._WAITING


def test_a_source_that_fails_loses_nothing_decided(pretrained: lcl.MiniRocketRidge, stream: obspy.Stream) -> None:
    class Failing(StreamSource):
        def read(
            self, sites: Collection[Site], start: UTCDateTime, end: UTCDateTime, instruments: Sequence[str]
        ) -> Found:
            if start > START + 400:
                raise WaveformError("the service is down")
            return super().read(sites, start, end, instruments)

    events = [event("a", 100, "AAA"), event("b", 300, "AAA"), event("c", 500, "AAA"), event("d", 100, "BBB")]
    decisions = decide_events(pretrained, events, Failing(stream))
    assert [next(decisions).event, next(decisions).event] == ["a", "b"]
    with pytest.raises(WaveformError, match="the service is down"):
        next(decisions)


def test_stations_abstain_by_the_limits_of_classify(pretrained: lcl.MiniRocketRidge, stream: obspy.Stream) -> None:
    one = [event("e", 100, "AAA")]
    [usual] = classify_events(pretrained, one, stream, max_novelty=None)
    novelty, probability = usual.stations[0].novelty, usual.probability
    [novel] = classify_events(pretrained, one, stream, max_novelty=novelty * 0.99)
    assert novel.stations[0].reason.startswith(f"unlike the training data (novelty {novelty:.2f}")
    assert novel.reason == f"no station has a decision: {novel.stations[0].reason} (1 of 1 station)"
    assert not novel.probabilities
    assert (novel.label, novel.event_type) == (None, None)
    assert math.isnan(novel.margin)
    assert math.isnan(novel.probability)
    [unsure] = classify_events(pretrained, one, stream, max_novelty=None, reject_below=(1 + probability) / 2)
    assert unsure.stations[0].reason.startswith(f"not sure enough (earthquake {probability:.2f}")


def test_an_event_stays_undecided_by_its_own_limits(pretrained: lcl.MiniRocketRidge, stream: obspy.Stream) -> None:
    mixed = [Event("e", picks=(*event("", 100, "AAA").picks, Pick("", START + 250, "XX", "BBB")))]
    [usual] = classify_events(pretrained, mixed, stream, max_novelty=None)
    assert (usual.n_for, usual.n_against) == (1, 1)
    assert usual.disagreement > 0.2
    for rules, reason in (
        ({"min_stations": 3}, "2 stations with a decision, 3 needed"),
        ({"min_margin": 0.99}, "leads by .*, less than 0.99"),
        ({"max_disagreement": 0.2}, "stations disagree: the probability of .* varies by 0"),
    ):
        [found] = classify_events(pretrained, mixed, stream, max_novelty=None, **rules)
        assert found.label is None
        assert found.event_type is None
        assert plain(found) == plain(usual)
        assert (found.n_for, found.n_against) == (1, 1)
        assert re.search(reason, found.reason)


def test_a_calibration_and_a_rule_of_ones_own_are_used(
    pretrained: lcl.MiniRocketRidge, stream: obspy.Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = [event("e", 100, *STATIONS)]
    [mean] = classify_events(pretrained, one, stream, max_novelty=None)
    calibration = EventCalibration(0.8, -0.3, "mean")
    [sharper] = classify_events(pretrained, one, stream, max_novelty=None, calibration=calibration)
    assert list(sharper.probabilities.values()) == pytest.approx(
        calibration.apply(list(plain(mean).values()), 3).tolist()
    )

    assert (mean.rule, sharper.rule) == ("mean", "mean, calibrated")
    monkeypatch.setattr(pretrained, "event_calibration", asdict(calibration))
    assert classify_events(pretrained, one, stream, max_novelty=None) == [sharper]
    assert classify_events(pretrained, one, stream, max_novelty=None, calibration=None) == [mean]
    [median] = classify_events(pretrained, one, stream, max_novelty=None, rule="median")
    assert median.rule == "median"  # the weights have no calibration for it

    def last(ballot: Ballot) -> np.ndarray:
        return ballot.probabilities[-1]

    [own] = classify_events(pretrained, one, stream, max_novelty=None, rule=last)
    assert own.rule == "last"
    assert plain(own) == pytest.approx(plain(own.stations[-1]))
    with pytest.raises(ConfigurationError, match="fitted to the rule 'mean', but events vote by 'median'"):
        EventRules(rule="median", calibration=calibration)


def test_noise_is_a_label_but_no_event_type(pretrained: lcl.MiniRocketRidge, stream: obspy.Stream) -> None:
    quiet = [Event("e", picks=tuple(Pick("", START + 250, "XX", s) for s in STATIONS))]
    [found] = classify_events(pretrained, quiet, stream, max_novelty=None)
    assert (found.label, found.event_type) == ("noise", None)


def test_events_that_cannot_be_decided_say_why(pretrained: lcl.MiniRocketRidge, stream: obspy.Stream) -> None:
    s_only = Event("s", picks=(Pick("", START + 110, "XX", "AAA", phase="S"),))
    events = [Event("none"), s_only, event("x", 100, "ZZZ"), event("twice", 100, "AAA"), event("twice", 300, "AAA")]
    found = classify_events(pretrained, events, stream, max_novelty=None)
    assert [d.reason for d in found] == [
        "no picks, and no stations to predict P at",
        "no P pick, and no stations to predict P at",
        "no station has a decision: no waveform (1 of 1 station)",
        "",
        "another event before has the id twice",
    ]


def inventory() -> Inventory:
    stations = [Station(s, 0.1 * i, 0.0, 0.0, creation_date=UTCDateTime(2000, 1, 1)) for i, s in enumerate(STATIONS)]
    old = Station("OLD", 0.0, 0.0, 0.0, creation_date=UTCDateTime(2000, 1, 1), end_date=UTCDateTime(2010, 1, 1))
    return Inventory([Network("XX", stations=[*stations, old, Station("FAR", 50.0, 0.0, 0.0)])])


def test_p_is_predicted_and_refined_where_there_are_no_picks(
    pretrained: lcl.MiniRocketRidge, stream: obspy.Stream
) -> None:
    origin = Origin("", START + 102.3, 0.0, 0.0, 8000.0)
    [found] = classify_events(pretrained, [Event("e", origin)], stream, inventory=inventory(), max_novelty=None)
    assert [s.station for s in found.stations] == [f"XX.{s}..HH" for s in STATIONS]
    assert {s.p_source for s in found.stations} == {"refined"}
    for i, station in enumerate(found.stations):  # where PhaseNet picks it, too
        assert abs(station.p_time - (START + 104.5 + i)) < 0.3
    assert found.label == "earthquake"
    for event, reason in (
        (Event("e"), "no picks, and no origin to predict P from"),
        (Event("e", Origin("", START)), "no picks, and an origin without a place"),
        (Event("e", Origin("", START, -40.0, 0.0)), "no picks, and no station within 2°"),
    ):
        assert classify_events(pretrained, [event], stream, inventory=inventory())[0].reason == reason


def test_an_obspy_catalogue_picks_and_tables_give_the_same(
    pretrained: lcl.MiniRocketRidge, stream: obspy.Stream, tmp_path: Path
) -> None:
    events = [event("smi:local/a", 100, *STATIONS), event("smi:local/b", 300, "AAA", "CCC")]
    expected = classify_events(pretrained, events, stream)
    catalog = Catalog()
    lines = ["event,time,network,station,phase"]
    for one in events:
        picks = [
            CatalogPick(time=p.time, waveform_id=WaveformStreamID(p.network, p.station, "", "HHZ")) for p in one.picks
        ]
        arrivals = [Arrival(pick_id=p.resource_id, phase="Pg") for p in picks]
        origin = CatalogOrigin(time=one.picks[0].time - 3, arrivals=arrivals)
        catalog.append(CatalogEvent(resource_id=one.id, picks=picks, origins=[origin]))
        lines += [f"{one.id},{p.time},{p.network},{p.station},P" for p in one.picks]
    (tmp_path / "picks.csv").write_text("\n".join(lines))
    found = classify_catalog(pretrained, catalog, stream)
    assert [(d.event, plain(d)) for d in found] == [(d.event, plain(d)) for d in expected]
    found = classify_catalog(pretrained, tmp_path / "picks.csv", stream)
    assert [(d.event, plain(d)) for d in found] == [(d.event, plain(d)) for d in expected]
    loose = [pick for one in events for pick in one.picks]
    assert [plain(d) for d in classify_catalog(pretrained, loose, stream)] == [plain(d) for d in expected]


def test_picks_of_a_picker_become_events_and_decisions(pretrained: lcl.MiniRocketRidge, stream: obspy.Stream) -> None:
    picker, stream = random_phasenet(), stream.slice(START + 60, START + 160)
    before = stream.copy()
    found = classify_picks(
        pretrained, picker, stream, picker_args={"P_threshold": 0.05}, max_novelty=None, travel_time=10
    )
    expected = group_picks(picks_of(picker.classify(stream, P_threshold=0.05).picks), 10)
    assert stream == before
    assert len(expected) > 1
    assert [decision.event for decision in found] == [event.id for event in expected]
    assert [[s.p_time for s in d.stations] for d in found] == [[p.time for p in e.picks] for e in expected]
    with pytest.raises(ConfigurationError, match="does not pick phases"):
        classify_picks(pretrained, pretrained, stream)
    with pytest.raises(ConfigurationError, match="PyOcto needs the places of stations"):
        classify_picks(pretrained, picker, stream, association="pyocto")
    with pytest.raises(ConfigurationError, match="association must be auto"):
        classify_picks(pretrained, picker, stream, association="octopus")


@pytest.mark.slow
def test_phasenet_finds_the_earthquakes(backbones: Path, pretrained: lcl.MiniRocketRidge, stream: obspy.Stream) -> None:
    picker = sbm.PhaseNet.from_pretrained("original")
    found = classify_picks(pretrained, picker, stream, max_novelty=None, least_picks=3)
    times = [decision.stations[0].p_time - START for decision in found if decision.label == "earthquake"]
    assert len(times) == 3
    np.testing.assert_allclose(times, [104.5, 304.5, 504.5], atol=0.5)


def test_a_model_of_one_component_and_an_ensemble_work_too(stream: obspy.Stream) -> None:
    model = Discriminator("physical", "ridge", labels=["a", "b"], component_order="Z", in_samples=400, before=1.0)
    windows = np.random.default_rng(0).normal(size=(12, 1, 400)).astype(np.float32)
    windows[::2] = windows[::2].cumsum(axis=-1)
    model.fit(windows, ["a", "b"] * 6)
    [found] = classify_events(model, [event("e", 100, *STATIONS)], stream.select(component="Z"), max_novelty=None)
    assert found.weights == "Discriminator, not loaded from saved weights"
    assert (found.n_for + found.n_against, set(found.probabilities)) == (3, {"a", "b"})
    ensemble = lcl.from_pretrained("DiscriminatorEnsemble/mixed-3c")
    [found] = classify_events(ensemble, [event("e", 100, *STATIONS)], stream, max_novelty=None)
    assert found.label == "earthquake"


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"rul": "mean"}, "no setting of events is called 'rul'"),
        ({"rule": "loudest"}, "no rule is called 'loudest'"),
        ({"min_stations": 0}, "min_stations"),
        ({"calibration": "own"}, "calibration must be an EventCalibration"),
        ({"min_margin": 1}, "min_margin"),
        ({"max_disagreement": 0}, "max_disagreement"),
        ({"max_novelty": -1}, "max_novelty"),
        ({"reject_below": 1}, "reject_below"),
        ({"max_distance": 0}, "max_distance"),
        ({"travel_time": 0}, "travel_time"),
        ({"refine": -1}, "refine"),
    ],
)
def test_settings_out_of_range_are_refused(
    pretrained: lcl.MiniRocketRidge, rules: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        classify_catalog(pretrained, [event("e", 100, "AAA")], obspy.read(), **rules)


def test_members_with_different_windows_vote_on_each_station(stream: obspy.Stream) -> None:
    members = [lcl.from_pretrained(f"EnvelopePhysicalRidge/{name}") for name in ("mixed-3c", "pnw-z-experimental")]
    ensemble = lcl.MixedEnsemble(members, weights=[1, 2])
    given = [event("e", 100, *STATIONS), event("none", 5000, *STATIONS)]
    for trace in stream.select(station=STATIONS[0], component="[NE12]"):
        stream.remove(trace)  # which leaves the one member that needs the vertical alone
    limits = {"max_novelty": None}
    decided, undecided = classify_events(ensemble, given, stream, **limits)
    alone = [classify_events(member, given, stream, **limits)[0] for member in members]
    assert not alone[0].stations[0].probabilities
    rows = [
        np.array([[s.probabilities.get(label, np.nan) for label in member.labels] for s in own.stations])
        for member, own in zip(members, alone, strict=True)
    ]
    expected = ensemble.vote(rows).probabilities
    found = np.array([[s.probabilities[label] for label in ensemble.labels] for s in decided.stations])
    np.testing.assert_allclose(found, expected, atol=1e-9)
    np.testing.assert_allclose([*decided.probabilities.values()], expected.mean(axis=0), atol=1e-9)
    assert decided.stations[0].p_time == alone[1].stations[0].p_time
    [reason] = {station.reason for station in undecided.stations}
    assert reason == "; ".join(
        f"EnvelopePhysicalRidge/{name}: no waveform" for name in ("mixed-3c", "pnw-z-experimental")
    )
    [doubtful, _] = classify_events(ensemble, given, stream, reject_below=0.999, **limits)
    assert "not sure enough" in doubtful.stations[0].reason


def test_what_is_no_catalogue_is_refused(pretrained: lcl.MiniRocketRidge, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot read"):
        classify_catalog(pretrained, tmp_path / "absent.csv", obspy.read())
    with pytest.raises(DatasetError, match="expected picks of SeisBench"):
        classify_catalog(pretrained, [1, 2], obspy.read())
