"""The windows of one station, as soon as its record is long enough: the numbers of `classify` on all of the record."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from obspy import UTCDateTime

from seisbench_lcl.errors import ConfigurationError, EmptyStreamError, WaveformError
from seisbench_lcl.live.segment import SECOND
from seisbench_lcl.live.settings import Geometry, WatchSettings, preprocessings
from seisbench_lcl.live.station import StationBuffer
from seisbench_lcl.models.model import Model
from seisbench_lcl.models.station_windows import StationWindows
from seisbench_lcl.waveforms.channels import Channels

_AHEAD = 30 * SECOND  # of record after the last window, if it is there
_MOST = 600 * SECOND  # of record that is decided on at once, which bounds the memory
_EVER = 1 << 62


@dataclass
class Found:
    """What was decided at a station.

    Attributes
    ----------
    blocks : list of StationWindows
    first : int
        Index of the first window, or time of the first pick, that is still to be decided.
    dropped : int
        Windows that were left out, because decisions did not keep up.
    reason : str
        Why there are no windows; "" if there are, or could not be yet.
    """

    blocks: list[StationWindows]
    first: int
    dropped: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Decider:
    """Decides on the windows of a station.

    Attributes
    ----------
    model : Model
    settings : WatchSettings
    geometry : Geometry
    """

    model: Model
    settings: WatchSettings
    geometry: Geometry
    _channels: Channels = field(init=False)

    def __post_init__(self) -> None:
        order = "".join(dict.fromkeys("".join(one.component_order for one in preprocessings(self.model))))
        known = {**self.model.default_args, **self.settings.limits}
        object.__setattr__(self, "_channels", Channels.of(known.get("channels"), order))

    @property
    def channels(self) -> Channels:
        """Which component a channel records."""
        return self._channels

    def lacks(self, station: StationBuffer) -> list[str]:
        """Return the components that a station still lacks; none if a member of the model can decide without them."""
        flexible = {**self.model.default_args, **self.settings.limits}.get("flexible_horizontal_components", True)
        names = [name for name, own in station.channels.items() if own.start is not None]
        codes = {self._channels.code(name).component for name in names}
        lacking = []
        for one in preprocessings(self.model):
            rows = self._channels.rows(names, one.component_rows(codes, bool(flexible)))
            missing = [code for row, code in enumerate(one.component_order) if row not in rows.values()]
            if not missing:
                return []
            lacking.append(missing)
        return min(lacking, key=len)

    def first(self, station: StationBuffer) -> int:
        """Return the index of the first window of a record."""
        start = station.start
        assert start is not None
        return self.geometry.first_from(start + self.geometry.start)

    def ready(self, station: StationBuffer, clock: float, ended: bool) -> int:
        """Return the index after the last window that can be decided.

        Parameters
        ----------
        station : StationBuffer
        clock : float
            Time in s, of the clock by which packets arrived.
        ended : bool
            Whether nothing more will come: then windows at the very end are decided, too.
        """
        geometry, wait = self.geometry, self.settings.wait
        newest = station.newest
        if newest is None:
            return -_EVER
        if ended or station.is_silent(clock, wait):
            return geometry.first_from(newest - geometry.length + geometry.start + 2000)
        complete = station.complete_until(clock, wait)
        return geometry.first_from(complete - geometry.after - geometry.margin + 2000)

    def decide(self, station: StationBuffer, first: int, end: int, every: int = 1) -> Iterator[Found]:
        """Yield the windows of a station, some minutes at a time.

        Parameters
        ----------
        station : StationBuffer
        first, end : int
            Index of the first window, and that after the last.
        every : int
            Leave out windows whose index is no multiple of this.
        """
        most = max(1, int(_MOST // self.geometry.step))
        while first < end:
            stop = min(end, first + most)
            blocks, reason = self._blocks(station, first, stop, every)
            kept = len(range(first + -first % every, stop, every))
            yield Found(blocks, stop, stop - first - kept, reason)
            first = stop

    def _blocks(self, station: StationBuffer, first: int, end: int, every: int) -> tuple[list[StationWindows], str]:
        geometry = self.geometry
        begin, last = geometry.time(first), geometry.time(end - 1)
        stream = station.cut(begin - geometry.context, last + geometry.after + geometry.margin + _AHEAD)
        between = UTCDateTime(ns=begin), UTCDateTime(ns=last + round(geometry.step / 2))
        return self._classified(stream, stride=self.settings.stride * every, aligned=True, between=between)

    def at_picks(self, station: StationBuffer, picks: Sequence[int]) -> tuple[list[StationWindows], str]:
        """Return the windows at P picks, in ns since 1970, and the reason if there are none."""
        if not picks:
            return [], ""
        geometry = self.geometry
        stream = station.cut(min(picks) - geometry.context, max(picks) + geometry.after + geometry.margin + _AHEAD)
        return self._classified(
            stream, stride=self.settings.stride, aligned=True, arrivals=[UTCDateTime(ns=pick) for pick in picks]
        )

    def _classified(self, stream: object, **arguments: object) -> tuple[list[StationWindows], str]:
        try:
            out = self.model.classify(stream, **arguments, **self.settings.limits)  # type: ignore[arg-type]
        except EmptyStreamError:
            return [], ""
        except (WaveformError, ConfigurationError) as error:  # its rate is too low, a channel occurs twice ...
            return [], str(error)
        blocks = [block for block in out.windows.blocks if len(block) and not block.is_span]
        reasons = [str(block.reasons[0]) for block in out.windows.blocks if len(block) and block.is_span]
        return blocks, "" if blocks else "; ".join(dict.fromkeys(reasons))
