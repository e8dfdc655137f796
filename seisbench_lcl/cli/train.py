"""``seisbench-lcl train``: from a SeisBench dataset to weights."""

from pathlib import Path
from typing import Annotated

import typer

from seisbench_lcl.cli.clusters import report_on_clusters
from seisbench_lcl.cli.common import (
    check_figure,
    console,
    errors,
    learns_from_labels,
    model_class,
    parse_event_types,
    parse_settings,
    progress,
    say,
    write_file,
    write_text,
)
from seisbench_lcl.cli.options import Dataset, GroupColumn, LabelColumn, PickColumn, SplitColumn, read_dataset
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.evaluation import EvaluationReport
from seisbench_lcl.plotting import loss_curves
from seisbench_lcl.preprocessing import Preprocessing
from seisbench_lcl.training import session


def train(
    dataset: Dataset,
    out: Annotated[Path, typer.Option(help="path of the weights to write, without suffix")],
    model: Annotated[str, typer.Option(help="class of the model")] = "MiniRocketRidge",
    extractor: Annotated[str | None, typer.Option(help="extractor by name, with --model Discriminator")] = None,
    head: Annotated[str | None, typer.Option(help="head by name, with --model Discriminator")] = None,
    label_column: LabelColumn = "source_type",
    group_column: GroupColumn = "source_id",
    split_column: SplitColumn = "split",
    pick_column: PickColumn = None,
    split: Annotated[str, typer.Option(help="split to train on; 'all' takes every window")] = "train",
    label: Annotated[list[str] | None, typer.Option(help="class to learn (repeat); all by default")] = None,
    clusters: Annotated[int | None, typer.Option(help="number of clusters, for models without labels")] = None,
    event_type: Annotated[list[str] | None, typer.Option(help="label=QuakeML event type (repeat)")] = None,
    sampling_rate: Annotated[float, typer.Option(help="of the windows, in Hz")] = 100.0,
    before: Annotated[float, typer.Option(help="seconds from the start of a window to P")] = 2.0,
    length: Annotated[float, typer.Option(help="seconds of a window")] = 20.0,
    components: Annotated[str, typer.Option(help="component codes in order")] = "ZNE",
    band: Annotated[tuple[float, float], typer.Option(help="lowest and highest frequency in Hz")] = (1.0, 18.0),
    normalisation: Annotated[
        str | None, typer.Option(help="component-std, component-peak, joint-std, joint-peak; by default the model's")
    ] = None,
    extractor_arg: Annotated[list[str] | None, typer.Option(help="key=value for the extractor (repeat)")] = None,
    head_arg: Annotated[list[str] | None, typer.Option(help="key=value for the head (repeat)")] = None,
    description: Annotated[str, typer.Option(help="what the weights are, kept in their file")] = "",
    version: Annotated[str | None, typer.Option(help="version of the weights, a suffix of the file names")] = None,
    report: Annotated[Path | None, typer.Option(help="Markdown file for the scores")] = None,
    curves: Annotated[Path | None, typer.Option(help="figure of the losses, in the format of its suffix")] = None,
    checkpoints: Annotated[Path | None, typer.Option(help="folder from which an interrupted training goes on")] = None,
    memory: Annotated[
        float,
        typer.Option(help="GB of windows to hold; if there are more, they and their features go to temporary files"),
    ] = 1.0,
) -> None:
    """Train a model and save its weights: on labelled traces, or on all traces if it learns without labels."""
    cls = model_class(model)
    supervised = learns_from_labels(cls, head)
    if supervised and clusters is not None:
        raise ConfigurationError(f"{model} learns from labels: leave out --clusters, or take another --model")
    if not supervised and clusters is None:
        raise ConfigurationError(f"{model} learns without labels: give the number of clusters, such as --clusters 8")
    if not supervised and (label or event_type):
        raise ConfigurationError(
            f"{model} learns without labels: leave out --label and --event-type; clusters get names by the command name"
        )
    if curves:
        check_figure(curves)
    preprocessing = Preprocessing(
        sampling_rate,
        round(length * sampling_rate),
        components,
        band,
        before,
        normalisation or cls.default_normalisation,  # type: ignore[arg-type]
    )
    columns = label_column, group_column, split_column, pick_column
    data = read_dataset(dataset, preprocessing, columns, labels=label or None, unlabelled=not supervised, memory=memory)
    chosen = data if split == "all" else data.in_split(split)
    labels = label or sorted(set(data.labels.tolist()))
    outputs = {"labels": labels} if supervised else {"clusters": clusters}
    discriminator = cls(
        extractor,
        head,
        **outputs,
        **preprocessing.to_dict(),
        event_types=parse_event_types(event_type or []),
        extractor_args=parse_settings(extractor_arg or [], "--extractor-arg"),
        head_args=parse_settings(head_arg or [], "--head-arg"),
    )
    say(f"fitting {len(chosen)} windows of {len(set(chosen.groups))} events", errors)
    with session(checkpoints, progress):
        discriminator.fit(chosen.windows, chosen.labels if supervised else None, chosen.groups)
    discriminator.save(out, description, version)
    say(f"wrote {out}.{{json,safetensors,pt}}{'' if version is None else '.v' + version}")
    if curves and discriminator.histories:
        figure = loss_curves(discriminator.histories)
        write_file(curves, lambda file: figure.savefig(file, dpi=120))
    elif curves:
        say(f"no {curves}: nothing of {model} is trained epoch by epoch", errors)
    if not supervised:
        text = report_on_clusters(discriminator, chosen, discriminator.cluster_proba(chosen.windows))
    elif (held_out := getattr(discriminator.head, "held_out", None)) is not None:
        scores = EvaluationReport.from_predictions(held_out, chosen.truth(labels), chosen.groups, labels)
        console.rule("training windows, the head fitted without each event in turn")
        console.print(scores)
        text = f"### Training windows, the head fitted without each event in turn\n\n{scores.to_markdown()}\n"
    else:
        return
    if report:
        write_text(report, text)
