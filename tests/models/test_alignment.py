"""Windows of several models around the same P arrivals."""

from collections.abc import Callable

import numpy as np
import pytest
from conftest import START
from hypothesis import given
from hypothesis import strategies as st

from seisbench_lcl.models._alignment import Grid, condition_for, stretches
from seisbench_lcl.waveforms import Preprocessing, StationId
from seisbench_lcl.waveforms.channels import Channels
from seisbench_lcl.waveforms.records import Record

SHORT = Preprocessing(50.0, 500, "ZNE", (1.0, 15.0), 1.0)
LONG = Preprocessing(50.0, 1500, "ZNE", (1.0, 15.0), 4.0)


@given(
    rate=st.sampled_from([20.0, 100 / 3, 40.0, 50.0, 100.0]),
    step=st.sampled_from([0.05, 0.7, 1.0, 3.3]),
    first=st.floats(-5, 5),
    before=st.floats(0, 4.9),
)
def test_each_window_starts_at_the_nearest_sample(rate: float, step: float, first: float, before: float) -> None:
    model = Preprocessing(rate, round(5 * rate), "Z", (1.0, 5.0), before)
    n = round(12 * rate)
    record = Record(StationId("", "", "", ""), START, np.zeros((1, n), np.float32), np.zeros((1, n), np.uint8))
    grid = Grid(START + first, step, 40)
    expected = {}
    for i in range(grid.n):  # the nearest sample, if the whole window is in the record
        offset = (grid.first - START + i * step - before) * rate
        if -0.49 < offset < n - model.in_samples + 0.49:
            expected[i] = offset
    found = dict(zip(*(values.tolist() for fit in grid.fits([record], model) for values in fit[1:]), strict=True)) or {}
    assert expected.keys() <= found.keys()
    for i, sample in found.items():
        assert 0 <= sample <= n - model.in_samples
        assert abs(sample - (grid.first - START + i * step - before) * rate) <= 0.501


def test_a_gap_splits_a_stretch_only_if_it_splits_the_records_of_all(make_stream: Callable) -> None:
    stream = make_stream(60) + make_stream(60, start=START + 75, seed=1) + make_stream(60, start=START + 300, seed=2)
    other = Preprocessing(40.0, 400, "Z", (1.0, 15.0), 2.0)
    for models, ends in (((SHORT, other), [60, 135, 360]), ((SHORT, LONG, other), [135, 360])):
        found = stretches(condition_for(stream, models, True, Channels()), models)
        assert [round(stretch.end - START) for stretch in found] == ends
    first = found[0].grid(models, 1.0)
    assert first.first == START + 1
    assert first.first + first.n - 1 <= START + 135 - 8 < first.first + first.n
    assert len(found[0].records[2]) == 2  # the third model has a record on either side of the gap
    assert sum(len(fit.rows) for fit in first.fits(found[0].records[2], other)) == 2 * 51


def test_stations_are_kept_apart_and_reasons_are_each_models_own(make_stream: Callable) -> None:
    stream = make_stream(12, components="ZN") + make_stream(12, station="AA.B..HH")
    vertical = Preprocessing(40.0, 400, "Z", (1.0, 15.0), 2.0)
    models = SHORT, LONG, vertical
    one, other = stretches(condition_for(stream, models, True, Channels()), models)
    assert [str(one.station), str(other.station)] == ["AA.B..HH", "XX.ABC..HH"]
    assert one.reasons(models) == [
        "no window fits: its 10 s begin before the record or end after it",
        "no window fits: the record is 12 s long, the model needs 30 s",
        "no window fits: its 10 s begin before the record or end after it",
    ]
    assert [bool(records) for records in other.records] == [False, False, True]
    assert other.reasons(models)[0].startswith("component E missing: found channels HHN, HHZ")
    assert other.grid(models, 1.0) == Grid(START + 2, 1.0, 3)


def test_another_order_of_components_shares_the_records(make_stream: Callable) -> None:
    turned = Preprocessing(50.0, 500, "NEZ", (1.0, 15.0), 1.0)
    first, second = condition_for(make_stream(20), [SHORT, turned], True, Channels())
    np.testing.assert_array_equal(second.records[0].data, first.records[0].data[[1, 2, 0]])
    alone = condition_for(make_stream(20), [turned], True, Channels())[0]
    np.testing.assert_array_equal(second.records[0].data, alone.records[0].data)


@pytest.mark.parametrize("seconds", [9.9, 10.0])
def test_a_record_of_one_window_gives_one_time(make_stream: Callable, seconds: float) -> None:
    (stretch,) = stretches(condition_for(make_stream(seconds), [SHORT], True, Channels()), [SHORT])
    assert stretch.grid([SHORT], 1.0) == (Grid(START + 1, 1.0, 1) if seconds == 10 else None)
