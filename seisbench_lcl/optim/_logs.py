"""Logs of a running training: a CSV table, and TensorBoard if it is installed."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from seisbench_lcl.errors import OutputError
from seisbench_lcl.storage.files import replace

_COLUMNS = ("epoch", "learning_rate", "train", "held_out", "score", "seconds")


class Logs:
    """One row per epoch in ``<name>.csv``, and as scalars in TensorBoard if it is installed.

    Parameters
    ----------
    folder : Path
    name : str
        Name of the training.
    start : int
        First epoch of the training. If it is not 0, the table is continued, without the rows of epochs that are trained
        again.

    Raises
    ------
    OutputError
        If the folder is not writable.
    """

    def __init__(self, folder: Path, name: str, start: int) -> None:
        self._path = folder / f"{name}.csv"
        try:
            kept = self._rows(start) if start and self._path.exists() else []
            replace(self._path, lambda path: _append(path, [_COLUMNS, *kept]))
            self._board = _board(folder / name, start)
        except OSError as error:
            raise OutputError(f"cannot write logs to {folder}: {error}; choose another folder") from error

    def write(self, epoch: int, **values: float | None) -> None:
        """Add the row of an epoch, counted from 0; None leaves a cell empty."""
        row = [epoch + 1, *(values[column] for column in _COLUMNS[1:])]
        try:
            _append(self._path, [["" if value is None else f"{value:.6g}" for value in row]])
            if self._board:
                for column, value in values.items():
                    if value is not None:
                        self._board.add_scalar(column, value, epoch + 1)
                self._board.flush()
        except OSError as error:
            raise OutputError(f"cannot write the log {self._path}: {error}") from error

    def close(self) -> None:
        """Close the files of TensorBoard."""
        if self._board:
            self._board.close()

    def _rows(self, n_epochs: int) -> list[list[str]]:
        """Return the rows of the first epochs; a row that was cut off in writing belongs to a later epoch."""
        with self._path.open(newline="", encoding="utf-8", errors="replace") as file:
            whole = [row for row in csv.reader(file) if len(row) == len(_COLUMNS) and row[0].isdecimal()]
        return [row for row in whole if int(row[0]) <= n_epochs]


def _append(path: Path, rows: Iterable[Iterable[str]]) -> None:
    with path.open("a", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def _board(folder: Path, start: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=start + 1)
