"""The predictions that tables and figures look at, beside their scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Predictions:
    """Predictions and maps that figures draw.

    Attributes
    ----------
    targets : pandas.DataFrame
    labels : list of str
    first : mapping from model to pandas.DataFrame
        Predictions of the first run of each model.
    repeats : mapping from model to list of pandas.DataFrame
        Of all repeats.
    maps : mapping from model to pandas.DataFrame
        ``window``, ``x``, ``y``.
    """

    targets: pd.DataFrame
    labels: list[str]
    first: Mapping[str, pd.DataFrame]
    repeats: Mapping[str, Sequence[pd.DataFrame]]
    maps: Mapping[str, pd.DataFrame]
