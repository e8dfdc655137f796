"""The last minutes of a channel: packets in any order, late, repeated or overlapping, as segments without gaps."""

from bisect import insort
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import obspy
from numpy.typing import NDArray
from obspy import UTCDateTime

from seisbench_lcl.live.segment import SECOND, Segment
from seisbench_lcl.waveforms.flaws import BLOCK, Extremes
from seisbench_lcl.waveforms.records import WHOLE
from seisbench_lcl.waveforms.segments import LONGEST_GAP, SAME_TIME


class ChannelBuffer:
    """Samples of one channel, as far as decisions still need them.

    Packets that follow one another become one segment, as if they had been read from one file. What is there already
    is left out. Where samples of the same time differ, both are kept: `classify` takes such an overlap for missing.

    Parameters
    ----------
    header : mapping
        Codes of the channel: network, station, location, channel.

    Attributes
    ----------
    counts : Counter
        Packets by what became of them: "repeated", "late", "conflicting".
    """

    def __init__(self, header: Mapping[str, str]) -> None:
        self._header = dict(header)
        self._segments: list[Segment] = []
        self._horizon = 0  # what is before it, nobody needs
        self._known: Extremes | None = None  # of all samples since the beginning
        self._resumed: tuple[int, float, int] | None = None
        self.counts: Counter[str] = Counter()

    @property
    def start(self) -> int | None:
        """Time of the first sample in ns since 1970; None without one."""
        return self._segments[0].start if self._segments else None

    @property
    def end(self) -> int | None:
        """Time after the last sample in ns since 1970; None without one."""
        return max((segment.end for segment in self._segments), default=None)

    @property
    def seconds(self) -> float:
        """Length of all segments."""
        return sum(segment.length / segment.rate for segment in self._segments)

    def add(self, start: int, rate: float, data: NDArray[Any]) -> bool:
        """Add a packet; return whether any of it is new.

        Parameters
        ----------
        start : int
            Time of its first sample, in ns since 1970.
        rate : float
            In Hz.
        data : (n,) ndarray
        """
        parts = [(start, data)]
        if not (self._segments and self._segments[-1].follows(start, rate, len(data))):
            parts = self._unknown(start, rate, data)
        for begin, samples in parts:
            self._learn(samples)
            self._place(begin, rate, samples)
        return bool(parts)

    def _unknown(self, start: int, rate: float, data: NDArray[Any]) -> list[tuple[int, NDArray[Any]]]:
        """Return those parts of a packet that are neither there nor too late, each with the time of its start."""
        early = min(len(data), max(0, round((self._horizon - start) * rate / SECOND)))
        if early == len(data):
            self.counts["late"] += 1
            return []
        parts = [(start + round(early * SECOND / rate), data[early:])]
        for segment in self._segments:
            parts = [part for whole in parts for part in self._without(segment, rate, *whole)]
        if not parts:
            self.counts["repeated"] += 1
        return parts

    def _without(self, segment: Segment, rate: float, start: int, data: NDArray[Any]) -> list[tuple[int, NDArray[Any]]]:
        """Return what remains of samples without those that a segment has."""
        place = segment.place(start)
        first = round(place)
        low, high = max(first, 0), min(first + len(data), segment.length)
        if low >= high or not segment.has_rate(rate, len(data)):
            return [(start, data)]
        if not np.array_equal(segment.read(low, high), data[low - first : high - first]):
            touching = place - segment.length > -SAME_TIME or place + len(data) < SAME_TIME
            if not touching:  # less than a sample is jitter of the time stamps
                self.counts["conflicting"] += 1
            return [(start, data)]
        before, after = data[: low - first], data[high - first :]
        parts = [(start, before), (start + round((high - first) * SECOND / rate), after)]
        return [part for part in parts if len(part[1])]

    def _place(self, start: int, rate: float, data: NDArray[Any]) -> None:
        """Add samples to the segment that they follow, or else as a new one."""
        for segment in reversed(self._segments):
            if segment.follows(start, rate, len(data)):
                segment.append(data)
                break
        else:
            segment = self._new(start, rate, data)
            insort(self._segments, segment, key=lambda one: one.start)
        following = self._segments[self._segments.index(segment) + 1 :]
        for other in following:
            if segment.follows(other.start, other.rate, other.length):
                segment.append(other.read(0, other.length))
                self._segments.remove(other)
                break

    def _new(self, start: int, rate: float, data: NDArray[Any]) -> Segment:
        if self._resumed:  # the grid goes on where an earlier process ended
            origin, old_rate, phase = self._resumed
            self._resumed = None
            place = (start - origin) * old_rate / SECOND
            if old_rate == rate and abs(place - round(place)) < SAME_TIME / 2:
                begin = origin + round(round(place) * SECOND / rate)
                return Segment(begin, rate, data, phase + round(place))
        before = max((one for one in self._segments if one.start < start), key=lambda one: one.end, default=None)
        if before and before.has_rate(rate, len(data)):
            gap = round(before.place(start) - before.length)
            if 0 < gap <= LONGEST_GAP * rate:  # which is filled when segments are joined
                return Segment(start, rate, data, before.phase + before.length + gap)
        return Segment(start, rate, data)

    def _learn(self, data: NDArray[Any]) -> None:
        """Take notice of the extremes of all samples."""
        finite = data[np.isfinite(data)] if data.dtype.kind == "f" else data
        if not len(finite):
            return
        steps = np.abs(np.diff(finite.astype(np.float64)))
        unit = float(steps.min(where=steps > 0, initial=np.inf))
        found = Extremes(float(finite.min()), float(finite.max()), unit)
        known = self._known or found
        self._known = Extremes(
            min(known.lowest, found.lowest), max(known.highest, found.highest), min(known.unit, found.unit)
        )

    def solid_until(self, settled: int) -> int | None:
        """Return until when no more samples are expected, in ns since 1970; None without samples.

        That is the first gap after a time.

        Parameters
        ----------
        settled : int
            Time before which no more packets are waited for, in ns since 1970.
        """
        if not self._segments:
            return None
        until = max(settled, self._segments[0].start)
        for segment in self._segments:
            if segment.place(until) < -SAME_TIME:
                break
            until = max(until, segment.end)
        return until

    def forget(self, before: int) -> None:
        """Forget the samples before a time, in ns since 1970."""
        self._horizon = max(self._horizon, before)
        while self._segments and self._segments[0].end <= before:
            self._segments.pop(0)
        for segment in self._segments:
            if segment.start >= before:
                break
            count = min(int(segment.place(before)), segment.length)
            if count > segment.length // 4:  # seldom: it copies
                segment.drop(count)

    def cut(self, start: int, end: int) -> list[obspy.Trace]:
        """Return the samples of a time span as traces that remember the whole record.

        Parameters
        ----------
        start, end : int
            In ns since 1970. The first samples may be left out, so that blocks begin where they do in the whole.
        """
        traces: list[obspy.Trace] = []
        for segment in self._segments:
            first = max(0, int(np.ceil(segment.place(start))))
            stop = min(segment.length, int(np.ceil(segment.place(end))))
            if not traces:
                first += -(segment.phase + first) % BLOCK
            if first < stop:
                header = {
                    **self._header,
                    "starttime": UTCDateTime(ns=segment.start + round(first * SECOND / segment.rate)),
                    "sampling_rate": segment.rate,
                    WHOLE: self._known,
                }
                traces.append(obspy.Trace(segment.read(first, stop), header))
        return traces

    def to_dict(self) -> dict[str, Any]:
        """Return what the next process must know to go on, as JSON types."""
        first = self._segments[0] if self._segments else None
        return {
            "end": self.end,
            "grid": None if first is None else [first.start, first.rate, first.phase],
            "extremes": None if self._known is None or not np.isfinite(self._known).all() else list(self._known),
        }

    def resume(self, plain: Mapping[str, Any]) -> None:
        """Take over what another process knew, from `to_dict`."""
        if plain["extremes"]:
            self._known = Extremes(*plain["extremes"])
        if plain["grid"]:
            start, rate, phase = plain["grid"]
            self._resumed = (int(start), float(rate), int(phase))
