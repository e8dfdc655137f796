"""What a watcher says: each thing once, its health every minute."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence

from obspy import UTCDateTime

from seisbench_lcl.live.changes import Change
from seisbench_lcl.live.health import Health, StationHealth, memory_mb
from seisbench_lcl.live.network import Network
from seisbench_lcl.live.stations import Stations
from seisbench_lcl.waveforms.station import StationId
from seisbench_lcl.wording import listed

logger = logging.getLogger(__name__)

OnHealth = Callable[[Health, Sequence[Change]], None]
"""Takes the health and the newest changes."""

_HEALTH, _VIEW, _CONNECTED = 60.0, 1.0, 60.0  # s
_MOST_SAID = 10_000


class Reporter:
    """Says how a watcher is.

    Parameters
    ----------
    source : str
        Name of the source.
    is_live : bool
        Whether data are of now.
    on_health : callable, optional
        Called about once a second.
    """

    def __init__(self, source: str, is_live: bool, on_health: OnHealth | None) -> None:
        self._source, self._is_live, self._on_health = source, is_live, on_health
        self._said: set[str] = set()
        self._windows = 0
        self._since = time.monotonic()
        self._last: dict[str, float] = {}
        self._quiet: set[StationId] = set()
        self.last_packet = self._since

    def say_once(self, about: str, text: str) -> None:
        """Say something about a subject, unless it was said."""
        key = f"{about}: {text.partition('(')[0]}"
        if key not in self._said and len(self._said) < _MOST_SAID:
            self._said.add(key)
            logger.warning("%s", text)

    def due(self, what: str, seconds: float) -> bool:
        """Whether something was last due so long ago; it is not again until then."""
        now = time.monotonic()
        if now - self._last.setdefault(what, self._since) < seconds:
            return False
        self._last[what] = now
        return True

    def report(
        self,
        stations: Stations,
        network: Network,
        changes: Sequence[Change],
        errors: Counter[str],
        *,
        queue: int,
        behind: bool,
        clock: float,
        quiet_after: float,
        now: bool = False,
    ) -> None:
        """Show and log what is due.

        Parameters
        ----------
        stations, network
            Of the watcher.
        changes : sequence of Change
            The newest first.
        errors : Counter
        queue : int
            Packets that wait.
        behind : bool
        clock : float
            Time in s, of the clock of arrivals.
        quiet_after : float
            As in `WatchSettings`.
        now : bool
            Whether all is due.
        """
        view, minute = now or self.due("view", _VIEW), now or self.due("health", _HEALTH)
        if not (minute or (view and self._on_health)):
            return
        health = self.health(stations, network, errors, queue, behind)
        if self._on_health:
            self._on_health(health, changes)
        if minute:
            logger.info("%s", health, extra={"health": health.to_dict()})
            self._windows, self._since = sum(one.windows for one in health.stations), time.monotonic()
            if self._is_live and not now:
                self._look_for_quiet(stations, clock, quiet_after)

    def health(self, stations: Stations, network: Network, errors: Counter[str], queue: int, behind: bool) -> Health:
        """Return how the watcher is; arguments as in `report`."""
        time_now = UTCDateTime()
        found = [
            StationHealth(
                str(station),
                time_now - UTCDateTime(ns=newest)
                if self._is_live and (newest := watched.buffer.newest) is not None
                else None,
                round(watched.buffer.seconds, 1),
                watched.windows,
                watched.dropped,
                watched.last_label,
            )
            for station, watched in stations.items()
        ]
        passed = max(time.monotonic() - self._since, 1e-3)
        return Health(
            time_now,
            self._source,
            time.monotonic() - self.last_packet < _CONNECTED,
            queue,
            memory_mb(),
            len(network.open),
            network.finished,
            max(0.0, (sum(one.windows for one in found) - self._windows) / passed),
            behind,
            dict(stations.packets + errors),
            found,
        )

    def _look_for_quiet(self, stations: Stations, clock: float, limit: float) -> None:
        """Say once which stations have sent nothing for long, and that they are back."""
        quiet = stations.quiet(clock, limit)
        if new := quiet - self._quiet:
            logger.warning("no data for %.0f s: %s", limit, listed(map(str, sorted(new))))
        if back := self._quiet - quiet:
            logger.info("data again: %s", listed(map(str, sorted(back))))
        self._quiet = quiet
