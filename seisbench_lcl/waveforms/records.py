"""Streams and dataset arrays as station records on the time grid of the model, with missing samples marked."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, takewhile
from math import ceil
from typing import Any, NamedTuple

import numpy as np
import obspy
from numpy.typing import NDArray
from obspy import UTCDateTime

from seisbench_lcl.errors import ComponentError, EmptyStreamError, WaveformError
from seisbench_lcl.waveforms.channels import EXAMPLE, Channels
from seisbench_lcl.waveforms.flaws import Extremes, Flaw, Flaws, bridge, fill, find_flaws, runs
from seisbench_lcl.waveforms.preprocessing import Preprocessing
from seisbench_lcl.waveforms.segments import gapless, join
from seisbench_lcl.waveforms.station import StationId
from seisbench_lcl.wording import listed

_GRID_TOLERANCE = 1e-3  # of a sample: time stamps are rounded to microseconds

_SHORTEST_FILLED, _LONGEST_FILLED = 0.1, 2.0  # s

WHOLE = "whole_record"
"""Header of a trace that is a part of a record, whose value is the `Extremes` of the whole."""

_ARRAY = StationId("", "", "", "")


@dataclass(frozen=True)
class Record:
    """Conditioned samples of one station.

    Attributes
    ----------
    station : StationId
        Without codes for an array.
    start : UTCDateTime
        Time of the first sample.
    data : (C, n) float32 ndarray
        Filled from both sides where at most 2 s are missing, and zero where more are.
    flaws : (C, n) uint8 ndarray
        Why a sample is missing (`seisbench_lcl.waveforms.flaws.Flaw`); 0 where it is present.

    Examples
    --------
    >>> station = StationId("XX", "AAA", "", "HH")
    >>> record = Record(station, UTCDateTime(0), np.zeros((3, 3000), np.float32), np.zeros((3, 3000), np.uint8))
    >>> record.data.shape
    (3, 3000)
    """

    station: StationId
    start: UTCDateTime
    data: NDArray[np.float32]
    flaws: Flaws

    @property
    def present(self) -> NDArray[np.bool_]:
        """(C, n) bool: where samples are present."""
        return self.flaws == 0

    def end(self, rate: float) -> UTCDateTime:
        """Return the time after the last sample, at a sampling rate in Hz."""
        return self.start + self.data.shape[1] / rate

    def flaws_in(self, row: int, offset: int, length: int) -> str:
        """Name the flaws of a component in a window, such as "gap, spike or step"."""
        found = np.unique(self.flaws[row, offset : offset + length])
        return ", ".join(str(Flaw(code)) for code in found if code)

    def cut(self, offsets: NDArray[np.int64], length: int) -> NDArray[np.float32]:
        """Return windows (B, C, length) that start at the given samples, as a copy."""
        views = np.lib.stride_tricks.sliding_window_view(self.data, length, axis=1)
        return np.ascontiguousarray(views[:, offsets].swapaxes(0, 1))

    def runs(self, offsets: NDArray[np.int64], stride: int, preprocessing: Preprocessing) -> list[NDArray[np.float32]]:
        """Return the normalised stretches (C, n) of runs of windows that are one stride apart and have equal peaks.

        Parameters
        ----------
        offsets : (B,) int64 ndarray
            First samples of the windows, ascending.
        stride : int
            In samples.
        preprocessing : Preprocessing
            One that divides windows by their peaks.
        """
        length = preprocessing.in_samples
        data, offsets = self.data[:, offsets[0] : offsets[-1] + length], offsets - offsets[0]
        peaks = preprocessing.peaks(data, offsets)
        breaks = (np.diff(offsets) != stride) | (np.diff(peaks, axis=0) != 0).any(axis=1)
        first = np.concatenate([[0], np.flatnonzero(breaks) + 1])
        last = np.append(first[1:], len(offsets)) - 1
        return [data[:, offsets[i] : offsets[j] + length] / peaks[i, :, None] for i, j in zip(first, last, strict=True)]

    def coverage(self, offsets: NDArray[np.int64], length: int) -> NDArray[np.float32]:
        """Return the fraction of present samples in each component of each window, (B, C)."""
        if not self.flaws.any():
            return np.ones((len(offsets), len(self.flaws)), dtype=np.float32)
        columns = []
        for present in self.present:
            count = np.concatenate([[0], np.cumsum(present, dtype=np.int32)])
            columns.append((count[offsets + length] - count[offsets]) / length)
        return np.stack(columns, axis=1).astype(np.float32)


@dataclass(frozen=True)
class Unusable:
    """A station, or a time span of one, that yields no window, with the reason.

    Examples
    --------
    >>> Unusable(StationId("XX", "AAA", "", "HH"), UTCDateTime(0), UTCDateTime(9), "no window fits").reason
    'no window fits'
    """

    station: StationId
    start: UTCDateTime
    end: UTCDateTime
    reason: str


@dataclass(frozen=True)
class _Piece:
    """A gapless segment of one component on the grid; `first` counts samples since the epoch."""

    row: int
    first: int
    data: NDArray[np.float32]
    flaws: Flaws

    @property
    def end(self) -> int:
        return self.first + len(self.data)


class Conditioned(NamedTuple):
    """The stations of a stream.

    Attributes
    ----------
    records : list of Record
        Of any length; a gap longer than a window starts a new record.
    unusable : list of Unusable
        Stations without a record.
    failures : list of WaveformError
        The error of each station that cannot be read. A missing component is none.
    """

    records: list[Record]
    unusable: list[Unusable]
    failures: list[WaveformError]


def read_stream(
    stream: obspy.Stream, preprocessing: Preprocessing, flexible: bool = True, channels: Channels | None = None
) -> tuple[list[Record], list[Unusable]]:
    """Condition a stream station by station, without changing it.

    A station that cannot be read does not stop the others: it is returned with the reason. If no station can be read,
    the first reason is raised. Missing data (a component, or less than a window) is never an error.

    Parameters
    ----------
    stream, preprocessing, flexible, channels
        As in `condition_stream`.

    Returns
    -------
    records : list of Record
        Each at least one window long; a gap longer than a window starts a new record.
    unusable : list of Unusable

    Raises
    ------
    EmptyStreamError, ConfigurationError
        As `condition_stream`.
    WaveformError, ComponentError, SamplingRateError
        If no station of the stream can be read.
    """
    found = condition_stream(stream, preprocessing, flexible, channels)
    if not found.records and len(found.failures) == len(found.unusable):
        raise found.failures[0]
    records: list[Record] = []
    unusable = list(found.unusable)
    for record in found.records:
        if reason := too_short(record, preprocessing):
            unusable.append(Unusable(record.station, record.start, record.end(preprocessing.sampling_rate), reason))
        else:
            records.append(record)
    return records, sorted(unusable, key=lambda part: (part.station, part.start))


def too_short(record: Record, preprocessing: Preprocessing) -> str | None:
    """Return why no window fits into a record, or None if one does."""
    if record.data.shape[1] >= preprocessing.in_samples:
        return None
    length, needed = record.data.shape[1] / preprocessing.sampling_rate, preprocessing.seconds
    return f"no window fits: the record is {length:g} s long, the model needs {needed:g} s"


def condition_stream(
    stream: obspy.Stream, preprocessing: Preprocessing, flexible: bool = True, channels: Channels | None = None
) -> Conditioned:
    """Condition a stream station by station, without changing it, and keep records of any length.

    Parameters
    ----------
    stream : obspy.Stream
        Any number of stations; gaps, masked samples, any start times and sampling rates.
    preprocessing : Preprocessing
    flexible : bool
        Whether components 1 and 2, or 2 and 3 beside Z, may replace N and E.
    channels : Channels, optional
        Components of channels whose names do not tell them.

    Returns
    -------
    Conditioned

    Raises
    ------
    EmptyStreamError
        If there is no trace, or no unmasked sample.
    ConfigurationError
        If `channels` names a channel that the stream does not have.
    """
    if len(stream) == 0:
        raise EmptyStreamError("the stream is empty: check that reading and selecting found the data")
    channels = channels or Channels()
    channels.check({trace.stats.channel.strip() for trace in stream})
    stations: dict[StationId, dict[str, list[obspy.Trace]]] = defaultdict(lambda: defaultdict(list))
    for trace in stream:
        name = trace.stats.channel.strip()
        station = StationId.of(trace.stats)._replace(instrument=channels.code(name).instrument)
        for segment in gapless(trace):
            stations[station][name].append(segment)
    if not stations:
        raise EmptyStreamError(
            f"none of the {len(stream)} traces holds a sample: all are empty or fully masked; check the requested time "
            "span"
        )
    records: list[Record] = []
    unusable: list[Unusable] = []
    failures: list[WaveformError] = []
    for station, named in sorted(stations.items()):
        traces = [trace for segments in named.values() for trace in segments]
        start = min(trace.stats.starttime for trace in traces)
        end = max(trace.stats.endtime + trace.stats.delta for trace in traces)
        try:
            codes = {channels.code(name).component for name in named}
            rows = channels.rows(named, preprocessing.component_rows(codes, flexible))
            missing = _missing_components(named, rows, preprocessing.component_order)
            if missing:
                unusable.append(Unusable(station, start, end, missing))
                continue
            components = {row: named[name] for name, row in rows.items()}
            records += _records(station, components, preprocessing)
        except WaveformError as error:
            failures.append(type(error)(f"station {station}: {error}", error.summary))
            unusable.append(Unusable(station, start, end, str(error)))
    return Conditioned(records, unusable, failures)


def read_array(data: NDArray[np.floating], rate: float, preprocessing: Preprocessing) -> Record:
    """Condition one (C, n) array with a common start of its components, such as a trace of a SeisBench dataset.

    Parameters
    ----------
    data : (C, n) ndarray
        Raw samples in the order of the model's components.
    rate : float
        Sampling rate in Hz.
    preprocessing : Preprocessing

    Returns
    -------
    Record
        Without a station; its first sample is the first of the array.

    Raises
    ------
    WaveformError
        If there are no samples.
    SamplingRateError
        If the rate is too low for the band.
    """
    epoch = UTCDateTime(0)
    pieces = []
    for row, samples in enumerate(data):
        pieces.append(_piece(row, samples, None, rate, epoch, preprocessing))
    return _assemble(_ARRAY, pieces, preprocessing)


def _missing_components(names: Collection[str], rows: Mapping[str, int], order: str) -> str | None:
    """Return which components a station lacks, given its channels and their rows.

    Raises
    ------
    ComponentError
        If it has none of the model's components, or one of them twice.
    """
    found = f"found channel{'s' if len(names) > 1 else ''} {listed(sorted(name or '(no code)' for name in names))}"
    mend = (
        f"rename the channels, or say which is which, as in channels={EXAMPLE} (classify --channels Z=UD,N=NS,E=EW)"
        if any(names)
        else "rename the traces, as in trace.stats.channel = 'HHZ'"
    )
    if not rows:
        raise ComponentError(f"{found}, but the model needs the components {', '.join(order)}: {mend}")
    if len(set(rows.values())) < len(rows):
        raise ComponentError(
            f"{found}, two of which are equivalent for the model: select one set, pass "
            f"flexible_horizontal_components=False, or {mend}"
        )
    missing = [code for row, code in enumerate(order) if row not in rows.values()]
    if not missing:
        return None
    unclear = len(rows) < len(names)  # one of the other channels may be the missing component
    return f"component {', '.join(missing)} missing: {found}" + (f"; {mend}" if unclear else "")


def _records(
    station: StationId, components: Mapping[int, list[obspy.Trace]], preprocessing: Preprocessing
) -> Iterator[Record]:
    pieces = []
    for row, traces in components.items():
        own = [
            _piece(row, data, missing, stats.sampling_rate, stats.starttime, preprocessing, stats.get(WHOLE))
            for data, missing, stats in join([_calibrated(trace) for trace in traces])
        ]
        _mask_conflicts(own)
        pieces += own
    cluster: list[_Piece] = []
    end = 0
    for piece in sorted(pieces, key=lambda piece: piece.first):
        if cluster and piece.first > end + preprocessing.in_samples:
            yield _assemble(station, cluster, preprocessing)
            cluster = []
        cluster.append(piece)
        end = max(end, piece.end) if len(cluster) > 1 else piece.end
    yield _assemble(station, cluster, preprocessing)


def _calibrated(trace: obspy.Trace) -> obspy.Trace:
    """Apply the calibration factor of a trace, which may differ between components and within a channel."""
    stats = trace.stats
    if trace.data.dtype.kind not in "iuf":
        raise WaveformError(f"samples are not numbers but of type {trace.data.dtype}: remove log channels")
    if not stats.get("sac", {}).get("leven", True):
        raise WaveformError("is sampled unevenly (SAC header LEVEN is false): interpolate it to an even rate first")
    if stats.calib == 1:
        return trace
    if not (np.isfinite(stats.calib) and stats.calib):
        raise WaveformError(f"has the calibration factor {stats.calib}: set trace.stats.calib")
    return obspy.Trace(trace.data * np.float64(stats.calib), header=stats)


def _piece(
    row: int,
    data: NDArray[Any],
    missing: NDArray[np.bool_] | None,
    rate: float,
    start: UTCDateTime,
    preprocessing: Preprocessing,
    whole: Extremes | None = None,
) -> _Piece:
    """Condition a segment onto the grid of whole samples since the epoch, with flaws bridged and marked as missing."""
    if not len(data):
        raise WaveformError("has no samples")
    target = preprocessing.sampling_rate
    position = start.ns * Fraction(target) / 10**9  # exact: a float would lose microseconds
    first = ceil(position - Fraction(_GRID_TOLERANCE))
    offset = max(0.0, float(first - position) / target)
    raw = find_flaws(data, rate, missing, whole)
    if raw.all():
        data = np.zeros(len(data))  # nothing of it can be used, and it may not even be finite
    with np.errstate(over="ignore"):
        conditioned = preprocessing.condition(bridge(data, raw) if raw.any() else data, rate, offset)
    if not np.isfinite(conditioned).all():
        raise WaveformError("amplitudes are too large for single precision: rescale the record")
    flaws = np.zeros(len(conditioned), dtype=np.uint8)
    for code in np.unique(raw[raw > 0]):
        for begin, end in zip(*runs(raw == code), strict=True):
            on_grid = ceil(max(0.0, begin / rate - offset) * target - _GRID_TOLERANCE)
            flaws[on_grid : max(ceil((end / rate - offset) * target - _GRID_TOLERANCE), on_grid + 1)] = code
    fill(conditioned, flaws, round(_SHORTEST_FILLED * target), round(_LONGEST_FILLED * target))
    return _Piece(row, first, conditioned, flaws)


def _mask_conflicts(pieces: list[_Piece]) -> None:
    """Mark overlaps of segments of one component as missing: those that agree were joined before."""
    pieces = sorted(pieces, key=lambda piece: piece.first)
    for i, one in enumerate(pieces):
        for other in takewhile(lambda piece: piece.first < one.end, islice(pieces, i + 1, None)):  # noqa: B023
            end = min(one.end, other.end)
            one.flaws[other.first - one.first : end - one.first] = Flaw.CONFLICT
            other.flaws[: end - other.first] = Flaw.CONFLICT


def _assemble(station: StationId, pieces: list[_Piece], preprocessing: Preprocessing) -> Record:
    first = min(piece.first for piece in pieces)
    shape = (len(preprocessing.component_order), max(piece.end for piece in pieces) - first)
    data = np.zeros(shape, dtype=np.float32)
    flaws = np.full(shape, Flaw.GAP, dtype=np.uint8)
    for piece in pieces:
        span = slice(piece.first - first, piece.end - first)
        np.copyto(data[piece.row, span], piece.data, where=piece.flaws != Flaw.CONFLICT)
        known = flaws[piece.row, span]
        np.copyto(known, piece.flaws, where=known == Flaw.GAP)
    start = UTCDateTime(ns=round(first * 10**9 / Fraction(preprocessing.sampling_rate)))
    return Record(station, start, data, flaws)
