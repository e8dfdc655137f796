from math import pi

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obspy import Stream, Trace, UTCDateTime

from seisbench_lcl.errors import ComponentError, EmptyStreamError, SamplingRateError, WaveformError
from seisbench_lcl.waveforms.preprocessing import Preprocessing
from seisbench_lcl.waveforms.records import Record, read_array, read_stream

T0 = UTCDateTime(2021, 3, 4, 5, 6, 7)
PRE = Preprocessing()  # windows of 20 s at 100 Hz
VERTICAL = Preprocessing(component_order="Z")


def motion(n, rate=100.0, start=0.0):
    """Ground motion within the band as a function of absolute time, so that any two readings of it agree."""
    time = start + np.arange(n) / rate
    return 1000 * np.sin(2 * pi * 4 * time) + 300 * np.sin(2 * pi * 9.3 * time + 1)


def trace(data, channel="HHZ", start=0.0, rate=100.0, station="AAA"):
    header = {"network": "XX", "station": station, "channel": channel, "starttime": T0 + start, "sampling_rate": rate}
    return Trace(np.array(data, subok=True), header)


def site(n=2000, start=0.0, rate=100.0, station="AAA", instrument="HH", components="ZNE"):
    data = motion(n, rate, start)
    return Stream([trace(data, instrument + c, start, rate, station) for c in components])


def read_one(stream, preprocessing=PRE):
    (record,), unusable = read_stream(stream, preprocessing)
    assert unusable == []
    return record


def spans(present):
    """Return the (first, end) of each run of missing samples of one component."""
    edges = np.flatnonzero(np.diff(np.concatenate([[1], present.astype(int), [1]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


# Time and length ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [0, 0.0012, 0.005, 0.0099])
@pytest.mark.parametrize("rate", [40, 50, 99.9, 100, 125, 200])
def test_record_of_exact_length_gives_exactly_one_window(rate, start):
    record = read_one(site(round(20 * rate), start, rate))
    assert record.data.shape == (3, 2000)
    assert record.data.dtype == np.float32
    assert record.present.all()
    assert str(record.station) == "XX.AAA..HH"
    assert record.cut(np.array([0]), 2000).shape == (1, 3, 2000)


def test_components_of_different_start_and_rate_land_on_one_grid_at_the_right_time():
    starts, rates = (0.0, 0.0037, -1.2345), (100, 62.5, 200)
    stream = Stream([trace(motion(3000, r, s), "HH" + c, s, r) for c, s, r in zip("ZNE", starts, rates, strict=True)])
    record = read_one(stream)
    assert record.start == T0 - 1.23
    expected = motion(record.data.shape[1], start=record.start - T0)
    for row, start in enumerate(starts):
        assert np.flatnonzero(record.present[row])[0] == round(start * 100 + 123 + 0.4)
    both = record.present.all(axis=0)
    inner = np.flatnonzero(both)[200:-200]
    for row in record.data:
        np.testing.assert_allclose(row[inner], expected[inner], atol=3)


def test_time_stamp_rounded_to_microseconds_is_on_the_grid():
    for start in (-1e-6, 0, 1e-6):
        record = read_one(site(start=start))
        assert record.start == T0
        np.testing.assert_allclose(record.data[:, 200:-200], read_one(site()).data[:, 200:-200], atol=1)


def test_time_does_not_slip_in_a_long_record_of_a_rounded_rate():
    rate = 1 / float(np.float32(0.01))  # as SAC gives it
    record = read_one(site(360_000, rate=rate, components="Z"), VERTICAL)
    assert record.data.shape == (1, 360_000)
    np.testing.assert_allclose(record.data[0, -600:-300], motion(360_000)[-600:-300], atol=4)


def test_traces_of_unequal_length_keep_their_ends():
    stream = site(4000)
    stream[1].trim(T0 + 5, T0 + 29.99)
    record = read_one(stream)
    assert record.data.shape == (3, 4000)
    assert [spans(row) for row in record.present] == [[], [(0, 500), (3000, 4000)], []]
    assert (record.data[1, :500] == 0).all()


# Stations and components -------------------------------------------------------------------------------------------


def test_instruments_and_stations_are_kept_apart():
    stream = site() + site(instrument="HN") + site(station="BBB", components="Z12") + site(1999, station="CCC")
    records, unusable = read_stream(stream, PRE)
    assert [str(record.station) for record in records] == ["XX.AAA..HH", "XX.AAA..HN", "XX.BBB..HH"]
    assert [(str(part.station), part.reason) for part in unusable] == [
        ("XX.CCC..HH", "no window fits: the record is 19.99 s long, the model needs 20 s")
    ]


def test_short_record_and_missing_component_are_reported_with_their_time():
    _, unusable = read_stream(site(1420) + site(station="BBB", components="ZE"), PRE)
    assert [part.reason for part in unusable] == [
        "no window fits: the record is 14.2 s long, the model needs 20 s",
        "component N missing: found channels HHE, HHZ",
    ]
    assert (unusable[0].start, unusable[0].end) == (T0, T0 + 14.2)
    assert (unusable[1].start, unusable[1].end) == (T0, T0 + 20)


def test_one_bad_station_does_not_stop_the_others_but_all_bad_raises_the_first_reason():
    bad = site(station="BBB")
    bad[1].stats.calib = np.nan
    log = trace(np.frombuffer(b"clock locked", dtype="|S1"), "LOG", station="LLL")
    slow = site(1000, rate=30, station="SSS")
    records, unusable = read_stream(site() + bad + log + slow, PRE)
    assert [str(record.station) for record in records] == ["XX.AAA..HH"]
    assert [str(part.station) for part in unusable] == ["XX.BBB..HH", "XX.LLL..LO", "XX.SSS..HH"]
    assert "calibration factor nan" in unusable[0].reason
    assert "30 Hz" in unusable[2].reason
    with pytest.raises(WaveformError, match=r"station XX\.BBB\.\.HH: has the calibration factor"):
        read_stream(slow + log + bad, PRE)
    with pytest.raises(SamplingRateError, match=r"station XX\.SSS\.\.HH"):
        read_stream(slow, PRE)
    with pytest.raises(ComponentError, match="found channel LOG, but the model needs the components Z, N, E: rename"):
        read_stream(Stream([log]), PRE)


def test_the_mend_that_the_message_names_works():
    stream = site(6000)
    stream[0].data[3000] = np.inf
    stream[0].data = np.ma.masked_invalid(stream[0].data)
    assert spans(read_one(stream).present[0]) == [(3000, 3001)]


def test_text_in_a_seismic_channel_is_refused_by_name():
    stream = site()
    stream[2] = trace(np.array([b"x"] * 2000), "HHE")
    with pytest.raises(WaveformError, match=r"\|S1: remove log channels"):
        read_stream(stream, PRE)


def test_two_sets_of_horizontals_must_be_chosen_from():
    stream = site(components="ZNE12")
    with pytest.raises(ComponentError, match="flexible_horizontal_components=False"):
        read_stream(stream, PRE)
    assert len(read_stream(stream, PRE, flexible=False)[0]) == 1


@pytest.mark.parametrize(
    "stream",
    [
        Stream(),
        Stream([trace([])]),
        Stream([trace(np.ma.masked_all(3000))]),
        Stream([trace(np.ma.masked_all(0)), trace(np.ma.array([]))]),
    ],
    ids=["no trace", "no sample", "masked throughout", "masked and empty"],
)
def test_stream_without_samples_is_empty(stream):
    with pytest.raises(EmptyStreamError, match=r"the stream is empty|traces holds a sample"):
        read_stream(stream, PRE)


@pytest.mark.parametrize("n", [1, 2, 3, 7])
@pytest.mark.parametrize("start", [0, 0.0013, 0.003])
def test_scraps_between_two_grid_points_do_no_harm(n, start):
    _, unusable = read_stream(site(n, start, rate=200), PRE)
    assert "the model needs 20 s" in unusable[0].reason
    scraps = site(n, 25 + start, rate=200)
    record = read_one(site() + scraps)
    np.testing.assert_array_equal(record.data[:, :2000], read_one(site()).data)


# Gaps, overlaps, dead stretches ------------------------------------------------------------------------------------


def test_gap_and_mask_are_the_same_and_equal_separate_records():
    whole = site(6000)
    cut = whole.slice(endtime=T0 + 24.99) + whole.slice(starttime=T0 + 30)
    masked = whole.copy()
    for part in masked:
        part.data = np.ma.array(part.data)
        part.data[2500:3000] = np.ma.masked
    one, two = read_one(cut), read_one(masked)
    assert [spans(row) for row in one.present] == [[(2500, 3000)]] * 3
    np.testing.assert_array_equal(one.present, two.present)
    np.testing.assert_array_equal(one.data, two.data)
    for part, span in ((cut[:3], slice(0, 2500)), (cut[3:], slice(3000, 6000))):
        np.testing.assert_array_equal(one.data[:, span], read_one(Stream(part)).data)


def test_gap_longer_than_a_window_starts_a_new_record():
    records, unusable = read_stream(site(2500) + site(2000, start=45.01) + site(500, start=100), PRE)
    assert [(record.start, record.data.shape[1]) for record in records] == [(T0, 2500), (T0 + 45.01, 2000)]
    assert [(part.start, part.reason) for part in unusable] == [
        (T0 + 100, "no window fits: the record is 5 s long, the model needs 20 s")
    ]
    assert read_one(site(2500) + site(2000, start=45)).data.shape == (3, 6500)


def test_gap_of_one_component_starts_no_new_record():
    stream = site(8000, components="ZE") + site(400, 1, components="N") + site(2000, 60, components="N")
    record = read_one(stream)
    assert [spans(row) for row in record.present] == [[], [(0, 100), (500, 6000)], []]


@pytest.mark.parametrize("step", [777, 1000])
@pytest.mark.parametrize("overlap", [0, 1, 300])
def test_pieces_that_agree_are_joined_as_if_never_cut(step, overlap):
    whole, pieces = site(4000), Stream()
    for part in whole:
        part.data = np.round(part.data)
        for i, first in enumerate(range(0, 4000, step)):
            data = part.data[first : first + step + overlap].astype([np.float32, np.int32, np.longdouble][i % 3])
            pieces.append(trace(data, part.stats.channel, first / 100))
    for first, end in ((3, 4), (2, 12), (5, 20)):  # contained in another, and reaching over several
        pieces += whole.slice(T0 + first, T0 + end)
    np.random.default_rng(0).shuffle(pieces.traces)
    found, expected = read_one(pieces), read_one(whole)
    assert found.start == expected.start
    assert found.present.all()
    np.testing.assert_allclose(found.data, expected.data, atol=1e-2)


def test_pieces_whose_time_stamps_are_rounded_to_milliseconds_are_joined():
    stream = Stream()
    for c in "ZNE":
        for first in range(0, 5000, 433):
            stream.append(trace(motion(5000, 60)[first : first + 433], "HH" + c, round(first / 60, 3), 60))
    record = read_one(stream)
    assert record.present.all()
    np.testing.assert_allclose(record.data, read_one(site(5000, rate=60)).data, atol=1e-2)


def test_overlap_that_disagrees_is_missing():
    other = site(3000, start=20)
    for part in other:
        part.data += 1
    record = read_one(site(2500) + other)
    assert [spans(row) for row in record.present] == [[(2000, 2500)]] * 3
    assert (record.data[:, 2000:2500] == 0).all()
    contained = site(6000) + Stream([trace(np.arange(100), "HHZ", 30)])
    assert [spans(row) for row in read_one(contained).present] == [[(3000, 3100)], [], []]


def test_two_rates_of_one_channel_meet_at_the_change():
    record = read_one(site(3000, rate=100) + site(6000, start=30, rate=200))
    assert record.data.shape == (3, 6000)
    assert record.present.all()


@pytest.mark.parametrize("offset", [0, 1e6])
@pytest.mark.parametrize("rate", [50, 100, 200])
def test_dead_stretches_are_missing_and_do_not_ring_in_what_is_left(rate, offset):
    stream, whole = site(60 * rate, rate=rate), read_one(site(60 * rate, rate=rate))
    flat, filled = slice(10 * rate, 13 * rate), slice(30 * rate, 40 * rate)
    for part in stream:
        part.data += offset
        part.data[flat] = part.data[flat.start]
        part.data[filled] = 0
    record = read_one(stream)
    for row in record.present:
        np.testing.assert_allclose(spans(row), [(1000, 1300), (3000, 4000)], atol=1)
    assert (record.data[~record.present] == 0).all()
    error = np.abs(record.data - whole.data)[record.present]
    assert error.max() < 1.5 * np.abs(whole.data).max()
    away = np.r_[200:800, 1500:2800, 4200:5800]
    np.testing.assert_allclose(record.data[:, away], whole.data[:, away], atol=5)


def test_a_filled_gap_is_missing_and_a_dead_trace_has_no_sample():
    stream = site(3000)
    stream[0].data[1000:1040] = 5
    stream[1].data[:] = 7
    record = read_one(stream)
    assert spans(record.present[0]) == [(1000, 1040)]
    assert record.flaws_in(0, 0, 2000) == "flat line"
    assert not record.present[1].any()
    assert (record.data[1] == 0).all()


def test_calibration_factors_are_applied():
    """Between components, and where the gain changes within a record: counts times calib is the motion."""
    whole = site(4000)
    counts = Stream()
    for part, calib in zip(whole, (1e-3, 1.0, 40.0), strict=True):
        for first in (0, 1500):
            gain = calib * (2 if first else 1)
            counts += trace(
                part.data[first : first + (2500 if first else 1500)] / gain, part.stats.channel, first / 100
            )
            counts[-1].stats.calib = gain
    found, expected = read_one(counts), read_one(whole)
    assert found.present.all()
    np.testing.assert_allclose(found.data, expected.data, rtol=1e-5, atol=1e-5 * np.abs(expected.data).max())


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"calib": np.nan}, "calibration factor nan"),
        ({"sac": {"leven": False}}, "sampled unevenly"),
    ],
)
def test_headers_that_make_samples_meaningless(header, message):
    stream = site()
    stream[2].stats.update(header)
    with pytest.raises(WaveformError, match=message):
        read_stream(stream, PRE)


def test_flaws_are_bridged_before_they_ring():
    """A gap of a few samples, a wild sample and NaN change only themselves and the neighbours of the wild sample."""
    whole = site(4000)
    spoilt = Stream()
    for part in whole:
        data = part.data.copy()
        data[700] = np.nan
        data[900] = 1e12
        spoilt += trace(data[:2000], part.stats.channel)
        spoilt += trace(data[2003:], part.stats.channel, 20.03)
    found, expected = read_one(spoilt), read_one(whole)
    assert [spans(row) for row in found.present] == 3 * [[(700, 701), (899, 902), (2000, 2003)]]
    assert found.flaws_in(1, 0, 4000) == "gap, spike or step"
    assert found.flaws_in(1, 1000, 1000) == ""
    apart = np.ones(4000, dtype=bool)
    for place in (700, 900, 2001):
        apart[place - 60 : place + 60] = False
    np.testing.assert_allclose(found.data[:, apart], expected.data[:, apart], atol=0.02 * expected.data.std())


# Types, purity, size -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.int32, ">i4", np.float32, ">f4", np.int16])
def test_sample_types_agree(dtype):
    stream = site(3000)
    for part in stream:
        part.data = np.round(part.data)
    expected = read_one(stream).data
    for part in stream:
        part.data = part.data.astype(dtype)
    np.testing.assert_allclose(read_one(stream).data, expected, atol=1e-3)


def test_stream_is_left_as_it_is():
    stream = site(3000) + site(3000, start=29.5) + site(1500, start=70.003) + site(station="BBB", components="Z")
    stream[0].data = np.ma.masked_less(stream[0].data, -900)
    stream[1].data[500:900] = 0
    stream[2].stats.calib = 3.0
    stream[3].data = stream[3].data + 1
    before = stream.copy()
    for part in stream:
        np.ma.getdata(part.data).flags.writeable = False  # any write would raise
    order = list(stream)
    read_stream(stream, PRE)
    assert all(now is then for now, then in zip(stream, order, strict=True))
    for now, then in zip(stream, before, strict=True):
        assert now.stats == then.stats
        np.testing.assert_array_equal(np.ma.getmaskarray(now.data), np.ma.getmaskarray(then.data))
        np.testing.assert_array_equal(np.ma.getdata(now.data), np.ma.getdata(then.data))


@pytest.mark.timeout(60)
def test_thousands_of_segments_take_linear_time():
    packets = Stream([trace(motion(50, start=i / 2), "HHZ", i / 2) for i in range(12_000)])
    assert read_one(packets, VERTICAL).present.all()
    holes = np.ma.array(motion(160_000))
    holes[::200] = np.ma.masked
    assert (
        np.count_nonzero(~read_one(Stream([trace(holes)]), VERTICAL).present) == 799
    )  # the record begins after the first sample


# Arrays and windows ------------------------------------------------------------------------------------------------


def test_array_equals_the_stream_of_the_same_samples():
    data = np.stack([motion(2500, 125, start) for start in (0, 1, 2)])
    data[1, 500:1000] = 0
    expected = read_one(Stream([trace(row, "HH" + c, rate=125) for row, c in zip(data, "ZNE", strict=True)]))
    record = read_array(data, 125, PRE)
    np.testing.assert_array_equal(record.data, expected.data)
    np.testing.assert_array_equal(record.present, expected.present)


def test_array_sampled_too_slowly_is_refused():
    with pytest.raises(SamplingRateError):
        read_array(np.random.default_rng(0).normal(size=(3, 2000)), 20, PRE)


@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 60), st.data())
def test_windows_and_coverage_agree_with_plain_loops(seed, n_components, n, data):
    rng = np.random.default_rng(seed)
    present = rng.random((n_components, n)) < rng.choice([0.3, 0.9, 1.0])
    record = Record("", T0, rng.normal(size=(n_components, n)).astype(np.float32), (~present).astype(np.uint8))
    length = data.draw(st.integers(1, n))
    offsets = np.array(data.draw(st.lists(st.integers(0, n - length), min_size=1, max_size=5)))
    windows, coverage = record.cut(offsets, length), record.coverage(offsets, length)
    assert windows.flags.c_contiguous
    assert coverage.dtype == np.float32
    for b, offset in enumerate(offsets):
        for c in range(n_components):
            np.testing.assert_array_equal(windows[b, c], record.data[c, offset : offset + length])
            count = sum(bool(present[c, offset + i]) for i in range(length))
            assert coverage[b, c] == np.float32(count / length)
