"""How a watcher decides: what its results depend on, and how long it waits."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import sha256
from typing import Any, Literal, get_args

from seisbench_lcl.archive.settings import Reach
from seisbench_lcl.errors import check_arguments
from seisbench_lcl.hub.backbones import Backbone
from seisbench_lcl.live.segment import SECOND
from seisbench_lcl.models.model import Model
from seisbench_lcl.waveforms.network import TRAVEL_TIME
from seisbench_lcl.waveforms.preprocessing import Preprocessing

Kept = Literal["none", "all"]
"""Which windows are written."""

_PERIODS = 4.0  # of the lowest frequency, after which the high-pass has nearly forgotten where the samples ended
_LEAST_MARGIN = 2.0  # s, for the low-pass and for flaws that end after the window


@dataclass(frozen=True)
class WatchSettings:
    """How a watcher decides.

    Attributes
    ----------
    stride : int
        Samples between windows, at the sampling rate of the model.
    threshold : float
        Smallest probability of a detection.
    limits : mapping
        Further arguments of `classify`; those that are absent are as in the weights.
    travel_time : float
        Longest time in s that P takes from one station to another: detections within it are one event.
    picker : Backbone or None
        Decide at the P picks of this picker instead of every stride.
    picker_args : mapping
        Arguments of its `classify`.
    margin : float
        Seconds of record after a window, without which it is not decided: filters need them to give the same numbers
        as with all of the record.
    wait : float
        Seconds for which late packets are waited for.
    final_after : float
        Seconds after which an event is final, although other stations are late or detect something else. The time
        begins when P has passed the whole network. While one of its stations still detects it, an event stays open,
        but for no more than 15 minutes.
    min_stations : int
        Events with fewer stations are not told.
    windows : "none" or "all"
        Whether all windows are written, or only changes of events.
    behind_after : float
        Seconds by which decisions may fall behind, before windows are dropped (`seisbench_lcl.live.pace.Pace`).
    quiet_after : float
        Seconds without data after which a station is called quiet.
    buffer : float
        Longest time in s that samples are kept in memory.

    Raises
    ------
    ConfigurationError
        If a value is out of range.

    Examples
    --------
    >>> settings = WatchSettings(stride=100, margin=4.0, min_stations=2)
    >>> settings.final_after
    60.0
    >>> settings.digest("e533ca69") == WatchSettings(stride=200, margin=4.0).digest("e533ca69")
    False
    """

    stride: int
    margin: float
    threshold: float = 0.5
    limits: Mapping[str, Any] = field(default_factory=dict)
    travel_time: float = TRAVEL_TIME
    picker: Backbone | None = None
    picker_args: Mapping[str, Any] = field(default_factory=dict)
    wait: float = 20.0
    final_after: float = 60.0
    min_stations: int = 1
    windows: Kept = "none"
    behind_after: float = 60.0
    quiet_after: float = 3600.0
    buffer: float = 900.0

    def __post_init__(self) -> None:
        check_arguments(
            "",
            ("stride must be at least one sample", self.stride >= 1, self.stride),
            ("threshold must be above 0 and up to 1", 0 < self.threshold <= 1, self.threshold),
            ("travel_time must be a positive number of seconds", 0 < self.travel_time < 86400, self.travel_time),
            ("margin must be 0 s or more, and less than 600", 0 <= self.margin < 600, self.margin),
            ("wait must be 0 s or more, and less than the buffer", 0 <= self.wait < self.buffer, self.wait),
            ("final_after must be 0 s or more", 0 <= self.final_after < float("inf"), self.final_after),
            ("min_stations must be 1 or more", self.min_stations >= 1, self.min_stations),
            (f"windows must be one of {', '.join(get_args(Kept))}", self.windows in get_args(Kept), self.windows),
            ("behind_after must be positive", self.behind_after > 0, self.behind_after),
            ("quiet_after must be positive", self.quiet_after > 0, self.quiet_after),
        )

    def digest(self, weights: str) -> str:
        """Return the digest of what decisions depend on; `weights` is the digest of the model."""
        plain = {
            "weights": weights,
            "stride": self.stride,
            "threshold": self.threshold,
            "limits": dict(self.limits),
            "travel_time": self.travel_time,
            "picker": self.picker.model_dump() if self.picker else None,
            "picker_args": dict(self.picker_args),
        }
        return sha256(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()[:16]


def default_margin(model: Model) -> float:
    """Return how many seconds after a window the filters of a model need: four periods of its lowest frequency.

    The high-pass runs backwards as well, from wherever the samples end. After four periods, probabilities differ from
    those of the whole record by some 0.0002 at most; after ten, by as little as single precision allows.
    """
    return max([_LEAST_MARGIN, *(_PERIODS / one.band[0] for one in preprocessings(model) if one.band[0])])


def preprocessings(model: Model) -> list[Preprocessing]:
    """Return by what the windows of a model, or of each member of an ensemble, are cut."""
    found = model.window_preprocessing
    return [found] if isinstance(found, Preprocessing) else list(found)


@dataclass(frozen=True)
class Geometry:
    """Where windows lie around their P positions, and what they need, in ns.

    Attributes
    ----------
    step : Fraction
        From one window to the next.
    before, after : int
        From the start of the earliest window of a member to P, and from P to the end of the latest.
    context : int
        What filters need before P, with the window itself.
    margin : int
        What they need after the window.
    length, start : int
        Length of a window of the result, and from its start to P.
    """

    step: Fraction
    before: int
    after: int
    context: int
    margin: int
    length: int
    start: int

    @classmethod
    def of(cls, model: Model, settings: WatchSettings) -> "Geometry":
        """Return the geometry of a model."""
        models = preprocessings(model)
        return cls(
            Fraction(settings.stride) * SECOND / Fraction(model.sampling_rate),
            round(max(one.before for one in models) * SECOND),
            round(max(one.seconds - one.before for one in models) * SECOND),
            round(Reach.of(model).before * SECOND),
            round(settings.margin * SECOND),
            round(model.preprocessing.seconds * SECOND),
            round(model.preprocessing.before * SECOND),
        )

    def time(self, index: int) -> int:
        """Return the P position of a window, in ns since 1970."""
        return round(index * self.step)

    def first_from(self, time: int) -> int:
        """Return the index of the first window whose P position is at a time or after it."""
        return -int(-(time - 1000) // self.step)  # time stamps are rounded to microseconds
