"""The report on the clusters of a model: sizes, agreement with labels, and class information in the features."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seisbench_lcl.datasets import LabelledWindows
from seisbench_lcl.errors import DatasetError
from seisbench_lcl.evaluation.cluster_report import ClusterReport
from seisbench_lcl.evaluation.probes import linear_probe, neighbour_purity
from seisbench_lcl.evaluation.sections import Section
from seisbench_lcl.heads import SCAN
from seisbench_lcl.models import Discriminator
from seisbench_lcl.wording import counted

_NEAREST = 20  # neighbours for the neighbour purity


def cluster_sections(
    model: Discriminator,
    data: LabelledWindows,
    probabilities: NDArray[np.floating],
    features: Tensor | None = None,
    seed: int = 0,
) -> Iterator[Section]:
    """Yield the sections of a report on clusters, with scores if the labels allow them.

    Parameters
    ----------
    model : Discriminator
    data : LabelledWindows
        N windows; a label is "" where it is unknown.
    probabilities : (N, number of clusters) ndarray
    features : (N, F) Tensor, optional
        Features of the windows; by default computed if the scores need them.
    seed : int
        Seed of the halves of the events in the scores.
    """
    found = probabilities.argmax(axis=1)
    sizes = np.bincount(found, minlength=len(model.clusters))
    yield Section.of_lines("Clusters", [*_sizes(model, found, probabilities, sizes), *model.head.notes()])
    head = model.head
    parts = {"Scores of the clusters": found}
    if isinstance(head, SCAN) and len(head.kmeans) == len(data):
        parts["Scores of k-means on the same features"] = head.kmeans.numpy()
    try:
        for title, assigned in parts.items():
            report = ClusterReport.from_clusters(
                assigned, data.labels, data.groups, n_clusters=len(sizes), open_ended=head.open_ended, seed=seed
            )
            yield Section(title, report, f"### {title}\n\n{report.to_markdown()}")
    except DatasetError as error:  # no labels, or a class is labelled in one event only
        yield Section.of_lines("Scores not available", [str(error)])
        return
    yield Section.of_lines("Features", list(_probes(model, data, features)))


def _sizes(
    model: Discriminator, found: NDArray[np.int64], probabilities: NDArray[np.floating], sizes: NDArray[np.int64]
) -> Iterator[str]:
    for k, (size, name) in enumerate(zip(sizes, model.clusters, strict=True)):
        if size or not model.open_ended:  # the number of clusters of an open-ended model is an upper bound
            named = "" if name == f"cluster {k}" else f" ({name})"
            mean = f", mean probability {probabilities[found == k, k].mean():.2f}" if size else ""
            yield f"cluster {k}{named}: {counted(size, 'window')}{mean}"


def _probes(model: Discriminator, data: LabelledWindows, features: Tensor | None) -> Iterator[str]:
    labelled = data.labels != ""
    known = data.select(labelled)
    features = model.features(known.windows) if features is None else features[torch.from_numpy(labelled)]
    classes = sorted(set(known.labels.tolist()))
    truth = known.truth(classes)
    nearest = min(_NEAREST, len(known) - int(np.unique(known.groups, return_counts=True)[1].max()))
    purity = neighbour_purity(features, truth, k=nearest, groups=known.groups)
    yield f"neighbour purity of the {nearest} nearest windows of other events: {purity:.3f}"
    head = model.head
    if isinstance(head, SCAN) and len(head.neighbours) == len(data):
        alike = (data.labels[head.neighbours.numpy()] == data.labels[:, None])[labelled]
        yield f"neighbour purity in the training of SCAN: {alike.mean():.3f}"
    if len(classes) > 1:
        probe = linear_probe(features, truth, known.groups, n_classes=len(classes)).argmax(axis=1)
        yield f"accuracy of a linear probe on the features, with each event held out: {np.mean(probe == truth):.3f}"
