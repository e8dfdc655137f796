"""miniSEED in parts: any cut, records of several lengths, damage."""

import io

import numpy as np
import obspy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obspy import Stream, Trace, UTCDateTime

from seisbench_lcl.live.sources.mseed_bytes import decode, pieces, record_length

START = UTCDateTime(2024, 3, 1)


def recorded(samples: int, length: int, start: UTCDateTime = START, byteorder: str = ">") -> bytes:
    data = np.random.default_rng(samples).integers(-5000, 5000, samples, dtype=np.int32)
    file = io.BytesIO()
    header = {"network": "XX", "station": "A", "channel": "HHZ", "sampling_rate": 100.0, "starttime": start}
    Trace(data, header).write(file, "MSEED", reclen=length, encoding="STEIM2", byteorder=byteorder)
    return file.getvalue()


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("length", [256, 512, 4096])
def test_lengths_of_records_are_found(length: int, byteorder: str) -> None:
    data = recorded(3000, length, byteorder=byteorder)
    assert [record_length(data, start) for start in range(0, len(data), length)] == [length] * (len(data) // length)
    assert record_length(b"0" * 100, 0) == 0


@given(st.data())
def test_any_cuts_give_the_samples_of_the_whole(data: st.DataObject) -> None:
    whole = recorded(5000, 512) + recorded(9000, 4096, START + 50) + recorded(800, 256, START + 140)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    traces, rest, bad = [], b"", 0
    for first, last in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        found = decode(rest + whole[first:last])
        rest = (rest + whole[first:last])[found.used :]
        traces += found.traces
        bad += found.bad
    assert (rest, bad) == (b"", 0)
    [merged] = Stream(traces).merge(-1)
    [expected] = obspy.read(io.BytesIO(whole)).merge(-1)
    assert np.array_equal(merged.data, expected.data)
    assert merged.stats.starttime == expected.stats.starttime


def test_damage_costs_the_records_that_it_hits() -> None:
    whole = recorded(9000, 512)
    records = [whole[start : start + 512] for start in range(0, len(whole), 512)]
    scratched = bytearray(records[2])
    scratched[100:300] = bytes(200)
    found = decode(
        b"".join([b"nonsense ", *records[:2], scratched, b"\0" * 99, records[3], records[4][:300], *records[5:]])
    )
    good = [record for i, record in enumerate(records) if i not in (2, 4)]
    expected = Stream()
    for record in good:
        expected += obspy.read(io.BytesIO(record))
    assert found.bad >= 2
    assert sum(map(len, found.traces)) == sum(map(len, expected))
    assert Stream(found.traces).sort().merge(-1)[0].stats.starttime == START


def test_pieces_are_the_trace() -> None:
    trace = obspy.read()[0]
    parts = list(pieces(trace, 4.0))
    assert [len(part) for part in parts] == [400] * 7 + [200]
    [merged] = Stream(parts).merge(-1)
    assert np.array_equal(merged.data, trace.data)
    assert (merged.stats.starttime, merged.stats.endtime) == (trace.stats.starttime, trace.stats.endtime)
