"""A view of a watcher in the terminal: stations, delay, last decisions."""

from collections.abc import Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from typing_extensions import Self

from seisbench_lcl.live.changes import Change
from seisbench_lcl.live.health import Health, StationHealth

_LATE = 30.0  # s of delay, shown in yellow
_VERY_LATE = 300.0  # s, shown in red
_ROOM = 12  # lines for other than stations
_CHANGES = 8


class TerminalView:
    """A table that is drawn anew at each update; a context manager.

    Parameters
    ----------
    console : rich.console.Console, optional

    Examples
    --------
    >>> from io import StringIO
    >>> from obspy import UTCDateTime
    >>> console = Console(file=StringIO(), width=80)
    >>> health = Health(UTCDateTime(0), "replay", True, 0, 700.0, 1, 2, 1.0, False)
    >>> with TerminalView(console) as view:
    ...     view.update(health, [])
    >>> "1 open, 2 final" in console.file.getvalue()
    True
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._live = Live(console=self._console, auto_refresh=False, transient=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the last state on the terminal."""
        self._live.stop()

    def update(self, health: Health, last_changes: Sequence[Change]) -> None:
        """Draw how the watcher is, and its last changes, the newest first."""
        room = max(3, self._console.size.height - _ROOM - min(len(last_changes), _CHANGES))
        parts = Group(_summary(health), _stations(health.stations, room), _changes(last_changes))
        self._live.update(parts, refresh=True)


def _summary(health: Health) -> Text:
    state = "connected" if health.connected else "no data"
    text = Text(f"{health.source}  {health.time.strftime('%Y-%m-%d %H:%M:%S')}  ")
    text.append(state, style="green" if health.connected else "red")
    if health.behind:
        text.append("  behind: windows are dropped", style="red")
    text.append(
        f"\n{health.windows_per_second:.1f} windows/s, queue {health.queue}, {health.memory_mb:.0f} MB, "
        f"events: {health.open_events} open, {health.events} final"
    )
    if health.errors:
        text.append(
            f"\nerrors: {', '.join(f'{name} {count}' for name, count in health.errors.items())}", style="yellow"
        )
    return text


def _stations(stations: Sequence[StationHealth], room: int) -> Table:
    """Return the stations, those with the longest delay first if there is no room for all."""
    chosen = list(stations)
    if len(chosen) > room:
        chosen = sorted(chosen, key=lambda one: one.delay or 0.0, reverse=True)[:room]
    hidden = len(stations) - len(chosen)
    table = Table(box=None, caption=f"and {hidden} others, with shorter delay" if hidden else None)
    table.add_column("station")
    for name in ("delay, s", "buffer, s", "windows", "dropped"):
        table.add_column(name, justify="right")
    table.add_column("last window")
    for one in chosen:
        delay = "" if one.delay is None else f"{one.delay:.1f}"
        table.add_row(
            escape(one.station),
            Text(delay, style=_colour(one.delay)),
            f"{one.buffered:.0f}",
            str(one.windows),
            Text(str(one.dropped), style="red" if one.dropped else ""),
            escape(one.last_label or "-"),
        )
    return table


def _colour(delay: float | None) -> str:
    if delay is None or delay < _LATE:
        return ""
    return "red" if delay >= _VERY_LATE else "yellow"


def _changes(changes: Sequence[Change]) -> Table:
    table = Table(box=None, title="last decisions" if changes else None, title_justify="left")
    for name in ("P", "event", "label", "probability", "stations", "latency, s"):
        table.add_column(name)
    for change in list(changes)[:_CHANGES]:
        decision = change.decision
        time = decision.time.strftime("%H:%M:%S") if decision.time else ""
        table.add_row(
            time,
            change.kind,
            escape(decision.label or "undecided"),
            f"{decision.probability:.2f}" if decision.label else "",
            f"{decision.n_for} of {decision.n_for + decision.n_against}",
            "" if change.latency is None else f"{change.latency:.1f}",
        )
    return table
