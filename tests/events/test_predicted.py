"""Predicted arrivals are those of TauP, at the stations that ran at the time."""

from pathlib import Path

import pytest
from obspy import UTCDateTime
from obspy.core.inventory import Inventory, Network, Station
from obspy.geodetics import locations2degrees
from obspy.taup import TauPyModel

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.events.predicted import predicted_picks
from seisbench_lcl.models.event import Origin

TIME = UTCDateTime(2024, 3, 1, 12)


def network(**places: tuple[float, float]) -> Inventory:
    return Inventory([Network("XX", stations=[Station(name, *place, 0.0) for name, place in places.items()])])


@pytest.mark.parametrize("model", ["iasp91", "ak135"])
@pytest.mark.parametrize("depth", [None, -500.0, 0.0, 8000.0])
def test_times_are_those_of_taup(model: str, depth: float | None) -> None:
    places = {"NEAR": (0.01, 0.0), "MID": (0.4, 0.3), "FAR": (-1.5, 1.0), "OUT": (3.0, 0.0)}
    found = predicted_picks(Origin("", TIME, 0.0, 0.0, depth), network(**places), model=model)
    assert [pick.station for pick in found] == ["NEAR", "MID", "FAR"]
    taup = TauPyModel(model)
    for pick in found:
        distance = locations2degrees(0.0, 0.0, *places[pick.station])
        arrivals = taup.get_travel_times(10.0 if depth is None else max(depth, 0) / 1000, distance, phase_list=["ttp"])
        assert pick.time - TIME == pytest.approx(arrivals[0].time, abs=0.01)
        assert (pick.network, pick.phase, pick.source) == ("XX", "P", "predicted")


def test_a_local_model_is_built_from_its_layers(tmp_path: Path) -> None:
    earth = [
        (2889, "13.7 7.3 5.5\nouter-core\n2889 8.0 0.0 9.9"),
        (5153, "10.3 0.0 12.2\ninner-core\n5153 11.0 3.5 12.7"),
    ]
    below = "".join(f"{depth} {rest}\n" for depth, rest in earth) + "6371 11.3 3.7 13.0\n"
    (tmp_path / "crust.nd").write_text(f"0 5.0 2.9 2.5\n35 5.0 2.9 2.5\nmantle\n35 8.0 4.5 3.3\n{below}")
    places = {"NEAR": (0.1, 0.0), "FAR": (0.4, 0.0)}
    found = predicted_picks(Origin("", TIME, 0.0, 0.0, 0.0), network(**places), model=str(tmp_path / "crust.nd"))
    # In a crust of constant velocity, P travels straight.
    assert [p.time - TIME for p in found] == pytest.approx([111.19 * d / 5 for d in (0.1, 0.4)], rel=1e-3)
    (tmp_path / "broken.nd").write_text("no numbers")
    with pytest.raises(ConfigurationError, match="cannot use the velocity model"):
        predicted_picks(Origin("", TIME, 0.0, 0.0), network(**places), model=str(tmp_path / "broken.nd"))


def test_closed_stations_and_origins_without_a_place_give_nothing() -> None:
    open_, closed, twice = (
        Station("OPEN", 0.1, 0.0, 0.0, start_date=TIME - 10),
        Station("SHUT", 0.1, 0.0, 0.0, end_date=TIME - 10),
        Station("OPEN", 0.1, 0.0, 0.0, start_date=TIME - 5),
    )
    inventory = Inventory([Network("XX", stations=[open_, closed, twice])])
    assert [pick.station for pick in predicted_picks(Origin("", TIME, 0.0, 0.0), inventory)] == ["OPEN"]
    assert predicted_picks(Origin("", TIME), inventory) == []
    assert predicted_picks(Origin("", TIME, 0.0, 0.0), inventory, max_distance=0.05) == []


def test_an_unknown_velocity_model_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="cannot use the velocity model 'iasp19'"):
        predicted_picks(Origin("", TIME, 0.0, 0.0), network(A=(0.1, 0.0)), model="iasp19")
