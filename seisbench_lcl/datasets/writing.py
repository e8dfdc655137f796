"""New SeisBench datasets: written whole or not at all, with traces of any type."""

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

from numpy.typing import NDArray
from seisbench.data import WaveformDataWriter
from seisbench.data.base import GeometricBucketer
from tqdm import tqdm
from typing_extensions import Self

from seisbench_lcl.errors import OutputError
from seisbench_lcl.seisbench_log import log_from


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder that is renamed to the target at the end, and removed after an error.

    Raises
    ------
    OutputError
        If the target exists, or its parent folder is not writable.
    """
    exists = OutputError(f"{target} exists already: choose another folder, or remove it")
    if os.path.lexists(target):
        raise exists
    temporary = target.with_name(f".{uuid4().hex}.{target.name}")
    try:
        temporary.mkdir(parents=True)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error}") from error
    try:
        yield temporary
        if os.path.lexists(target):  # made by another process meanwhile; an empty folder would be replaced
            raise exists
        os.replace(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


class _ByType(GeometricBucketer):
    """Separates sample types, because SeisBench packs traces of similar length into one array."""

    def get_bucket(self, metadata: dict[str, Any], waveform: NDArray[Any]) -> str:
        return f"{waveform.dtype.str} {super().get_bucket(metadata, waveform)}"


class DatasetWriter(WaveformDataWriter):
    """SeisBench's writer without its progress bar and its log, because only the command line prints.

    Parameters
    ----------
    folder : Path
        It exists, such as one by `new_folder`.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "metadata.csv", folder / "waveforms.hdf5")
        self.bucketer = _ByType()
        self._pbar = tqdm(disable=True)
        self._quiet = ExitStack()

    def __enter__(self) -> Self:
        self._quiet.enter_context(log_from(logging.CRITICAL))  # after an error it wrongly reports saved progress
        super().__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._quiet:
            super().__exit__(kind, error, at)
