import math
from typing import Any

import numpy as np
import pytest
from obspy import UTCDateTime

from seisbench_lcl.datasets.cuts import Cuts, farthest_shift, signal_to_noise
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.waveforms.preprocessing import Preprocessing
from seisbench_lcl.waveforms.records import Record

RATE = 50.0
PREPROCESSING = Preprocessing(sampling_rate=RATE, in_samples=500, component_order="NEZ")


def make_record(onset: float = 30.0, gain: float = 10.0, seconds: float = 60.0) -> Record:
    """Noise of variance 1 on three components, multiplied by `gain` after the onset."""
    n, first = round(seconds * RATE), round(onset * RATE)
    data = np.random.default_rng(0).normal(size=(3, n)).astype(np.float32)
    data[:, first:] *= gain
    return Record("", UTCDateTime(0), data, np.zeros((3, n), dtype=np.uint8))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_shift": -1.0, "copies": 1}, "max_shift must be finite and not negative, but is -1.0"),
        ({"max_shift": math.nan, "copies": 1}, "max_shift must be finite"),
        ({"refine": math.inf}, "refine must be finite and not negative, but is inf"),
        ({"copies": 1.5, "max_shift": 1.0}, "copies must be a whole number and not negative, but is 1.5"),
        ({"copies": -1}, "copies must be a whole number and not negative, but is -1"),
        ({"at": (1.0, 0.0)}, "at must be shifts other than 0, but is"),
        ({"at": (math.nan,)}, "at must be shifts other than 0, but is"),
        ({"seed": -1}, "seed must be a whole number and not negative, but is -1"),
        ({"copies": 2}, "2 copies with a max_shift of 0 would equal the unshifted window; set max_shift to a positive"),
        ({"copies": 2}, r".* number of seconds, or copies to 0"),
    ],
)
def test_invalid_cuts_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"cuts: {message}"):
        Cuts(**arguments)


def test_shifts_depend_on_seed_and_trace_only() -> None:
    cuts = Cuts(max_shift=2.0, copies=500)
    first = cuts.shifts(7)
    assert first[0] == 0
    assert first.shape == (501,)
    np.testing.assert_array_equal(first, cuts.shifts(7))
    np.testing.assert_array_equal(first[:3], Cuts(max_shift=2.0, copies=2).shifts(7))
    assert not np.isin(first[1:], cuts.shifts(8)).any()
    assert not np.isin(first[1:], Cuts(max_shift=2.0, copies=500, seed=1).shifts(7)).any()
    assert np.abs(first).max() <= 2
    assert np.histogram(first[1:], bins=4, range=(-2, 2))[0].min() > 90
    assert Cuts().shifts(3).tolist() == [0]
    assert Cuts(at=(-9.0, 3.0)).shifts(3).tolist() == [0, -9, 3]
    Cuts(at=(-9.0, 3.0)).check(PREPROCESSING)


@pytest.mark.parametrize(("before", "farthest"), [(0.0, 0.0), (0.1, 0.1), (2.0, 2.0), (9.8, 0.2)])
def test_p_moves_no_farther_than_the_window_reaches(before: float, farthest: float) -> None:
    """The window is 10 s long; in binary 10 − 9.8 is less than 0.2."""
    preprocessing = Preprocessing(sampling_rate=RATE, in_samples=500, before=before)
    assert farthest_shift(preprocessing) == farthest
    Cuts(max_shift=farthest).check(preprocessing)
    with pytest.raises(ConfigurationError, match=f"P out of the window, which is 10 s.*at most {farthest:g} s"):
        Cuts(max_shift=farthest + 0.01).check(preprocessing)


class TestRefined:
    @pytest.mark.parametrize("error", [-0.8, -0.1, 0.0, 0.5])
    def test_a_wrong_pick_moves_to_the_onset(self, error: float) -> None:
        found = Cuts(refine=1.0).refined(make_record(), 30 + error, PREPROCESSING)
        assert found == pytest.approx(30, abs=2 / RATE)

    def test_the_onset_is_found_on_the_vertical(self) -> None:
        record = make_record()
        record.data[2] = make_record(onset=30.6).data[2]
        assert Cuts(refine=1.0).refined(record, 30, PREPROCESSING) == pytest.approx(30.6, abs=2 / RATE)
        horizontal = Preprocessing(sampling_rate=RATE, in_samples=500, component_order="NE")
        assert Cuts(refine=1.0).refined(record, 30.3, horizontal) == pytest.approx(30, abs=2 / RATE)

    @pytest.mark.parametrize("pick", [0.5, 59.5, -3.0, 63.0])
    def test_a_pick_stays_if_the_record_does_not_cover_the_span(self, pick: float) -> None:
        assert Cuts(refine=1.0).refined(make_record(), pick, PREPROCESSING) == pick

    def test_a_pick_stays_next_to_a_gap_or_without_refinement(self) -> None:
        record = make_record()
        record.flaws[2, round(29.2 * RATE)] = 1
        assert Cuts(refine=1.0).refined(record, 29.703, PREPROCESSING) == 29.703
        assert Cuts(refine=0.45).refined(record, 29.703, PREPROCESSING) == pytest.approx(30, abs=2 / RATE)
        assert Cuts().refined(record, 29.703, PREPROCESSING) == 29.703


class TestSignalToNoise:
    def test_ratio_of_noise_that_becomes_louder(self) -> None:
        assert signal_to_noise(make_record(gain=10), 30, RATE) == pytest.approx(20, abs=0.5)
        assert signal_to_noise(make_record(gain=0.1), 30, RATE) == pytest.approx(-20, abs=0.5)

    def test_a_pulse_counts_over_ten_seconds(self) -> None:
        record = make_record(gain=1)
        record.data[:, round(30 * RATE) : round(32.5 * RATE)] *= 20  # a quarter of the time
        expected = 10 * math.log10((400 + 3) / 4)
        assert signal_to_noise(record, 30, RATE) == pytest.approx(expected, abs=0.5)

    def test_samples_outside_signal_and_noise_windows_do_not_matter(self) -> None:
        record = make_record()
        expected = signal_to_noise(record, 30, RATE)
        for start, end in ((0, 9.4), (29.6, 30), (40.1, 60)):
            record.data[:, round(start * RATE) : round(end * RATE)] *= 1000
        assert signal_to_noise(record, 30, RATE) == expected

    def test_gaps_do_not_count(self) -> None:
        record = make_record()
        for start, end in ((12, 27), (33, 36)):
            span = slice(round(start * RATE), round(end * RATE))
            record.data[:, span], record.flaws[:, span] = 0, 1
        assert signal_to_noise(record, 30, RATE) == pytest.approx(20, abs=0.5)

    @pytest.mark.parametrize("arrival", [1.4, 59.2, -2.0, 70.0])
    def test_nan_if_either_window_is_too_short(self, arrival: float) -> None:
        assert math.isnan(signal_to_noise(make_record(), arrival, RATE))

    def test_nan_without_motion_before_p(self) -> None:
        record = make_record()
        record.data[:, : round(29.5 * RATE)] = 0
        assert math.isnan(signal_to_noise(record, 30, RATE))
