"""Stations of an event with their records: the right channel, the right span, the nearest first, and why not."""

import math
from collections.abc import Callable, Collection, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import obspy
import pytest
from obspy import UTCDateTime
from obspy.core.inventory import Inventory, Network, Station
from obspy.geodetics import gps2dist_azimuth

from seisbench_lcl.errors import WaveformError
from seisbench_lcl.events import EventDecision, Origin, StationDecision
from seisbench_lcl.events.source import Found, Site, StreamSource
from seisbench_lcl.events.views import station_views, view_preprocessing
from seisbench_lcl.waveforms import Preprocessing

START = UTCDateTime(2024, 3, 1, 12)
MakeStream = Callable[..., obspy.Stream]


def decided(*stations: tuple[str, float], origin: Origin | None = None) -> EventDecision:
    """Return the decision on an event with P at some stations, in seconds after the start."""
    parts = tuple(StationDecision(name, START + p, "pick") for name, p in stations)
    nan = float("nan")
    return EventDecision("e", None, None, {}, nan, nan, 0, 0, "", "mean", "weights", parts, origin)


def place(code: str, latitude: float, longitude: float, **epoch: UTCDateTime) -> Station:
    return Station(code, latitude, longitude, 0, start_date=epoch.get("start"), end_date=epoch.get("end"))


def test_a_view_has_the_records_of_the_channel_that_decided(make_stream: MakeStream) -> None:
    stream = make_stream(200, station="XX.ABC.00.HN", seed=1) + make_stream(200, station="XX.ABC.00.HH", seed=2)
    stream += make_stream(200, station="XX.ABC.10.HH", seed=3) + make_stream(200, station="YY.ABC.00.HH", seed=4)
    [view] = station_views(decided(("XX.ABC.10.HH", 100.0)), StreamSource(stream), Preprocessing(before=5.0), margin=7)
    assert view.window == (START + 95, START + 115)
    assert (view.reason, view.decision.station) == ("", "XX.ABC.10.HH")
    assert sorted(trace.id for trace in view.stream) == ["XX.ABC.10.HHE", "XX.ABC.10.HHN", "XX.ABC.10.HHZ"]
    raw = stream.select(id="XX.ABC.10.HHZ")[0].data
    np.testing.assert_array_equal(view.stream.select(component="Z")[0].data, raw[8800:12201])


@pytest.mark.parametrize(("name", "channel"), [(".ABC..", "HH"), ("XX.ABC..HN", "HN"), ("XX.ABC..SH", "HH")])
def test_a_station_without_a_channel_shows_the_preferred_one(make_stream: MakeStream, name: str, channel: str) -> None:
    stream = make_stream(200, station="XX.ABC.00.HN") + make_stream(200, station="XX.ABC.00.HH")
    [view] = station_views(decided((name, 100.0)), StreamSource(stream), Preprocessing())
    assert {trace.stats.channel[:2] for trace in view.stream} == {channel}


def test_the_nearest_station_comes_first_and_unknown_distances_last(make_stream: MakeStream) -> None:
    inventory = Inventory(
        [
            Network("XX", [place("FAR", 47.0, 13.0), place("NEAR", 47.1, 12.0, end=START - 1)]),
            Network("XX", [place("NEAR", 47.2, 12.0, start=START), place("NEAR", 47.9, 12.0, start=START + 9999)]),
            Network("YY", [place("NEAR", 47.0, 12.0)]),
        ]
    )
    stations = ("XX.LATE..HH", 60.0), ("XX.FAR..HH", 20.0), ("XX.EARLY..HH", 50.0), ("XX.NEAR..HH", 30.0)
    decision = decided(*stations, origin=Origin("", START, 47.0, 12.0, 5000.0))
    views = station_views(decision, StreamSource(make_stream()), Preprocessing(), inventory=inventory)
    assert [view.decision.station.split(".")[1] for view in views] == ["NEAR", "FAR", "EARLY", "LATE"]
    assert (views[0].latitude, views[0].longitude) == (47.2, 12.0)
    for view in views[:2]:
        metres, *_ = gps2dist_azimuth(47.0, 12.0, view.latitude, view.longitude)
        assert view.distance == pytest.approx(metres / 1000, rel=0.005)
    assert all(math.isnan(view.distance) and math.isnan(view.latitude) for view in views[2:])

    placeless = station_views(decided(*stations), StreamSource(make_stream()), Preprocessing(), inventory=inventory)
    assert [view.decision.station.split(".")[1] for view in placeless] == ["FAR", "NEAR", "EARLY", "LATE"]
    assert placeless[0].latitude == 47.0
    assert math.isnan(placeless[0].distance)


def test_every_station_without_a_waveform_says_why(make_stream: MakeStream) -> None:
    class Asked(StreamSource):
        spans: list[tuple[float, float]] = []  # noqa: RUF012 (of this test alone)

        def read(
            self, sites: Collection[Site], start: UTCDateTime, end: UTCDateTime, instruments: Sequence[str]
        ) -> Found:
            self.spans.append((start - START, end - START))
            found = super().read(sites, start, end, instruments)
            return Found(found.stream, {Site("XX", "BAD"): "a.mseed: damaged"})

    source = Asked(make_stream(200))
    decision = decided(("XX.ABC..HH", 50), ("XX.NONE..", 60), ("XX.BAD..", 70), ("...", 80), ("XX.ABC..HH", 5000))
    views = station_views(decision, source, Preprocessing(), margin=10)
    assert [view.reason for view in views] == [
        "",
        "no waveform",
        "a.mseed: damaged",
        "the pick names no station",
        "no waveform",
    ]
    assert [len(view.stream) for view in views] == [3, 0, 0, 0, 0]
    assert source.spans == [(38, 108), (4988, 5028)]
    assert station_views(decided(), source, Preprocessing()) == []


def test_a_source_that_fails_is_a_reason() -> None:
    class Failing(StreamSource):
        def read(self, *_: Any) -> Found:
            raise WaveformError("the service is down")

    views = station_views(decided(("XX.A..HH", 50), ("...", 60)), Failing(obspy.Stream()), Preprocessing())
    assert [view.reason for view in views] == ["the service is down", "the pick names no station"]


def test_of_many_windows_the_longest_are_shown() -> None:
    short, long = Preprocessing(in_samples=1000), Preprocessing(in_samples=3000)
    assert view_preprocessing(SimpleNamespace(window_preprocessing=short)) is short
    assert view_preprocessing(SimpleNamespace(window_preprocessing=[short, long, short])) is long
