"""Replayed files: all samples, in the order of time, at the speed that was asked for."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import obspy
import pytest
from obspy import UTCDateTime

from seisbench_lcl.errors import ConfigurationError, SourceError
from seisbench_lcl.live.sources import ReplaySource, StreamSelection

START = UTCDateTime(2024, 3, 1, 12)
Make = Callable[..., obspy.Stream]


def written(folder: Path, make_stream: Make, seconds: float = 200.0) -> obspy.Stream:
    """Two stations: one as miniSEED with a hole, in a file for each channel; one as SAC."""
    first, second = make_stream(seconds, station="XX.ABC..HH"), make_stream(seconds, station="XX.DEF.00.HH", seed=1)
    for trace in first + second:
        trace.data = trace.data.astype(np.float32)
    first = first.slice(START, START + 80) + first.slice(START + 100, START + seconds)
    for channel in {trace.stats.channel for trace in first}:
        first.select(channel=channel).write(str(folder / f"{channel}.mseed"), "MSEED", reclen=512)
    (folder / "below").mkdir()
    for trace in second:
        trace.write(str(folder / "below" / f"{trace.id}.sac"), "SAC")
    (folder / "notes.txt").write_text("nothing to see here")
    return first + second


def test_all_samples_come_in_the_order_of_time(tmp_path: Path, make_stream: Make) -> None:
    stream = written(tmp_path, make_stream)
    packets = [packet for packet in ReplaySource([tmp_path]).packets({}) if packet is not None]
    assert max(packet.stats.npts for packet in packets) <= 400
    ends = np.array([packet.stats.endtime.timestamp for packet in packets])
    assert np.all(np.diff(ends) >= -4.001)  # packets of different files differ by less than their length
    for one, other in zip(obspy.Stream(packets).sort().merge(-1), stream.sort(), strict=True):
        assert one.id == other.id
        assert abs(one.stats.starttime - other.stats.starttime) < 1e-5
        assert np.array_equal(one.data, other.data)


def test_a_replay_goes_on_after_the_last_known_samples(tmp_path: Path, make_stream: Make) -> None:
    written(tmp_path, make_stream)
    since = {"XX.ABC..HHZ": START + 150, "XX.DEF.00.HHE": START + 500}
    source = ReplaySource([tmp_path], StreamSelection.parse("XX_ABC:HHZ HHN,XX_DEF:HHE"))
    packets = [packet for packet in source.packets(since) if packet is not None]
    assert {packet.id for packet in packets} == {"XX.ABC..HHZ", "XX.ABC..HHN"}
    known = min(packet.stats.starttime for packet in packets if packet.id == "XX.ABC..HHZ")
    assert START + 146 < known <= START + 150.01
    assert min(packet.stats.starttime for packet in packets) == START


def test_the_speed_is_that_which_was_asked_for(tmp_path: Path, make_stream: Make) -> None:
    make_stream(13).write(str(tmp_path / "a.mseed"), "MSEED")
    begun = time.monotonic()
    packets = list(ReplaySource([tmp_path], speed=30).packets({}))
    assert 0.25 < time.monotonic() - begun < 2  # 9 s between the first end and the last
    source = ReplaySource([tmp_path], speed=0.5)
    assert any(packet is None for packet in packets) is False
    slow = source.packets({})
    while next(slow) is not None:
        pass
    source.close()
    assert list(slow) == []


def test_what_cannot_be_read_is_told_and_the_rest_comes(
    tmp_path: Path, make_stream: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stream = make_stream(60, components="Z")
    stream[0].data = stream[0].data.astype(np.int32)
    stream.write(str(tmp_path / "cut.mseed"), "MSEED", reclen=512)
    whole = (tmp_path / "cut.mseed").read_bytes()
    (tmp_path / "cut.mseed").write_bytes(whole[:1700] + bytes(200) + whole[1900:-300])
    (tmp_path / "empty.mseed").touch()
    packets = [packet for packet in ReplaySource([tmp_path]).packets({}) if packet is not None]
    assert 0 < sum(map(len, packets)) < 6000
    assert "cut.mseed: damaged records are left out: 1" in caplog.text
    assert "cut.mseed ends within a record" in caplog.text
    assert "empty.mseed cannot be read: is empty" in caplog.text


def test_nothing_to_replay_is_an_error(tmp_path: Path, make_stream: Make) -> None:
    with pytest.raises(SourceError, match="no such file"):
        ReplaySource([tmp_path / "missing"])
    make_stream(9).write(str(tmp_path / "a.mseed"), "MSEED")
    with pytest.raises(SourceError, match="has no data of the streams that are wanted"):
        list(ReplaySource([tmp_path], StreamSelection.parse("YY_ABC")).packets({}))
    with pytest.raises(ConfigurationError, match="speed must not be negative"):
        ReplaySource([tmp_path], speed=-1)


def test_channels_that_lie_one_after_the_other_in_a_file_come_side_by_side(tmp_path: Path, make_stream: Make) -> None:
    stream = make_stream(120)
    for trace in stream:
        trace.data = trace.data.astype(np.int32)
    stream.write(str(tmp_path / "all.mseed"), "MSEED", reclen=512)
    packets = [packet for packet in ReplaySource([tmp_path]).packets({}) if packet is not None]
    ends = np.array([packet.stats.endtime.timestamp for packet in packets])
    assert np.all(np.diff(ends) >= -4.001)
    assert sum(map(len, packets)) == 3 * 12000
