"""Which windows to learn from: those whose P arrival rises above the noise."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from seisbench_lcl.datasets.windows import LabelledWindows
from seisbench_lcl.errors import DatasetError


def loud_enough(data: LabelledWindows, min_snr: float | None) -> NDArray[np.bool_]:
    """Return which windows have a sufficient or an unknown signal-to-noise ratio, (N,)."""
    return np.ones(len(data), dtype=bool) if min_snr is None else ~(data.snr < min_snr)


def learnable(
    data: LabelledWindows, min_snr: float | None, tell: Callable[[str], object] = lambda text: None
) -> NDArray[np.bool_]:
    """Return which windows to learn from, (N,): those with a sufficient or an unknown signal-to-noise ratio.

    Parameters
    ----------
    data : LabelledWindows
    min_snr : float or None
        Smallest signal-to-noise ratio in dB; None accepts all windows.
    tell : callable
        Receives a sentence about the traces that are left out, and one about traces of unknown ratio.

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
            f"in no trace{of_class} does P rise {min_snr:g} dB above the noise; the highest ratio is {highest:.1f} dB: "
            "lower the minimum signal-to-noise ratio"
        )
    picked = data.shifts == 0  # one window per trace
    n = np.count_nonzero(picked)
    if faint := np.count_nonzero(picked & ~rows):
        tell(f"left out {faint} of {n} traces: P rises less than {min_snr:g} dB above the noise")
    if data.has_p is not None and (unknown := np.count_nonzero(picked & data.has_p & np.isnan(data.snr))):
        tell(
            f"kept {unknown} of {n} traces with an unknown signal-to-noise ratio: too few samples around P, or no motion"
        )
    return rows
