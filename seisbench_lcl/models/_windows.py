"""Windows as a user passes them: checked once, and read in batches."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from seisbench_lcl.errors import WindowError
from seisbench_lcl.storage import MemberRows, RowFile

BATCH = 256
"""Windows that pass through a model at once."""

Windows = ArrayLike | Tensor | RowFile | MemberRows
"""Windows (N, C, T); `MemberRows` are for ensembles whose members have windows of their own."""

Picks = ArrayLike | Tensor | None


def as_windows(windows: ArrayLike | Tensor | MemberRows) -> Tensor:
    """Return windows (N, C, T) as a float32 tensor, of any numeric array: strided, big-endian, read-only or masked.

    Raises
    ------
    WindowError
        If they are not numbers, or a window has NaN, infinite or masked samples, or a component without motion.
    """
    if isinstance(windows, MemberRows):
        raise WindowError("a single model needs windows of one shape, but these are for the members of a MixedEnsemble")
    x = windows.detach() if isinstance(windows, Tensor) else _tensor(windows)
    if x.is_complex():
        raise WindowError("windows must be real numbers of shape (N, components, samples), but are complex")
    x = x.to(torch.float32)
    if x.ndim == 3 and x.numel():
        highest, lowest = x.amax(dim=-1), x.amin(dim=-1)  # NaN if any sample is NaN
        hint = "; masked samples and amplitudes beyond single precision count too"
        _refuse(~(highest.isfinite() & lowest.isfinite()), "hold NaN or infinite samples", hint)
        _refuse(highest == lowest, "have a component without any motion")
    return x


def _tensor(windows: ArrayLike) -> Tensor:
    try:
        array = np.asanyarray(windows)
        if array.dtype.kind not in "biufO":
            raise TypeError(f"their type is {array.dtype}")
        with np.errstate(over="ignore"):  # what overflows is refused as infinite
            array = np.ma.filled(array.astype(np.float32, copy=False), np.nan)
        return torch.from_numpy(np.require(array, requirements=("C", "W")))
    except (TypeError, ValueError, RuntimeError) as error:
        raise WindowError(f"windows must be numbers of shape (N, components, samples): {error}") from error


def _refuse(bad: Tensor, fault: str, hint: str = "") -> None:
    """Refuse windows of which a component (N, C) is bad."""
    rows = bad.any(dim=-1)
    if rows.any():
        raise WindowError(
            f"{int(rows.sum())} of {len(rows)} windows {fault}, the first at index {int(rows.nonzero()[0])}: "
            f"leave them out{hint}"
        )


def as_picks(n: int, s_arrivals: ArrayLike | Tensor) -> Tensor:
    """Return S picks as (n,) float64.

    Raises
    ------
    WindowError
        If they are not one number or NaN for each of n windows.
    """
    try:
        given = s_arrivals.detach().cpu() if isinstance(s_arrivals, Tensor) else s_arrivals
        picks = torch.from_numpy(np.array(np.ma.filled(np.ma.array(given, dtype=float), np.nan)))  # None becomes NaN
    except (TypeError, ValueError) as error:
        raise WindowError(f"S arrivals must be seconds, or NaN without a pick: {error}") from error
    if picks.shape != (n,):
        raise WindowError(
            f"{n} windows need one S arrival each, or NaN without a pick, but found shape {tuple(picks.shape)}"
        )
    return picks


def batches(windows: Windows, s_arrivals: Picks = None) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Yield windows and S picks in batches; an empty array is one empty batch."""
    if not isinstance(windows, RowFile):
        windows = as_windows(windows)
    picks = None if s_arrivals is None else as_picks(len(windows), s_arrivals)
    for start in range(0, max(len(windows), 1), BATCH):
        rows = slice(start, start + BATCH)
        part = as_windows(windows[rows]) if isinstance(windows, RowFile) else windows[rows]
        yield part, None if picks is None else picks[rows]
