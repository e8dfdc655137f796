"""PyOcto finds the origins of two earthquakes at once, where it is installed; and what happens where it is not."""

import math
from importlib.util import find_spec

import pytest
from obspy import UTCDateTime
from obspy.core.inventory import Inventory, Network, Station

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.events import association
from seisbench_lcl.events.association import associate
from seisbench_lcl.models.event import Pick

START = UTCDateTime(2024, 3, 1, 12)
PLACES = {"A": (0.0, 0.0), "B": (0.0, 0.5), "C": (0.5, 0.0), "D": (0.5, 0.5), "E": (0.2, 0.3), "F": (0.4, 0.1)}
NETWORK = Inventory([Network("XX", stations=[Station(name, *place, 0.0) for name, place in PLACES.items()])])


def arrivals(time: float, latitude: float, longitude: float) -> list[Pick]:
    """Return P and S of an earthquake at 10 km depth in a half-space."""
    picks = []
    for name, place in PLACES.items():
        distance = math.hypot(math.dist(place, (latitude, longitude)) * 111.19, 10.0)
        picks += [Pick("", START + time + distance / v, "XX", name, phase=p) for p, v in (("P", 6.0), ("S", 3.5))]
    return picks


@pytest.mark.skipif(not find_spec("pyocto"), reason="needs pyocto")
def test_two_earthquakes_at_once_are_told_apart_and_false_picks_left_out() -> None:
    first, second = arrivals(60, 0.05, 0.1), arrivals(64, 0.45, 0.45)
    stray = [Pick("", START + 300, "XX", "A"), Pick("", START + 61, "XX", "NOWHERE")]
    found = associate([*second, *stray, *first], NETWORK)
    assert len(found) == 2
    for event, picks, place in zip(found, (first, second), ((0.05, 0.1), (0.45, 0.45)), strict=True):
        assert all(pick in picks for pick in event.picks)
        assert len(event.picks) >= 10
        assert math.dist((event.origin.latitude, event.origin.longitude), place) < 0.05
        assert event.id.startswith("smi:local/seisbench_lcl/event/2024")
    assert associate(stray, NETWORK) == []
    assert associate([], NETWORK) == []


def test_what_cannot_be_associated_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(association, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"needs PyOcto: pip install 'seisbench-lcl\[association\]'"):
        associate(arrivals(0, 0.1, 0.1), NETWORK)
    for bad in ({"min_stations": 2}, {"s_velocity": 7.0}, {"max_depth": 0}):
        with pytest.raises(ConfigurationError, match="association"):
            associate([], NETWORK, **bad)
