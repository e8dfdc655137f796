"""An event at a glance: the record of each station, what it says, and the vote."""

from collections.abc import Mapping, Sequence
from math import isnan

import numpy as np
import obspy
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from obspy import UTCDateTime

from seisbench_lcl.errors import check_arguments, is_whole
from seisbench_lcl.events.figures.looks import (
    ABSTAINED,
    Look,
    count_of,
    looks_of,
    place_of,
    station_name,
    verdict,
    wrapped,
)
from seisbench_lcl.events.figures.station_map import draw_map, has_places, name_stations
from seisbench_lcl.events.views import StationView
from seisbench_lcl.models.decision import EventDecision
from seisbench_lcl.plotting.panels import hide_frame, plain
from seisbench_lcl.plotting.records import UNFILTERED, band_name, conditioned, drawable, envelope, shown_component
from seisbench_lcl.waveforms import Preprocessing

MAX_ROWS = 40
_ROW = 0.46  # inches
_WINDOW = "#dce6f2"
_P_STYLES = {"pick": "-", "refined": "--", "predicted": ":", "detection": "-."}
_VOTE = -1.15  # row of the event's own bar
_POINTS = 1500  # of a drawn record
_TALL = 0.46  # of a row
_FAR = 100.0  # km from which on distances need no decimals


def event_panel(
    decision: EventDecision,
    views: Sequence[StationView],
    preprocessing: Preprocessing,
    *,
    with_map: bool = True,
    max_rows: int = MAX_ROWS,
) -> Figure:
    """Draw the stations of an event: records with their windows and P, probabilities, and the vote.

    Parameters
    ----------
    decision : EventDecision
    views : sequence of StationView
        Of its stations, in the order of the rows, as from `seisbench_lcl.events.views.station_views`.
    preprocessing : Preprocessing
        Of the model: records are drawn in its band, each scaled to the peak within its window.
    with_map : bool
        Whether the map of the stations is drawn beside them (`seisbench_lcl.events.figures.station_map`), if any
        place is known.
    max_rows : int
        If there are more stations, those with a decision come first, and a line says how many are left out.

    Returns
    -------
    matplotlib.figure.Figure
        Left: records over the time since the origin or the earliest P; where P arrivals spread over more than three
        windows, over the time since the P of each. Right: probabilities of each station, or why it abstained.

    Raises
    ------
    ConfigurationError
        If `max_rows` is not a whole number of 1 or more.
    """
    check_arguments("", ("max_rows must be a whole number of 1 or more", is_whole(max_rows, 1), max_rows))
    shown = _shown(views, max_rows)
    mapped = with_map and has_places(views)
    height = _ROW * (max(len(shown), 3) + 1.4)
    figure = Figure(figsize=(13.6 if mapped else 10.2, height + 1.7), layout="constrained")
    grid = figure.add_gridspec(1, 3 if mapped else 2, width_ratios=[5.2, 3.4, 3.4][: 3 if mapped else 2])
    records = figure.add_subplot(grid[0])
    bars = figure.add_subplot(grid[1], sharey=records)
    looks = looks_of(decision)
    sources = _draw_records(records, decision, shown, preprocessing)
    _draw_bars(bars, decision, shown, looks)
    records.set_ylim(max(len(shown), 3) - 0.4, _VOTE - 0.55)
    if mapped:
        most = 3.9
        parts = grid[2].subgridspec(2, 1, height_ratios=[most, max(height - most, 0.01)])
        where = figure.add_subplot(parts[0])
        draw_map(where, decision, views)
    _entitle(figure, decision, 150 if mapped else 112)
    abstained = any(not view.decision.probabilities for view in shown)
    _explain(figure, looks, sources, abstained, 8 if mapped else 6)
    if left_out := len(views) - len(shown):
        records.set_title(f"{len(shown)} of {len(views)} stations; {left_out} are left out", loc="left", fontsize=8)
    if mapped:
        figure.draw_without_rendering()  # the layout decides where there is room for names
        name_stations(where, decision, views)
    return figure


def _shown(views: Sequence[StationView], most: int) -> list[StationView]:
    """Return the views with a decision, then others, up to a number, in their order."""
    order = sorted(range(len(views)), key=lambda i: not views[i].decision.probabilities)
    return [views[i] for i in sorted(order[:most])]


def _draw_records(
    axes: Axes, decision: EventDecision, views: Sequence[StationView], preprocessing: Preprocessing
) -> list[str]:
    """Draw one record a row, and return the sources of their P arrivals."""
    arrivals = [view.decision.p_time for view in views]
    aligned = bool(arrivals) and max(arrivals) - min(arrivals) > 3 * preprocessing.seconds
    start = decision.origin.time if decision.origin else min(arrivals, default=UTCDateTime(0))
    if arrivals and abs(min(arrivals) - start) > 30 * preprocessing.seconds:
        aligned = True  # an origin that has nothing to do with its picks would press all records together
    titles = []
    for row, view in enumerate(views):
        zero = view.decision.p_time if aligned else start
        first, last = (time - zero for time in view.window)
        axes.barh(row, last - first, 0.96, first, color=_WINDOW, zorder=0)
        colour = "0.3" if view.decision.probabilities else "0.65"
        shown = _draw_record(axes, view, zero, row, colour, preprocessing)
        channel = shown[0].id if shown else ""
        titles.append(_row_title(view, channel, band_name(shown, preprocessing)))
        if not channel:
            reason = view.reason or "no samples to draw"
            middle = (first + last) / 2
            axes.text(middle, row, wrapped(reason, 70, 2), ha="center", va="center", fontsize=7.5, color=ABSTAINED)
        style = _P_STYLES.get(view.decision.p_source, "-")
        axes.plot(2 * [view.decision.p_time - zero], [row - 0.48, row + 0.48], style, color="black", lw=1.8)
    axes.set_yticks(range(len(views)), titles, fontsize=7.5)
    after = "P" if aligned else ("origin time" if decision.origin else "the earliest P")
    axes.set_xlabel(f"Seconds after {after}   (records: {band_name([], preprocessing)})")
    axes.margins(x=0.01)
    if not views:
        axes.text(0.5, 0.5, "no stations", ha="center", transform=axes.transAxes, color=ABSTAINED)
        axes.set_xticks([])
    hide_frame(axes)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return list(dict.fromkeys(view.decision.p_source for view in views))


def _draw_record(
    axes: Axes, view: StationView, zero: UTCDateTime, row: int, colour: str, preprocessing: Preprocessing
) -> list[obspy.Trace]:
    """Draw one component of a station, scaled to its peak in the window; return the drawn traces."""
    traces = [conditioned(trace, preprocessing) for trace in drawable(shown_component(view.stream, preprocessing))]
    inside = [trace.slice(*view.window).data for trace in traces]
    peak = max((float(np.abs(data).max()) for data in inside if len(data)), default=0.0)
    peak = peak or max((float(np.abs(trace.data).max()) for trace in traces), default=0.0)
    for trace in traces:
        times = trace.times() + (trace.stats.starttime - zero)
        scaled = np.clip(trace.data / (peak or 1.0), -1, 1)
        x, y = envelope(times, scaled, _POINTS)
        axes.plot(x, row - _TALL * y, color=colour, lw=0.6)  # the axis points down, motion up
    return traces


def _row_title(view: StationView, channel: str, band: str) -> str:
    """Return the name of a station, and below it distance and signal-to-noise ratio if known, and a missing filter."""
    known = [UNFILTERED] if band == UNFILTERED else []
    if not isnan(view.distance):
        known.append(f"{view.distance:.1f} km" if view.distance < _FAR else f"{view.distance:.0f} km")
    if not isnan(view.decision.snr):
        known.append(f"{round(view.decision.snr)} dB")
    name = station_name(channel or view.decision.station)
    return f"{name}\n{', '.join(known)}" if known else name


def _draw_bars(axes: Axes, decision: EventDecision, views: Sequence[StationView], looks: dict[str, Look]) -> None:
    """Draw the probabilities of each station as a stacked bar, with its label beside, and those of the vote above."""
    bars: dict[float, Mapping[str, float]] = {
        row: view.decision.probabilities for row, view in enumerate(views) if view.decision.probabilities
    }
    _draw_stacks(axes, bars, looks, 0.62)
    for row, view in enumerate(views):
        station = view.decision
        if station.label is None:
            words = wrapped(f"abstained: {station.reason}", 50, 3)
            axes.text(0, row, words, va="center", fontsize=7.5, color=ABSTAINED)
            continue
        best = max(decision.probabilities, key=decision.probabilities.__getitem__, default=None)
        weight = "normal" if station.label == best else "bold"
        words = f"{station.label} {station.probabilities[station.label]:.2f}"
        axes.text(1.03, row, wrapped(words, 24, 2), va="center", fontsize=7.5, fontweight=weight)
    if decision.probabilities:
        _draw_stacks(axes, {_VOTE: decision.probabilities}, looks, 0.8)
        words = f"{decision.label} {decision.probability:.2f}" if decision.label else "undecided"
        axes.text(1.03, _VOTE, wrapped(words, 24, 2), va="center", fontsize=8.5, fontweight="bold")
    else:
        axes.text(0, _VOTE, "no vote: no station has a decision", va="center", fontsize=8, color=ABSTAINED)
    axes.text(0, _VOTE - 0.5, "Vote of the event", va="bottom", fontsize=8)
    axes.axhline(-0.56, color="0.7", lw=0.8)
    axes.set(xlim=(0, 1.62), xticks=[0, 0.25, 0.5, 0.75, 1])
    axes.set_xticklabels(["0", ".25", ".5", ".75", "1"])
    axes.set_xlabel("Probability", loc="left")
    axes.tick_params(axis="y", length=0, labelleft=False)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_bounds(0, 1)


def _draw_stacks(
    axes: Axes, stacks: dict[float, Mapping[str, float]], looks: Mapping[str, Look], height: float
) -> None:
    """Draw one stacked bar of probabilities at each row."""
    rows = list(stacks)
    left = np.zeros(len(rows))
    for label, look in looks.items():
        widths = np.array([stacks[row].get(label, 0.0) for row in rows])
        axes.barh(rows, widths, height, left, color=look.colour, hatch=look.hatch or None, edgecolor="white", lw=0.5)
        left += widths


def _entitle(figure: Figure, decision: EventDecision, width: int) -> None:
    lines = [
        wrapped(verdict(decision), width, 2),
        wrapped(count_of(decision), width, 1),
        wrapped(place_of(decision), width, 1),
        wrapped(f"{decision.event}; {decision.weights}", width, 2),
    ]
    figure.suptitle("\n".join(filter(None, lines)), x=0.01, ha="left", fontsize=10.5)


def _explain(figure: Figure, looks: dict[str, Look], sources: Sequence[str], abstained: bool, columns: int) -> None:
    handles: list[Patch | Line2D] = [
        Patch(facecolor=look.colour, hatch=look.hatch or None, edgecolor="white", label=plain(label))
        for label, look in looks.items()
    ]
    handles += [Line2D([], [], color="0.65", lw=1.2, label="abstained")] if abstained else []
    handles += [Patch(color=_WINDOW, label="window of the model")] if sources else []
    for source in sorted(sources, key=[*_P_STYLES, *sources].index):
        style = _P_STYLES.get(source, "-")
        handles.append(Line2D([], [], ls=style, color="black", lw=1.8, label=f"P: {plain(source)}"))
    figure.legend(handles=handles, loc="outside lower left", ncols=columns, frameon=False, fontsize="small")
