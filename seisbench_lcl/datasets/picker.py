"""P of a pretrained SeisBench picker, near an arrival that is known roughly."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from seisbench.models import WaveformModel

from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.hub.backbones import Backbone, normalised, open_backbone
from seisbench_lcl.waveforms.preprocessing import Preprocessing

CERTAIN = 0.3
"""Smallest probability of a pick, as in SeisBench's pickers."""


class Pick(NamedTuple):
    """Time of P in s from the start of a record, and its probability.

    Examples
    --------
    >>> Pick(time=12.3, probability=0.8)
    Pick(time=12.3, probability=0.8)
    """

    time: float
    probability: float


def check_picker(backbone: Backbone, preprocessing: Preprocessing, radius: float) -> None:
    """Refuse a model that does not pick P, or not in these records.

    Raises
    ------
    ConfigurationError
        If the model has no probability of P for each sample, takes another sampling rate, or windows that do not reach
        `radius` seconds around an arrival.
    """
    module = _opened(backbone)
    if module.output_type != "array" or "P" not in module.labels:
        raise ConfigurationError(f"{backbone} does not pick P: name a picker, such as PhaseNet/original")
    if module.sampling_rate != preprocessing.sampling_rate:
        raise ConfigurationError(
            f"{backbone} picks at {module.sampling_rate:g} Hz, but windows have {preprocessing.sampling_rate:g} Hz: "
            "use windows of its sampling rate, or refine without a picker"
        )
    if radius > (farthest := (module.in_samples or np.inf) / 2 / preprocessing.sampling_rate):
        raise ConfigurationError(
            f"{backbone} sees {farthest:g} s on each side of an arrival, less than the {radius:g} s to search"
        )


def pick_p(
    backbone: Backbone, data: NDArray[np.float32], arrival: float, radius: float, preprocessing: Preprocessing
) -> Pick | None:
    """Pick P within a radius of a rough arrival.

    The picker sees the record around the arrival, in the band of the discriminator, with zeros beyond its ends and in
    components that the discriminator does not use.

    Parameters
    ----------
    backbone : Backbone
        Accepted by `check_picker`.
    data : (C, n) float32 ndarray
        Record at the sampling rate and band of `preprocessing`, in the order of its components.
    arrival, radius : float
        In s from the start of the record, and in s.
    preprocessing : Preprocessing

    Returns
    -------
    Pick or None
        The most probable sample; None if its probability is below `CERTAIN`.
    """
    module, rate = _opened(backbone), preprocessing.sampling_rate
    middle, length = round(arrival * rate), module.in_samples or 2 * round(radius * rate) + 1
    first = middle - length // 2
    start, stop = max(first, 0), max(min(first + length, data.shape[1]), 0)
    inputs = torch.zeros(1, len(module.component_order), length)
    for row, code in enumerate(module.component_order):
        if code in preprocessing.component_order:
            part = data[preprocessing.component_order.index(code), start:stop]
            inputs[0, row, start - first : stop - first] = torch.from_numpy(part.copy())
    with torch.no_grad():
        output = module(normalised(module, inputs))
    probabilities = torch.stack(output, dim=1) if isinstance(output, tuple) else output
    p = probabilities[0, list(module.labels).index("P")]
    reach = round(radius * rate)
    near = slice(max(middle - reach - first, 0), middle + reach + 1 - first)
    probability, place = p[near].max(dim=0)
    if not probability >= CERTAIN:
        return None
    return Pick((first + near.start + int(place)) / rate, float(probability))


@lru_cache(maxsize=4)
def _opened(backbone: Backbone) -> WaveformModel:
    module, _ = open_backbone(**backbone.model_dump())
    return module
