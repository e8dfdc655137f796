"""``seisbench-lcl clusters``: the clusters of a model in tables and figures."""

from pathlib import Path
from typing import Annotated

import pandas as pd
import torch
import typer
from matplotlib.figure import Figure

from seisbench_lcl.cli.common import errors, load_discriminator, say, show, write_file, write_text
from seisbench_lcl.cli.options import (
    Dataset,
    GroupColumn,
    LabelColumn,
    PickColumn,
    SplitColumn,
    Threads,
    Weights,
    read_dataset,
)
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.evaluation import cluster_numbers
from seisbench_lcl.evaluation.cluster_sections import cluster_sections
from seisbench_lcl.plotting import MapMethod, cluster_number_figure, embedding_map, exemplars
from seisbench_lcl.storage import MemberRows
from seisbench_lcl.training import Columns

_ORIGIN = ("trace_name", "station_network_code", "station_code", "trace_channel", "trace_start_time")


def clusters(
    dataset: Dataset,
    weights: Weights,
    out: Annotated[Path, typer.Option(help="folder for tables and figures")],
    model: Annotated[str | None, typer.Option(help="class of the weights; by default MiniRocketSCAN")] = None,
    label_column: LabelColumn = "source_type",
    group_column: GroupColumn = "source_id",
    split_column: SplitColumn = "split",
    pick_column: PickColumn = None,
    split: Annotated[str, typer.Option(help="split to use; 'all' means every window")] = "all",
    numbers: Annotated[
        tuple[int, int] | None, typer.Option(help="compare numbers of clusters from the first to the second")
    ] = None,
    method: Annotated[MapMethod, typer.Option(help="method of the map; umap needs umap-learn")] = "tsne",
    seed: Annotated[int, typer.Option(help="seed of the map and of the halves of the events")] = 0,
    threads: Threads = None,
) -> None:
    """Show the clusters of a model: exemplars, a map, a table of windows, and scores if there are labels."""
    if numbers and not 1 <= numbers[0] <= numbers[1]:
        raise ConfigurationError(f"--numbers takes the smallest and the largest number of clusters, but got {numbers}")
    discriminator = load_discriminator(model, weights, "MiniRocketSCAN")
    if not discriminator.clusters:
        raise ConfigurationError(f"{discriminator.name} learns from labels and has no clusters")
    columns = Columns(label=label_column, group=group_column, split=split_column, pick=pick_column)
    data = read_dataset(dataset, discriminator.preprocessing, columns, split, unlabelled=True)
    assert not isinstance(data.windows, MemberRows), "those are of ensembles"
    features = discriminator.features(data.windows)
    with torch.no_grad():
        probabilities = discriminator.head(features.to(discriminator.device)).cpu().numpy()
    text = show(cluster_sections(discriminator, data, probabilities, features, seed))
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
        with errors.status("comparing numbers of clusters"):
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
    # Files are written after all of them exist: a report comes with its figures.
    write_file(out / "windows.csv", lambda file: table.to_csv(file, index=False))
    write_text(out / "clusters.md", text)
    for title, figure in figures.items():
        _draw(out / title, figure)
    if rated is not None:
        write_file(out / "numbers.csv", lambda file: rated.to_csv(file, index=False))
        for criterion, number in rated.attrs["suggested"].items():
            say(f"{criterion} suggests {number} clusters")


def _draw(path: Path, figure: Figure) -> None:
    write_file(path, lambda file: figure.savefig(file, dpi=120))
