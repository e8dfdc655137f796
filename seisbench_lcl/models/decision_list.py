"""Decisions as a list that prints as a table, and as tables: one row an event, one row a station."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from rich.console import Console, ConsoleOptions, RenderResult

from seisbench_lcl.models._tables import clock, plain, table
from seisbench_lcl.models.decision import EventDecision
from seisbench_lcl.models.event import Origin
from seisbench_lcl.wording import counted

_SHOWN = 20  # rows of a printed table

PROBABILITY, CONTEXT = "probability[{}]", "context[{}]"
"""Names of the columns of a label: its probability, and that by time and place alone."""

EVENT_COLUMNS = (
    *("event", "origin", "origin_time", "latitude", "longitude", "depth_km", "label", "event_type", "probability"),
    *("certainty_word", "margin", "disagreement", "n_for", "n_against", "n_stations", "reason", "rule", "weights"),
)
"""Columns of the table of events; one ``probability[label]`` for each label follows."""

STATION_COLUMNS = ("event", "station", "p_time", "p_source", "label", "reason", "novelty", "coverage", "snr")
"""Columns of the table of stations; one ``probability[label]`` for each label follows."""


class DecisionList(list[EventDecision]):
    """Decisions on events.

    Examples
    --------
    >>> import obspy
    >>> from seisbench_lcl import from_pretrained
    >>> events = from_pretrained("MiniRocketRidge/mixed-3c").classify(obspy.read()).events
    >>> print(events)
    1 event
    time 2009-08-24  label       prob.  certainty  for  against  because
    00:20:06.0       earthquake   0.87     likely    1        0
    """

    def to_dataframe(self) -> pd.DataFrame:
        """Return `event_table`."""
        return event_table(self)

    def stations_to_dataframe(self) -> pd.DataFrame:
        """Return `station_table`."""
        return station_table(self)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render a table of the first decisions, for the terminal."""
        yield counted(len(self), "event")
        timed = [(d, d.time) for d in self[:_SHOWN]]
        header, times = clock("time", [time for _, time in timed if time])
        told = iter(times)
        rows = [
            (
                next(told) if time else "",
                d.label or "undecided",
                f"{d.probability:.2f}" if d.label else "-",
                d.certainty_word,
                str(d.n_for),
                str(d.n_against),
                d.reason,
            )
            for d, time in timed
        ]
        if rows:
            yield table([header, "label"], ["prob.", "certainty", "for", "against"], rows, "because")
        if len(self) > _SHOWN:
            yield f"... {len(self) - _SHOWN} more"

    def __str__(self) -> str:
        return plain(self)

    __repr__ = __str__


def event_table(decisions: Iterable[EventDecision]) -> pd.DataFrame:
    """Return one row for each event, with `EVENT_COLUMNS` and one column for each label.

    ``origin`` is an id, ``origin_time`` UTC; all five columns of the origin are empty for an event without one.
    ``label`` and ``event_type`` are empty for an undecided event, whose ``reason`` says why; ``n_for``, ``n_against``
    and ``n_stations`` count stations with the event's label, with others, and all. Where decisions have a context, one
    ``context[label]`` for each label ends the row.
    """
    decisions = list(decisions)
    rows = [
        {
            "event": d.event,
            **_place(d.origin),
            "label": d.label or "",
            "event_type": d.event_type or "",
            "probability": d.probability,
            "certainty_word": d.certainty_word,
            "margin": d.margin,
            "disagreement": d.disagreement,
            "n_for": d.n_for,
            "n_against": d.n_against,
            "n_stations": len(d.stations),
            "reason": d.reason,
            "rule": d.rule,
            "weights": d.weights,
            **_columns(d.probabilities),
            **_columns(d.context, CONTEXT),
        }
        for d in decisions
    ]
    columns = [*EVENT_COLUMNS, *_names(d.probabilities for d in decisions)]
    table = pd.DataFrame(rows, columns=[*columns, *_names((d.context for d in decisions), CONTEXT)])
    table["origin_time"] = table["origin_time"].astype("datetime64[us]")
    return table


def station_table(decisions: Iterable[EventDecision]) -> pd.DataFrame:
    """Return one row for each station of each event, with `STATION_COLUMNS` and one column for each label.

    ``p_time`` is UTC; ``label`` is empty where the model abstained, and ``reason`` says why; ``snr`` is in dB.
    """
    found = [(decision.event, station) for decision in decisions for station in decision.stations]
    rows = [
        {
            "event": event,
            "station": s.station,
            "p_time": s.p_time.datetime,
            "p_source": s.p_source,
            "label": s.label or "",
            "reason": s.reason,
            "novelty": s.novelty,
            "coverage": s.coverage,
            "snr": s.snr,
            **_columns(s.probabilities),
        }
        for event, s in found
    ]
    columns = [*STATION_COLUMNS, *_names(station.probabilities for _, station in found)]
    table = pd.DataFrame(rows, columns=columns)
    table["p_time"] = table["p_time"].astype("datetime64[us]")
    return table


def _place(origin: Origin | None) -> dict[str, Any]:
    if origin is None:
        return {"origin": "", "origin_time": None}
    return {
        "origin": origin.id,
        "origin_time": origin.time.datetime,
        "latitude": origin.latitude,
        "longitude": origin.longitude,
        "depth_km": None if origin.depth is None else origin.depth / 1000,
    }


def _columns(values: Mapping[str, float], name: str = PROBABILITY) -> dict[str, float]:
    return {name.format(label): value for label, value in values.items()}


def _names(found: Iterable[Mapping[str, float]], name: str = PROBABILITY) -> list[str]:
    return [name.format(label) for label in dict.fromkeys(label for own in found for label in own)]
