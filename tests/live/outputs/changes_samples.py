"""Changes of decisions for the tests of outputs."""

from obspy import UTCDateTime

from seisbench_lcl.live.changes import Change, Kind
from seisbench_lcl.models.decision import EventDecision, StationDecision
from seisbench_lcl.models.event import event_id

TIME = UTCDateTime(2024, 3, 1, 12)


def changed(number: int = 1, kind: Kind = "final", *, time: UTCDateTime = TIME, p: UTCDateTime = TIME - 40) -> Change:
    """Return a change of the decision on an event with P at two stations."""
    stations = tuple(
        StationDecision(f"XX.{name}..HH", p + seconds, "detection", {"blast": 0.8, "earthquake": 0.2}, coverage=1.0)
        for name, seconds in (("ABC", 0.0), ("DEF", 3.0))
    )
    event, votes = event_id(p, "XX", "ABC"), {"blast": 0.8, "earthquake": 0.2}
    decision = EventDecision(event, "blast", "quarry blast", votes, 0.6, 0.0, 2, 0, "", "mean", "model v1", stations)
    return Change(kind, decision, 4.25, time, number, event)
