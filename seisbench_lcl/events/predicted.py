"""P arrivals calculated from an origin, for catalogues without picks."""

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from obspy import Inventory
from obspy.geodetics import locations2degrees
from obspy.taup import TauPyModel
from obspy.taup.taup_create import build_taup_model

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.models.event import Origin, Pick

_P = ("p", "P", "Pg", "Pn", "Pdiff", "PKP", "PKIKP")
_USUAL_DEPTH = 10.0  # km


def predicted_picks(
    origin: Origin, inventory: Inventory, *, model: str = "iasp91", max_distance: float = 2.0
) -> list[Pick]:
    """Return the first P arrival of an origin at each station that ran at the time, the nearest first.

    Parameters
    ----------
    origin : Origin
        A depth of None counts as 10 km; one above sea level as 0 km.
    inventory : obspy.Inventory
        Stations with coordinates.
    model : str
        Velocity model of ObsPy's TauP such as "iasp91", or the path of a local one: .tvel or .nd, or .npz that TauP has
        built.
    max_distance : float
        Farthest station, in degrees.

    Returns
    -------
    list of Pick
        With the source "predicted"; empty if the origin has no place.

    Raises
    ------
    ConfigurationError
        If TauP cannot read the velocity model.
    """
    if origin.latitude is None or origin.longitude is None:
        return []
    depth = _USUAL_DEPTH if origin.depth is None else max(0.0, origin.depth / 1000)
    stations: dict[tuple[str, str], float] = {}
    for network in inventory.select(time=origin.time):
        for station in network:
            distance = locations2degrees(origin.latitude, origin.longitude, station.latitude, station.longitude)
            if distance <= max_distance:
                stations.setdefault((network.code, station.code), distance)
    picks = []
    for (network, station), distance in sorted(stations.items(), key=lambda item: item[1]):
        seconds = _travel_time(model, round(depth, 2), round(distance, 4))
        if seconds is not None:
            picks.append(Pick("", origin.time + seconds, network, station, phase="P", source="predicted"))
    return picks


@lru_cache(maxsize=100_000)
def _travel_time(model: str, depth: float, distance: float) -> float | None:
    arrivals = _taup(model).get_travel_times(depth, distance, phase_list=_P)
    return min((arrival.time for arrival in arrivals), default=None)


@lru_cache(maxsize=2)
def _taup(model: str) -> TauPyModel:
    path = Path(model)
    try:
        if path.suffix.lower() not in (".tvel", ".nd"):
            return TauPyModel(model)
        with TemporaryDirectory() as folder:
            build_taup_model(str(path), folder, verbose=False)
            return TauPyModel(str(Path(folder, f"{path.stem}.npz")))
    except Exception as error:  # TauP raises errors of several types
        raise ConfigurationError(
            f"ObsPy's TauP cannot use the velocity model {model!r}: name one of its own, such as iasp91 or ak135, or "
            f"the path of a local one, .tvel, .nd or .npz ({error})"
        ) from error
