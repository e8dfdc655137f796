"""Splitting, joining and dead stretches against slow plain references."""

import numpy as np
import obspy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obspy import UTCDateTime

from seisbench_lcl.waveforms.segments import dead_runs, gapless, join

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


def slow_join(pieces):
    """Join (first, samples) pieces one sample at a time: a piece either agrees where it overlaps, or starts again."""
    joined = []
    for first, samples in sorted(pieces, key=lambda piece: (piece[0], len(piece[1]))):
        start, known = joined[-1] if joined else (0, None)
        if known is not None and first <= start + len(known):
            overlap = known[first - start :][: len(samples)]
            if overlap == samples[: len(overlap)]:
                known += samples[len(known) - (first - start) :] if first + len(samples) > start + len(known) else []
                continue
        joined.append((first, list(samples)))
    return joined


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12), st.sampled_from([0, 0, 0, 1])), min_size=1, max_size=8),
    st.floats(-0.004, 0.004),
)
def test_join_agrees_with_a_plain_loop(spans, shift):
    """All pieces are cut from one ramp, some of them with an offset; start times are off by less than half a sample."""
    pieces = [(first, [10 * i + offset for i in range(first, first + n)]) for first, n, offset in spans]
    traces = [trace(samples, first / 100 + (shift if first % 2 else 0)) for first, samples in pieces]
    order = sorted(range(len(pieces)), key=lambda i: (traces[i].stats.starttime.ns, len(pieces[i][1])))
    if [pieces[i][0] for i in order] != sorted(first for first, _ in pieces):
        return
    found = [(round((stats.starttime - T0) * 100), data.tolist()) for data, stats in join(traces)]
    assert found == slow_join([pieces[i] for i in order])


def test_join_keeps_segments_apart_at_a_gap_and_at_another_rate():
    gap = list(join([trace([1, 2, 3]), trace([4, 5], 0.05)]))
    assert [data.tolist() for data, _ in gap] == [[1, 2, 3], [4, 5]]
    rates = list(join([trace([1, 2, 3]), trace([4, 5], 0.03, rate=50.0)]))
    assert [(data.tolist(), stats.sampling_rate) for data, stats in rates] == [([1, 2, 3], 100), ([4, 5], 50)]


def slow_dead_runs(data, n_least):
    """Return maximal straight lines of at least `n_least` samples; a line up to the end of the record may lack one."""
    runs, first = [], 0
    while first < len(data) - 1:
        last = first + 1
        while last + 1 < len(data) and data[last + 1] - data[last] == data[first + 1] - data[first]:
            last += 1
        if last - first + 1 + (last == len(data) - 1) >= n_least:
            runs.append((first, last + 1))
        first = last
    return runs


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(-2, 2)), min_size=1, max_size=12),
    st.sampled_from([np.int32, np.float32, np.float64]),
    st.sampled_from([1.0, 2.5]),
)
def test_dead_runs_agree_with_a_plain_loop(pieces, dtype, rate):
    """Straight lines of small whole numbers, so that sums are exact in every type; dead from 2 s on."""
    slopes = [slope for n, slope in pieces for _ in range(n)]
    data = np.cumsum([5, *slopes]).astype(dtype)
    found = [(run.start, min(run.stop, len(data))) for run in dead_runs(data, rate)]
    assert found == slow_dead_runs(data.tolist(), 2 * rate)


@pytest.mark.parametrize("level", [0.0, 1e-12, 1.0, 1e9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_line_interpolated_in_floating_point_is_dead_and_noise_is_not(level, dtype):
    noise = np.random.default_rng(0).normal(size=1000)
    noise[400:700] = np.linspace(noise[400], noise[699], 300)
    runs = [(run.start, run.stop) for run in dead_runs((noise + level).astype(dtype), 100.0)]
    if level < 1e9 or dtype is np.float64:
        assert len(runs) == 1
        assert runs[0] == pytest.approx((400, 700), abs=1)
    assert not list(dead_runs(noise[:400], 100.0))
