"""All stations of a watcher: what each has sent, and how far its decisions are."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from obspy import Trace

from seisbench_lcl.live.deciding import Decider
from seisbench_lcl.live.grown_events import Front
from seisbench_lcl.live.hits import OpenHits, Rules
from seisbench_lcl.live.picking import BLOCK, Block, Picking
from seisbench_lcl.live.segment import SECOND
from seisbench_lcl.live.settings import Geometry, WatchSettings
from seisbench_lcl.live.station import StationBuffer
from seisbench_lcl.models.detections import LabelledDetection
from seisbench_lcl.models.model import Model
from seisbench_lcl.models.station_windows import StationWindows
from seisbench_lcl.waveforms.station import StationId

Say = Callable[[str, str], None]
"""Says something about a subject once."""

_LACKING = 60.0  # s after which a station with too few components is named
_PICKER = 60 * SECOND  # how far a picker looks back, with its window


@dataclass
class Watched:
    """A station, and how far its decisions are.

    Attributes
    ----------
    buffer : StationBuffer
    hits : OpenHits
    begun : float
        When its first packet came, by the clock of arrivals.
    next : int or None
        Index of the first window, or of the first block of picks, that is not decided yet; None before the first.
    windows, dropped : int
        Decided, and left out.
    last_label : str or None
        Of the last window.
    latest : int
        Its last pick, in ns since 1970.
    """

    buffer: StationBuffer
    hits: OpenHits
    begun: float
    next: int | None = None
    windows: int = 0
    dropped: int = 0
    last_label: str | None = None
    latest: int = 0


@dataclass
class Stations:
    """The stations.

    Attributes
    ----------
    model : Model
    settings : WatchSettings
    rules : Rules
    say : callable
        Says something about a subject once.
    """

    model: Model
    settings: WatchSettings
    rules: Rules
    say: Say
    _known: dict[StationId, Watched] = field(default_factory=dict)
    _touched: set[StationId] = field(default_factory=set)
    _ready: dict[StationId, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._geometry = Geometry.of(self.model, self.settings)
        self._decider = Decider(self.model, self.settings, self._geometry)
        self._picking = Picking(self.settings, self._geometry) if self.settings.picker else None

    def __len__(self) -> int:
        return len(self._known)

    def items(self) -> list[tuple[StationId, Watched]]:
        """Return all stations, in order."""
        return sorted(self._known.items())

    def add(self, packet: Trace, clock: float) -> None:
        """Add a packet without masked samples, which came at a time of the clock of arrivals."""
        name = packet.stats.channel.strip()
        station = StationId.of(packet.stats)._replace(instrument=self._decider.channels.code(name).instrument)
        if station not in self._known:
            self._known[station] = self._new(station, clock)
        self._known[station].buffer.add(packet, clock)
        self._touched.add(station)

    def _new(self, station: StationId, clock: float) -> Watched:
        return Watched(StationBuffer(station), OpenHits(station, self.rules), clock)

    # Decisions ------------------------------------------------------------------------------------------------------

    def look(self, clock: float, ended: bool, everywhere: bool) -> None:
        """Find out what can be decided.

        Parameters
        ----------
        clock : float
            Time in s, of the clock of arrivals.
        ended : bool
            Whether nothing more will come.
        everywhere : bool
            Whether to look at stations from which nothing has come since, too: waits may be over.
        """
        tool = self._picking or self._decider
        chosen = self._known if everywhere else self._touched
        for station in chosen:
            watched = self._known[station]
            ready = tool.ready(watched.buffer, clock, ended)
            if watched.next is not None and ready <= watched.next:
                continue
            if self._begins(watched, ready, clock) and watched.next is not None and watched.next < ready:
                self._ready[station] = ready
        self._touched.clear()

    def decide(self, every: int, between: Callable[[], None]) -> list[StationWindows]:
        """Decide on what `look` found, and return the windows.

        Parameters
        ----------
        every : int
            Leave out windows (or blocks of picks) whose index is no multiple of this.
        between : callable
            Called after each station, as this may take long.
        """
        ready, self._ready = self._ready, {}
        decided: list[StationWindows] = []
        if self._picking:
            decided = self._decide_picks(self._picking, ready, every)
        else:
            for station, end in ready.items():
                decided += self._decide(self._known[station], end, every)
                between()
        for station in ready:
            self._forget(self._known[station])
        return decided

    def _begins(self, watched: Watched, ready: int, clock: float) -> bool:
        """Whether a station has the components that the model needs."""
        if watched.buffer.newest is None:
            return False
        lacking = self._decider.lacks(watched.buffer)
        if not lacking:
            if watched.next is None:
                start = watched.buffer.start
                assert start is not None
                watched.next = start // BLOCK if self._picking else self._decider.first(watched.buffer)
            return True
        if watched.next is not None:  # a component has gone, so there is nothing to decide
            watched.next = max(watched.next, ready)
        if clock - watched.begun > _LACKING:
            has = ", ".join(sorted(watched.buffer.channels))
            name = str(watched.buffer.station)
            self.say(name, f"{name} is not decided: it has {has}, but lacks component {', '.join(lacking)}")
        self._forget(watched)
        return False

    def _decide(self, watched: Watched, end: int, every: int) -> list[StationWindows]:
        assert watched.next is not None
        decided: list[StationWindows] = []
        for found in self._decider.decide(watched.buffer, watched.next, end, every):
            watched.next = found.first
            watched.dropped += found.dropped
            self._count(watched, found.blocks, found.reason)
            decided += found.blocks
        return decided

    def _decide_picks(self, picking: Picking, ready: Mapping[StationId, int], every: int) -> list[StationWindows]:
        blocks, decided = [], []
        for station, end in ready.items():
            watched = self._known[station]
            assert watched.next is not None
            kept = [index for index in range(watched.next, end) if index % every == 0]
            watched.dropped += end - watched.next - len(kept)
            blocks += [Block(watched.buffer, index) for index in kept]
            watched.next = end
        latest = {station: watched.latest for station, watched in self._known.items()}
        for station, picks in picking.picks(blocks, latest).items():
            watched = self._known[station]
            watched.latest = picks[-1]
            found, reason = self._decider.at_picks(watched.buffer, picks)
            self._count(watched, found, reason)
            decided += found
        return decided

    def _count(self, watched: Watched, blocks: Iterable[StationWindows], reason: str) -> None:
        if reason:
            name = str(watched.buffer.station)
            self.say(name, f"{name} is not decided: {reason}")
        for block in blocks:
            watched.windows += len(block)
            best = int(block.best[-1])
            watched.last_label = self.model.labels[best] if best >= 0 else None
        watched.hits.add(blocks)

    # Detections -----------------------------------------------------------------------------------------------------

    def closed(self) -> list[LabelledDetection]:
        """Return the detections that no window can change any more, and forget their windows."""
        found: list[LabelledDetection] = []
        for watched in self._known.values():
            if watched.hits.hits and watched.next is not None:
                found += watched.hits.close(self._front(watched) - self._geometry.start)
        return found

    def growing(self) -> list[LabelledDetection]:
        """Return all other detections."""
        return [one for watched in self._known.values() for one in watched.hits.detections()]

    def fronts(self, clock: float) -> dict[StationId, Front]:
        """Return how far the decisions of those stations are that send."""
        return {
            station: Front(self._front(watched), watched.hits.first)
            for station, watched in self._known.items()
            if watched.next is not None and not watched.buffer.is_silent(clock, self.settings.wait)
        }

    def _front(self, watched: Watched) -> int:
        """Return the P position before which all windows of a station are decided, in ns since 1970."""
        assert watched.next is not None
        return watched.next * BLOCK if self._picking else self._geometry.time(watched.next)

    # Memory ---------------------------------------------------------------------------------------------------------

    def _needed(self, watched: Watched) -> int:
        """Return from when on samples are needed, in ns since 1970."""
        return self._front(watched) - self._geometry.context - (_PICKER if self._picking else 0)

    def _forget(self, watched: Watched) -> None:
        """Forget the samples that no window needs any more."""
        newest, geometry = watched.buffer.newest, self._geometry
        if newest is None:
            return
        reach = geometry.context + geometry.after + round(self.settings.wait * SECOND)
        needed = newest - reach if watched.next is None else self._needed(watched)
        watched.buffer.forget(min(needed, newest - geometry.context))

    def bound(self) -> None:
        """Forget samples that were kept for too long, with the windows that they never were enough for."""
        for watched in self._known.values():
            start, newest = watched.buffer.start, watched.buffer.newest
            if start is None or newest is None:
                continue
            oldest = newest - round(self.settings.buffer * SECOND)
            if start >= oldest - self._geometry.context - _PICKER:
                continue
            watched.buffer.forget(oldest)
            if watched.next is not None:
                first = -(-oldest // BLOCK) if self._picking else self._geometry.first_from(oldest)
                lost = max(0, first - watched.next)
                watched.next += lost
                watched.dropped += lost

    # State ----------------------------------------------------------------------------------------------------------

    def quiet(self, clock: float, limit: float) -> set[StationId]:
        """Return the stations that have sent nothing for a time in s."""
        return {station for station, watched in self._known.items() if watched.buffer.is_silent(clock, limit)}

    @property
    def packets(self) -> Counter[str]:
        """Packets by what was the matter with them."""
        counts: Counter[str] = Counter()
        for watched in self._known.values():
            for own in watched.buffer.channels.values():
                counts += own.counts
        return Counter({f"{name} packets": count for name, count in counts.items()})

    def to_list(self) -> list[dict[str, Any]]:
        """Return all that the next process must know, as JSON types."""
        return [
            {
                "station": list(station),
                "next": watched.next,
                "since": None if watched.next is None else self._needed(watched),
                "hits": watched.hits.to_dict(),
                "windows": watched.windows,
                "dropped": watched.dropped,
                "latest": watched.latest,
                "channels": {name: own.to_dict() for name, own in watched.buffer.channels.items()},
            }
            for station, watched in self._known.items()
        ]

    def resume(self, plain: Iterable[Mapping[str, Any]], clock: float) -> None:
        """Take over what another process knew, from `to_list`."""
        for one in plain:
            station = StationId(*one["station"])
            watched = self._known[station] = self._new(station, clock)
            watched.next, watched.latest = one["next"], one["latest"]
            watched.windows, watched.dropped = one["windows"], one["dropped"]
            watched.hits.resume(one["hits"])
            watched.buffer.arrived = clock  # as long as a wait, it counts as one that sends
            for name, own in one["channels"].items():
                watched.buffer.channel(name).resume(own)
            if one["since"] is not None:
                watched.buffer.forget(one["since"])
