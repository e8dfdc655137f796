"""A source that waits for a network does so in a thread of its own, so that its reader never waits for long."""

import logging
from collections.abc import Callable, Iterator
from queue import Empty, Full, Queue
from threading import Event, Thread

from obspy import Trace

TICK = 0.5
"""Longest time in s without a packet or None."""

_WAITING = 2000  # packets; then the network has to wait
_JOIN = 2.0  # s

Put = Callable[[Trace], None]
"""Hands one packet over; raises `Closed` when nobody wants it any more."""


class Closed(Exception):
    """The reader has gone."""


class Background:
    """Runs the inner part of a source in a thread, and yields what it hands over.

    Parameters
    ----------
    closed : threading.Event
        Ends both sides.
    """

    def __init__(self, closed: Event) -> None:
        self._closed = closed
        self._queue: Queue[Trace | BaseException | None] = Queue(_WAITING)

    def packets(self, produce: Callable[[Put], None]) -> Iterator[Trace | None]:
        """Yield the packets that `produce` hands over, None when there are none for half a second.

        An exception of `produce` is raised here, after the packets before it.
        """
        thread = Thread(target=self._run, args=(produce,), daemon=True, name="packets")
        thread.start()
        try:
            while not self._closed.is_set():
                try:
                    item = self._queue.get(timeout=TICK)
                except Empty:
                    yield None
                    continue
                if item is None:
                    return
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            self._closed.set()
            thread.join(_JOIN)

    def _run(self, produce: Callable[[Put], None]) -> None:
        end: BaseException | None = None
        try:
            produce(self._put)
        except Closed:
            return
        except BaseException as error:  # raised at the reader
            end = error
        try:
            self._put(end)
        except Closed:
            return

    def _put(self, item: Trace | BaseException | None) -> None:
        while not self._closed.is_set():
            try:
                self._queue.put(item, timeout=TICK)
                return
            except Full:
                continue
        raise Closed


class Trouble:
    """What is wrong with a source: said when it begins and when it ends, with growing waits in between.

    Parameters
    ----------
    source : str
    closed : threading.Event
    first, longest : float
        Waits in s; each is twice the one before.
    """

    def __init__(self, source: str, closed: Event, first: float, longest: float) -> None:
        self._source, self._closed = source, closed
        self._first, self._longest = first, longest
        self._wait, self._lasts = first, False
        self._log = logging.getLogger(__name__)

    def begins(self, reason: object) -> None:
        """Say what is wrong, unless it was said already, and wait.

        Raises
        ------
        Closed
            If the reader has gone meanwhile.
        """
        if not self._lasts:
            self._log.warning("%s: %s; trying again, at most every %g s", self._source, reason, self._longest)
        self._lasts = True
        if self._closed.wait(self._wait):
            raise Closed
        self._wait = min(2 * self._wait, self._longest)

    def ends(self) -> None:
        """Say that data come again."""
        if self._lasts:
            self._log.warning("%s: data come again", self._source)
        self._lasts, self._wait = False, self._first
