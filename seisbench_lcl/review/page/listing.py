"""The list of events: what is known of each in one row, which of them are shown, and in which order."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from obspy import UTCDateTime

from seisbench_lcl.errors import ConfigurationError, check_arguments
from seisbench_lcl.events import EventDecision

Doubt = Literal["any", "undecided", "small margin", "stations disagree", "unlike the training", "station abstained"]
Reviewed = Literal["any", "open", "done", "disagreed"]
Order = Literal["most useful", "margin", "disagreement", "novelty", "time", "type", "place", "event"]

SMALL_MARGIN = 0.2
LARGE_DISAGREEMENT = 0.2
UNLIKE = 1.0
"""Novelty from which on a window is unlike the training data."""


@dataclass(frozen=True)
class Wanted:
    """Which events are listed, and in which order.

    Attributes
    ----------
    doubt : str
        "undecided", "small margin" (below 0.2), "stations disagree" (standard deviation above 0.2, or votes on both
        sides), "unlike the training" (a station with a novelty above 1), "station abstained", or "any".
    label : str
        Type by the model; "" for any.
    reviewed : str
        "open", "done" (by anybody), "disagreed" (two analysts differ), or "any".
    text : str
        Part of the id or of the type, whatever its capitals.
    after, before : UTCDateTime or None
    box : (west, south, east, north) or None
        Degrees; events without a place are outside.
    order : str
        "most useful" first, smallest "margin", largest "disagreement" or "novelty", "time", "type", "place" (from
        north to south), or "event". Events without a value come last.
    reverse : bool

    Raises
    ------
    ConfigurationError
        If a choice is unknown.
    """

    doubt: Doubt = "any"
    label: str = ""
    reviewed: Reviewed = "any"
    text: str = ""
    after: UTCDateTime | None = None
    before: UTCDateTime | None = None
    box: tuple[float, float, float, float] | None = None
    order: Order = "most useful"
    reverse: bool = False

    def __post_init__(self) -> None:
        for name, choices in (("doubt", Doubt), ("reviewed", Reviewed), ("order", Order)):
            value, known = getattr(self, name), get_args(choices)
            check_arguments("", (f"{name} must be one of {', '.join(known)}", value in known, value))


def listing(decisions: Sequence[EventDecision]) -> pd.DataFrame:
    """Return one row for each event, indexed by its id.

    Columns: time (seconds since 1970), latitude, longitude (degrees), label ("" if undecided), probability, margin,
    disagreement, novelty (largest over the stations), abstained (number of stations), against, stations; NaN where
    unknown.
    """
    rows = [
        (
            decision.time.timestamp if decision.time else np.nan,
            *_place(decision),
            decision.label or "",
            decision.probability,
            decision.margin,
            decision.disagreement,
            max((s.novelty for s in decision.stations if not np.isnan(s.novelty)), default=np.nan),
            sum(not s.probabilities for s in decision.stations),
            decision.n_against,
            len(decision.stations),
        )
        for decision in decisions
    ]
    columns = ["time", "latitude", "longitude", "label", "probability", "margin", "disagreement", "novelty"]
    columns += ["abstained", "against", "stations"]
    index = pd.Index([decision.event for decision in decisions], name="event", dtype=str)
    if not index.is_unique:
        twice = index[index.duplicated()][0]
        raise ConfigurationError(f"event {twice!r} has two decisions: review tables with one row for each event")
    return pd.DataFrame(rows, columns=columns, index=index)


def choose(
    table: pd.DataFrame,
    wanted: Wanted,
    *,
    done: Collection[str] = (),
    disagreed: Collection[str] = (),
    useful: Sequence[str] = (),
) -> list[str]:
    """Return the ids of the wanted events in the wanted order.

    Parameters
    ----------
    table : DataFrame
        Of `listing`.
    wanted : Wanted
    done : collection of str
        Events that somebody reviewed.
    disagreed : collection of str
        Events on which analysts differ.
    useful : sequence of str
        Events in the order of their use; others come after them, the smallest margin first.
    """
    keep = np.ones(len(table), dtype=bool)
    keep &= _doubtful(table, wanted.doubt)
    if wanted.label:
        keep &= (table["label"] == wanted.label).to_numpy()
    if wanted.reviewed != "any":
        of = disagreed if wanted.reviewed == "disagreed" else done
        inside = table.index.isin(list(of))
        keep &= ~inside if wanted.reviewed == "open" else inside
    if wanted.text:
        text = wanted.text.casefold()
        keep &= np.array([text in event.casefold() for event in table.index], dtype=bool) | np.array(
            [text in label.casefold() for label in table["label"]], dtype=bool
        )
    if wanted.after is not None:
        keep &= (table["time"] >= wanted.after.timestamp).to_numpy()
    if wanted.before is not None:
        keep &= (table["time"] <= wanted.before.timestamp).to_numpy()
    if wanted.box is not None:
        west, south, east, north = wanted.box
        keep &= (table["longitude"].between(west, east) & table["latitude"].between(south, north)).to_numpy()
    chosen = table[keep]
    ordered = _ordered(chosen, wanted.order, {event: i for i, event in enumerate(useful)})
    return ordered[::-1] if wanted.reverse else ordered


def _doubtful(table: pd.DataFrame, doubt: Doubt) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    if doubt == "any":
        return np.ones(len(table), dtype=bool)
    found = {
        "undecided": table["label"] == "",
        "small margin": table["margin"] < SMALL_MARGIN,
        "stations disagree": (table["disagreement"] > LARGE_DISAGREEMENT) | (table["against"] > 0),
        "unlike the training": table["novelty"] > UNLIKE,
        "station abstained": table["abstained"] > 0,
    }[doubt]
    return found.to_numpy()


def _ordered(table: pd.DataFrame, order: Order, rank: Mapping[str, int]) -> list[str]:
    if order == "event":
        return sorted(table.index)
    if order == "most useful":
        last = len(rank)
        key = pd.Series([rank.get(event, last) for event in table.index], index=table.index)
        table = table.assign(rank=key).sort_values(["rank", "margin"], kind="stable", na_position="first")
        return table.index.tolist()
    column = {"type": "label", "place": "latitude"}.get(order, order)
    downwards = order in ("disagreement", "novelty", "place")
    return table.sort_values(column, ascending=not downwards, kind="stable", na_position="last").index.tolist()


def _place(decision: EventDecision) -> tuple[float, float]:
    origin = decision.origin
    if origin is None or origin.latitude is None or origin.longitude is None:
        return np.nan, np.nan
    return origin.latitude, origin.longitude
