"""From windows to events: arrivals, votes, decisions, catalogues."""

from typing import TYPE_CHECKING

from seisbench_lcl._lazy import on_demand

if TYPE_CHECKING:
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

if not TYPE_CHECKING:  # type checkers would take any name for known
    __getattr__, __dir__ = on_demand(
        __name__,
        dict.fromkeys(__all__, "seisbench_lcl.events.classify")
        | {
            "DecisionList": "seisbench_lcl.models.decision_list",
            "Event": "seisbench_lcl.models.event",
            "EventCalibration": "seisbench_lcl.evaluation.event_calibration",
            "EventDecision": "seisbench_lcl.models.decision",
            "EventRules": "seisbench_lcl.events.rules",
            "Origin": "seisbench_lcl.models.event",
            "Pick": "seisbench_lcl.models.event",
            "StationDecision": "seisbench_lcl.models.decision",
            "open_waveforms": "seisbench_lcl.events.sources",
            "read_tables": "seisbench_lcl.events.tables",
            "write_tables": "seisbench_lcl.events.tables",
        },
    )
