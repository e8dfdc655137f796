"""Selection of training windows by the signal-to-noise ratio of P."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from seisbench_lcl.datasets.windows import LabelledWindows
from seisbench_lcl.errors import DatasetError


def loud_enough(data: LabelledWindows, min_snr: float | None) -> NDArray[np.bool_]:
    """Return a mask (N,) of the windows with sufficient or unknown signal-to-noise ratio."""
    return np.ones(len(data), dtype=bool) if min_snr is None else ~(data.snr < min_snr)


def learnable(
    data: LabelledWindows, min_snr: float | None, report: Callable[[str], object] = lambda text: None
) -> NDArray[np.bool_]:
    """Return a mask (N,) of the windows to learn from: those with sufficient or unknown signal-to-noise ratio.

    Parameters
    ----------
    data : LabelledWindows
    min_snr : float or None
        Smallest signal-to-noise ratio in dB; None accepts all windows.
    report : callable
        Receives a sentence about omitted traces, and one about traces with unknown ratio.

    Raises
    ------
    DatasetError
        If a class loses all its windows.
    """
    rows = loud_enough(data, min_snr)
    if min_snr is None:
        return rows
    classes = set(data.labels.tolist()) - {""} or {""}
    if lost := sorted(classes - set(data.labels[rows].tolist())):
        highest = data.snr[np.isin(data.labels, lost)].max()
        of_class = f" of {', '.join(lost)}" if any(lost) else ""
        raise DatasetError(
            f"no trace{of_class} has a signal-to-noise ratio of {min_snr:g} dB; the highest ratio is {highest:.1f} dB: "
            "lower the minimum"
        )
    picked = data.shifts == 0  # one window per trace
    n = np.count_nonzero(picked)
    if faint := np.count_nonzero(picked & ~rows):
        report(f"left out {faint} of {n} traces with a signal-to-noise ratio below {min_snr:g} dB")
    if data.has_p is not None and (unknown := np.count_nonzero(picked & data.has_p & np.isnan(data.snr))):
        report(f"kept {unknown} of {n} traces with unknown signal-to-noise ratio: few samples around P, or no motion")
    return rows
