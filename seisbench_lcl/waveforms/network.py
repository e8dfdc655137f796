"""What arrives at several stations within the time that P takes from one to another."""

from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np
import obspy
from obspy import UTCDateTime

from seisbench_lcl.errors import DatasetError

TRAVEL_TIME = 20.0
"""Seconds between the first and the last P of an event in a network of unknown size, some 100 km across."""

_T = TypeVar("_T")


def read_inventory(path: str | Path) -> obspy.Inventory:
    """Read the stations of a network, from StationXML or whatever else ObsPy reads.

    Raises
    ------
    DatasetError
        If the file cannot be read.
    """
    try:
        return obspy.read_inventory(str(path))
    except Exception as error:  # ObsPy raises whatever its readers stumble over
        raise DatasetError(f"cannot read {path} as an inventory of stations: {error}") from error


def travel_time_across(inventory: obspy.Inventory) -> float:
    """Return the time that P takes from the first to the last station of a network at most, in s.

    Direct P at 5 km/s along the longest way between two stations, and 2 s for errors of picks.
    """
    places = np.radians([(s.latitude, s.longitude) for network in inventory for s in network]).reshape(-1, 2)
    latitude, longitude = places[:, :1], places[:, 1:]
    half = (
        np.sin((latitude - latitude.T) / 2) ** 2
        + np.cos(latitude) * np.cos(latitude.T) * np.sin((longitude - longitude.T) / 2) ** 2
    )
    return float((2 * 6371 * np.arcsin(np.sqrt(np.clip(half, 0, 1)))).max(initial=0.0)) / 5 + 2


def arriving_together(
    items: Iterable[_T],
    within: float,
    *,
    site: Callable[[_T], Hashable],
    start: Callable[[_T], UTCDateTime],
    end: Callable[[_T], UTCDateTime],
) -> list[list[_T]]:
    """Group what follows each other at several stations within a travel time.

    An item joins the earliest group whose first item ended no longer ago and which lacks its station; otherwise it
    begins another group. This is no location: two events at once in a large network become one.

    Parameters
    ----------
    items : iterable
    within : float
        Longest time in s from the end of a group's first item to the start of another.
    site, start, end : callable
        The station of an item, and the times at which it starts and ends.
    """
    groups: list[dict[Hashable, _T]] = []
    still_open: list[dict[Hashable, _T]] = []
    for item in sorted(items, key=start):
        still_open = [group for group in still_open if start(item) - end(next(iter(group.values()))) <= within]
        group = next((group for group in still_open if site(item) not in group), None)
        if group is None:
            group = {}
            groups.append(group)
            still_open.append(group)
        group[site(item)] = item
    return [list(group.values()) for group in groups]
