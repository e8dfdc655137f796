"""Numbers printed in papers: frozen, with their source, for columns "paper, other data"."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seisbench_lcl.errors import ConfigurationError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = "paper"


@dataclass(frozen=True)
class Paper:
    """What a paper prints of models.

    Attributes
    ----------
    source : str
        Reference and table.
    data : str
        What it was measured on: other data than ours.
    values : mapping from model to mapping from metric to float
        Models by their titles in our tables.
    """

    source: str
    data: str
    values: Mapping[str, Mapping[str, float]]

    @classmethod
    def read(cls, folder: Path, name: str) -> "Paper":
        """Read ``paper/NAME.toml`` in the folder of a plan.

        Raises
        ------
        ConfigurationError
            If the file is missing or lacks a part.
        """
        file = folder / FOLDER / f"{name}.toml"
        try:
            content: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
            values = {
                str(model): {str(metric): float(value) for metric, value in row.items()}
                for model, row in content["values"].items()
            }
            return cls(str(content["source"]), str(content["data"]), values)
        except OSError as error:
            raise ConfigurationError(f"cannot read the numbers of the paper, {file}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigurationError(
                f"{file} must have source, data, and a table [values.MODEL] of numbers for each model: {error!r}"
            ) from error
