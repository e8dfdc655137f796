"""How a watcher is: its streams, its delay, its memory, and what it could not do."""

import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from obspy import UTCDateTime

from seisbench_lcl.wording import counted


@dataclass(frozen=True)
class StationHealth:
    """How one station is.

    Attributes
    ----------
    station : str
        NET.STA.LOC and band and instrument code.
    delay : float or None
        Time in s from the end of its last sample to now; None if the data are not of now.
    buffered : float
        Seconds of its waveforms in memory.
    windows, dropped : int
        Windows that were decided on since the start, and those that were dropped.
    last_label : str or None
        Of its last window; None if the model abstained, or has not decided yet.

    Examples
    --------
    >>> StationHealth("GE.WLF..HH", delay=3.5, buffered=120.0, windows=60, dropped=0, last_label="noise").delay
    3.5
    """

    station: str
    delay: float | None
    buffered: float
    windows: int
    dropped: int
    last_label: str | None


@dataclass(frozen=True)
class Health:
    """How a watcher is.

    Attributes
    ----------
    time : UTCDateTime
    source : str
    connected : bool
        Whether something came within the last minute.
    queue : int
        Packets that wait to be buffered.
    memory_mb : float
        Of the process, in MB (resident).
    open_events, events : int
        Events that may still change, and final ones since the start.
    windows_per_second : float
        Decisions since the last report.
    behind : bool
        Whether windows are dropped, because decisions do not keep up.
    errors : mapping from what failed to int
        How often, since the start.
    stations : sequence of StationHealth

    Examples
    --------
    >>> station = StationHealth("GE.WLF..HH", delay=3.5, buffered=120.0, windows=60, dropped=0, last_label="noise")
    >>> health = Health(
    ...     time=UTCDateTime(2024, 3, 1),
    ...     source="seedlink localhost:18000",
    ...     connected=True,
    ...     queue=0,
    ...     memory_mb=700.0,
    ...     open_events=1,
    ...     events=2,
    ...     windows_per_second=1.0,
    ...     behind=False,
    ...     stations=[station],
    ... )
    >>> print(health)
    seedlink localhost:18000: 1 station; median delay 3.5 s; 1.0 windows/s; 60 windows decided, ...
    """

    time: UTCDateTime
    source: str
    connected: bool
    queue: int
    memory_mb: float
    open_events: int
    events: int
    windows_per_second: float
    behind: bool
    errors: Mapping[str, int] = field(default_factory=dict)
    stations: Sequence[StationHealth] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the health as JSON types."""
        plain = {**vars(self), "time": str(self.time), "errors": dict(self.errors)}
        return plain | {"stations": [vars(one) for one in self.stations]}

    @property
    def delay(self) -> float | None:
        """The median of the delays of the stations in s; None if the data are not of now."""
        delays = sorted(one.delay for one in self.stations if one.delay is not None)
        return delays[len(delays) // 2] if delays else None

    def __str__(self) -> str:
        windows, dropped = (sum(getattr(one, name) for one in self.stations) for name in ("windows", "dropped"))
        parts = [
            counted(len(self.stations), "station"),
            "" if self.delay is None else f"median delay {self.delay:.1f} s",
            f"{self.windows_per_second:.1f} windows/s",
            f"{windows} windows decided, {dropped} dropped",
            f"queue {self.queue}",
            f"{self.open_events} open and {self.events} final events",
            f"{self.memory_mb:.0f} MB",
            "behind" if self.behind else "",
            "" if self.connected else "no data",
            ", ".join(f"{count} x {name}" for name, count in self.errors.items()),
        ]
        return f"{self.source}: {'; '.join(part for part in parts if part)}"


def memory_mb() -> float:
    """Return the resident memory of this process in MB; 0 where the system does not say."""
    try:
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    return pages * mmap.PAGESIZE / 1e6
