"""The decisions on a station-day: block by block, as if its record were unbroken."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise

import numpy as np
import obspy
from obspy import UTCDateTime

from seisbench_lcl.archive.picking import edge_pad, pick, picks_between
from seisbench_lcl.archive.plan import MARGIN
from seisbench_lcl.archive.reading import read_span
from seisbench_lcl.archive.renamed import under_one_name
from seisbench_lcl.archive.settings import Reach, Settings, ignored_labels, least_coverage, time_of
from seisbench_lcl.archive.units import SECOND, Unit
from seisbench_lcl.errors import ConfigurationError, EmptyStreamError, WaveformError
from seisbench_lcl.models.detections import LabelledDetectionList
from seisbench_lcl.models.model import Model
from seisbench_lcl.models.results import WindowList
from seisbench_lcl.models.station_windows import StationWindows

_BLOCK = 4 * 3600 * SECOND  # which bounds the memory
_PICKED_BLOCK = 2 * 3600 * SECOND  # SeisBench's pickers need more of it


@dataclass
class Decided:
    """What was decided on a unit.

    Attributes
    ----------
    windows : WindowList
        Those whose P position lies in the unit.
    detections : LabelledDetectionList
        Those that begin in the unit.
    problems : list of str
        What could not be read.
    coverage : float or None
        Fraction of the unit whose windows were complete, on the most complete instrument; None at picks.
    parts : dict from str to float
        Seconds by what they were used for.
    """

    windows: WindowList
    detections: LabelledDetectionList
    problems: list[str]
    coverage: float | None
    parts: dict[str, float] = field(default_factory=dict)


def decide(unit: Unit, model: Model, settings: Settings) -> Decided:
    """Decide on a unit.

    Each block of four hours, with a picker of two, is read with so much more on both sides that filters and windows do
    not notice its ends. Windows lie at whole strides since 1970, so each belongs to one block and one day. Detections
    are sought in the windows of the day and of `MARGIN` on both sides; those that begin in the day are its own.

    Parameters
    ----------
    unit : Unit
    model : Model
    settings : Settings

    Raises
    ------
    WaveformError
        If a service has failed.
    """
    reach = Reach.of(model)
    parts: dict[str, float] = {}
    problems: dict[str, None] = {}
    near: list[StationWindows] = []
    at_picks = settings.picker is not None or unit.arrivals is not None
    cut = _Cut.of(model, at_picks)
    pad = edge_pad() if settings.picker else 0.0
    block = _PICKED_BLOCK if settings.picker else _BLOCK
    for start, end in _blocks(unit, block, 0 if at_picks else MARGIN):
        arrivals = None if unit.arrivals is None else [ns for ns in unit.arrivals if start <= ns < end]
        if arrivals == []:
            continue
        with _timed(parts, "reading"):
            stream, lost = read_span(
                unit,
                start - round(max(reach.before, pad) * SECOND),
                end + round(max(reach.after, pad) * SECOND),
                settings.instruments,
                settings.service,
            )
        problems |= dict.fromkeys(lost)
        if settings.limits.get("flexible_horizontal_components", True):
            stream = under_one_name(stream)
        for part in _instruments(stream) if settings.picker else [stream]:
            if settings.picker:
                with _timed(parts, "picking"):
                    found = partial(pick, picker=settings.picker, arguments=settings.picker_args)
                    arrivals = picks_between(part, start, end, found)
                if not arrivals:
                    continue
            with _timed(parts, "deciding"):
                blocks, reason = _classified(model, part, settings, arrivals)
            problems |= dict.fromkeys(reason)
            near += [own for block in blocks for own in cut(block, start, end)]
    with _timed(parts, "detecting"):
        blocks = _joined(near)
        windows = _list(model, blocks, at_picks)
        found_detections = windows.detections(settings.threshold, ignore=ignored_labels(model))
        first, last = time_of(unit.start), time_of(unit.end)
        own = LabelledDetectionList(one for one in found_detections if first <= one.start_time < last)
        inside = [part for block in blocks for part in cut(block, unit.start, unit.end)]
    coverage = None if at_picks else _coverage(unit, inside, model, settings)
    return Decided(_list(model, inside, at_picks), own, list(problems), coverage, parts)


def _blocks(unit: Unit, block: int, margin: int) -> Iterator[tuple[int, int]]:
    """Yield the time spans of the blocks; the first and the last reach into the margins."""
    edges = [*range(unit.start, unit.end, block), unit.end]
    for start, end in pairwise(edges):
        yield start - margin * (start == unit.start), end + margin * (end == unit.end)


def _instruments(stream: obspy.Stream) -> list[obspy.Stream]:
    """Return the instruments of a station apart: SeisBench's pickers would take one for another."""
    found: dict[tuple[str, str], list[obspy.Trace]] = {}
    for trace in stream:
        found.setdefault((trace.stats.location, trace.stats.channel[:-1]), []).append(trace)
    return [obspy.Stream(traces) for _, traces in sorted(found.items())]


def _classified(
    model: Model, stream: obspy.Stream, settings: Settings, arrivals: Sequence[int] | None
) -> tuple[list[StationWindows], list[str]]:
    """Return the windows of a stream, or the reason why there are none."""
    times = None if arrivals is None else [UTCDateTime(ns=ns) for ns in arrivals]
    try:
        out = model.classify(
            stream,
            stride=settings.stride,
            aligned=True,
            arrivals=times,
            **settings.limits,
        )
    except EmptyStreamError:
        return [], []
    except (WaveformError, ConfigurationError) as error:  # no instrument can be used, or it lacks stated channels
        return [], [str(error)]
    return out.windows.blocks, []


@dataclass(frozen=True)
class _Cut:
    """Cuts blocks to those windows whose P positions lie in a time span.

    Attributes
    ----------
    before, longest : int
        From the start of a window to P, and the length of the longest window of a member, in ns.
    at_picks : bool
    """

    before: int
    longest: int
    at_picks: bool

    @classmethod
    def of(cls, model: Model, at_picks: bool) -> "_Cut":
        found = model.window_preprocessing
        longest = max(one.seconds for one in (found if isinstance(found, list) else [found]))
        return cls(round(model.preprocessing.before * SECOND), round(longest * SECOND), at_picks)

    def __call__(self, block: StationWindows, start: int, end: int) -> Iterator[StationWindows]:
        """Yield the part of a block with P positions from `start` to before `end`, if there is one."""
        position = block.start.ns + self.before
        if block.is_span:
            yield from self._of_span(block, start, end)
            return
        step = block.step * SECOND
        first = max(0, int(np.ceil((start - position) / step - 1e-6)))
        last = min(len(block), int(np.ceil((end - position) / step - 1e-6)))
        if first < last:
            rows = slice(first, last)
            yield replace(
                block,
                start=block.time(first),
                probabilities=block.probabilities[rows],
                coverage=block.coverage[rows],
                reasons=block.reasons[rows],
                diagnostics={name: values[rows] for name, values in block.diagnostics.items()},
                voters=None if block.voters is None else block.voters[rows],
            )

    def _of_span(self, block: StationWindows, start: int, end: int) -> Iterator[StationWindows]:
        position, length = block.start.ns + self.before, round(block.length * SECOND)
        if self.at_picks or length < self.longest:
            # What is too short for a window may go on before the samples that were read: then it is in another block.
            if start <= position < end:
                yield block
            return
        begin, stop = max(position, start), min(position + length, end)
        if begin < stop:
            seconds = (stop - begin) / SECOND
            yield replace(block, start=UTCDateTime(ns=begin - self.before), step=seconds, length=seconds)


def _joined(blocks: Sequence[StationWindows]) -> list[StationWindows]:
    """Return blocks in order, and time spans without windows as one row for each reason."""
    joined: list[StationWindows] = []
    for block in sorted(blocks, key=lambda block: (block.station, block.start)):
        last = joined[-1] if joined else None
        if last and block.is_span and last.is_span and last.station == block.station:
            gap = block.start - (last.start + last.length)
            if last.reasons[0] == block.reasons[0] and abs(gap) < 1:
                length = block.start + block.length - last.start
                joined[-1] = replace(last, step=length, length=length)
                continue
        joined.append(block)
    return joined


def _list(model: Model, blocks: Sequence[StationWindows], at_picks: bool) -> WindowList:
    order, origin = model.preprocessing.component_order, model.weights_origin
    assert origin is not None  # `Weights.of` refuses others
    return WindowList(
        model.labels,
        blocks,
        before=model.preprocessing.before,
        event_types=model.event_types,
        component="Z" if "Z" in order else order[0],
        weights=f"{origin.model}/{origin.name}.v{origin.version} {origin.sha256[:12]}",
        at_arrivals=at_picks,
    )


def _coverage(unit: Unit, blocks: Sequence[StationWindows], model: Model, settings: Settings) -> float:
    """Return the fraction of the unit with complete windows, on its most complete instrument."""
    least, step = least_coverage(model, settings.limits), settings.stride / model.sampling_rate
    complete: dict[object, int] = {}
    for block in blocks:
        if not block.is_span:
            count = int((block.coverage >= least).sum())
            complete[block.station] = complete.get(block.station, 0) + count
    possible = len(range(0, unit.end - unit.start, round(step * SECOND)))
    return min(1.0, max(complete.values(), default=0) / possible)


@contextmanager
def _timed(parts: dict[str, float], name: str) -> Iterator[None]:
    begin = time.perf_counter()
    try:
        yield
    finally:
        parts[name] = parts.get(name, 0.0) + time.perf_counter() - begin
