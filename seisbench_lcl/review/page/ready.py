"""Events prepared in advance by one thread, so that the next one is there when it is asked for."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from threading import Condition, Thread
from typing import Generic, TypeVar

T = TypeVar("T")


class Ready(Generic[T]):
    """Prepares what is wanted, in order, and keeps the last of it.

    Waveform sources keep state between reads, so one thread does all the reading.

    Parameters
    ----------
    prepare : callable
        From an event to what is shown of it; must not raise.
    room : int
        Number of events to keep.
    """

    def __init__(self, prepare: Callable[[str], T], room: int = 16) -> None:
        self._prepare, self._room = prepare, room
        self._kept: OrderedDict[str, T] = OrderedDict()
        self._wanted: dict[Hashable, tuple[Sequence[str], Callable[[str], None]]] = {}
        self._change = Condition()
        self._open = True
        self._thread = Thread(target=self._work, name="prepares events", daemon=True)
        self._thread.start()

    def get(self, event: str) -> T | None:
        """Return what is prepared of an event; None if it is not ready yet."""
        with self._change:
            if event in self._kept:
                self._kept.move_to_end(event)
            return self._kept.get(event)

    def want(self, owner: Hashable, events: Sequence[str], then: Callable[[str], None]) -> None:
        """Prepare events, the first one first, in place of what the owner wanted before.

        Parameters
        ----------
        owner : hashable
            Who asks, such as a tab.
        events : sequence of str
            Not more than the room.
        then : callable
            Called from the thread with each event that has become ready.
        """
        with self._change:
            self._wanted[owner] = (tuple(events)[: self._room], then)
            self._change.notify()

    def forget(self, owner: Hashable) -> None:
        """Prepare nothing more for an owner."""
        with self._change:
            self._wanted.pop(owner, None)

    def close(self) -> None:
        """End the thread after what it does now."""
        with self._change:
            self._open = False
            self._change.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._change:
                while self._open and self._next() is None:
                    self._change.wait()
                if not self._open:
                    return
                event = self._next()
            assert event is not None
            made = self._prepare(event)
            with self._change:
                self._kept[event] = made
                told = [then for events, then in self._wanted.values() if event in events]
                needed = {event for events, _ in self._wanted.values() for event in events}
                for old in [one for one in self._kept if one not in needed][: max(0, len(self._kept) - self._room)]:
                    del self._kept[old]
            for then in told:
                with suppress(Exception):  # a tab that was closed meanwhile must not end the thread of all
                    then(event)

    def _next(self) -> str | None:
        """Return what is wanted most: the first of all owners before the second of any."""
        lists = [[event for event in events if event not in self._kept] for events, _ in self._wanted.values()]
        waiting = [own for own in lists if own]
        return min(waiting, key=lambda own: -len(own))[0] if waiting else None
