"""The report of a training."""

from collections.abc import Iterator

from seisbench_lcl.datasets import LabelledWindows
from seisbench_lcl.evaluation.cluster_sections import cluster_sections
from seisbench_lcl.evaluation.scored import held_out_in_training
from seisbench_lcl.evaluation.sections import Section
from seisbench_lcl.models.model import Model


def training_sections(model: Model, learnt: LabelledWindows, seed: int = 0) -> Iterator[Section]:
    """Yield what a training says about itself: its clusters, or the scores of the events that it held out.

    Parameters
    ----------
    model : Discriminator or DiscriminatorEnsemble
        After `fit`.
    learnt : LabelledWindows
        The windows that it was fitted to.
    seed : int
        Seed of the halves of the events, for clusters.
    """
    if model.clusters:
        (discriminator,) = model.members
        picked = learnt.as_picked()
        yield from cluster_sections(discriminator, picked, model.cluster_proba(picked.windows), seed=seed)
    elif section := held_out_in_training(model, learnt):
        yield section
