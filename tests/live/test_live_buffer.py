"""A buffer gives back what it was fed, in whatever order, and forgets what is over."""

import random

import numpy as np
import obspy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obspy import UTCDateTime

from seisbench_lcl.live.buffer import ChannelBuffer
from seisbench_lcl.live.segment import SECOND
from seisbench_lcl.live.station import StationBuffer
from seisbench_lcl.waveforms.flaws import BLOCK, Extremes
from seisbench_lcl.waveforms.records import WHOLE
from seisbench_lcl.waveforms.station import StationId

HEADER = {"network": "XX", "station": "ABC", "location": "", "channel": "HHZ"}
START = UTCDateTime(2024, 3, 1).ns
RATE = 100.0


def at(sample: int) -> int:
    return START + sample * SECOND // 100


@given(st.integers(0, 10**6))
def test_any_order_and_any_repetition_give_the_samples_once(seed: int) -> None:
    rng = random.Random(seed)
    data = np.random.default_rng(seed).integers(-1000, 1000, 3000)
    buffer, spans, first = ChannelBuffer(HEADER), [], 0
    while first < len(data):
        end = min(len(data), first + rng.randint(1, 500))
        spans.append((max(0, first - rng.choice([0, 0, 50])), end))
        first = end
    spans += rng.sample(spans, len(spans) // 3)
    rng.shuffle(spans)
    for first, end in spans:
        jitter = rng.randint(-2, 2) * 10**5  # ns
        buffer.add(at(first) + jitter, RATE, data[first:end])
    (trace,) = buffer.cut(0, at(len(data)) + SECOND)
    np.testing.assert_array_equal(trace.data, data)
    assert abs(trace.stats.starttime.ns - START) <= 2 * 10**5
    assert buffer.counts["conflicting"] == 0
    steps = np.abs(np.diff(data))
    assert trace.stats[WHOLE][:2] == Extremes(data.min(), data.max(), steps[steps > 0].min())[:2]


def test_gaps_stay_and_conflicts_are_kept_on_both_sides() -> None:
    buffer, data = ChannelBuffer(HEADER), np.arange(1000)
    buffer.add(at(0), RATE, data[:300])
    buffer.add(at(500), RATE, data[500:])
    assert [len(trace) for trace in buffer.cut(0, at(2000))] == [300, 500]
    assert buffer.solid_until(0) == at(300)
    assert buffer.solid_until(at(400)) == at(400)
    assert buffer.solid_until(at(500)) == at(1000)
    buffer.add(at(900), RATE, data[:200])
    assert buffer.counts == {"conflicting": 1}
    assert [trace.stats.starttime.ns for trace in buffer.cut(0, at(2000))] == [at(0), at(500), at(900)]
    buffer.add(at(300), RATE, data[300:500])
    assert [len(trace) for trace in buffer.cut(0, at(2000))] == [1000, 200]


def test_what_is_forgotten_is_late_and_blocks_of_flaws_keep_their_place() -> None:
    buffer, data = ChannelBuffer(HEADER), np.random.default_rng(0).integers(-99, 99, 20_000)
    for first in range(0, 20_000, 411):
        buffer.add(at(first), RATE, data[first : first + 411])
        buffer.forget(at(first - 3000))
        (trace,) = buffer.cut(at(first - 2500), at(first + 411))
        sample = (trace.stats.starttime.ns - START) // (SECOND // 100)
        assert sample % BLOCK == 0
        assert sample <= max(0, first - 2500) + BLOCK
        np.testing.assert_array_equal(trace.data, data[sample : first + 411])
    assert buffer.seconds < 60
    assert not buffer.add(at(100), RATE, data[100:200])
    assert buffer.counts == {"late": 1}
    again = ChannelBuffer(HEADER)
    again.resume(buffer.to_dict())
    again.add(at(19_000) + 3 * 10**6, RATE, data[19_000:])  # the clock is 3 ms off
    (trace,) = again.cut(at(19_000), at(21_000))
    sample = (trace.stats.starttime.ns - START) // (SECOND // 100)
    assert (trace.stats.starttime.ns - START) % (SECOND // 100) == 0
    assert sample % BLOCK == 0
    np.testing.assert_array_equal(trace.data, data[sample:])
    assert trace.stats[WHOLE] == buffer.cut(at(19_000), at(21_000))[0].stats[WHOLE]


@pytest.mark.parametrize(("rate", "same"), [(100.0, 1), (100.00001, 1), (100.2, 2), (50.0, 2)])
def test_another_rate_begins_another_segment(rate: float, same: int) -> None:
    buffer = ChannelBuffer(HEADER)
    buffer.add(at(0), RATE, np.arange(500))
    buffer.add(at(500), rate, np.arange(500, 1000))
    assert len(buffer.cut(0, at(2000))) == same


def test_a_station_waits_for_its_slowest_channel_but_not_for_ever() -> None:
    station = StationBuffer(StationId("XX", "ABC", "", "HH"))

    def add(channel: str, first: int, end: int, clock: float) -> None:
        header = {**HEADER, "channel": channel, "starttime": UTCDateTime(ns=at(first)), "sampling_rate": RATE}
        station.add(obspy.Trace(np.arange(first, end), header), clock)

    add("HHZ", 0, 1000, 10.0)
    add("HHN", 0, 400, 10.5)
    assert station.complete_until(11.0, 20.0) == at(400)
    add("HHZ", 1000, 3000, 15.0)
    assert station.complete_until(29.9, 20.0) == at(400)
    assert station.complete_until(30.0, 20.0) == at(1000)
    assert station.complete_until(35.0, 20.0) == at(3000)
    assert not station.is_silent(34.9, 20.0)
    assert station.is_silent(35.0, 20.0)
    add("HHN", 400, 3000, 36.0)
    assert station.complete_until(36.0, 20.0) == at(3000)
