"""Records as they are drawn: the component with motion, and few points that look like all."""

from collections.abc import Callable

import numpy as np
import obspy
import pytest

from seisbench_lcl.plotting.records import band_name, conditioned, drawable, envelope, shown_component
from seisbench_lcl.waveforms import Preprocessing

MakeStream = Callable[..., obspy.Stream]


@pytest.mark.parametrize(
    ("components", "order", "dead", "shown"),
    [
        ("ENZ", "ZNE", "", "Z"),
        ("ENZ", "NEZ", "", "Z"),
        ("ENZ", "ZNE", "Z", "N"),
        ("ENZ", "ZNE", "ZN", "E"),
        ("ENZ", "ZNE", "ZNE", "Z"),
        ("12", "ZNE", "", "1"),
        ("XN", "ZNE", "", "N"),
        ("X", "ZNE", "", "X"),
    ],
)
def test_the_vertical_is_shown_or_the_next_that_moves(
    make_stream: MakeStream, components: str, order: str, dead: str, shown: str
) -> None:
    stream = make_stream(2, components=components) + make_stream(2, components=components)
    for trace in stream:
        if trace.stats.channel[-1] in dead:
            trace.data[:] = 3
    found = shown_component(stream, Preprocessing(component_order=order))
    assert [trace.stats.channel for trace in found] == [f"HH{shown}"] * 2
    assert not shown_component(obspy.Stream(), Preprocessing())


def test_only_gapless_numbers_are_drawn_and_nothing_is_changed(make_stream: MakeStream) -> None:
    stream = make_stream(10, components="ZN")
    stream[0].data = np.ma.masked_array(stream[0].data, mask=np.arange(1000) // 100 == 3)
    stream[1].data[5] = np.nan
    before = stream.copy()
    parts = drawable(stream)
    assert [len(part) for part in parts] == [300, 600]
    shown = conditioned(parts[1], Preprocessing())
    np.testing.assert_array_equal(shown.data, Preprocessing().condition(parts[1].data, 100.0))
    slow = obspy.Trace(parts[1].data, {"sampling_rate": 10.0})
    unfiltered = conditioned(slow, Preprocessing())
    np.testing.assert_allclose(unfiltered.data, slow.data - slow.data.mean())
    low, high = Preprocessing().band
    assert band_name([shown], Preprocessing()) == f"{low:g}–{high:g} Hz"
    assert band_name([shown, unfiltered], Preprocessing()) == "unfiltered"
    np.testing.assert_array_equal(stream[0].data.mask, before[0].data.mask)
    np.testing.assert_array_equal(stream[0].data.compressed(), before[0].data.compressed())


def test_an_envelope_keeps_the_extremes() -> None:
    rng = np.random.default_rng(0)
    times, data = np.arange(10_000) / 100, rng.normal(size=10_000)
    x, y = envelope(times, data, points=1000)
    assert len(x) == len(y) == 1000
    blocks = data.reshape(500, 20)
    np.testing.assert_array_equal(y.reshape(500, 2), np.stack([blocks.min(axis=1), blocks.max(axis=1)], axis=1))
    assert (x[0], x[2]) == (0.0, 0.2)
    np.testing.assert_array_equal(envelope(times[:1500], data[:1500], points=1000)[1], data[:1500])
