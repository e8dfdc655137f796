"""Which events are drawn: each kind of doubt has its turn."""

from math import nan

from obspy import UTCDateTime

from seisbench_lcl.events import EventDecision, StationDecision
from seisbench_lcl.events.doubtful import doubtful_events

STATIONS = (StationDecision("XX.A..HH", UTCDateTime(0), "pick"),)


def event(
    name: str, margin: float, disagreement: float = 0.0, label: str | None = "a", stations: bool = True
) -> EventDecision:
    probabilities = {} if margin != margin else {"a": (1 + margin) / 2, "b": (1 - margin) / 2}
    parts = STATIONS if stations else ()
    return EventDecision(name, label, label, probabilities, margin, disagreement, 1, 0, "", "mean", "w", parts)


def test_undecided_close_and_split_votes_take_turns() -> None:
    decisions = [
        event("sure", 0.99),
        event("split", 0.9, 0.4),
        event("close", 0.1, 0.01),
        event("no window", nan, nan, None),
        event("no station", nan, nan, None, stations=False),
        event("undecided", 0.05, 0.1, None),
        event("closer", 0.02),
        event("alone", 0.5, nan),
    ]
    found = [decision.event for decision in doubtful_events(decisions, 10)]
    assert found == ["undecided", "closer", "split", "no window", "close", "alone", "sure"]
    assert [decision.event for decision in doubtful_events(decisions, 2)] == found[:2]
    assert doubtful_events([], 5) == []
