"""What is drawn of records: every peak, the model's band, gaps as gaps."""

import io
import wave
from collections.abc import Callable

import numpy as np
import obspy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obspy import UTCDateTime

from seisbench_lcl.review.page.decimate import extremes
from seisbench_lcl.review.page.record_section import Line, lines_of, longest, spectrogram_of, stacked
from seisbench_lcl.review.page.sound import as_wav
from seisbench_lcl.waveforms import Preprocessing

P = UTCDateTime(2024, 3, 1, 12, 0, 10)


@given(n=st.integers(1, 700), bins=st.integers(1, 60), seed=st.integers(0, 99))
def test_no_peak_is_lost_and_points_stay_few(n: int, bins: int, seed: int) -> None:
    samples = np.random.default_rng(seed).normal(size=n).astype(np.float32)
    times = np.arange(n) / 100 - 3
    x, y = extremes(times, samples, bins)
    assert len(x) == len(y) <= max(n if n <= 2 * bins else 0, 2 * bins)
    assert (np.diff(x) >= 0).all()
    assert (y.min(), y.max()) == (samples.min(), samples.max())
    size = 1 if n <= 2 * bins else -(-n // bins)
    for k in range(0, n, size) if size > 1 else ():  # the slow way: bin by bin
        inside = (x >= np.float32(times[k]) - 1e-6) & (x <= np.float32(times[min(n, k + size) - 1]) + 1e-6)
        assert {y[inside].min(), y[inside].max()} == {samples[k : k + size].min(), samples[k : k + size].max()}


def test_components_are_scaled_together_and_a_gap_is_drawn_as_one(make_stream: Callable[..., obspy.Stream]) -> None:
    stream = make_stream(40, rate=100)
    for trace in stream:
        trace.data = trace.data * {"Z": 1, "N": 4, "E": 2}[trace.stats.component]
    vertical = stream.select(component="Z")[0]
    before, after = vertical.slice(endtime=P + 5), vertical.slice(P + 9)
    stream = obspy.Stream([stream.select(component="E")[0], after, stream.select(component="N")[0], before])
    lines = lines_of(stream, P, Preprocessing(), bins=100)
    assert [line.component for line in lines] == ["Z", "N", "E"]
    largest = [float(np.nanmax(np.abs(line.samples))) for line in lines]
    assert largest[1] == pytest.approx(1)
    assert largest[0] < largest[2] < largest[1]
    [gap] = np.flatnonzero(np.isnan(lines[0].samples))
    assert lines[0].times[gap - 1] < 5.1
    assert lines[0].times[gap + 1] > 8.9
    assert lines[0].times[0] == pytest.approx(-10, abs=0.3)


def test_a_masked_record_a_slow_one_and_one_without_motion_are_drawn(make_stream: Callable[..., obspy.Stream]) -> None:
    [masked] = make_stream(40, components="Z")
    masked.data = np.ma.masked_inside(np.arange(4000.0), 1000, 1100)
    [slow] = make_stream(40, rate=20, components="Z")
    [still] = make_stream(40, components="Z")
    still.data = np.zeros(4000, dtype=np.int32)
    assert np.isnan(lines_of(obspy.Stream([masked]), P, Preprocessing())[0].samples).sum() == 1
    assert len(lines_of(obspy.Stream([slow]), P, Preprocessing())[0].samples) == 800
    assert not lines_of(obspy.Stream([still]), P, Preprocessing())[0].samples.any()
    assert lines_of(obspy.Stream(), P, Preprocessing()) == ()
    assert longest(obspy.Stream([masked])).stats.npts == 2899  # type: ignore[union-attr]


def test_stacked_lines_stay_in_their_strips() -> None:
    lines = [Line(c, np.zeros(2, np.float32), np.array([-1, 1], np.float32)) for c in "ZNE"]
    _, y = stacked(lines, middle=-4, height=0.9)
    np.testing.assert_allclose(y, [-3.85, -3.55, np.nan, -4.15, -3.85, np.nan, -4.45, -4.15], atol=1e-6)
    assert [len(part) for part in stacked([], 0, 1)] == [0, 0]


def test_the_spectrogram_shows_a_tone_where_it_is(make_stream: Callable[..., obspy.Stream]) -> None:
    [trace] = make_stream(40, components="Z")
    times = trace.times() - 10
    trace.data = np.sin(2 * np.pi * 12 * times) * (times > 5)
    found = spectrogram_of(obspy.Stream([trace]), P)
    assert found is not None
    rows, columns = found.decibels.shape
    strongest = np.unravel_index(found.decibels[1:].argmax(), (rows - 1, columns))
    assert (strongest[0] + 1) * found.highest / (rows - 1) == pytest.approx(12, abs=1)
    loud = found.start + (found.decibels.max(axis=0) > -20).argmax() * (found.end - found.start) / columns
    assert loud == pytest.approx(5, abs=1)
    assert (found.start, found.end) == (pytest.approx(-10, abs=1), pytest.approx(30, abs=1))
    assert columns <= 400
    assert spectrogram_of(make_stream(1.5, components="Z"), P) is None


def test_sound_is_a_wav_file_of_the_record() -> None:
    samples = np.sin(np.arange(4000) / 5) + 7
    with wave.open(io.BytesIO(as_wav(samples, 100.0)), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 4000)
        played = np.frombuffer(file.readframes(4000), "<i2")
    assert len(played) == 4000
    assert 29000 < np.abs(played).max() <= 32767 * 0.91
    assert abs(played[0]) < 1000
    assert np.corrcoef(played[200:-200], np.sin(np.arange(4000) / 5)[200:-200])[0, 1] > 0.999
    assert as_wav(np.zeros(10), 1.0)[24:28] == (3000).to_bytes(4, "little")
