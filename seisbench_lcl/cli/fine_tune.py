"""``seisbench-lcl fine-tune``: weights for another region, from those of one that is known."""

from typing import Annotated, Any

import typer

from seisbench_lcl.cli.common import errors, load_model, progress, say, write_text
from seisbench_lcl.cli.config import Config, as_markdown
from seisbench_lcl.cli.options import (
    Checkpoints,
    Curves,
    Dataset,
    GroupColumn,
    LabelColumn,
    Logs,
    Out,
    PickColumn,
    Report,
    SplitColumn,
    Version,
    Weights,
    labels_of,
    read_dataset,
)
from seisbench_lcl.cli.trained import check_outputs, draw_curves, held_out_scores, save
from seisbench_lcl.training import open_dataset, session


def fine_tune(
    ctx: typer.Context,
    dataset: Dataset,
    weights: Weights,
    out: Out,
    model: Annotated[
        str | None, typer.Option(help="class of pretrained weights, EnvelopePhysicalRidge by default")
    ] = None,
    label_column: LabelColumn = "source_type",
    group_column: GroupColumn = "source_id",
    split_column: SplitColumn = "split",
    pick_column: PickColumn = None,
    split: Annotated[str, typer.Option(help="split to learn from; 'all' takes every window")] = "train",
    freeze: Annotated[
        int | None, typer.Option(help="first stages of a network that stay as they are; -1: all, the head is trained")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="of a network; by default a tenth of that of its training")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="of a network; by default those of its training")] = None,
    description: Annotated[str, typer.Option(help="what the weights are, kept in their file")] = "",
    version: Version = None,
    report: Report = None,
    curves: Curves = None,
    checkpoints: Checkpoints = None,
    logs: Logs = None,
    config: Config = None,
) -> None:
    """Adapt weights to another region: networks by further training, ridge regressions in closed form."""
    check_outputs(out, report, curves)
    tuned = load_model(model, weights)
    columns = label_column, group_column, split_column, pick_column
    waveforms = open_dataset(dataset, tuned.preprocessing.component_order)
    there = labels_of(waveforms, label_column)
    known = [label for label in tuned.labels if label in there] or None  # an error below says what there is
    if known and (strange := sorted(there - set(known))):
        say(f"left out, for the weights do not know them: {', '.join(strange)}", errors)
    data = read_dataset(waveforms, tuned.preprocessing, columns, split, labels=known)
    say(f"fine-tuning on {len(data)} windows of {len(set(data.groups))} events", errors)
    given: dict[str, Any] = {"freeze": freeze, "learning_rate": learning_rate, "epochs": epochs}
    with session(checkpoints, progress, logs):
        tuned.fine_tune(
            data.windows, data.labels, data.groups, **{key: value for key, value in given.items() if value is not None}
        )
    save(tuned, out, description or f"Fine-tuned. Before: {tuned.weights_docstring or ''}", version)
    draw_curves(tuned, curves)
    scored = held_out_scores(tuned, data)
    if report:
        write_text(report, scored + as_markdown(ctx))
