"""Windows of several models on one record, aligned by the P arrival."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import obspy
from numpy.typing import NDArray
from obspy import UTCDateTime

from seisbench_lcl.waveforms.channels import Channels
from seisbench_lcl.waveforms.preprocessing import Preprocessing
from seisbench_lcl.waveforms.records import Conditioned, Record, condition_stream, too_short
from seisbench_lcl.waveforms.station import StationId

_ROUNDING = 1e-6  # seconds


class Fit(NamedTuple):
    """Windows of one model in one record.

    Attributes
    ----------
    record : Record
    rows : (m,) int64 ndarray
        Decision times of the windows, by index.
    offsets : (m,) int64 ndarray
        First samples of the windows.
    """

    record: Record
    rows: NDArray[np.int64]
    offsets: NDArray[np.int64]


@dataclass(frozen=True)
class Grid:
    """Times of decisions, each the P position of one window of every model.

    Attributes
    ----------
    first : UTCDateTime
    step : float
        In seconds.
    n : int
    last : UTCDateTime, optional
        The last time at which a window fits, less than one step after the last decision.
    """

    first: UTCDateTime
    step: float
    n: int
    last: UTCDateTime | None = field(default=None, compare=False)

    def fits(self, records: Sequence[Record], preprocessing: Preprocessing) -> Iterator[Fit]:
        """Yield the windows of a model that lie in its records, each at the nearest sample."""
        rate = preprocessing.sampling_rate
        for record in records:
            earliest = self.first - preprocessing.before - record.start
            offsets = np.rint((earliest + np.arange(self.n) * self.step) * rate).astype(np.int64)
            rows = np.flatnonzero((offsets >= 0) & (offsets <= record.data.shape[1] - preprocessing.in_samples))
            if len(rows):
                yield Fit(record, rows, offsets[rows])


@dataclass(frozen=True)
class Stretch:
    """A time span of one station, with the records of each model in it.

    Attributes
    ----------
    station : StationId
    start, end : UTCDateTime
    records : list of lists of Record
        For each model; empty if the station lacks a component of the model, or cannot be read.
    absent : list of str
        For each model, why it has no record; "" if it has one.
    """

    station: StationId
    start: UTCDateTime
    end: UTCDateTime
    records: list[list[Record]]
    absent: list[str]

    def grid(self, models: Sequence[Preprocessing], step: float) -> Grid | None:
        """Return the times from the first to the last window of any model; None if no window fits."""
        spans = [
            (record.start + model.before, record.end(model.sampling_rate) - (model.seconds - model.before))
            for records, model in zip(self.records, models, strict=True)
            for record in records
            if not too_short(record, model)
        ]
        if not spans:
            return None
        first, last = min(first for first, _ in spans), max(last for _, last in spans)
        return Grid(first, step, int((last - first + _ROUNDING) / step) + 1, last)

    def reasons(self, models: Sequence[Preprocessing]) -> list[str]:
        """Return why each model has no window at a time at which another has one."""
        return [
            absent
            or next((reason for record in records if (reason := too_short(record, model))), "")
            or f"no window fits: its {model.seconds:g} s begin before the record or end after it"
            for absent, records, model in zip(self.absent, self.records, models, strict=True)
        ]


def condition_for(
    stream: obspy.Stream, models: Sequence[Preprocessing], flexible: bool, channels: Channels
) -> list[Conditioned]:
    """Condition a stream for each model, once for all that can share records.

    Raises
    ------
    EmptyStreamError, ConfigurationError
        As `condition_stream`.
    WaveformError
        If no station can be read for any model.
    """
    keys = [(model.sampling_rate, model.band, "".join(sorted(model.component_order))) for model in models]
    found: dict[tuple[Any, ...], Conditioned] = {}
    orders: dict[tuple[Any, ...], str] = {}
    for key in dict.fromkeys(keys):
        sharing = [model for model, own in zip(models, keys, strict=True) if own == key]
        longest = max(sharing, key=lambda model: model.in_samples)  # a gap longer than its window splits a record
        found[key], orders[key] = condition_stream(stream, longest, flexible, channels), longest.component_order
    if all(not one.records and len(one.failures) == len(one.unusable) for one in found.values()):
        raise next(iter(found.values())).failures[0]
    return [_reordered(found[key], orders[key], model.component_order) for key, model in zip(keys, models, strict=True)]


def _reordered(conditioned: Conditioned, order: str, wanted: str) -> Conditioned:
    """Return records with their components in another order."""
    if order == wanted:
        return conditioned
    rows = [order.index(code) for code in wanted]
    records = [
        Record(record.station, record.start, record.data[rows], record.flaws[rows]) for record in conditioned.records
    ]
    return conditioned._replace(records=records)


def stretches(conditioned: Sequence[Conditioned], models: Sequence[Preprocessing]) -> list[Stretch]:
    """Return the time spans of all stations, split where no model has a record.

    Parameters
    ----------
    conditioned : sequence of Conditioned
        For each model; models may share one.
    models : sequence of Preprocessing
    """
    stations = {record.station for one in conditioned for record in one.records}
    stations |= {part.station for one in conditioned for part in one.unusable}
    return [stretch for station in sorted(stations) for stretch in _of_station(station, conditioned, models)]


def _of_station(
    station: StationId, conditioned: Sequence[Conditioned], models: Sequence[Preprocessing]
) -> Iterator[Stretch]:
    records = [[record for record in one.records if record.station == station] for one in conditioned]
    lost = [[part for part in one.unusable if part.station == station] for one in conditioned]
    absent = ["; ".join(part.reason for part in parts) for parts in lost]
    spans = [
        (record.start, record.end(model.sampling_rate))
        for own, model in zip(records, models, strict=True)
        for record in own
    ] or [(part.start, part.end) for parts in lost for part in parts]
    for start, end in _merged(spans):
        inside = [[record for record in own if start <= record.start < end] for own in records]
        yield Stretch(station, start, end, inside, absent)


def _merged(spans: list[tuple[UTCDateTime, UTCDateTime]]) -> list[tuple[UTCDateTime, UTCDateTime]]:
    """Join spans that overlap."""
    merged: list[tuple[UTCDateTime, UTCDateTime]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged
