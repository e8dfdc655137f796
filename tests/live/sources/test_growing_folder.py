"""A folder that fills: records as they are written, files that appear, are replaced, or were there before."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import obspy
import pytest
from obspy import Trace, UTCDateTime

from seisbench_lcl.errors import SourceError
from seisbench_lcl.live.sources import FolderSource, StreamSelection

START = UTCDateTime(2024, 3, 1, 12)
Make = Callable[..., obspy.Stream]

pytestmark = pytest.mark.timeout(60)


def looks(packets: Iterator[Trace | None], number: int = 2) -> list[Trace]:
    """Return the packets of some looks into the folder."""
    found = []
    while number:
        packet = next(packets)
        if packet is None:
            number -= 1
        else:
            found.append(packet)
    return found


def whole_numbers(stream: obspy.Stream) -> obspy.Stream:
    for trace in stream:
        trace.data = trace.data.astype(np.int32)
    return stream


def mseed(stream: obspy.Stream, file: Path) -> bytes:
    file.parent.mkdir(parents=True, exist_ok=True)
    stream.write(str(file), "MSEED", reclen=512)
    return file.read_bytes()


def test_records_come_as_they_are_written(tmp_path: Path, make_stream: Make) -> None:
    stream = whole_numbers(make_stream(120))
    contents = {trace.id: mseed(obspy.Stream([trace]), tmp_path / "made" / trace.id) for trace in stream}
    root = tmp_path / "archive"
    root.mkdir()
    source = FolderSource(root, StreamSelection.parse("XX_ABC:HH?"), interval=0.01)
    packets = source.packets({})
    assert looks(packets) == []
    found, step = [], 1111
    for place in range(0, max(map(len, contents.values())), step):
        for name, content in contents.items():
            file = root / "2024" / "XX" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("ab") as opened:
                opened.write(content[place : place + step])
        found += looks(packets)
    for one, other in zip(obspy.Stream(found).sort().merge(-1), stream.sort(), strict=True):
        assert one.id == other.id
        assert np.array_equal(one.data, other.data)
    source.close()
    assert list(packets) == []


def test_files_in_other_formats_come_when_they_have_stopped_growing(tmp_path: Path, make_stream: Make) -> None:
    source = FolderSource(tmp_path, interval=0.01)
    packets = source.packets({})
    assert looks(packets) == []
    trace = make_stream(20, components="Z")[0]
    trace.write(str(tmp_path / ".part"), "SAC")
    assert looks(packets) == []  # hidden while it is written
    (tmp_path / ".part").rename(tmp_path / "a.sac")
    (tmp_path / "notes.txt").write_text("rain")
    found = looks(packets, 4)
    assert sum(map(len, found)) == 2000
    assert looks(packets, 3) == []


def test_what_was_there_counts_as_known_but_for_streams_that_were_seen_before(
    tmp_path: Path, make_stream: Make
) -> None:
    old = whole_numbers(make_stream(60) + make_stream(60, station="XX.DEF..HH"))
    for trace in old:
        mseed(obspy.Stream([trace]), tmp_path / trace.id)
    os.utime(tmp_path / "XX.DEF..HHE", (0, 0))  # unchanged since before the last known sample
    more = whole_numbers(make_stream(9, station="XX.ABC..HH", components="Z", start=START + 60))

    packets = FolderSource(tmp_path, interval=0.01).packets({})
    assert looks(packets) == []
    with (tmp_path / "XX.ABC..HHZ").open("ab") as file:
        file.write(mseed(more, tmp_path / ".more"))
    assert looks(packets)[0].stats.starttime == START + 60

    since = {"XX.ABC..HHN": START + 30, "XX.DEF..HHE": START + 30, "XX.DEF..HHZ": START + 90}
    found = looks(FolderSource(tmp_path, interval=0.01).packets(since), 1)
    assert {packet.id for packet in found} == {"XX.ABC..HHN"}
    assert START + 26 < found[0].stats.starttime <= START + 30.01
    assert found[-1].stats.endtime == START + 59.99


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights")
def test_links_are_followed_but_not_round_and_round(tmp_path: Path, make_stream: Make) -> None:
    root, disk = tmp_path / "archive", tmp_path / "disk"
    root.mkdir()
    disk.mkdir()
    (root / "2024").symlink_to(disk)
    (disk / "up").symlink_to(root)
    packets = FolderSource(root, interval=0.01).packets({})
    assert looks(packets) == []
    mseed(whole_numbers(make_stream(20, components="Z")), disk / "a.mseed")
    assert sum(map(len, looks(packets))) == 2000


def test_a_file_that_is_replaced_is_read_anew(tmp_path: Path, make_stream: Make) -> None:
    packets = FolderSource(tmp_path, interval=0.01).packets({})
    assert looks(packets) == []
    for seed in range(2):
        mseed(whole_numbers(make_stream(20, components="Z", seed=seed)), tmp_path / ".part")
        (tmp_path / ".part").rename(tmp_path / "latest.mseed")
        assert sum(map(len, looks(packets))) == 2000


def test_a_folder_that_goes_away_is_told_once_and_waited_for(
    tmp_path: Path, make_stream: Make, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "mounted"
    root.mkdir()
    source = FolderSource(root, interval=0.01)
    packets = source.packets({})
    assert looks(packets) == []
    root.rename(tmp_path / "away")
    assert looks(packets, 5) == []
    assert caplog.text.count("cannot be read") == 1
    (tmp_path / "away").rename(root)
    mseed(whole_numbers(make_stream(20, components="Z")), root / "new.mseed")
    assert sum(map(len, looks(packets))) == 2000
    with pytest.raises(SourceError, match=r"is no folder: name one in which files appear, or replay files"):
        FolderSource(root / "new.mseed")


def test_damage_in_a_growing_file_is_told_once(
    tmp_path: Path, make_stream: Make, caplog: pytest.LogCaptureFixture
) -> None:
    content = mseed(whole_numbers(make_stream(60, components="Z")), tmp_path / ".made")
    packets = FolderSource(tmp_path, interval=0.01).packets({})
    assert looks(packets) == []
    for place in range(0, len(content), 4096):
        part = content[place : place + 4096]
        with (tmp_path / "a.mseed").open("ab") as file:
            file.write(part[:600] + bytes(100) + part[700:])
        time.sleep(0.01)
        assert looks(packets)
    assert caplog.text.count("damaged records are left out") == 1
