"""``seisbench-lcl name``: name the clusters of a model."""

from collections import Counter
from typing import Annotated

import typer

from seisbench_lcl.cli.common import load_discriminator, parse_event_types, parse_pairs, say
from seisbench_lcl.cli.options import (
    GroupColumn,
    LabelColumn,
    Out,
    PickColumn,
    SplitColumn,
    Version,
    Weights,
    read_dataset,
)
from seisbench_lcl.cli.outputs import Overwrite, check_weights, save
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.training import Columns


def name(
    weights: Weights,
    out: Out,
    model: Annotated[str | None, typer.Option(help="class of the weights; by default MiniRocketSCAN")] = None,
    cluster: Annotated[
        list[str] | None, typer.Option(help="cluster and name, such as 0=earthquake (repeatable)")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="labelled dataset: folder, or name in seisbench.data")] = None,
    label_column: LabelColumn = "source_type",
    group_column: GroupColumn = "source_id",
    split_column: SplitColumn = "split",
    pick_column: PickColumn = None,
    split: Annotated[str, typer.Option(help="split with the labels; 'all' means every window")] = "train",
    label: Annotated[list[str] | None, typer.Option(help="class to use (repeatable); by default all")] = None,
    event_type: Annotated[list[str] | None, typer.Option(help="LABEL=QuakeML type, or none (repeatable)")] = None,
    description: Annotated[str | None, typer.Option(help="description of the weights; by default unchanged")] = None,
    version: Version = None,
    overwrite: Overwrite = False,
) -> None:
    """Name the clusters of a model, by labelled windows or by hand."""
    check_weights(out, version, overwrite)
    discriminator = load_discriminator(model, weights, "MiniRocketSCAN")
    if bool(cluster) == bool(dataset):
        raise ConfigurationError("use --dataset to name clusters by labels, or --cluster to name them by hand")
    types = parse_event_types(event_type or [])
    if cluster:
        given = parse_pairs(cluster, "--cluster")
        if wrong := [key for key in given if not key.isdecimal()]:
            raise ConfigurationError(f"--cluster takes number=label, such as 0=earthquake, but got {wrong[0]!r}")
        discriminator.name_clusters({int(key): title for key, title in given.items()}, event_types=types)
    else:
        columns = Columns(label=label_column, group=group_column, split=split_column, pick=pick_column)
        chosen = read_dataset(str(dataset), discriminator.preprocessing, columns, split, labels=label or None)
        discriminator.name_clusters(chosen.windows, chosen.labels, types)
        found = discriminator.cluster_proba(chosen.windows).argmax(axis=1)
        for k in range(len(discriminator.clusters)):
            counts = Counter(chosen.labels[found == k].tolist()).most_common()
            say(f"cluster {k} holds: {', '.join(f'{count} {title}' for title, count in counts) or 'no window'}")
    for k, title in enumerate(discriminator.clusters):
        say(f"cluster {k}: {title} (QuakeML: {discriminator.event_types[title]})")
    save(discriminator, out, discriminator.weights_docstring or "" if description is None else description, version)
