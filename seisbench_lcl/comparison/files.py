"""Tables of a comparison on disk: Parquet with a note, written whole or not at all."""

from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.storage import write_file


def check_pyarrow() -> None:
    """Refuse, before the work, to do without pyarrow.

    Raises
    ------
    ConfigurationError
    """
    if find_spec("pyarrow") is None:
        raise ConfigurationError("comparisons are Parquet and need pyarrow: pip install 'seisbench-lcl[parquet]'")


def write_table(file: Path, table: pd.DataFrame) -> None:
    """Write a table as Parquet, with the notes in its `attrs`.

    Raises
    ------
    OutputError
    """
    write_file(file, lambda path: table.to_parquet(path, index=False, engine="pyarrow"))


def read_table(file: Path) -> pd.DataFrame:
    """Read what `write_table` wrote.

    Raises
    ------
    ConfigurationError
        If the file is damaged.
    """
    try:
        return pd.read_parquet(file, engine="pyarrow")
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{file} is no table of a comparison: remove it, and run again ({error})") from error
