"""What carries a page: views that show, and tell what was asked. Panel is one carrier (`web`); others may follow."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from seisbench_lcl.review.page.sheet import Sheet


class DataView(Protocol):
    """Shows facts, as a mapping of JSON types whose texts are plain: never HTML.

    Examples
    --------
    >>> class Terminal:
    ...     def show(self, facts):
    ...         print(facts["title"])
    >>> view: DataView = Terminal()
    >>> view.show({"title": "event 1"})
    event 1
    """

    def show(self, facts: Mapping[str, Any]) -> None:
        """Show these facts instead of others."""
        ...


class MapView(Protocol):
    """Events and stations on a map.

    Examples
    --------
    >>> class NoMap:
    ...     def show_events(self, events): ...
    ...     def show_event(self, event, sheet): ...
    ...     def box(self):
    ...         return None
    >>> view: MapView = NoMap()
    >>> view.show_events(["event 1"])
    """

    def show_events(self, events: Sequence[str]) -> None:
        """Show these events instead of others."""
        ...

    def show_event(self, event: str | None, sheet: Sheet | None) -> None:
        """Mark an event, and show its stations."""
        ...

    def box(self) -> tuple[float, float, float, float] | None:
        """Return west, south, east and north of what is shown, in degrees; None if there are no places."""
        ...


class RecordView(Protocol):
    """The records of one event.

    Examples
    --------
    >>> class Count:
    ...     def show(self, sheet, station, components):
    ...         print("no records yet" if sheet is None else f"station {station}")
    >>> view: RecordView = Count()
    >>> view.show(None, 0, False)
    no records yet
    """

    def show(self, sheet: Sheet | None, station: int, components: bool) -> None:
        """Show an event, or that its records are still being read.

        Parameters
        ----------
        sheet : Sheet or None
        station : int
            The chosen one among the rows.
        components : bool
            Whether each station shows all components.
        """
        ...


class SoundView(Protocol):
    """Plays sound, and shows short messages.

    Examples
    --------
    >>> class Silent:
    ...     def play(self, wav): ...
    ...     def tell(self, message, trouble=False):
    ...         print(message)
    ...     def toggle_help(self): ...
    >>> view: SoundView = Silent()
    >>> view.tell("recorded")
    recorded
    """

    def play(self, wav: bytes) -> None:
        """Play a WAV file."""
        ...

    def tell(self, message: str, trouble: bool = False) -> None:
        """Show a message for a few seconds."""
        ...

    def toggle_help(self) -> None:
        """Show the help, or hide it."""
        ...


class Carrier(Protocol):
    """The views of a page, and its clock.

    Examples
    --------
    >>> class Nobody:
    ...     listing = head = map = section = station = sound = None
    ...     def soon(self, event):
    ...         print(event, "is ready")
    >>> carrier: Carrier = Nobody()
    >>> carrier.soon("event 1")
    event 1 is ready
    """

    @property
    def listing(self) -> DataView:
        """The list of events."""
        ...

    @property
    def head(self) -> DataView:
        """The event on the desk."""
        ...

    @property
    def map(self) -> MapView:
        """Events and stations on a map."""
        ...

    @property
    def section(self) -> RecordView:
        """All stations of the event."""
        ...

    @property
    def station(self) -> RecordView:
        """The chosen station in detail."""
        ...

    @property
    def sound(self) -> SoundView:
        """Sound, messages and help."""
        ...

    def soon(self, event: str) -> None:
        """Tell the page, from another thread, that an event is ready."""
        ...
