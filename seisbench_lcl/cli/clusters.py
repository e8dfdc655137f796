"""``seisbench-lcl clusters``: what the clusters of a model hold, in tables and figures."""

from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import torch
import typer
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from seisbench_lcl.cli.common import console, errors, load_discriminator, say, write_file, write_text
from seisbench_lcl.cli.options import Dataset, GroupColumn, LabelColumn, PickColumn, SplitColumn, Weights, read_dataset
from seisbench_lcl.discriminator import Discriminator
from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.evaluation import ClusterReport, cluster_numbers, linear_probe, neighbour_purity
from seisbench_lcl.heads import SCAN
from seisbench_lcl.plotting import MapMethod, cluster_number_figure, embedding_map, exemplars
from seisbench_lcl.training import LabelledWindows

_NEAREST = 20  # windows whose labels tell how pure a neighbourhood is


_ORIGIN = ("trace_name", "station_network_code", "station_code", "trace_channel", "trace_start_time")


def clusters(
    dataset: Dataset,
    weights: Weights,
    out: Annotated[Path, typer.Option(help="folder for tables and figures")],
    model: Annotated[str | None, typer.Option(help="class of pretrained weights, MiniRocketSCAN by default")] = None,
    label_column: LabelColumn = "source_type",
    group_column: GroupColumn = "source_id",
    split_column: SplitColumn = "split",
    pick_column: PickColumn = None,
    split: Annotated[str, typer.Option(help="split to look at; 'all' takes every window")] = "all",
    numbers: Annotated[
        tuple[int, int] | None, typer.Option(help="rate these numbers of clusters, from the first to the last")
    ] = None,
    method: Annotated[MapMethod, typer.Option(help="of the map; umap needs umap-learn")] = "tsne",
    seed: Annotated[int, typer.Option(help="of the map, and of the halves of the events")] = 0,
) -> None:
    """Show what each cluster holds: exemplars, a map, a table of windows, and scores where there are labels."""
    if numbers and not 1 <= numbers[0] <= numbers[1]:
        raise ConfigurationError(f"--numbers takes the least and the largest number, but was given {numbers}")
    discriminator = load_discriminator(model, weights, "MiniRocketSCAN")
    if not discriminator.clusters:
        raise ConfigurationError(f"{discriminator.name} learns from labels and has no clusters")
    columns = label_column, group_column, split_column, pick_column
    data = read_dataset(dataset, discriminator.preprocessing, columns, split, unlabelled=True)
    features = discriminator.features(data.windows)
    with torch.no_grad():
        probabilities = discriminator.head(features.to(discriminator.device)).cpu().numpy()
    text = report_on_clusters(discriminator, data, probabilities, features, seed)
    found = probabilities.argmax(axis=1)
    known = [column for column in _ORIGIN if column in data.metadata]
    table = pd.DataFrame(
        {
            **{column: data.metadata[column].to_numpy() for column in known},
            "event": data.groups,
            "label": data.labels,
            "cluster": found,
            "name": [discriminator.clusters[k] for k in found],
            "probability": probabilities.max(axis=1),
        }
    )
    rated = None
    if numbers:
        with errors.status("rating numbers of clusters"):
            rated = cluster_numbers(features.numpy(), range(numbers[0], numbers[1] + 1), seed=seed)
    labels = data.labels if (data.labels != "").any() else None
    names = ["" if name == f"cluster {k}" else name for k, name in enumerate(discriminator.clusters)]
    with errors.status("drawing"):
        figures = {
            "map.png": embedding_map(features.numpy(), found, labels, names=names, method=method, seed=seed),
            "exemplars.png": exemplars(
                data.windows, probabilities, discriminator.preprocessing, names=names, groups=data.groups
            ),
        }
        if rated is not None:
            figures["numbers.png"] = cluster_number_figure(rated)
    # Nothing is written before all is there: no report without its figures.
    write_file(out / "windows.csv", lambda file: table.to_csv(file, index=False))
    write_text(out / "clusters.md", text)
    for title, figure in figures.items():
        _draw(out / title, figure)
    if rated is not None:
        write_file(out / "numbers.csv", lambda file: rated.to_csv(file, index=False))
        for criterion, number in rated.attrs["suggested"].items():
            say(f"{criterion} suggests {number} clusters")


def report_on_clusters(
    model: Discriminator,
    data: LabelledWindows,
    probabilities: NDArray[np.floating],
    features: Tensor | None = None,
    seed: int = 0,
) -> str:
    """Print what lies in each cluster, with scores where there are labels, and return it as Markdown.

    `probabilities` are those of the clusters. Features are computed where labels ask for them, unless they are given.
    """
    found = probabilities.argmax(axis=1)
    sizes = np.bincount(found, minlength=len(model.clusters))
    lines = [
        f"cluster {k}{'' if name == f'cluster {k}' else f' ({name})'}: {size} windows"
        + (f", mean probability {probabilities[found == k, k].mean():.2f}" if size else "")
        for k, (size, name) in enumerate(zip(sizes, model.clusters, strict=True))
        if size or not model.head.open_ended  # whose number of clusters is but an upper bound
    ]
    head = model.head
    if isinstance(head, SCAN) and head.losses:
        lines += [
            f"loss of the {head.n_heads} heads: {min(head.losses):.3f} to {max(head.losses):.3f}",
            f"neighbours: {head.n_neighbours} of each window, recall {head.recall:.3f}",
            f"agreement with k-means on the same features: adjusted Rand index {head.kmeans_agreement:.3f}",
        ]
    for line in lines:
        say(line)
    blocks = ["### Clusters\n", *(f"- {line}" for line in lines), ""]
    labelled = data.labels != ""
    try:
        parts = {"clusters": found}
        if isinstance(head, SCAN) and len(head.kmeans) == len(data):
            parts["k-means on the same features"] = head.kmeans.numpy()
        for title, assigned in parts.items():
            report = ClusterReport.from_clusters(
                assigned, data.labels, data.groups, n_clusters=len(sizes), open_ended=head.open_ended, seed=seed
            )
            console.rule(title)
            console.print(report)
            blocks += [f"#### {title[0].upper()}{title[1:]}\n", report.to_markdown()]
    except DatasetError as error:  # no labels, or those of a single event
        say(f"no scores: {error}", errors)
        return "\n".join(blocks)
    known = data.select(labelled)
    features = model.features(known.windows) if features is None else features[torch.from_numpy(labelled)]
    classes = sorted(set(known.labels.tolist()))
    truth = known.truth(classes)
    nearest = min(_NEAREST, len(known) - int(np.unique(known.groups, return_counts=True)[1].max()))
    purity = neighbour_purity(features, truth, k=nearest, groups=known.groups)
    lines = [f"neighbour purity, of the {nearest} nearest windows of other events: {purity:.3f}"]
    if isinstance(head, SCAN) and len(head.neighbours) == len(data):
        alike = (data.labels[head.neighbours.numpy()] == data.labels[:, None])[labelled]
        lines += [f"neighbour purity, of the neighbours that SCAN was trained on: {alike.mean():.3f}"]
    if len(classes) > 1:
        probe = linear_probe(features, truth, known.groups, n_classes=len(classes)).argmax(axis=1)
        lines += [f"linear probe of the features, each event held out: accuracy {np.mean(probe == truth):.3f}"]
    for line in lines:
        say(line)
        blocks.append(f"- {line}")
    return "\n".join([*blocks, "", ""])


def _draw(path: Path, figure: Figure) -> None:
    write_file(path, lambda file: figure.savefig(file, dpi=120))
