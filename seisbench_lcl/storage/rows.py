"""Arrays with more rows than fit into memory, in a temporary file."""

from copy import copy
from itertools import pairwise
from tempfile import TemporaryFile, gettempdir
from typing import Any, Protocol
from weakref import finalize

import numpy as np
from numpy.typing import DTypeLike, NDArray
from typing_extensions import Self

from seisbench_lcl.errors import OutputError


class Rows(Protocol):
    """Training rows that a head can read in parts: an array or a `RowFile`.

    Examples
    --------
    >>> rows: Rows = np.zeros((4, 2), np.float32)
    >>> rows.shape, rows[1:3].shape
    ((4, 2), (2, 2))
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of rows, and the shape of a row."""

    def __getitem__(self, rows: Any, /) -> Any:
        """Return the rows of a slice or of an array of indices as an array."""


class RowFile:
    """Rows of float32 in a temporary file, read like an array: ``rows[2:5]``, ``rows[indices]``.

    The file is in the folder of `tempfile`; set the environment variable TMPDIR to use another. It has no name where
    the system allows that, so it disappears with its last reader, however the process ends.

    Parameters
    ----------
    *row_shape : int
        Shape of a row.

    Examples
    --------
    >>> rows = RowFile(2)
    >>> rows.extend(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    >>> rows.shape, rows[1:].tolist()
    ((3, 2), [[3.0, 4.0], [5.0, 6.0]])
    """

    def __init__(self, *row_shape: int) -> None:
        self._file = TemporaryFile()
        finalize(self, self._file.close)
        self._origin: RowFile | None = None  # keeps alive the object that closes the file
        self._row_shape = row_shape
        self._length = 0
        self._places: NDArray[np.int64] | None = None  # file positions of selected rows; None for all rows in order

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of rows, and the shape of a row."""
        return self._length, *self._row_shape

    def __len__(self) -> int:
        return self._length

    def append(self, row: NDArray[np.float32]) -> None:
        """Add one row."""
        self.extend(row[None])

    def extend(self, rows: NDArray[np.float32]) -> None:
        """Add rows (n, …).

        Raises
        ------
        OutputError
            If the disk is full.
        """
        assert self._places is None, "a selection is read-only"
        try:
            self._file.seek(0, 2)
            self._file.write(np.ascontiguousarray(rows, dtype=np.float32).data)
            self._file.flush()
        except OSError as error:
            raise OutputError(f"cannot write to {gettempdir()}: {error}; set TMPDIR to another folder") from error
        self._length += len(rows)

    def select(self, rows: NDArray[Any]) -> Self:
        """Return the rows of a boolean mask or of indices as a new object that reads the same file."""
        selected = copy(self)
        selected._origin = self
        selected._places = self._find(rows)
        selected._length = len(selected._places)
        return selected

    def __getitem__(self, rows: slice | NDArray[Any]) -> NDArray[np.float32]:
        # Plain reads of consecutive rows: pages of a memory map would count as memory of the process.
        places = self._find(rows)
        found = np.empty((len(places), *self._row_shape), dtype=np.float32)
        edges = [0, *np.flatnonzero(np.diff(places) != 1) + 1, len(places)]
        for start, stop in pairwise(edges):
            if start < stop:
                self._file.seek(int(places[start]) * found[0].nbytes)
                self._file.readinto(found[start:stop].data.cast("B"))
        return found

    def __array__(self, dtype: DTypeLike = None, copy: bool | None = None) -> NDArray[Any]:
        """Read all rows, for `numpy.asarray`."""
        return self[:].astype(dtype, copy=False)

    def _find(self, rows: slice | NDArray[Any]) -> NDArray[np.int64]:
        return (np.arange(self._length) if self._places is None else self._places)[rows]
