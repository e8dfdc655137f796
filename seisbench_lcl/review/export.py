"""Labels of analysts for other programs: decisions with an author, and a dataset to train on."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import obspy
from numpy.typing import NDArray
from obspy import UTCDateTime

from seisbench_lcl.datasets.writing import DatasetWriter, new_folder
from seisbench_lcl.errors import DatasetError, check_arguments
from seisbench_lcl.events.source import Site
from seisbench_lcl.events.sources import Waveforms, WaveformSource, open_waveforms
from seisbench_lcl.labels import quakeml_types
from seisbench_lcl.models.analyst_decision import AnalystDecision
from seisbench_lcl.models.decision import EventDecision, StationDecision
from seisbench_lcl.review.reviewed import Reviewed, reviewed_events
from seisbench_lcl.review.verdicts import Verdicts
from seisbench_lcl.waveforms import StationId
from seisbench_lcl.wording import listed

_COMPONENTS = "ZNE12"


def analyst_decisions(
    verdicts: Verdicts,
    decisions: Iterable[EventDecision],
    event_types: Mapping[str, str | None] | None = None,
) -> list[AnalystDecision]:
    """Return the labels of analysts as decisions, for catalogues and SeisComP.

    Parameters
    ----------
    verdicts : Verdicts
        The newest on each event counts; an event that is undecided, or has a wrong pick, is left out.
    decisions : iterable of EventDecision
        The table that was reviewed: it says which type a label of the model has.
    event_types : mapping from label to QuakeML event type or None, optional
        Of other labels; by default as in `seisbench_lcl.labels.quakeml_types`.

    Raises
    ------
    ConfigurationError
        If a type is unknown, or given to a label that nobody used.
    """
    decisions = list(decisions)
    known = {decision.label: decision.event_type for decision in decisions if decision.label}
    spelt = {event.verdict.event: event.label for event in reviewed_events(verdicts, decisions, _labels(decisions))}
    said = [(spelt.get(event, label), verdicts.latest[event]) for event, label in verdicts.labels.items()]
    used = list(dict.fromkeys(label for label, _ in said))
    types = quakeml_types(used, {label: known[label] for label in used if label in known} | dict(event_types or {}))
    return [
        AnalystDecision(
            verdict.event, label, types[label], verdict.analyst, verdict.time, verdict.shown, verdict.weights
        )
        for label, verdict in said
    ]


def export_dataset(
    verdicts: Verdicts,
    decisions: Iterable[EventDecision],
    waveforms: Waveforms,
    folder: str | Path,
    *,
    before: float = 30.0,
    after: float = 90.0,
    progress: Callable[[Iterable[Reviewed]], Iterable[Reviewed]] = iter,
) -> Counter[str]:
    """Write the labelled events as a SeisBench dataset, which `read_windows` and the commands read as it is.

    Each station with a P arrival gives one trace of raw samples, at their own rate. Columns are those that SeisBench
    uses, and ``review_analyst``, ``review_time``, ``review_shown`` (the model's label then), ``review_weights``,
    ``review_station_label`` (the model's label at this station) and ``review_note``. All events are in the split
    "train".

    Parameters
    ----------
    verdicts : Verdicts
        The newest on each event counts. Stations with a wrong pick are left out.
    decisions : iterable of EventDecision
    waveforms : WaveformSource, obspy.Stream, or name
        As in `seisbench_lcl.events.open_waveforms`.
    folder : path
        New; written whole or not at all.
    before, after : float
        Seconds of record before and after P, as far as there is one.
    progress : callable
        Wraps the events, for a progress bar.

    Returns
    -------
    Counter
        "events" and "traces" that were written, and what was left out, by reason.

    Raises
    ------
    DatasetError
        If no labelled event is among the decisions, or none has a trace; nothing is written then.
    OutputError
        If the folder exists, or cannot be written.
    WaveformError
        If the source of waveforms fails.
    """
    check_arguments("", ("before and after must be positive", min(before, after) > 0, (before, after)))
    decisions, notes = list(decisions), Counter[str]()
    events = reviewed_events(verdicts, decisions, _labels(decisions), notes)
    source = open_waveforms(waveforms)
    with new_folder(Path(folder)) as temporary:
        with DatasetWriter(temporary) as writer:
            writer.data_format = {"dimension_order": "CW"}
            for event in progress(events):
                written = 0
                for station in event.stations:
                    cut = _trace(source, station, before, after)
                    if isinstance(cut, str):
                        notes[cut] += 1
                        continue
                    samples, where = cut
                    writer.add_trace(
                        _event_columns(event) | where | {"review_station_label": station.label or ""}, samples
                    )
                    written += 1
                notes["traces"] += written
                notes["events"] += written > 0
        if not notes["traces"]:
            reasons = listed(f"{reason} ({n})" for reason, n in (+notes).most_common(3))
            raise DatasetError(f"no station of the labelled events has a trace: {reasons}")
    return +notes


def _labels(decisions: Iterable[EventDecision]) -> list[str]:
    """Return the labels of the model, as the decisions tell them."""
    return list(dict.fromkeys(label for decision in decisions for label in decision.probabilities))


def _event_columns(event: Reviewed) -> dict[str, Any]:
    verdict, origin = event.verdict, event.decision.origin
    columns: dict[str, Any] = {
        "source_id": event.decision.event,
        "source_type": event.label,
        "split": "train",
        "review_analyst": verdict.analyst,
        "review_time": str(verdict.time),
        "review_shown": verdict.shown,
        "review_weights": verdict.weights,
        "review_note": verdict.note,
    }
    if origin:
        columns |= {
            "source_origin_time": str(origin.time),
            "source_latitude_deg": origin.latitude,
            "source_longitude_deg": origin.longitude,
            "source_depth_km": None if origin.depth is None else origin.depth / 1000,
        }
    return columns


def _trace(
    source: WaveformSource, station: StationDecision, before: float, after: float
) -> tuple[NDArray[Any], dict[str, Any]] | str:
    """Return the samples (C, n) of a station and what the metadata says of them, or why there are none."""
    network, code, location, instrument = (*station.station.split("."), "", "", "")[:4]
    start, end = station.p_time - before, station.p_time + after
    found = source.read([Site(network, code)], start, end, [instrument]).stream
    wanted = StationId(network, code, location, instrument)
    traces = [trace.slice(start, end) for trace in found if StationId.of(trace.stats) == wanted]
    components: dict[str, list[obspy.Trace]] = {}
    for trace in traces:
        if len(trace) and trace.stats.channel[-1:] in _COMPONENTS:
            components.setdefault(trace.stats.channel[-1], []).append(trace)
    if not components:
        return "no waveform"
    whole = {component: _with_p(parts, station.p_time) for component, parts in components.items()}
    if None in whole.values():
        return "gap at P"
    order = "".join(component for component in _COMPONENTS if component in whole)
    parts = [trace for component in order if (trace := whole[component]) is not None]
    rates = {trace.stats.sampling_rate for trace in parts}
    if len(rates) > 1:
        return "components of several sampling rates"
    rate = rates.pop()
    first = max(trace.stats.starttime for trace in parts)
    starts = [round((first - trace.stats.starttime) * rate) for trace in parts]
    length = min(len(trace) - offset for trace, offset in zip(parts, starts, strict=True))
    samples = np.stack([trace.data[offset : offset + length] for trace, offset in zip(parts, starts, strict=True)])
    return samples, {
        "station_network_code": network,
        "station_code": code,
        "station_location_code": location,
        "trace_channel": instrument,
        "trace_component_order": order,
        "trace_start_time": str(first),
        "trace_sampling_rate_hz": rate,
        "trace_p_arrival_sample": round((station.p_time - first) * rate),
        "trace_p_status": station.p_source,
        "trace_snr_db": None if np.isnan(station.snr) else station.snr,
    }


def _with_p(traces: list[obspy.Trace], p_time: UTCDateTime) -> obspy.Trace | None:
    """Return the piece of a record without gaps that holds P."""
    try:
        merged = obspy.Stream([trace.copy() for trace in traces]).merge(method=1).split()
    except Exception:  # ObsPy's refusal of pieces with several rates or types has no class of its own
        merged = obspy.Stream(traces)
    return next((trace for trace in merged if trace.stats.starttime <= p_time <= trace.stats.endtime), None)
