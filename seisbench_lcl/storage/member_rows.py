"""Rows of several arrays that belong together, such as the windows of one trace for models with different windows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from seisbench_lcl.storage.rows import RowFile


class MemberRows:
    """One array for each member of an ensemble; a row may lack in some of them.

    Parameters
    ----------
    parts : sequence of ndarray or RowFile
        For each member, rows of its own shape.
    places : (M, N) int64 array_like
        For each member, where each of N rows is in its array; −1 for a row that it lacks.

    Examples
    --------
    >>> rows = MemberRows([np.zeros((2, 3, 2000)), np.ones((1, 1, 4000))], [[0, 1], [-1, 0]])
    >>> len(rows), rows.of(1)[0].tolist(), rows.of(1)[1].shape
    (2, [1], (1, 1, 4000))
    """

    def __init__(self, parts: Sequence[NDArray[Any] | RowFile], places: Any) -> None:
        self.parts = list(parts)
        self.places = np.asarray(places, dtype=np.int64)

    def __len__(self) -> int:
        return self.places.shape[1]

    def of(self, member: int) -> tuple[NDArray[np.int64], NDArray[Any] | RowFile]:
        """Return which rows a member has, and these."""
        place = self.places[member]
        there = np.flatnonzero(place >= 0)
        part = self.parts[member]
        return there, part.select(place[there]) if isinstance(part, RowFile) else part[place[there]]

    def select(self, rows: Any) -> Self:
        """Return the rows of a slice, of a boolean mask or of indices."""
        return type(self)(self.parts, self.places[:, rows])

    __getitem__ = select
