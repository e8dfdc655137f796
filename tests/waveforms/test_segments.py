"""Splitting and joining against slow plain references."""

import numpy as np
import obspy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obspy import UTCDateTime

from seisbench_lcl.waveforms.segments import gapless, join

T0 = UTCDateTime(2024, 1, 1)


def trace(data, start=0.0, rate=100.0):
    return obspy.Trace(np.asanyarray(data), {"starttime": T0 + start, "sampling_rate": rate, "station": "ABC"})


@given(st.lists(st.booleans(), max_size=40), st.sampled_from([np.int32, np.float64]))
def test_gapless_yields_each_unmasked_stretch_with_its_start_and_without_a_copy(mask, dtype):
    original = trace(np.ma.array(np.arange(len(mask)), mask=mask, dtype=dtype))
    expected, open_ = [], False
    for i, masked in enumerate(mask):
        if not masked and not open_:
            expected.append((i, []))
        open_ = not masked
        if open_:
            expected[-1][1].append(i)
    found = list(gapless(original))
    assert [segment.data.tolist() for segment in found] == [samples for _, samples in expected]
    assert [segment.stats.starttime for segment in found] == [T0 + first / 100 for first, _ in expected]
    for segment in found:
        assert not np.ma.isMaskedArray(segment.data)
        assert np.shares_memory(segment.data, original.data.data)
        assert segment.stats.station == "ABC"


def test_gapless_leaves_a_trace_without_a_mask_whole():
    whole = trace(np.arange(5.0))
    (segment,) = gapless(whole)
    assert segment.data is whole.data
    assert segment.stats == whole.stats
    assert list(gapless(trace([]))) == []


def slow_join(pieces, longest):
    """Join (first, samples) pieces one sample at a time; a short gap repeats the last sample and is marked."""
    joined = []
    for first, samples in sorted(pieces, key=lambda piece: (piece[0], len(piece[1]))):
        if joined:
            start, known, missing = joined[-1]
            gap = first - start - len(known)
            if 0 < gap <= longest:
                known += [known[-1]] * gap
                missing += [True] * gap
            overlap = known[first - start :][: len(samples)]
            if gap <= longest and overlap == samples[: len(overlap)]:
                rest = samples[max(start + len(known) - first, 0) :]
                known += rest
                missing += [False] * len(rest)
                continue
        joined.append((first, list(samples), [False] * len(samples)))
    return joined


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12), st.sampled_from([0, 0, 0, 1])), min_size=1, max_size=8),
    st.floats(-0.002, 0.002),
    st.sampled_from([0.0, 0.03, 2.0]),
)
def test_join_agrees_with_a_plain_loop(spans, shift, longest_gap):
    """All pieces are cut from one ramp, some of them with an offset; start times are off by a fifth of a sample."""
    pieces = [(first, [10 * i + offset for i in range(first, first + n)]) for first, n, offset in spans]
    traces = [trace(samples, first / 100 + (shift if first % 2 else 0)) for first, samples in pieces]
    order = sorted(range(len(pieces)), key=lambda i: (traces[i].stats.starttime.ns, len(pieces[i][1])))
    if [pieces[i][0] for i in order] != sorted(first for first, _ in pieces):
        return
    found = []
    for data, missing, stats in join(traces, longest_gap):
        marked = np.zeros(len(data), bool) if missing is None else missing
        found.append((round((stats.starttime - T0) * 100), data.tolist(), marked.tolist()))
    assert found == slow_join([pieces[i] for i in order], round(100 * longest_gap))


@pytest.mark.parametrize("jitter", [0.0, 0.3, -0.3])
@pytest.mark.parametrize("off", [0.0, 1.2e-7, -1.2e-7])
def test_packets_of_a_jittering_clock_are_one_record(jitter, off):
    """Rates that differ by parts in ten million, and starts that are off by a third of a sample to either side."""
    data = np.random.default_rng(0).normal(size=8000)
    packets = [
        trace(data[i : i + 500], (i + jitter * (-1) ** k) / 100, rate=100 * (1 + off * (-1) ** k))
        for k, i in enumerate(range(0, 8000, 500))
    ]
    (whole,) = join(packets)
    np.testing.assert_array_equal(whole.data, data)
    assert whole.missing is None


def test_one_missing_sample_is_marked_and_another_rate_is_another_record():
    data = np.arange(3000)
    (whole,) = join([trace(data[i : i + 999], i / 100) for i in range(0, 3000, 1000)])
    assert np.flatnonzero(whole.missing).tolist() == [999, 1999]
    assert len(whole.data) == 2999
    slip = list(join([trace(data, rate=100.0), trace(data, 30.0, rate=100.1)]))
    assert [len(segment.data) for segment in slip] == [3000, 3000]
    rates = list(join([trace([1, 2, 3]), trace([4, 5], 0.03, rate=50.0)]))
    assert [(segment.data.tolist(), segment.stats.sampling_rate) for segment in rates] == [
        ([1, 2, 3], 100),
        ([4, 5], 50),
    ]
