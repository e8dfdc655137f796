"""The last minutes of one station: its channels, and until when they are complete."""

from collections import deque

import obspy
from obspy import Trace

from seisbench_lcl.live.buffer import ChannelBuffer
from seisbench_lcl.waveforms.station import StationId

_EARLIEST = -(1 << 62)


class StationBuffer:
    """The channels of one instrument of a station.

    Parameters
    ----------
    station : StationId

    Attributes
    ----------
    channels : dict from channel code to ChannelBuffer
    arrived : float
        When the last packet arrived, in s of any clock.
    """

    def __init__(self, station: StationId) -> None:
        self.station = station
        self.channels: dict[str, ChannelBuffer] = {}
        self.arrived = float("-inf")
        self._newest: deque[tuple[float, int]] = deque()  # when the newest sample had which time

    def channel(self, name: str) -> ChannelBuffer:
        """Return a channel, which is made where there is none."""
        if name not in self.channels:
            network, code, location, _ = self.station
            header = {"network": network, "station": code, "location": location, "channel": name}
            self.channels[name] = ChannelBuffer(header)
        return self.channels[name]

    def add(self, trace: Trace, clock: float) -> bool:
        """Add a packet, and return whether any of it is new.

        Parameters
        ----------
        trace : obspy.Trace
            Without masked samples.
        clock : float
            Time of arrival in s.
        """
        stats = trace.stats
        new = self.channel(stats.channel.strip()).add(stats.starttime.ns, float(stats.sampling_rate), trace.data)
        if new:
            self.arrived = clock
            newest = self.newest
            if newest is not None and (not self._newest or newest > self._newest[-1][1]):
                self._newest.append((clock, newest))
        return new

    @property
    def start(self) -> int | None:
        """Time of the first sample of any channel, in ns since 1970."""
        return min((own.start for own in self.channels.values() if own.start is not None), default=None)

    @property
    def newest(self) -> int | None:
        """Time after the last sample of any channel, in ns since 1970."""
        return max((own.end for own in self.channels.values() if own.end is not None), default=None)

    @property
    def seconds(self) -> float:
        """Seconds of samples, of the channel with the most."""
        return max((own.seconds for own in self.channels.values()), default=0.0)

    def complete_until(self, clock: float, wait: float) -> int:
        """Return the time before which no more packets are waited for, in ns since 1970.

        A gap counts as one after the station has sent later samples for `wait` seconds.
        """
        while len(self._newest) > 1 and self._newest[1][0] <= clock - wait:
            self._newest.popleft()
        settled = self._newest[0][1] if self._newest and self._newest[0][0] <= clock - wait else _EARLIEST
        ends = (own.solid_until(settled) for own in self.channels.values())
        return min((settled if end is None else end for end in ends), default=_EARLIEST)

    def is_silent(self, clock: float, wait: float) -> bool:
        """Whether nothing has come for `wait` seconds."""
        return clock - self.arrived >= wait

    def cut(self, start: int, end: int) -> obspy.Stream:
        """Return the samples of a time span, in ns since 1970."""
        return obspy.Stream([trace for own in self.channels.values() for trace in own.cut(start, end)])

    def forget(self, before: int) -> None:
        """Forget the samples before a time, in ns since 1970."""
        for own in self.channels.values():
            own.forget(before)
