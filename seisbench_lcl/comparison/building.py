"""From an entry of a comparison to an unfitted model, and what its outputs mean."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seisbench_lcl.comparison.plan import Data, Entry
from seisbench_lcl.comparison.runs import Run
from seisbench_lcl.comparison.sharing import Lesson, Seconds, taught, timed
from seisbench_lcl.errors import TrainingError
from seisbench_lcl.evaluation.cluster_number import cluster_numbers
from seisbench_lcl.heads.matching import name_by_labels
from seisbench_lcl.models import Discriminator, DiscriminatorEnsemble
from seisbench_lcl.models.lookup import model_class
from seisbench_lcl.models.model import Model
from seisbench_lcl.models.seeds import with_seed
from seisbench_lcl.training import TrainingRequest

_MOST_CLUSTERS = 12
_REFERENCES = {"gap": 10}  # of the gap statistic, which no other criterion needs
_LEAST = 1e-6  # smallest probability before the logarithm


def request_for(entry: Entry, data: Data, n_classes: int) -> TrainingRequest:
    """Return the settings of a model in a comparison."""
    extractor, separator, head = entry.name.partition(":")
    name, pair = ("Discriminator", (extractor, head)) if separator else (entry.name, (None, None))
    supervised = model_class(name).traits(*pair).supervised
    n_clusters = entry.clusters if isinstance(entry.clusters, int) else n_classes
    return TrainingRequest(
        model=name,
        extractor=pair[0],
        head=pair[1],
        clusters=None if supervised else n_clusters,
        sampling_rate=data.sampling_rate,
        before=data.before,
        length=data.length,
        components=data.components,
        band=data.band,
        normalisation=entry.normalisation,
        extractor_args=entry.extractor_args,
        head_args=entry.head_args,
    )


def unfitted(run: Run, request: TrainingRequest, labels: list[str]) -> list[Discriminator]:
    """Build the model, or the members of an ensemble, each with a seed in every part that has one."""
    parts = request.build(labels).part_args
    n = run.entry.members
    made: list[Any] = [replace(request, **with_seed(parts, run.seed * n + k)).build(labels) for k in range(n)]
    return made


def together(members: Sequence[Discriminator], best: bool, labels: NDArray[np.str_]) -> Model:
    """Return the only member, the best, or the ensemble of all.

    Parameters
    ----------
    members : sequence of Discriminator
        Fitted.
    best : bool
        Whether to take the member with the lowest log loss of the windows that its own last training held out.
    labels : (N,) ndarray of str
        Of the windows of that training.

    Raises
    ------
    TrainingError
        If the best is wanted of members that held nothing out.
    """
    if len(members) == 1:
        return members[0]
    return min(members, key=lambda member: _held_out_loss(member, labels)) if best else DiscriminatorEnsemble(members)


def chosen_number(run: Run, request: TrainingRequest, lesson: Lesson) -> tuple[int, Seconds]:
    """Return the number of clusters, from 2 to 12, that a criterion chooses for the features before any clustering.

    Parameters
    ----------
    run : Run
        Its entry names the criterion as the number of clusters.
    request : TrainingRequest
        With any number of clusters.
    lesson : Lesson
    """
    extractor = request.extractor or (model_class(request.model).pair or ("", ""))[0]
    plain = replace(
        request,
        model="Discriminator",
        extractor=extractor,
        head="kmeans",
        normalisation=request.preprocessing.normalisation,
        head_args={},
    )
    model, seconds = taught(unfitted(run, plain, [])[0], [lesson])
    tried = partial(cluster_numbers, n_references=_REFERENCES.get(str(run.entry.clusters), 2), seed=run.seed)
    found, more = timed(lambda: tried(model.features(lesson.windows), range(2, _MOST_CLUSTERS + 1)))
    seconds.add(more)
    return int(found.attrs["suggested"][run.entry.clusters]), seconds


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


def _held_out_loss(member: Discriminator, labels: NDArray[np.str_]) -> float:
    if member.held_out is None or np.isnan(member.held_out).all():
        raise TrainingError(f"{member.name} holds no event out while it trains, by which to find the best member")
    rows = np.flatnonzero(~np.isnan(member.held_out).any(axis=1))
    truth = [member.labels.index(label) for label in labels[rows]]
    return float(-np.log(np.maximum(member.held_out[rows, truth], _LEAST)).mean())
