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
    between : (UTCDateTime, UTCDateTime) or None
        Of the windows every stride, only those whose P positions lie from the first time to before the second.
    """

    aligned: bool
    arrivals: list[UTCDateTime] | None
    between: tuple[UTCDateTime, UTCDateTime] | None = None

    @classmethod
    def of(cls, aligned: Any, arrivals: Any, between: Any = None) -> Self:
        """Check the arguments `aligned`, `arrivals` and `between` of `annotate` and `classify`.

        Raises
        ------
        ConfigurationError
        """
        if arrivals is not None and not (
            isinstance(arrivals, Iterable) and all(isinstance(time, UTCDateTime) for time in arrivals)
        ):
            raise ConfigurationError(f"arrivals must be a list of UTCDateTime, or None, but is {arrivals!r}")
        if between is not None and not (
            isinstance(between, tuple | list) and [isinstance(time, UTCDateTime) for time in between] == [True, True]
        ):
            raise ConfigurationError(f"between must be two times (UTCDateTime), or None, but is {between!r}")
        if between is not None and arrivals is not None:
            raise ConfigurationError(
                "between chooses among windows every stride: leave it out where arrivals are given"
            )
        return cls(
            bool(aligned),
            None if arrivals is None else [UTCDateTime(ns=ns) for ns in sorted({time.ns for time in arrivals})],
            None if between is None else (between[0], between[1]),
        )

    def offsets(self, record: Record, stride: int, preprocessing: Preprocessing) -> NDArray[np.int64]:
        """Return the first samples of windows that are one stride apart."""
        begin, rate = 0, preprocessing.sampling_rate
        end = record.data.shape[1] - preprocessing.in_samples + 1
        if self.aligned:
            first = round(record.start.ns * Fraction(rate) / 10**9) + round(preprocessing.before * rate)
            begin = -first % stride
        if self.between:
            low, high = (ceil((time - record.start - preprocessing.before - _ROUNDING) * rate) for time in self.between)
            begin += max(0, -(-(low - begin) // stride)) * stride
            end = min(end, high)
        return np.arange(begin, end, stride)

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
        if not self.aligned and not self.between:
            return [grid]
        first = grid.first
        step = Fraction(grid.step).limit_denominator(10**6)
        if self.aligned:
            first = UTCDateTime(ns=round(ceil((first.ns - 1000) / (step * 10**9)) * step * 10**9))
        if self.between:
            low, high = self.between
            skipped = max(0, ceil((low.ns - first.ns - 1000) / (step * 10**9)))
            first = UTCDateTime(ns=first.ns + round(skipped * step * 10**9))
            end = min(end, high - 2 * _ROUNDING)
        n = int((end - first + _ROUNDING) / grid.step) + 1 if end - first > -_ROUNDING else 0
        return [Grid(first, grid.step, n)] if n else []
