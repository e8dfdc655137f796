"""Detections of several stations as events."""

import obspy
import pytest
from obspy import UTCDateTime
from obspy.core.inventory import Inventory, Network, Station

import seisbench_lcl as lcl
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.models.detected_events import detected_events
from seisbench_lcl.models.detections import LabelledDetection
from seisbench_lcl.waveforms import StationId

START = UTCDateTime(2024, 3, 1, 12)
TYPES = {"blast": "explosion", "quake": "earthquake"}


def detection(start: float, station: str, blast: float, instrument: str = "HH") -> LabelledDetection:
    return LabelledDetection(
        StationId("XX", station, "", instrument),
        START + start,
        START + start + 8,
        max(blast, 1 - blast),
        "blast" if blast > 0.5 else "quake",
        onset=START + start + 3,
        mean_probability=0.6,
        n_windows=8,
        probabilities={"blast": blast, "quake": 1 - blast},
        coverage=0.97,
        novelty=0.4,
    )


def test_stations_within_the_travel_time_are_one_event_decided_by_their_mean() -> None:
    given = [detection(0, "A", 0.9), detection(4, "B", 0.4), detection(17, "C", 0.8), detection(40, "A", 0.1)]
    blast, quake = detected_events(given[::-1], ["quake", "blast"], TYPES, 10, "w")
    assert blast.probabilities == pytest.approx({"quake": 0.3, "blast": 0.7})
    assert (blast.label, blast.event_type, blast.n_for, blast.n_against, blast.rule) == (
        *("blast", "explosion", 2, 1, "mean"),
    )
    assert blast.event == "smi:local/seisbench_lcl/event/20240301T120003_000000_XX_A"
    assert [(s.station, s.p_time - START, s.label, s.coverage, s.novelty) for s in blast.stations] == [
        ("XX.A..HH", 3, "blast", 0.97, 0.4),
        ("XX.B..HH", 7, "quake", 0.97, 0.4),
        ("XX.C..HH", 20, "blast", 0.97, 0.4),
    ]
    assert (quake.label, len(quake.stations)) == ("quake", 1)
    # From the end of the first detection to the start of the third are 9 s.
    assert [len(e.stations) for e in detected_events(given, ["quake", "blast"], TYPES, 8.9, "w")] == [2, 1, 1]
    assert detected_events([], ["quake", "blast"], TYPES, 10, "w") == []


def test_two_instruments_of_a_station_count_once() -> None:
    given = [detection(0, "A", 0.1, "HN"), detection(1, "A", 0.9, "HH"), detection(20, "A", 0.2, "HN")]
    first, second = detected_events(given, ["quake", "blast"], TYPES, 5, "w")
    assert [s.station for s in first.stations] == ["XX.A..HH"]
    assert [s.station for s in second.stations] == ["XX.A..HN"]


def test_classify_forms_events(pretrained: lcl.MiniRocketRidge) -> None:
    stream = obspy.read()
    later = stream.copy()
    for trace in later:
        trace.stats.station, trace.stats.starttime = "FAR", trace.stats.starttime + 24
    out = pretrained.classify(stream + later)
    assert [len(event.stations) for event in out.events] == [2]
    places = {"RJOB": (0.0, 0.0), "FAR": (0.0, 0.5)}  # P takes 13 s from one to the other
    inventory = Inventory([Network("BW", stations=[Station(name, *place, 0.0) for name, place in places.items()])])
    for limits in ({"inventory": inventory}, {"travel_time": 13}):
        assert [len(event.stations) for event in pretrained.classify(stream + later, **limits).events] == [1, 1]
    table = out.events.to_dataframe()
    assert table["label"].tolist() == ["earthquake"]
    assert "1 event\n" in str(out.events)
    assert len(out.events.stations_to_dataframe()) == 2
    for limits in ({"travel_time": 0}, {"travel_time": "far"}, {"inventory": "stations.xml"}):
        with pytest.raises(ConfigurationError, match=f"{next(iter(limits))} must be"):
            pretrained.classify(stream, **limits)
