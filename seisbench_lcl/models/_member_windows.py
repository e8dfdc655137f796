"""Windows that a user passes for several members: one array each, or one for all."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from seisbench_lcl.errors import ConfigurationError, WindowError
from seisbench_lcl.models._windows import Windows
from seisbench_lcl.storage import MemberRows, RowFile
from seisbench_lcl.waveforms.preprocessing import Preprocessing

MemberWindows = Windows | Sequence[Windows]
"""Windows of members: one array per member or, for members with the same windows, one array for all."""


def as_member_rows(windows: MemberWindows, models: Sequence[Preprocessing]) -> MemberRows:
    """Return windows with one array for each model.

    Raises
    ------
    ConfigurationError
        If one array is given to models with different windows, or the number of arrays is not that of the models.
    WindowError
        If the arrays have different lengths.
    """
    rows = windows if isinstance(windows, MemberRows) else _paired(_arrays(windows, models))
    if len(rows.parts) != len(models):
        raise ConfigurationError(
            f"{len(models)} members need one array of windows each, {_shapes(models)}, not {len(rows.parts)}"
        )
    return rows


def _arrays(windows: Windows | Sequence[Windows], models: Sequence[Preprocessing]) -> list[Any]:
    if isinstance(windows, list | tuple) and all(isinstance(part, RowFile) or np.ndim(part) == 3 for part in windows):
        return list(windows)
    if len({one.cut for one in models}) > 1:
        raise ConfigurationError(
            f"the members have different windows: pass a list with one array per member, {_shapes(models)}, or what "
            "seisbench_lcl.datasets.read_member_windows returns"
        )
    whole = windows if isinstance(windows, np.ndarray | Tensor | RowFile) else np.asarray(windows)
    return [whole] * len(models)


def _paired(parts: list[Any]) -> MemberRows:
    if len(lengths := dict.fromkeys(map(len, parts))) > 1:
        raise WindowError(
            f"each member needs one window for each row, but the arrays have {', '.join(map(str, lengths))} rows"
        )
    n = next(iter(lengths), 0)
    return MemberRows(parts, np.tile(np.arange(n), (len(parts), 1)))


def _shapes(models: Sequence[Preprocessing]) -> str:
    return ", ".join(f"(N, {len(one.component_order)}, {one.in_samples})" for one in models)
