"""Stations are known by their codes, whatever these hold."""

import obspy
import pytest

from seisbench_lcl.waveforms import Preprocessing, StationId, read_stream


@pytest.mark.parametrize("station", [StationId("XX", "MANZ.", "", "HH"), StationId("XX", "ABC", "0.1", "EH")])
def test_codes_may_hold_a_dot(station: StationId) -> None:
    stream = obspy.read()
    for trace in stream:
        trace.stats.network, trace.stats.station, trace.stats.location = station[:3]
        trace.stats.channel = station.instrument + trace.stats.channel[-1]
        assert StationId.of(trace.stats) == station
    (record,), unusable = read_stream(stream, Preprocessing())
    assert record.station == station
    assert not unusable
    assert str(station) == ".".join(station)
    assert station.site == (station.network, station.station)


def test_short_channel_codes() -> None:
    assert StationId.of(obspy.Trace(header={"channel": "Z"}).stats).instrument == ""
    assert StationId.of(obspy.Trace().stats) == ("", "", "", "")
