"""Travel times through a network, and what arrives together there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from obspy import UTCDateTime
from obspy.core.inventory import Inventory, Network, Station

from seisbench_lcl.waveforms.network import arriving_together, travel_time_across


def test_the_travel_time_through_a_network_is_along_its_longest_way() -> None:
    places = {"A": (0.0, 0.0), "B": (0.0, 1.0), "C": (0.2, 0.5)}
    stations = [Station(name, *place, 0.0) for name, place in places.items()]
    assert travel_time_across(Inventory([Network("XX", stations=stations)])) == pytest.approx(111.19 / 5 + 2, abs=0.01)
    assert travel_time_across(Inventory([Network("XX", stations=stations[:1])])) == 2
    assert travel_time_across(Inventory([])) == 2


Span = tuple[str, int, int]
spans = st.tuples(st.sampled_from("ABCD"), st.integers(0, 100), st.integers(0, 30)).map(
    lambda s: (s[0], s[1], s[1] + s[2])
)


def slow_groups(items: list[Span], within: int) -> list[list[Span]]:
    groups: list[list[Span]] = []
    for item in sorted(items, key=lambda span: span[1]):
        for group in groups:
            if item[1] - group[0][2] <= within and item[0] not in {station for station, _, _ in group}:
                group.append(item)
                break
        else:
            groups.append([item])
    return groups


@given(st.lists(spans, max_size=20), st.integers(0, 30))
def test_groups_are_those_of_plain_loops(items: list[Span], within: int) -> None:
    zero = UTCDateTime(0)
    found = arriving_together(
        items, within, site=lambda s: s[0], start=lambda s: zero + s[1], end=lambda s: zero + s[2]
    )
    assert found == slow_groups(items, within)
