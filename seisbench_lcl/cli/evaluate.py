"""``seisbench-lcl evaluate``: scores of weights on a split, or of their recipe on data held out."""

from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from seisbench_lcl.cli.common import console, errors, load_model, progress, say, write_text
from seisbench_lcl.cli.options import Dataset, GroupColumn, LabelColumn, PickColumn, SplitColumn, Weights, read_dataset
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.evaluation import EvaluationReport, column_folds, event_folds, held_out_probabilities
from seisbench_lcl.training import open_dataset


def evaluate(
    dataset: Dataset,
    weights: Weights,
    model: Annotated[str | None, typer.Option(help="class of pretrained weights, MiniRocketRidge by default")] = None,
    label_column: LabelColumn = "source_type",
    group_column: GroupColumn = "source_id",
    split_column: SplitColumn = "split",
    pick_column: PickColumn = None,
    split: Annotated[str, typer.Option(help="split to score; 'all' takes every window")] = "dev",
    folds: Annotated[int | None, typer.Option(help="train anew: folds of events, over all splits")] = None,
    hold_out: Annotated[str | None, typer.Option(help="train anew: leave out each value of this column")] = None,
    seed: Annotated[int, typer.Option(help="of the folds and the resamples")] = 0,
    report: Annotated[Path | None, typer.Option(help="Markdown file for the scores")] = None,
) -> None:
    """Score a model per station and per event, each score with its 95 % interval over events.

    With --folds or --hold-out the weights only give the recipe: models are trained anew without what they are tested
    on, on all splits together.
    """
    if folds is not None and hold_out is not None:
        raise ConfigurationError("give --folds or --hold-out, not both")
    discriminator = load_model(model, weights)
    waveforms = open_dataset(dataset, discriminator.component_order)
    there = set(waveforms.metadata.get(label_column, pd.Series(dtype=str)).dropna().astype(str))
    wanted: list[str] | None = [label for label in discriminator.labels if label in there] or discriminator.labels
    if discriminator.clusters:
        wanted = None  # clusters may have missed a class, whose windows then count as errors
    columns = label_column, group_column, split_column, pick_column
    data = read_dataset(waveforms, discriminator.preprocessing, columns, labels=wanted)
    labels = [*discriminator.labels, *sorted(set(data.labels.tolist()) - set(discriminator.labels))]
    if folds is not None or hold_out is not None:
        fold = column_folds(data, hold_out) if hold_out else event_folds(data, folds or 0, seed)
        labels = sorted(set(data.labels.tolist())) if discriminator.clusters else labels
        probabilities = held_out_probabilities(discriminator, data, fold, progress("training"), labels)
        title = f"{hold_out} held out" if hold_out else f"{folds} folds of events"
        names = sorted(set(fold.tolist())) if hold_out else []
    else:
        if split in ("all", "train"):
            say("these scores are not held out if the weights were trained on the split", errors)
        if not set(discriminator.labels) & set(data.labels.tolist()):
            raise ConfigurationError(
                f"the labels of the model, {', '.join(discriminator.labels)}, do not occur in the dataset; clusters "
                "get names by the command name"
            )
        data = data if split == "all" else data.in_split(split)
        probabilities = np.zeros((len(data), len(labels)), dtype=np.float32)
        probabilities[:, : len(discriminator.labels)] = discriminator.predict_proba(data.windows)
        title, names = f"split {split}", []
    parts = [(title, np.ones(len(data), dtype=bool)), *((f"{title}: {name}", fold == name) for name in names)]
    truth = data.truth(labels)
    text = []
    for heading, rows in parts:
        scores = EvaluationReport.from_predictions(
            probabilities[rows], truth[rows], data.groups[rows], labels, seed=seed
        )
        console.rule(heading)
        console.print(scores)
        text.append(f"### {heading[0].upper()}{heading[1:]}\n\n{scores.to_markdown()}\n")
    if report:
        write_text(report, "\n".join(text))
