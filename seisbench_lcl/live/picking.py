"""P picks of a SeisBench picker on what is buffered, in blocks that lie at the same times whatever comes when."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import obspy

from seisbench_lcl.archive.settings import opened_picker
from seisbench_lcl.events.windows import is_p
from seisbench_lcl.live.segment import SECOND
from seisbench_lcl.live.settings import Geometry, WatchSettings
from seisbench_lcl.live.station import StationBuffer
from seisbench_lcl.waveforms.station import StationId

BLOCK = 5 * SECOND
"""Length of a block in ns: as long as the first pick of a block may wait for its last."""

_AGAIN = SECOND  # two picks of one arrival
_BATCH = 32  # windows of the picker at once
_SPARE = 5 * SECOND


class Block(NamedTuple):
    """A block of one station that can be picked, by its number since 1970."""

    station: StationBuffer
    number: int


@dataclass(frozen=True)
class Picking:
    """Picks blocks of stations.

    Attributes
    ----------
    settings : WatchSettings
        With a picker.
    geometry : Geometry
        Of the model that decides at the picks.
    """

    settings: WatchSettings
    geometry: Geometry

    @property
    def _reach(self) -> int:
        """Length of the picker's window in ns, with something to spare."""
        assert self.settings.picker is not None
        picker = opened_picker(self.settings.picker)
        return round(picker.in_samples / picker.sampling_rate * SECOND) + _SPARE

    def ready(self, station: StationBuffer, clock: float, ended: bool) -> int:
        """Return the index after the last block that can be picked; arguments as in `Decider.ready`."""
        newest = station.newest
        if newest is None:
            return -(1 << 62)
        if ended or station.is_silent(clock, self.settings.wait):
            return -(-newest // BLOCK)
        complete = station.complete_until(clock, self.settings.wait)
        return (complete - self.geometry.after - self.geometry.margin) // BLOCK

    def picks(self, blocks: Iterable[Block], latest: dict[StationId, int]) -> dict[StationId, list[int]]:
        """Return the P picks of some blocks, in ns since 1970, and remember the latest of each station.

        SeisBench takes the instruments of a station for one, so they are picked one after the other.
        """
        found: dict[StationId, list[int]] = defaultdict(list)
        calls: dict[tuple[int, int], list[StationBuffer]] = defaultdict(list)
        taken: dict[tuple[int, tuple[str, ...]], int] = defaultdict(int)
        for station, index in blocks:
            place = (index, station.station[:3])
            calls[index, taken[place]].append(station)
            taken[place] += 1
        for (index, _), stations in sorted(calls.items(), key=lambda call: call[0]):
            for own, times in self._picked(stations, index).items():
                for time in sorted(times):
                    if time >= latest.get(own, 0) + _AGAIN:
                        found[own].append(time)
                        latest[own] = time
        return found

    def _picked(self, stations: Sequence[StationBuffer], index: int) -> dict[StationId, list[int]]:
        start, end = index * BLOCK, (index + 1) * BLOCK
        stream = obspy.Stream()
        names: dict[str, StationId] = {}
        for one in stations:
            stream += one.cut(start - self._reach, end + max(self.geometry.after + self.geometry.margin, _SPARE))
            names[".".join(one.station[:3])] = one.station
        found: dict[StationId, list[int]] = defaultdict(list)
        if not stream or self.settings.picker is None:
            return found
        picker = opened_picker(self.settings.picker)
        for pick in picker.classify(stream, **{"batch_size": _BATCH, **self.settings.picker_args}).picks:
            time = (pick.peak_time or pick.start_time).ns
            if is_p(pick.phase or "") and start <= time < end:
                found[names[pick.trace_id]].append(time)
        return found
