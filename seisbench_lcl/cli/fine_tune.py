"""``seisbench-lcl fine-tune``: adapt weights to another region."""

from typing import Annotated, Any

import typer

from seisbench_lcl.cli.common import check_trainable, progress, remark, show, write_text
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
    Threads,
    Version,
    Weights,
    read_dataset,
)
from seisbench_lcl.cli.outputs import Overwrite, check_outputs, check_weights, draw_curves, save
from seisbench_lcl.datasets import open_dataset
from seisbench_lcl.datasets.windows import labels_in
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.models import fine_tune_backbone
from seisbench_lcl.models.lookup import find_model
from seisbench_lcl.models.model import Model
from seisbench_lcl.optim import session
from seisbench_lcl.training import Columns, refined_cuts, training_sections


def fine_tune(
    ctx: typer.Context,
    dataset: Dataset,
    weights: Weights,
    out: Out,
    model: Annotated[str | None, typer.Option(help="class of the weights; by default EnvelopePhysicalRidge")] = None,
    label_column: LabelColumn = "source_type",
    group_column: GroupColumn = "source_id",
    split_column: SplitColumn = "split",
    pick_column: PickColumn = None,
    split: Annotated[str, typer.Option(help="split to learn from; 'all' means every window")] = "train",
    freeze: Annotated[
        int | None, typer.Option(help="number of first stages of a network to keep unchanged; -1 trains the head alone")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="learning rate of a network; by default a tenth of that of its training")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="epochs of a network; by default those of its training")] = None,
    backbone: Annotated[
        bool,
        typer.Option(
            "--backbone",
            help="train the SeisBench model too that the features come from; the new weights hold its parameters",
        ),
    ] = False,
    description: Annotated[str, typer.Option(help="description of the weights, stored in their file")] = "",
    version: Version = None,
    overwrite: Overwrite = False,
    report: Report = None,
    curves: Curves = None,
    checkpoints: Checkpoints = None,
    logs: Logs = None,
    threads: Threads = None,
    config: Config = None,
) -> None:
    """Adapt weights to another region: train a network further, or refit a ridge regression in closed form."""
    if backbone and freeze is not None:
        raise ConfigurationError("--freeze does not apply with --backbone, which trains all of it")
    check_weights(out, version, overwrite)
    check_outputs(out, report, curves)
    tuned: Model = find_model(weights, model)
    check_trainable(tuned)
    columns = Columns(label=label_column, group=group_column, split=split_column, pick=pick_column)
    waveforms = open_dataset(dataset, tuned.preprocessing.component_order)
    found = labels_in(waveforms, label_column)
    known = [label for label in tuned.labels if label in found] or None  # otherwise an error below lists the labels
    if known and (unknown := sorted(set(found) - set(known))):
        remark(f"left out classes that the weights do not know: {', '.join(unknown)}")
    data = read_dataset(waveforms, tuned.preprocessing, columns, split, labels=known, cuts=refined_cuts(tuned))
    remark(f"fine-tuning on {len(data)} windows of {len(set(data.groups))} events")
    given: dict[str, Any] = {"freeze": freeze, "learning_rate": learning_rate, "epochs": epochs}
    settings = {key: value for key, value in given.items() if value is not None}
    with session(checkpoints, progress, logs):
        if backbone:
            tuned = fine_tune_backbone(tuned, data.windows, data.labels, data.groups, **settings)
        else:
            tuned.fine_tune(data.windows, data.labels, data.groups, **settings)
    if tuned.training_windows:
        tuned.training_windows["windows"] = len(data)
    save(tuned, out, description or f"Fine-tuned. Before: {tuned.weights_docstring or ''}", version)
    draw_curves(tuned, curves)
    scores = show(training_sections(tuned, data))
    if report:
        write_text(report, f"{scores}\n{as_markdown(ctx)}" if scores else as_markdown(ctx))
