"""Where the windows of a record lie: one every stride, or one at each arrival."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from obspy import UTCDateTime
from typing_extensions import Self

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.models._alignment import Grid
from seisbench_lcl.waveforms.preprocessing import Preprocessing
from seisbench_lcl.waveforms.records import Record

_ROUNDING = 1e-6  # seconds
NOT_COVERED = "no window fits: the record does not cover the window at this arrival"


@dataclass(frozen=True)
class Placing:
    """Where windows lie.

    Attributes
    ----------
    aligned : bool
        Whether their P positions are whole strides since 1970; otherwise the first window begins with its record.
    arrivals : list of UTCDateTime or None
        P positions, in order of time; None means one every stride.
    """

    aligned: bool
    arrivals: list[UTCDateTime] | None

    @classmethod
    def of(cls, aligned: Any, arrivals: Any) -> Self:
        """Check the arguments `aligned` and `arrivals` of `annotate` and `classify`.

        Raises
        ------
        ConfigurationError
        """
        if arrivals is not None and not (
            isinstance(arrivals, Iterable) and all(isinstance(time, UTCDateTime) for time in arrivals)
        ):
            raise ConfigurationError(f"arrivals must be a list of UTCDateTime, or None, but is {arrivals!r}")
        return cls(
            bool(aligned),
            None if arrivals is None else [UTCDateTime(ns=ns) for ns in sorted({time.ns for time in arrivals})],
        )

    def offsets(self, record: Record, stride: int, preprocessing: Preprocessing) -> NDArray[np.int64]:
        """Return the first samples of windows that are one stride apart."""
        begin = 0
        if self.aligned:
            rate = preprocessing.sampling_rate
            first = round(record.start.ns * Fraction(rate) / 10**9) + round(preprocessing.before * rate)
            begin = -first % stride
        return np.arange(begin, record.data.shape[1] - preprocessing.in_samples + 1, stride)

    def waiting(self) -> dict[int, UTCDateTime]:
        """Return the arrivals by their time in ns since 1970: an ObsPy time is no key."""
        return {time.ns: time for time in self.arrivals or ()}

    def at_arrivals(self, record: Record, preprocessing: Preprocessing) -> dict[int, int]:
        """Return the first sample of the window of each arrival, in ns since 1970, that the record covers."""
        rate, last = preprocessing.sampling_rate, record.data.shape[1] - preprocessing.in_samples
        found = {ns: round((time - record.start - preprocessing.before) * rate) for ns, time in self.waiting().items()}
        return {ns: offset for ns, offset in found.items() if 0 <= offset <= last}

    def grids(self, grid: Grid) -> list[Grid]:
        """Return the times of decisions among those from the first to the last of a grid."""
        end = grid.last or grid.first + (grid.n - 1) * grid.step
        if self.arrivals is not None:
            near = (time for time in self.arrivals if grid.first - _ROUNDING <= time <= end + _ROUNDING)
            return [Grid(time, grid.step, 1) for time in near]
        if not self.aligned:
            return [grid]
        step = Fraction(grid.step).limit_denominator(10**6)
        first = UTCDateTime(ns=round(ceil((grid.first.ns - 1000) / (step * 10**9)) * step * 10**9))
        n = int((end - first + _ROUNDING) / grid.step) + 1 if end - first > -_ROUNDING else 0
        return [Grid(first, grid.step, n)] if n else []
