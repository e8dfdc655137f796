"""Windows as a user passes them: checked once, and read in batches."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from seisbench_lcl.errors import WindowError
from seisbench_lcl.storage import RowFile

BATCH = 256
"""Windows that pass through a model at once."""

Windows = ArrayLike | Tensor | RowFile
Picks = ArrayLike | Tensor | None


def as_windows(windows: ArrayLike | Tensor) -> Tensor:
    """Return windows (N, C, T) as a float32 tensor.

    Raises
    ------
    WindowError
        If they are not numbers, or a component of a window shows no motion.
    """
    try:
        x = torch.as_tensor(windows, dtype=torch.float32)
    except (TypeError, ValueError, RuntimeError) as error:
        raise WindowError(f"windows must be numbers of shape (N, components, samples): {error}") from error
    if x.ndim == 3 and x.numel():
        dead = (x.amax(dim=-1) == x.amin(dim=-1)).any(dim=-1)
        if dead.any():
            raise WindowError(
                f"{int(dead.sum())} of {len(x)} windows have a component without any motion, the first at index "
                f"{int(dead.nonzero()[0])}: leave them out"
            )
    return x


def as_picks(n: int, s_arrivals: ArrayLike | Tensor) -> Tensor:
    """Return S picks as (n,) float64.

    Raises
    ------
    WindowError
        If they are not one number or NaN for each of n windows.
    """
    try:
        picks = torch.from_numpy(np.array(s_arrivals, dtype=float))  # None becomes NaN
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
