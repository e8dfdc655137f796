"""Detections of several stations as events, each with one decision."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from seisbench_lcl.models.decision import EventDecision, StationDecision, elect
from seisbench_lcl.models.decision_list import DecisionList
from seisbench_lcl.models.detections import LabelledDetection
from seisbench_lcl.models.event import Event, event_id
from seisbench_lcl.waveforms.channels import INSTRUMENTS
from seisbench_lcl.waveforms.network import arriving_together

_RULE = "mean"


def detected_events(
    detections: Sequence[LabelledDetection],
    labels: Sequence[str],
    event_types: Mapping[str, str | None],
    travel_time: float,
    weights: str,
) -> DecisionList:
    """Join detections of several stations that overlap within the travel time, and decide on each event.

    A station's part has the probabilities of its detection; the event has their mean. It has no origin. Of detections
    by several instruments of a station at a time, one counts: broadband before short-period before strong motion.

    Parameters
    ----------
    detections : sequence of LabelledDetection
    labels : sequence of str
        Those of the model.
    event_types : mapping from label to QuakeML type or None
    travel_time : float
        As `within` of `seisbench_lcl.waveforms.network.arriving_together`: the longest time in s from the end of the
        first detection to the start of another.
    weights : str
        As in `EventDecision`.
    """
    groups = group_detections(by_one_instrument(detections), travel_time)
    decisions = [decide_group(group, labels, event_types, weights) for group in groups]
    return DecisionList(sorted(decisions, key=lambda decision: decision.stations[0].p_time))


def group_detections(detections: Iterable[LabelledDetection], travel_time: float) -> list[list[LabelledDetection]]:
    """Return the detections of each event; that which starts first comes first.

    Parameters
    ----------
    detections : iterable of LabelledDetection
        `by_one_instrument` of each station.
    travel_time : float
        As in `detected_events`.
    """
    return arriving_together(
        detections,
        travel_time,
        site=lambda found: found.station.site,
        start=lambda found: found.start_time,
        end=lambda found: found.end_time,
    )


def by_one_instrument(detections: Iterable[LabelledDetection]) -> list[LabelledDetection]:
    """Leave out detections that overlap one of a preferred instrument at their station."""
    kept: dict[tuple[str, str], list[LabelledDetection]] = defaultdict(list)
    for found in sorted(detections, key=_preference):
        others = [other for other in kept[found.station.site] if other.station != found.station]
        if not any(o.start_time <= found.end_time and found.start_time <= o.end_time for o in others):
            kept[found.station.site].append(found)
    return [found for own in kept.values() for found in own]


def _preference(detection: LabelledDetection) -> tuple[int, str]:
    code = detection.station.instrument
    return INSTRUMENTS.index(code) if code in INSTRUMENTS else len(INSTRUMENTS), detection.trace_id


def decide_group(
    group: Sequence[LabelledDetection], labels: Sequence[str], event_types: Mapping[str, str | None], weights: str
) -> EventDecision:
    """Decide on the event that several stations detected.

    Parameters
    ----------
    group : sequence of LabelledDetection
        One for each station.
    labels, event_types, weights
        As in `detected_events`.
    """
    group = sorted(group, key=lambda found: found.onset)
    stations = [
        StationDecision(
            str(found.station),
            found.onset,
            "detection",
            found.probabilities,
            novelty=found.novelty,
            coverage=found.coverage,
        )
        for found in group
    ]
    probabilities = np.mean([[found.probabilities[label] for label in labels] for found in group], axis=0)
    event = Event(event_id(group[0].onset, *group[0].station.site))
    return elect(event, stations, probabilities, labels, event_types, rule=_RULE, weights=weights)
