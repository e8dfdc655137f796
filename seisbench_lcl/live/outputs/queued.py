"""Outputs that may be slow work in a thread of their own, from a queue that does not grow without bound."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from functools import partial
from queue import Empty, Full, Queue
from threading import Event, Thread
from time import monotonic

from seisbench_lcl.errors import OutputError, check_arguments
from seisbench_lcl.live.changes import KINDS, Change

_TICK = 0.2  # s


class QueuedOutput(ABC):
    """Takes changes at once, and hands them on one by one in a thread.

    A failure is logged when it begins, and raised by the next `write`, so that the watcher counts it.

    Parameters
    ----------
    name : str
        For messages.
    kinds : collection of str
        Kinds of change to take.
    waiting : int
        Changes that may wait; when there are more, the newest are refused.

    Raises
    ------
    ConfigurationError
        If an argument is out of range.
    """

    def __init__(self, name: str, *, kinds: Collection[str], waiting: int) -> None:
        check_arguments(
            name,
            (f"kinds must be among {', '.join(KINDS)}", {*kinds} <= {*KINDS} and len(kinds) > 0, kinds),
            ("waiting must be 1 or more", waiting >= 1, waiting),
        )
        self._name, self._kinds = name, frozenset(kinds)
        self._queue: Queue[Change] = Queue(waiting)
        self._ends, self._stopped = Event(), Event()
        self._failed, self._last, self._lasts = 0, "", False
        self._log = logging.getLogger(__name__)
        self._thread = Thread(target=self._work, daemon=True, name=name)
        self._thread.start()

    @abstractmethod
    def send(self, change: Change) -> None:
        """Hand one change on.

        Raises
        ------
        OSError
        """

    def write(self, change: Change) -> None:
        """Put a change into the queue.

        Raises
        ------
        OutputError
            If the queue is full, or earlier changes could not be handed on; this one is in the queue then.
        """
        if change.kind not in self._kinds:
            return
        try:
            self._queue.put_nowait(change)
        except Full:
            raise OutputError(f"{self._name}: {self._queue.maxsize} changes wait already; one is left out") from None
        if self._failed:
            failed, self._failed = self._failed, 0
            raise OutputError(f"{self._name}: could not hand on {failed}: {self._last}")

    def close(self, within: float = 10.0) -> None:
        """Hand on what waits for some seconds, then leave the rest."""
        self._ends.set()
        self._thread.join(within)
        self._stopped.set()
        self._thread.join(2.0)
        if left := self._queue.qsize():
            self._log.warning("%s: %d changes were not handed on", self._name, left)

    def pause(self, seconds: float) -> bool:
        """Wait; return False if there is no more time, because the watcher ends."""
        limit = monotonic() + seconds
        while (left := limit - monotonic()) > 0:
            if self._stopped.wait(min(left, _TICK)):
                return False
        return not self._stopped.is_set()

    def idle(self) -> None:  # noqa: B027 - most have nothing to do then
        """Do what is to be done between changes; called several times a second."""

    def _work(self) -> None:
        while not self._stopped.is_set():
            try:
                change = self._queue.get(timeout=_TICK)
            except Empty:
                if self._ends.is_set():
                    return
                self._try(self.idle)
            else:
                self._lasts = not self._try(partial(self.send, change))

    def _try(self, act: Callable[[], None]) -> bool:
        """Return whether an act succeeds; its failure is told."""
        try:
            act()
        except Exception as error:  # whatever it is, the next change has its turn
            self._failed += 1
            self._last = " ".join(str(error).split()) or type(error).__name__
            if not self._lasts:
                self._log.warning("%s: %s", self._name, self._last)
            self._lasts = True
            return False
        return True
