"""What to do when decisions do not keep up: leave out windows evenly, and say so."""

import logging

logger = logging.getLogger(__name__)

SPARSEST = 64
"""Largest factor by which windows are thinned."""


class Pace:
    """How many windows to decide.

    While more than `limit` seconds of windows wait and they become more, only every 2nd, then every 4th, ... window of
    every station is decided: those whose index since 1970 is a multiple of that number, so that all stations keep the
    same times. When less than a quarter of the limit waits, the factor is halved again.

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
        self._limit, self._last = limit, float("inf")
        self.every = 1

    @property
    def behind(self) -> bool:
        """Whether windows are left out."""
        return self.every > 1

    def update(self, waiting: float) -> None:
        """Take notice of how many seconds of windows wait.

        Parameters
        ----------
        waiting : float
            At the station with the most.
        """
        if waiting > self._limit and waiting > self._last and self.every < SPARSEST:
            self.every *= 2
            logger.warning(
                "decisions are %.0f s behind: only every %d. window of each station is decided until they keep up",
                waiting,
                self.every,
            )
        elif waiting < self._limit / 4 and self.behind:
            self.every //= 2
            if self.behind:
                logger.info("decisions catch up: every %d. window is decided", self.every)
            else:
                logger.info("decisions keep up again: all windows are decided")
        self._last = waiting
