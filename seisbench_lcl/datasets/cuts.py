"""Position of training windows relative to the P arrival, and signal-to-noise ratio of P."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from typing_extensions import Self

from seisbench_lcl.datasets.picker import check_picker, pick_p
from seisbench_lcl.errors import ConfigurationError, check_arguments, is_whole
from seisbench_lcl.hub.backbones import Backbone
from seisbench_lcl.waveforms.onset import aic_onset
from seisbench_lcl.waveforms.preprocessing import Preprocessing
from seisbench_lcl.waveforms.records import Record

_SIGNAL, _NOISE = 10.0, 20.0  # s, longest signal and noise windows
_GUARD = 0.5  # s before P that belong to neither: picks may be late, and zero-phase filters ring before P
_SHORTEST = 1.0  # s
_USUAL_SHIFT, _USUAL_COPIES = 1.0, 2  # s, and copies of each window


@dataclass(frozen=True)
class Cuts:
    """Position of training windows relative to the P arrival.

    Picks are uncertain in use. If P were at the same position in all training windows, a model would learn that
    position as a feature; shifted copies of each window prevent this.

    Parameters
    ----------
    max_shift : float
        Copies are shifted by a random time between −max_shift and max_shift, in s.
    copies : int
        Number of shifted copies of each window.
    refine : float
        If positive, the pick is first moved to the onset within ±refine seconds (`seisbench_lcl.waveforms.onset`), on
        the vertical component if the model has one, otherwise on the first. The pick stays if the trace does not cover
        that span or has a gap in it.
    picker : Backbone, optional
        A SeisBench picker that finds the onset instead, from all components; where it is not sure, the pick stays.
    at : tuple of float
        Shifts of further copies in s, to measure how a model depends on the place of P; they may move it out of the
        window.
    seed : int
        Seed of the shifts. The shifts of a trace depend only on the seed and on the index of the trace in its dataset.

    Raises
    ------
    ConfigurationError
        If a value is out of range, or there are copies but no shift.

    Examples
    --------
    >>> Cuts(max_shift=1.0, copies=2).shifts(trace=7).shape
    (3,)
    """

    max_shift: float = 0.0
    copies: int = 0
    refine: float = 0.0
    seed: int = 0
    picker: Backbone | None = None
    at: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        check_arguments(
            "cuts",
            ("max_shift must be finite and not negative", 0 <= self.max_shift < math.inf, self.max_shift),
            ("copies must be a whole number and not negative", is_whole(self.copies, 0), self.copies),
            ("refine must be finite and not negative", 0 <= self.refine < math.inf, self.refine),
            ("seed must be a whole number and not negative", is_whole(self.seed, 0), self.seed),
            ("at must be shifts other than 0", all(0 < abs(shift) < math.inf for shift in self.at), self.at),
        )
        if self.copies and not self.max_shift:
            raise ConfigurationError(
                f"cuts: {self.copies} copies with a max_shift of 0 would equal the unshifted window; set max_shift to "
                "a positive number of seconds, or copies to 0"
            )
        if self.picker and not self.refine:
            raise ConfigurationError(
                f"cuts: {self.picker} is to refine picks within 0 s: set refine to a positive number of seconds"
            )

    @classmethod
    def default(
        cls,
        preprocessing: Preprocessing,
        *,
        augments: bool,
        max_shift: float | None = None,
        copies: int | None = None,
        refine: float | None = None,
        picker: Backbone | None = None,
    ) -> Self:
        """Return cuts with defaults for arguments that are None.

        Parameters
        ----------
        preprocessing : Preprocessing
        augments : bool
            Whether the model augments its training windows itself (`seisbench_lcl.models.traits.Traits`).
        max_shift, copies, refine, picker
            As in `Cuts`. By default each window gets 2 copies, shifted by up to 1 s or as far as P stays in the window;
            a model that augments gets no copies. Picks are not refined.

        Raises
        ------
        ConfigurationError
            As `Cuts` and `check`.
        """
        if max_shift is None:
            max_shift = 0.0 if augments else min(_USUAL_SHIFT, farthest_shift(preprocessing))
        if copies is None:
            copies = _USUAL_COPIES if max_shift else 0
        cuts = cls(max_shift, copies, refine or 0.0, picker=picker)
        cuts.check(preprocessing)
        return cuts

    def check(self, preprocessing: Preprocessing) -> None:
        """Refuse shifts that move P out of the window, and a picker that does not fit.

        Raises
        ------
        ConfigurationError
            If `max_shift` exceeds `farthest_shift`, or as `seisbench_lcl.datasets.picker.check_picker`.
        """
        if self.picker:
            check_picker(self.picker, preprocessing, self.refine)
        if self.max_shift > (farthest := farthest_shift(preprocessing)):
            raise ConfigurationError(
                f"cuts: a max_shift of {self.max_shift:g} s moves P out of the window, which is "
                f"{preprocessing.seconds:g} s long and starts {preprocessing.before:g} s before P; use at most "
                f"{farthest:g} s, or other windows"
            )

    def shifts(self, trace: int) -> NDArray[np.float64]:
        """Return the shift of each window of a trace in s, positive if it starts later.

        Of (1 + copies + len(at),) shifts, the first is 0.

        Parameters
        ----------
        trace : int
            Index in the dataset.
        """
        rng = np.random.default_rng([self.seed, trace])
        return np.concatenate([[0.0], rng.uniform(-self.max_shift, self.max_shift, self.copies), self.at])

    def refined(self, record: Record, arrival: float, preprocessing: Preprocessing) -> float:
        """Return the P arrival to cut at, in s from the start of the record.

        Parameters
        ----------
        record : Record
            At the sampling rate and band of the model.
        arrival : float
            Pick in s from the start of the record.
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
        if self.picker:
            pick = pick_p(self.picker, record.data, arrival, self.refine, preprocessing)
            return pick.time if pick else arrival
        return (first + int(aic_onset(torch.from_numpy(record.data[row : row + 1, span])))) / rate


def farthest_shift(preprocessing: Preprocessing) -> float:
    """Return the largest shift in either direction that keeps P in the window, in s."""
    before = preprocessing.before
    return round(min(before, preprocessing.seconds - before), 9)  # 0.3 − 0.1 is 0.2


def signal_to_noise(record: Record, arrival: float, rate: float) -> float:
    """Return the signal-to-noise ratio of P over all components, in dB.

    It compares the RMS of up to 10 s after P with the RMS of up to 20 s before P, which ends 0.5 s before P. NaN if
    either is shorter than 1 s, or there is no motion before P.

    Parameters
    ----------
    record : Record
        At the sampling rate and band of the model.
    arrival : float
        P arrival in s from the start of the record.
    rate : float
        Sampling rate of the record in Hz.
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
