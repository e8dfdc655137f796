"""Features of a dataset by an extractor that learns from the training part without labels, kept in a folder."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import seisbench_lcl as lcl
from seisbench_lcl.datasets import open_dataset, read_windows
from seisbench_lcl.heads import Head
from seisbench_lcl.models.lookup import model_class


@dataclass(frozen=True)
class Features:
    """Rows of features with what is known of them, and the model that they belong to.

    Attributes
    ----------
    rows : (N, F) float32 ndarray
    truth : (N,) int64 ndarray
        Class of each row.
    events, stations : (N,) ndarray of str
    train : (N,) bool ndarray
        Whether the row belongs to the training part.
    repositories : (N,) ndarray of str
        Where each row comes from.
    model : Discriminator
        Its head is not fitted.
    """

    rows: NDArray[np.float32]
    truth: NDArray[np.int64]
    events: NDArray[np.str_]
    stations: NDArray[np.str_]
    train: NDArray[np.bool_]
    repositories: NDArray[np.str_]
    model: lcl.Discriminator

    @property
    def labels(self) -> list[str]:
        return self.model.labels

    def fresh(self) -> Head:
        """Return an unfitted head."""
        head = self.model.head
        return type(head)(head.n_features, head.n_classes, **head.config())


def features_of(folder: str, components: str, name: str, cache: Path) -> Features:
    """Read the features of a dataset, or compute and keep them."""
    file = cache / f"{Path(folder).name} {name}.npz"
    dataset = open_dataset(folder, components)
    labels = sorted(set(dataset.metadata["source_type"].dropna()))
    model = model_class(name)(labels=labels, component_order=components, novelty_rate=None)
    if not file.exists():
        data = read_windows(dataset, model.preprocessing)
        windows = torch.from_numpy(np.asarray(data.windows))
        train = data.splits == "train"
        model.extractor.fit(model.preprocessing.normalise(windows[train]))
        names = data.metadata[["station_network_code", "station_code"]].astype(str).agg(".".join, axis=1)
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(
            file,
            rows=model.features(windows).numpy(),
            truth=data.truth(labels),
            events=data.groups.astype(str),
            stations=names.to_numpy(dtype=str),
            train=train,
            repositories=data.metadata["origin_repository"].to_numpy(dtype=str),
        )
    with np.load(file) as kept:
        return Features(**kept, model=model)
