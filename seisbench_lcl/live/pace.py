"""What to do when decisions do not keep up: leave out windows evenly, and say so."""

import logging

logger = logging.getLogger(__name__)

SPARSEST = 64
"""Largest factor by which windows are thinned."""


class Pace:
    """How many windows to decide.

    Each round decides all that became complete during the one before. So where decisions do not keep up, each round
    takes longer than the last, while a single long one only works off what came at once, as after an outage. When a
    round takes longer than `limit`, and longer than one before it that took more than half of that, only every 2nd,
    then every 4th, ... window of every station is decided: those whose index since 1970 is a multiple of that number,
    so that all stations keep the same times. When a round takes less than a quarter of the limit, the factor is halved
    again.

    Parameters
    ----------
    limit : float
        In s.

    Attributes
    ----------
    every : int
        Decide windows whose index is a multiple of this.
    """

    def __init__(self, limit: float) -> None:
        self._limit, self._last = limit, 0.0
        self.every = 1

    @property
    def behind(self) -> bool:
        """Whether windows are left out."""
        return self.every > 1

    def update(self, seconds: float) -> None:
        """Take notice of how long a round took."""
        if seconds > self._limit and seconds >= self._last > self._limit / 2 and self.every < SPARSEST:
            self.every *= 2
            logger.warning(
                "decisions are %.0f s behind: until they keep up, one window in %d of each station is decided",
                seconds,
                self.every,
            )
        elif seconds < self._limit / 4 and self.behind:
            self.every //= 2
            if self.behind:
                logger.info("decisions catch up: one window in %d is decided", self.every)
            else:
                logger.info("decisions keep up again: all windows are decided")
        self._last = seconds
