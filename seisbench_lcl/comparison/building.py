"""From an entry of a comparison to an unfitted model, and what its outputs mean."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seisbench_lcl.comparison.plan import Data, Entry
from seisbench_lcl.comparison.runs import Run
from seisbench_lcl.heads.matching import name_by_labels
from seisbench_lcl.models import DiscriminatorEnsemble
from seisbench_lcl.models.lookup import model_class
from seisbench_lcl.models.model import Model
from seisbench_lcl.models.seeds import with_seed
from seisbench_lcl.training import TrainingRequest


def request_for(entry: Entry, data: Data, n_classes: int) -> TrainingRequest:
    """Return the settings of a model in a comparison."""
    extractor, separator, head = entry.name.partition(":")
    name, pair = ("Discriminator", (extractor, head)) if separator else (entry.name, (None, None))
    supervised = model_class(name).traits(*pair).supervised
    return TrainingRequest(
        model=name,
        extractor=pair[0],
        head=pair[1],
        clusters=None if supervised else entry.clusters or n_classes,
        sampling_rate=data.sampling_rate,
        before=data.before,
        length=data.length,
        components=data.components,
        band=data.band,
        normalisation=entry.normalisation,
        extractor_args=entry.extractor_args,
        head_args=entry.head_args,
    )


def unfitted(run: Run, request: TrainingRequest, labels: list[str]) -> Model:
    """Build the model, or the members of an ensemble, each with a seed in every part that has one."""
    parts = request.build(labels).part_args
    n = run.entry.members
    made: list[Any] = [replace(request, **with_seed(parts, run.seed * n + k)).build(labels) for k in range(n)]
    return made[0] if n == 1 else DiscriminatorEnsemble(made)


def names_of(model: Model, windows: NDArray[np.float32], labels: NDArray[np.str_]) -> dict[int, str]:
    """Return the class of each output."""
    if not model.clusters:
        return dict(enumerate(model.labels))
    assigned = model.cluster_proba(windows).argmax(axis=1)
    return name_by_labels(assigned, labels.tolist(), len(model.clusters), model.open_ended)


def learnt_numbers(model: Model) -> int:
    """Count the numbers that a model has learnt."""
    tensors = [
        tensor
        for member in model.members
        for part in (member.extractor, member.head)
        for tensor in part.state_dict().values()
    ]
    return sum(tensor.numel() for tensor in tensors if tensor.is_floating_point())
