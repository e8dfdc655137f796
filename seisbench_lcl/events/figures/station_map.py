"""Map of an event's stations: what each of them says, and where."""

from collections.abc import Sequence
from math import isnan

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox
from numpy.typing import ArrayLike, NDArray

from seisbench_lcl.events.figures.looks import ABSTAINED, looks_of, place_of, verdict, wrapped
from seisbench_lcl.events.views import StationView
from seisbench_lcl.models.decision import EventDecision
from seisbench_lcl.plotting.panels import plain
from seisbench_lcl.wording import counted

_EARTH = 6371.0  # km
_LEAST = 1.0  # km from the centre to the edge of the smallest map
_SIZES = 45.0, 190.0  # of the markers in square points, for the least and the highest probability
_NAMES = 7.0  # points
_AROUND = ((1, 0), (0, 1), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))


def station_map(decision: EventDecision, views: Sequence[StationView]) -> Figure:
    """Draw the stations of an event on a map, coloured by their own labels.

    Parameters
    ----------
    decision : EventDecision
        With its origin, the star; its colour is that of the vote, white if the event is undecided.
    views : sequence of StationView
        With places (`seisbench_lcl.events.views.station_views` with an inventory). A larger triangle has a higher
        probability; a station that abstained is hollow.

    Returns
    -------
    matplotlib.figure.Figure
        North is up, and distances from the epicentre are true (azimuthal equidistant). It needs no tiles and no
        cartopy. Without places it says so.
    """
    figure = Figure(figsize=(5.2, 5.6), layout="constrained")
    axes = figure.subplots()
    draw_map(axes, decision, views)
    looks = looks_of(decision)
    for label, look in looks.items():
        axes.scatter([], [], marker="^", s=80, c=look.colour, ec="black", hatch=look.hatch or None, label=plain(label))
    axes.scatter([], [], marker="^", s=80, c="white", ec=ABSTAINED, label="abstained")
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize="small")
    title = "\n".join(filter(None, [wrapped(verdict(decision), 64, 3), plain(place_of(decision))]))
    figure.suptitle(title, fontsize=9.5)
    figure.draw_without_rendering()  # the layout decides where there is room for names
    name_stations(axes, decision, views)
    return figure


def has_places(views: Sequence[StationView]) -> bool:
    """Return whether there is anything to draw on a map."""
    return any(not isnan(view.latitude) for view in views)


def draw_map(axes: Axes, decision: EventDecision, views: Sequence[StationView]) -> None:
    """Draw the map of `station_map` into square axes, without the names of stations."""
    axes.set(xticks=[], yticks=[], aspect="equal", anchor="N")
    if not has_places(views):
        axes.text(0.5, 0.5, "the places of the stations\nare unknown", ha="center", va="center", color=ABSTAINED)
        axes.set(xlim=(0, 1), ylim=(0, 1))
        return
    looks, places = looks_of(decision), _places(decision, views)
    half = max(_LEAST, 1.18 * float(np.nanmax(np.abs(places))))
    axes.set(xlim=(-half, half), ylim=(-half, half))
    for view, (x, y) in zip(views, places, strict=True):
        label = view.decision.label
        if isnan(x):
            continue
        if label is None:
            axes.scatter(x, y, marker="^", s=_SIZES[0], c="white", ec=ABSTAINED, lw=1.2, zorder=2)
        else:
            size = _size(view.decision.probabilities[label], len(looks))
            look = looks[label]
            axes.scatter(
                x, y, marker="^", s=size, c=look.colour, ec="black", lw=0.7, hatch=look.hatch or None, zorder=3
            )
    if _epicentre(decision) is not None:
        colour = looks[decision.label].colour if decision.label in looks else "white"
        axes.scatter(0, 0, marker="*", s=230, c=colour, ec="black", lw=1.0, zorder=4)
    length = _round_length(half / 2)
    below = axes.get_xaxis_transform()
    axes.plot([-half, length - half], [-0.03, -0.03], color="black", lw=3, transform=below, clip_on=False)
    axes.text(length / 2 - half, -0.045, f"{length:g} km", ha="center", va="top", fontsize="small", transform=below)
    lost = sum(isnan(view.latitude) for view in views)
    note = ["size: probability" if looks else "", f"{counted(lost, 'station')} without a place" if lost else ""]
    note += ["" if _epicentre(decision) else "no epicentre"]
    axes.text(1, -0.02, "\n".join(filter(None, note)), ha="right", va="top", fontsize="small", transform=axes.transAxes)


def name_stations(axes: Axes, decision: EventDecision, views: Sequence[StationView]) -> None:
    """Write the codes of stations beside them where they cover nothing; stations against the vote come first.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        With a map, after its place in the figure is final.
    decision : EventDecision
    views : sequence of StationView
    """
    if not has_places(views):
        return
    order = sorted(range(len(views)), key=lambda i: views[i].decision.label in (None, decision.label))
    pixels = axes.transData.transform(_places(decision, views))
    point = axes.figure.dpi / 72
    taken = [_box(x, y, 11 * point, 11 * point) for x, y in pixels if not isnan(x)]
    if _epicentre(decision) is not None:
        x, y = axes.transData.transform((0, 0))
        taken.append(_box(x, y, 15 * point, 15 * point))
    frame = axes.get_window_extent()
    for i in order:
        if isnan(pixels[i, 0]):
            continue
        code = [*views[i].decision.station.split("."), ""][1]
        text = axes.annotate(
            plain(code), (0, 0), fontsize=_NAMES, ha="center", va="center", annotation_clip=False, zorder=5
        )
        text.set_in_layout(False)
        text.set_path_effects([withStroke(linewidth=2, foreground="white")])
        size = text.get_window_extent()
        for across, up in _AROUND:
            x = pixels[i, 0] + across * (size.width / 2 + 6.5 * point)
            y = pixels[i, 1] + up * (size.height / 2 + 6.5 * point)
            box = _box(x, y, size.width, size.height)
            inside = frame.x0 < box.x0 and box.x1 < frame.x1 and frame.y0 < box.y0 and box.y1 < frame.y1
            if inside and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                text.set_position(tuple(axes.transData.inverted().transform((x, y))))
                break
        else:
            text.remove()


def _box(x: float, y: float, width: float, height: float) -> Bbox:
    return Bbox.from_bounds(x - width / 2, y - height / 2, width, height)


def _epicentre(decision: EventDecision) -> tuple[float, float] | None:
    origin = decision.origin
    if origin is None or origin.latitude is None or origin.longitude is None:
        return None
    return origin.latitude, origin.longitude


def _places(decision: EventDecision, views: Sequence[StationView]) -> NDArray[np.float64]:
    """Return east and north of the epicentre, or else of the middle of the stations, in km; NaN if unknown."""
    latitudes, longitudes = np.array([(view.latitude, view.longitude) for view in views]).reshape(-1, 2).T
    centre = _epicentre(decision) or _middle(latitudes, longitudes)
    return azimuthal(latitudes, longitudes, *centre)


def _middle(latitudes: NDArray[np.float64], longitudes: NDArray[np.float64]) -> tuple[float, float]:
    """Return the middle of places on the sphere, wherever its meridians end."""
    known = ~np.isnan(latitudes)
    phi, lam = np.radians(latitudes[known]), np.radians(longitudes[known])
    x, y, z = (np.cos(phi) * np.cos(lam)).mean(), (np.cos(phi) * np.sin(lam)).mean(), np.sin(phi).mean()
    return float(np.degrees(np.arctan2(z, np.hypot(x, y)))), float(np.degrees(np.arctan2(y, x)))


def azimuthal(latitudes: ArrayLike, longitudes: ArrayLike, latitude: float, longitude: float) -> NDArray[np.float64]:
    """Return east and north of a centre in km, (n, 2), so that distances and azimuths from the centre are true.

    Parameters
    ----------
    latitudes, longitudes : array_like of shape (n,)
        In degrees.
    latitude, longitude : float
        Of the centre.

    References
    ----------
    Snyder 1987, Map projections: a working manual, USGS Prof. Paper 1395, equations 22-4, 22-5 and 25-2.

    Examples
    --------
    >>> azimuthal([0.0, 1.0], [181.0, 180.0], 0.0, 180.0).round(1).tolist()
    [[111.2, 0.0], [0.0, 111.2]]
    """
    phi, phi0 = np.radians(np.asarray(latitudes, dtype=float)), np.radians(latitude)
    ahead = np.radians(np.asarray(longitudes, dtype=float) - longitude)
    east = np.cos(phi) * np.sin(ahead)
    north = np.cos(phi0) * np.sin(phi) - np.sin(phi0) * np.cos(phi) * np.cos(ahead)
    along = np.sin(phi0) * np.sin(phi) + np.cos(phi0) * np.cos(phi) * np.cos(ahead)
    sine = np.hypot(east, north)
    distance = np.arctan2(sine, along)
    factor = _EARTH * np.divide(distance, sine, out=np.ones_like(sine), where=sine > 0)
    factor[np.isnan(sine)] = np.nan
    return np.stack([factor * east, factor * north], axis=1)


def _size(probability: float, n_labels: int) -> float:
    least = 1 / max(n_labels, 2)
    share = float(np.clip((probability - least) / (1 - least), 0, 1))
    return _SIZES[0] + share * (_SIZES[1] - _SIZES[0])


def _round_length(most: float) -> float:
    """Return the largest 1, 2 or 5 times a power of ten up to a length."""
    power = 10.0 ** np.floor(np.log10(most))
    return float(max(factor * power for factor in (1, 2, 5) if factor * power <= most * (1 + 1e-9)))
