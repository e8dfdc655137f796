"""Traces of a dataset with their P picks, as recorded."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seisbench_lcl.datasets import open_dataset
from seisbench_lcl.models.model import Model


class Picked(NamedTuple):
    """Samples (C, n), sampling rate in Hz, P in samples, label."""

    data: NDArray[np.float64]
    rate: float
    pick: float
    label: str


def picked(folder: str, split: str, model: Model, least_rate: float = 40.0) -> list[Picked]:
    """Return the traces of a split with a P pick that are complete around the window of the model."""
    dataset = open_dataset(folder, model.preprocessing.component_order)
    dataset.filter((dataset.metadata["split"] == split).to_numpy())
    metadata = dataset.metadata.reset_index(drop=True)
    found = []
    for i, row in metadata.iterrows():
        rate, pick = row["trace_sampling_rate_hz"], row["trace_p_arrival_sample"]
        data = dataset.get_waveforms(i).astype(np.float64)
        fits = pick / rate > model.preprocessing.before and (data.shape[1] - pick) / rate > model.preprocessing.seconds
        if fits and rate >= least_rate and np.isfinite(data).all():
            found.append(Picked(data, float(rate), float(pick), str(row["source_type"])))
    return found
