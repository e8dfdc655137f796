"""How the answers of a model depend on the place of the arrival in the window."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from seisbench_lcl.datasets import Cuts, LabelledWindows
from seisbench_lcl.models.model import Model

SHIFTS = (-5.0, -3.0, -2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 3.0, 5.0)
"""Shifts of the window in s, positive if it starts later."""

_AS_PICKED = Cuts()


class Placement(NamedTuple):
    """Answers for windows that start `shift` seconds later than in training.

    Attributes
    ----------
    shift : float
        In s.
    balanced_accuracy : float
    changed : float
        Fraction of windows whose label differs from that of the unshifted window.
    windows : int

    Examples
    --------
    >>> Placement(shift=1.0, balanced_accuracy=0.87, changed=0.08, windows=119).changed
    0.08
    """

    shift: float
    balanced_accuracy: float
    changed: float
    windows: int


def shifted_cuts(cuts: Cuts = _AS_PICKED, shifts: Sequence[float] = SHIFTS) -> Cuts:
    """Return the cuts of the windows that `placements` compares, with picks refined as in other cuts."""
    return replace(cuts, max_shift=0.0, copies=0, at=tuple(shifts))


def placements(model: Model, data: LabelledWindows, shifts: Sequence[float] = SHIFTS) -> list[Placement]:
    """Compare the answers for windows at several places around one arrival.

    Parameters
    ----------
    model : Discriminator or DiscriminatorEnsemble
    data : LabelledWindows
        Cut with `shifted_cuts` of these shifts. Traces without a P arrival, of a class that the model does not know, or
        too short for one of the shifts do not count, so that all shifts are measured on the same traces.
    shifts : sequence of float
        In s.

    Returns
    -------
    list of Placement
        In the order of the shifts, with 0 among them; empty if no trace counts.
    """
    first = np.flatnonzero(data.shifts == 0)
    whole = np.diff(np.append(first, len(data))) == 1 + len(shifts)
    counts = np.isin(data.labels[first], model.labels)
    first = first[whole & counts & (data.has_p[first] if data.has_p is not None else True)]
    if not len(first):
        return []
    truth, places = data.labels[first], sorted(zip((0.0, *shifts), range(1 + len(shifts)), strict=True))
    answers = {shift: model.predict(data.windows[first + place]) for shift, place in places}
    return [
        Placement(
            shift,
            float(np.mean([np.mean(found[truth == label] == label) for label in np.unique(truth)])),
            float(np.mean(found != answers[0.0])),
            len(first),
        )
        for shift, found in answers.items()
    ]
