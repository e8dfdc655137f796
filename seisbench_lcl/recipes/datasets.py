"""The data of a recipe: one or more datasets, with the classes, events and splits of the recipe."""

import hashlib
import logging
from pathlib import Path

import numpy as np
import pandas as pd
from seisbench.data import MultiWaveformDataset, WaveformDataset

from seisbench_lcl.datasets.windows import open_dataset
from seisbench_lcl.errors import DatasetError
from seisbench_lcl.recipes.recipe import ANY, EVENT, LABEL, ORIGIN, SPLIT, Recipe
from seisbench_lcl.seisbench_log import log_from
from seisbench_lcl.wording import suggestion

_SHARES = {"train": 0.8, "dev": 0.1, "test": 0.1}


def open_datasets(recipe: Recipe, folder: Path | None = None) -> WaveformDataset | MultiWaveformDataset:
    """Open the datasets of a recipe as one, with columns for dataset, class, event and split.

    Parameters
    ----------
    recipe : Recipe
    folder : Path, optional
        Folder that holds a folder for each dataset, named as the dataset or in lower case, as in SeisBench's cache; or
        the folder of the only dataset. By default the datasets of `seisbench.data`, downloaded if necessary.

    Raises
    ------
    DatasetError
        If a dataset, a column or a class of the recipe is missing.
    """
    parts = [_open(name, recipe, folder) for name in recipe.datasets]
    wanted = set(recipe.classes.values()) | set(recipe.whole.values())
    there = set(pd.concat([part.metadata[LABEL] for part in parts]))
    if absent := sorted(wanted - there):
        raise DatasetError(
            f"no trace has the class {', '.join(absent)} in {', '.join(recipe.datasets)}; "
            f"{suggestion(absent[0], sorted(there - {''}))}. Compare [classes] in the recipe with the labels of the "
            "dataset"
        )
    if recipe.events_per_class:
        _thin(parts, recipe.events_per_class)
    with log_from(logging.ERROR):  # about splits that only some datasets have, and about mixed sampling rates
        return parts[0] if len(parts) == 1 else MultiWaveformDataset(parts)


def _find(name: str, recipe: Recipe, folder: Path | None) -> Path | str:
    if folder is None:
        return name
    places = [folder / name, folder / name.lower(), *([folder] if recipe.datasets == [name] else [])]
    for path in places:
        if any(path.glob("metadata*.csv")):
            return path
    looked_for = " or ".join(dict.fromkeys([name, name.lower()]))
    raise DatasetError(f"{folder} holds no folder {looked_for} with a SeisBench dataset")


def deal(event: str) -> str:
    """Return the split of an event of a dataset without splits: 80 % train, 10 % dev, 10 % test."""
    drawn, reached = _hash(event) / 2**64, 0.0
    for split, share in _SHARES.items():
        reached += share
        if drawn < reached:
            return split
    return split


def _open(name: str, recipe: Recipe, folder: Path | None) -> WaveformDataset:
    dataset = open_dataset(_find(name, recipe, folder), recipe.components)
    metadata = dataset.metadata
    metadata[ORIGIN] = name
    metadata[LABEL] = _classes(name, metadata, recipe)
    metadata[EVENT] = _events(name, metadata, recipe)
    if recipe.split_column in metadata:
        metadata[SPLIT] = metadata[recipe.split_column].fillna("").astype(str)
    else:
        metadata[SPLIT] = _own_events(metadata).map(deal)
    # Models without labels learn from every trace, except those whose label the recipe leaves out.
    if recipe.classes or not recipe.clusters:
        dataset.filter((metadata[LABEL] != "").to_numpy(), inplace=True)
    return dataset


def _classes(name: str, metadata: pd.DataFrame, recipe: Recipe) -> pd.Series:
    if name in recipe.whole:
        return pd.Series(recipe.whole[name], index=metadata.index)
    columns = [recipe.label_column] if isinstance(recipe.label_column, str) else recipe.label_column
    there = [column for column in columns if column in metadata]
    if not there:
        raise _missing(name, columns[0], metadata)
    labels = metadata[there].bfill(axis=1).iloc[:, 0].fillna("").astype(str)
    if not recipe.classes:
        return labels
    other = recipe.classes.get(ANY, "")
    return labels.map(lambda label: recipe.classes.get(label, other) if label else "")


def _events(name: str, metadata: pd.DataFrame, recipe: Recipe) -> pd.Series:
    """Return the event of each trace; events of a dataset of one class, such as noise, are distinct from all others."""
    column = recipe.group_column
    if name in recipe.whole and column not in metadata:
        column = "trace_start_time"
    if column not in metadata:
        raise _missing(name, recipe.group_column, metadata)
    events = metadata[column].astype(str).where(metadata[column].notna())
    return f"{name} " + events if name in recipe.whole else events


def _own_events(metadata: pd.DataFrame) -> pd.Series:
    """Return the event of each trace; a trace without event becomes an event."""
    alone = metadata[ORIGIN] + " trace " + metadata.index.astype(str)
    return metadata[EVENT].where(metadata[EVENT].notna(), alone)


def _thin(parts: list[WaveformDataset], most: int) -> None:
    """Keep at most this many events of each class and split, chosen by hash, independent of all other events."""
    keys = [part.metadata[[LABEL, SPLIT]].assign(event=_own_events(part.metadata)) for part in parts]
    events = pd.concat(keys).drop_duplicates()
    events["order"] = events["event"].map(_hash)
    first = events.sort_values(["order", "event"]).groupby([LABEL, SPLIT]).head(most)
    kept = set(first[[LABEL, SPLIT, "event"]].itertuples(index=False, name=None))
    for part, key in zip(parts, keys, strict=True):
        rows = [row in kept for row in key.itertuples(index=False, name=None)]
        part.filter(np.array(rows, dtype=bool), inplace=True)


def _hash(event: str) -> int:
    return int.from_bytes(hashlib.sha256(event.encode()).digest()[:8], "big")


def _missing(name: str, column: str, metadata: pd.DataFrame) -> DatasetError:
    hint = suggestion(column, metadata.columns, "metadata.csv", "it has")
    return DatasetError(f"{name} has no column {column!r}, which the recipe names; {hint}")
