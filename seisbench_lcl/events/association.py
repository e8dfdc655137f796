"""Events from picks by PyOcto, which tests origins in space and time; needs the extra `association`."""

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import obspy
import pandas as pd
from obspy import UTCDateTime

from seisbench_lcl.errors import ConfigurationError, check_arguments, is_whole
from seisbench_lcl.events.windows import is_p
from seisbench_lcl.models.event import Event, Origin, Pick, event_id

_AROUND = 0.5  # degrees around the network in which origins are searched


def can_associate() -> bool:
    """Return whether PyOcto is installed."""
    return find_spec("pyocto") is not None


def associate(
    picks: Iterable[Pick],
    inventory: obspy.Inventory,
    *,
    min_stations: int = 3,
    p_velocity: float = 6.0,
    s_velocity: float = 3.5,
    max_depth: float = 40.0,
) -> list[Event]:
    """Form events of the picks that one origin explains.

    Parameters
    ----------
    picks : iterable of Pick
        P and S; those of stations without coordinates, and those that no origin explains, are left out.
    inventory : obspy.Inventory
    min_stations : int
        Least number of P picks of an event, 3 or more.
    p_velocity, s_velocity : float
        Of a homogeneous half-space, in km/s.
    max_depth : float
        Of origins, in km.

    Returns
    -------
    list of Event
        In order of time, with PyOcto's preliminary origins.

    Raises
    ------
    ConfigurationError
        If PyOcto is not installed, or a value is out of range.

    References
    ----------
    Münchmeyer (2024), PyOcto: A high-throughput seismic phase associator, Seismica 3, doi:10.26443/seismica.v3i1.1130.
    """
    check_arguments(
        "association",
        (
            "min_stations must be 3 or more, because fewer picks fit many origins",
            is_whole(min_stations, 3),
            min_stations,
        ),
        ("velocities must satisfy 0 < S < P", 0 < s_velocity < p_velocity < np.inf, (s_velocity, p_velocity)),
        ("max_depth must be a positive number of km", 0 < max_depth <= 700, max_depth),
    )
    if not can_associate():
        raise ConfigurationError(
            "association needs PyOcto: pip install 'seisbench-lcl[association]' (Python 3.12 or newer), or let picks "
            "be grouped by time"
        )
    pyocto = import_module("pyocto")
    places = {f"{n.code}.{s.code}": s for n in inventory for s in n}
    known = [pick for pick in picks if f"{pick.network}.{pick.station}" in places]
    if not known:
        return []
    latitudes, longitudes = ([getattr(s, axis) for s in places.values()] for axis in ("latitude", "longitude"))
    area = [(min(values) - _AROUND, max(values) + _AROUND) for values in (latitudes, longitudes)]
    associator = pyocto.OctoAssociator.from_area(
        *area,
        (0.0, max_depth),
        pyocto.VelocityModel0D(p_velocity, s_velocity, tolerance=2.0),
        time_before=300.0,
        n_picks=min_stations,
        n_p_picks=min_stations,
        n_s_picks=0,
        n_p_and_s_picks=0,
        n_threads=1,
    )
    stations = associator.transform_stations(
        pd.DataFrame(
            [(name, s.longitude, s.latitude, s.elevation) for name, s in places.items()],
            columns=["id", "longitude", "latitude", "elevation"],
        )
    )
    rows = [(f"{p.network}.{p.station}", p.time.timestamp, "P" if is_p(p.phase) else "S") for p in known]
    found, assigned = associator.associate(pd.DataFrame(rows, columns=["station", "time", "phase"]), stations)
    if not len(found):
        return []
    found = associator.transform_events(found)
    events = []
    for event in found.itertuples():
        own = sorted((known[i] for i in assigned.loc[assigned["event_idx"] == event.idx, "pick_idx"]), key=_time)
        origin = Origin("", UTCDateTime(event.time), event.latitude, event.longitude, event.depth * 1000)
        events.append(Event(event_id(own[0].time, own[0].network, own[0].station), origin, tuple(own)))
    return sorted(events, key=lambda event: _time(event.picks[0]))


def _time(pick: Pick) -> UTCDateTime:
    return pick.time
