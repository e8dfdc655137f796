"""How training windows lie around the P arrival, and how well P is seen in a trace."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.onset import aic_onset
from seisbench_lcl.preprocessing import Preprocessing
from seisbench_lcl.records import Record
from seisbench_lcl.training.loop import is_whole

_SIGNAL, _NOISE = 10.0, 20.0  # s of either that are looked at, at most
_GUARD = 0.5  # s before P that are taken for neither: picks are late, and filters ring ahead
_SHORTEST = 1.0  # s


@dataclass(frozen=True)
class Cuts:
    """How training windows lie around the P arrival.

    Picks are wrong in use. A model that saw P at one place in all windows takes the place for a feature; copies of
    each window with P elsewhere teach it otherwise.

    Parameters
    ----------
    max_shift : float
        In s. Copies are moved by a time that is uniform from −max_shift to max_shift.
    copies : int
        How many a trace gives beside the window as picked.
    refine : float
        In s. If positive, a pick is first moved to the onset within ±refine of it (`seisbench_lcl.onset`), on the
        vertical component if the model has one, else on its first. A pick stays where the trace does not hold that
        span, or has a gap in it.
    seed : int
        Of the shifts. Those of a trace follow from it and from the index of the trace in its dataset alone.

    Raises
    ------
    ConfigurationError
        If a value is negative or not finite, a number not whole, or there are copies without shift.
    """

    max_shift: float = 0.0
    copies: int = 0
    refine: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for what, fits, value in (
            ("max_shift must be finite and not negative", 0 <= self.max_shift < math.inf, self.max_shift),
            ("copies must be a whole number, not negative", is_whole(self.copies, 0), self.copies),
            ("refine must be finite and not negative", 0 <= self.refine < math.inf, self.refine),
            ("seed must be a whole number, not negative", is_whole(self.seed, 0), self.seed),
        ):
            if not fits:
                raise ConfigurationError(f"cuts: {what}, but is {value!r}")
        if self.copies and not self.max_shift:
            raise ConfigurationError(
                f"cuts: {self.copies} copies with max_shift 0 would all be the window as picked; give a max_shift in "
                "seconds (--max-shift 1), or no copies (--copies 0)"
            )

    def check(self, preprocessing: Preprocessing) -> None:
        """Refuse to move P out of the window.

        Raises
        ------
        ConfigurationError
            If `max_shift` is more than the `farthest_shift` of the preprocessing.
        """
        if self.max_shift > (farthest := farthest_shift(preprocessing)):
            raise ConfigurationError(
                f"cuts: max_shift {self.max_shift:g} s moves P out of the window of {preprocessing.seconds:g} s, where "
                f"it is {preprocessing.before:g} s after the start; give {farthest:g} s at most (--max-shift), or "
                "other windows (--before, --length)"
            )

    def shifts(self, trace: int) -> NDArray[np.float64]:
        """Return how much later than picked each window of a trace starts, (1 + copies,) in s; the first is 0.

        Parameters
        ----------
        trace : int
            Index in the dataset.
        """
        rng = np.random.default_rng([self.seed, trace])
        return np.append(0.0, rng.uniform(-self.max_shift, self.max_shift, self.copies))

    def refined(self, record: Record, arrival: float, preprocessing: Preprocessing) -> float:
        """Return the P arrival to cut at, in s from the start of the record.

        Parameters
        ----------
        record : Record
            In the rate and band of the model.
        arrival : float
            As picked, in s from the start of the record.
        preprocessing : Preprocessing
        """
        rate = preprocessing.sampling_rate
        row = max(preprocessing.component_order.find("Z"), 0)
        end = (record.data.shape[1] - 1) / rate
        if not (self.refine and self.refine <= arrival <= end - self.refine):
            return arrival
        first, last = (round((arrival + sign * self.refine) * rate) for sign in (-1, 1))
        span = slice(first, last + 1)
        if not record.present[row, span].all():
            return arrival
        return (first + int(aic_onset(torch.from_numpy(record.data[row : row + 1, span])))) / rate


def farthest_shift(preprocessing: Preprocessing) -> float:
    """Return how far P can be moved either way and stay in the window, in s."""
    before = preprocessing.before
    return round(min(before, preprocessing.seconds - before), 9)  # 0.3 − 0.1 is 0.2


def signal_to_noise(record: Record, arrival: float, rate: float) -> float:
    """Return how far the motion after P rises above that before it, in dB, over all components.

    Root mean squares of up to 10 s from P on and of up to 20 s before, of which the last 0.5 s are left out, are
    compared. NaN where either is shorter than 1 s, or there is no motion before P.

    Parameters
    ----------
    record : Record
        In the rate and band of the model.
    arrival : float
        Of P, in s from the start of the record.
    rate : float
        Of the record, in Hz.
    """
    power = []
    for start, end in ((arrival - _GUARD - _NOISE, arrival - _GUARD), (arrival, arrival + _SIGNAL)):
        span = slice(*(max(round(time * rate), 0) for time in (start, end)))
        present = record.present[:, span]
        if present.sum() < _SHORTEST * rate * len(present):
            return math.nan
        power.append(float(np.square(record.data[:, span][present], dtype=np.float64).mean()))
    noise, signal = power
    return 10 * math.log10(signal / noise) if noise and signal else math.nan
