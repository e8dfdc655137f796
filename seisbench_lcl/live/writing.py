"""Changes on their way to the outputs: each once, in order, whatever is full or broken for a while."""

import logging
from collections import Counter, deque
from collections.abc import Iterable, Sequence

from seisbench_lcl.live.changes import Change
from seisbench_lcl.live.outputs.base import Output

logger = logging.getLogger(__name__)

_MOST = 10_000  # changes that wait for a full disk
_SHOWN = 50


class Writer:
    """Hands changes to outputs.

    Parameters
    ----------
    journal : Output
        Has each change once: what it cannot write waits, and is written when it can.
    outputs : sequence of Output
        Get a change when the journal has it. What one of them cannot write is counted and lost to it.
    waiting : iterable of Change
        Of an earlier process.
    written : int
        Number of the last change in the journal.

    Attributes
    ----------
    waiting : deque of Change
    last : deque of Change
        The newest.
    errors : Counter
        Failures by what failed.
    """

    def __init__(
        self, journal: Output, outputs: Sequence[Output], waiting: Iterable[Change] = (), written: int = 0
    ) -> None:
        self._journal, self._outputs = journal, list(outputs)
        self.waiting: deque[Change] = deque(maxlen=_MOST)
        self.last: deque[Change] = deque(maxlen=_SHOWN)
        self.errors: Counter[str] = Counter()
        self._failing: set[str] = set()
        for change in waiting:
            if change.number > written:
                self.waiting.append(change)
            else:  # the journal has it; perhaps nobody else
                self._tell([output for output in self._outputs if getattr(output, "repeatable", False)], change)

    def add(self, changes: Iterable[Change]) -> None:
        """Let changes wait for `deliver`."""
        for change in changes:
            if len(self.waiting) == _MOST:
                self.errors["changes lost"] += 1
            self.waiting.append(change)
            self.last.appendleft(change)

    def deliver(self) -> None:
        """Write what waits."""
        while self.waiting:
            change = self.waiting[0]
            try:
                self._journal.write(change)
            except OSError as error:
                self.failed("decisions", error)
                return
            self.worked("decisions")
            self.waiting.popleft()
            self._tell(self._outputs, change)

    def _tell(self, outputs: Iterable[Output], change: Change) -> None:
        for output in outputs:
            name = type(output).__name__
            try:
                output.write(change)
            except OSError as error:
                self.failed(name, error)
            else:
                self.worked(name)

    def failed(self, name: str, error: Exception) -> None:
        """Count a failure, and say it when it begins."""
        self.errors[name] += 1
        if name not in self._failing:
            self._failing.add(name)
            logger.error("%s cannot be written: %s; decisions go on", name, error)

    def worked(self, name: str) -> None:
        """Say it when a failure has ended."""
        if name in self._failing:
            self._failing.discard(name)
            logger.info("%s can be written again", name)

    def close(self) -> None:
        """Close all outputs."""
        for output in [*self._outputs, self._journal]:
            try:
                output.close()
            except OSError as error:
                self.failed(type(output).__name__, error)
