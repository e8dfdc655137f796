"""The map of an event: distances are true, labels have their colours, and names cover nothing."""

from dataclasses import replace
from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_events import LABELS, check_texts, drawn_texts, made_event
from matplotlib.colors import to_hex
from obspy.geodetics import gps2dist_azimuth

from seisbench_lcl.events import Origin
from seisbench_lcl.events.figures import station_map
from seisbench_lcl.events.figures.station_map import azimuthal
from seisbench_lcl.plotting.colours import COLOURS


def degrees(limit: float) -> st.SearchStrategy[float]:
    # ObsPy divides by zero between places that are closer than a float can tell.
    return st.floats(-limit, limit).map(lambda angle: round(angle, 6))


@given(degrees(89), degrees(180), degrees(89.9), degrees(540))
def test_distances_and_azimuths_from_the_centre_are_true(lat: float, lon: float, lat0: float, lon0: float) -> None:
    [(east, north)] = azimuthal([lat], [lon], lat0, lon0)
    metres, azimuth, _ = gps2dist_azimuth(lat0, lon0, lat, lon, a=6371000.0, f=0.0)
    assert np.hypot(east, north) == pytest.approx(metres / 1000, abs=0.1)
    if 1e3 < metres < 1.9e7:
        turned = np.degrees(np.arctan2(east, north)) - azimuth
        assert (turned + 180) % 360 - 180 == pytest.approx(0, abs=0.1)


def test_stations_have_the_colour_of_their_label_and_hollow_ones_abstained() -> None:
    decision, views = made_event(12, abstained=[3, 5])
    figure = station_map(decision, views)
    check_texts(figure)
    axes = figure.axes[0]
    *stations, star = [points for points in axes.collections if len(points.get_offsets())]
    places = azimuthal([v.latitude for v in views], [v.longitude for v in views], 47.0, 12.0)
    np.testing.assert_allclose([points.get_offsets()[0] for points in stations], places)
    colours = dict(zip(LABELS, COLOURS, strict=False)) | {None: "#ffffff"}
    assert [to_hex(p.get_facecolor()[0]) for p in stations] == [colours[v.decision.label] for v in views]
    decided = [(v, p.get_sizes()[0]) for v, p in zip(views, stations, strict=True) if v.decision.label]
    by_size = sorted(decided, key=lambda pair: pair[1])
    assert [max(v.decision.probabilities.values()) for v, _ in by_size] == sorted(
        max(v.decision.probabilities.values()) for v, _ in decided
    )
    assert star.get_offsets()[0].tolist() == [0, 0]
    assert to_hex(star.get_facecolor()[0]) == colours[decision.label]
    bar = axes.get_lines()[0].get_xdata()
    assert f"{bar[1] - bar[0]:g} km" in [text.get_text() for text in drawn_texts(figure)]


def test_names_stay_in_the_map_and_off_the_stations() -> None:
    decision, views = made_event(30)
    crowded = [replace(v, latitude=47 + (v.latitude - 47) / 20) if i else v for i, v in enumerate(views)]
    figure = station_map(decision, crowded)
    check_texts(figure)
    axes = figure.axes[0]
    names = [text for text in axes.texts if text.get_text().startswith("S")]
    assert 5 < len(names) < 30
    frame = axes.get_window_extent()
    pixels = axes.transData.transform(azimuthal([v.latitude for v in crowded], [v.longitude for v in crowded], 47, 12))
    for name in names:
        box = name.get_window_extent()
        assert frame.x0 <= box.x0 < box.x1 <= frame.x1
        assert not any(box.contains(x, y) for x, y in pixels)


def test_places_may_be_missing_or_far_around() -> None:
    decision, views = made_event(3)
    unknown = [replace(view, latitude=nan, longitude=nan) for view in views]
    nowhere = station_map(decision, unknown)
    assert "are unknown" in nowhere.axes[0].texts[0].get_text()
    half = station_map(replace(decision, origin=None, label=None), [*unknown[:2], views[2]])
    check_texts(half)
    assert "2 stations without a place\nno epicentre" in half.axes[0].texts[1].get_text()
    assert half.axes[0].get_xlim() == (-1, 1)
    pole = replace(decision, origin=Origin("", decision.time, -90.0, 0.0))
    around = [replace(v, latitude=-89.0, longitude=120.0 * i) for i, v in enumerate(views)]
    offsets = [p.get_offsets()[0] for p in station_map(pole, around).axes[0].collections if len(p.get_offsets())]
    np.testing.assert_allclose(np.hypot(*np.transpose(offsets[:3])), 111.19, atol=0.01)
