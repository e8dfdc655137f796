"""The windows of one station, as arrays."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from obspy import UTCDateTime

from seisbench_lcl.waveforms import StationId


@dataclass(frozen=True)
class StationWindows:
    """Evenly spaced windows of one station, as arrays.

    Attributes
    ----------
    station : StationId
    start : UTCDateTime
        Start of the first window.
    step, length : float
        Time between windows, and length of a window, in seconds.
    probabilities : (n, K) float32 ndarray
        NaN where the model abstained.
    coverage : (n,) float32 ndarray
        Fraction of samples present in the least complete component.
    reasons : (n,) ndarray of str
        Why the model abstained; empty where it did not.
    diagnostics : dict from name to (n,) float32 ndarray
        Those of `seisbench_lcl.models.prediction.Prediction`; NaN where nothing was computed.
    voters : (n,) ndarray of str, optional
        Names of the members of an ensemble that voted, such as "EnvelopePhysicalRidge/mixed-3c, ResNet18/mixed-3c".

    Examples
    --------
    >>> station = StationId("XX", "AAA", "", "HH")
    >>> probabilities = np.float32([[0.9, 0.1], [0.2, 0.8]])
    >>> whole, no_reason = np.ones(2, np.float32), np.array(["", ""], object)
    >>> block = StationWindows(station, UTCDateTime(0), 1.0, 20.0, probabilities, whole, no_reason)
    >>> block.best.tolist(), str(block.time(1))
    ([0, 1], '1970-01-01T00:00:01.000000Z')
    """

    station: StationId
    start: UTCDateTime
    step: float
    length: float
    probabilities: NDArray[np.float32]
    coverage: NDArray[np.float32]
    reasons: NDArray[np.object_]
    diagnostics: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    voters: NDArray[np.object_] | None = None

    def __len__(self) -> int:
        return len(self.probabilities)

    @property
    def is_span(self) -> bool:
        """Whether this is one row for a time span without windows."""
        return len(self) == 1 and self.step == self.length and not self.coverage[0]

    @property
    def decided(self) -> NDArray[np.bool_]:
        """(n,) bool: where the model did not abstain."""
        return ~np.isnan(self.probabilities[:, 0])

    @property
    def best(self) -> NDArray[np.int64]:
        """(n,) index of the most probable class, −1 where the model abstained."""
        return np.where(self.decided, np.nan_to_num(self.probabilities).argmax(axis=1), -1)

    @property
    def highest(self) -> NDArray[np.float32]:
        """(n,) probability of the most probable class, 0 where the model abstained."""
        return np.nan_to_num(self.probabilities).max(axis=1)

    def time(self, index: int) -> UTCDateTime:
        """Return the start of a window."""
        return self.start + index * self.step

    def runs(self, codes: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
        """Yield (first, end, code) for each run of equal codes of 0 or more."""
        edges = np.flatnonzero(np.diff(codes, prepend=-2, append=-2))
        for first, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            if codes[first] >= 0:
                yield first, end, int(codes[first])
