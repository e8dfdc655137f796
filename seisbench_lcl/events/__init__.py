"""From windows to events: arrivals, votes, decisions, catalogues."""

from seisbench_lcl.evaluation.event_calibration import EventCalibration
from seisbench_lcl.events.classify import classify_catalog, classify_events, classify_picks, decide_events
from seisbench_lcl.events.rules import EventRules
from seisbench_lcl.events.sources import open_waveforms
from seisbench_lcl.events.tables import read_tables, write_tables
from seisbench_lcl.models.decision import EventDecision, StationDecision
from seisbench_lcl.models.decision_list import DecisionList
from seisbench_lcl.models.event import Event, Origin, Pick

__all__ = [
    "DecisionList",
    "Event",
    "EventCalibration",
    "EventDecision",
    "EventRules",
    "Origin",
    "Pick",
    "StationDecision",
    "classify_catalog",
    "classify_events",
    "classify_picks",
    "decide_events",
    "open_waveforms",
    "read_tables",
    "write_tables",
]
