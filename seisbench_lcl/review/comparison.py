"""Events decided before and after learning: how many were wrong, how many are, and how sure that is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from seisbench_lcl.evaluation.bootstrap import Interval, resample_tallies
from seisbench_lcl.wording import counted

_RESAMPLES = 2000
_LEAST = 1e-6  # probability


@dataclass(frozen=True, eq=False)
class Comparison:
    """The same events, decided twice.

    Attributes
    ----------
    before, after : (E, K) float64 ndarray
        Probabilities of each event; 0 for a class that a model does not know.
    truth : (E,) int64 ndarray
        Class that the analysts say.

    Examples
    --------
    >>> before, after = np.array([[0.4, 0.6], [0.2, 0.8]]), np.array([[0.9, 0.1], [0.2, 0.8]])
    >>> both = Comparison(before, after, np.array([0, 1]))
    >>> both.wrong_before, both.wrong_after, both.mended
    (1, 0, 1)
    """

    before: NDArray[np.float64]
    after: NDArray[np.float64]
    truth: NDArray[np.int64]

    @property
    def n_events(self) -> int:
        """Number of events."""
        return len(self.truth)

    @property
    def wrong_before(self) -> int:
        """Number of events that were wrong."""
        return int(self._wrong(self.before).sum())

    @property
    def wrong_after(self) -> int:
        """Number of events that are wrong now."""
        return int(self._wrong(self.after).sum())

    @property
    def mended(self) -> int:
        """Number of events that were wrong and are right."""
        return int((self._wrong(self.before) & ~self._wrong(self.after)).sum())

    @property
    def broken(self) -> int:
        """Number of events that were right and are wrong."""
        return int((self._wrong(self.after) & ~self._wrong(self.before)).sum())

    @property
    def change(self) -> Interval:
        """How many more are wrong than before, with the 95 % interval of a paired bootstrap over events."""
        change = self._wrong(self.after).astype(float) - self._wrong(self.before)
        draws = resample_tallies(change[:, None], _RESAMPLES, 0)[:, 0]
        return Interval.from_draws(float(change.sum()), draws)

    @property
    def p_value(self) -> float:
        """Of McNemar's exact test: how likely as many events, or more, would change for one side by chance."""
        changed = self.mended + self.broken
        return float(binomtest(self.mended, changed).pvalue) if changed else 1.0

    @property
    def losses(self) -> tuple[float, float]:
        """Mean log loss in nats, before and after."""
        rows = np.arange(self.n_events)
        before, after = (-np.log(np.clip(p[rows, self.truth], _LEAST, None)).mean() for p in (self.before, self.after))
        return float(before), float(after)

    @property
    def is_worse(self) -> bool:
        """Whether more events are wrong than before; if as many, whether the log loss is larger."""
        loss_before, loss_after = self.losses
        return (self.wrong_after, loss_after) > (self.wrong_before, loss_before)

    def __str__(self) -> str:
        change = self.change
        interval = "too few for an interval"
        if not np.isnan(change.low):
            interval = f"95 % interval {change.low:+.0f} to {change.high:+.0f}"
        return (
            f"{self.wrong_before} of {counted(self.n_events, 'event')} were wrong, now {self.wrong_after} "
            f"({change.value:+.0f}, {interval}; {self.mended} mended, {self.broken} broken, McNemar's p "
            f"{self.p_value:.2g}; log loss {self.losses[0]:.2f}, now {self.losses[1]:.2f})"
        )

    def _wrong(self, probabilities: NDArray[np.float64]) -> NDArray[np.bool_]:
        return np.asarray(probabilities.argmax(axis=1) != self.truth)
