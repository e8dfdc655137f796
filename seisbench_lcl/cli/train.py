"""``seisbench-lcl train``: from a SeisBench dataset to weights."""

from pathlib import Path
from typing import Annotated

import typer

from seisbench_lcl.cli.common import (
    console,
    errors,
    model_class,
    parse_settings,
    progress,
    say,
    tell_of,
    write_text,
)
from seisbench_lcl.evaluation import EvaluationReport
from seisbench_lcl.preprocessing import Preprocessing
from seisbench_lcl.training import open_dataset, read_windows


def train(
    dataset: Annotated[str, typer.Option(help="folder of a SeisBench dataset, or its name in seisbench.data")],
    out: Annotated[Path, typer.Option(help="path of the weights to write, without suffix")],
    model: Annotated[str, typer.Option(help="class of the model")] = "MiniRocketRidge",
    extractor: Annotated[str | None, typer.Option(help="extractor by name, with --model Discriminator")] = None,
    head: Annotated[str | None, typer.Option(help="head by name, with --model Discriminator")] = None,
    label_column: Annotated[str, typer.Option(help="column of the class")] = "source_type",
    group_column: Annotated[str, typer.Option(help="column of the event")] = "source_id",
    split_column: Annotated[str, typer.Option(help="column of the split")] = "split",
    pick_column: Annotated[str | None, typer.Option(help="column of the P arrival, in samples")] = None,
    split: Annotated[str, typer.Option(help="split to train on; 'all' takes every window")] = "train",
    label: Annotated[list[str] | None, typer.Option(help="class to learn (repeat); all by default")] = None,
    event_type: Annotated[list[str] | None, typer.Option(help="label=QuakeML event type (repeat)")] = None,
    sampling_rate: Annotated[float, typer.Option(help="of the windows, in Hz")] = 100.0,
    before: Annotated[float, typer.Option(help="seconds from the start of a window to P")] = 2.0,
    length: Annotated[float, typer.Option(help="seconds of a window")] = 20.0,
    components: Annotated[str, typer.Option(help="component codes in order")] = "ZNE",
    band: Annotated[tuple[float, float], typer.Option(help="lowest and highest frequency in Hz")] = (1.0, 18.0),
    normalisation: Annotated[str, typer.Option(help="component-std, component-peak, joint-std, joint-peak")] = (
        "component-std"
    ),
    extractor_arg: Annotated[list[str] | None, typer.Option(help="key=value for the extractor (repeat)")] = None,
    head_arg: Annotated[list[str] | None, typer.Option(help="key=value for the head (repeat)")] = None,
    description: Annotated[str, typer.Option(help="what the weights are, kept in their file")] = "",
    version: Annotated[str | None, typer.Option(help="version of the weights, a suffix of the file names")] = None,
    report: Annotated[Path | None, typer.Option(help="Markdown file for the held-out scores")] = None,
    memory: Annotated[
        float,
        typer.Option(help="GB of windows to hold; if there are more, they and their features go to temporary files"),
    ] = 1.0,
) -> None:
    """Train a model on labelled traces and save its weights."""
    preprocessing = Preprocessing(
        sampling_rate,
        round(length * sampling_rate),
        components,
        band,
        before,
        normalisation,  # type: ignore[arg-type]
    )
    cls = model_class(model)
    data = read_windows(
        open_dataset(dataset, components),
        preprocessing,
        label_column=label_column,
        group_column=group_column,
        split_column=split_column,
        pick_column=pick_column,
        labels=label or None,
        memory=memory,
        progress=progress("reading windows"),
    )
    tell_of(data)
    chosen = data if split == "all" else data.in_split(split)
    labels = label or sorted(set(data.labels.tolist()))
    types = parse_settings(event_type or [], "--event-type")
    discriminator = cls(
        extractor,
        head,
        labels=labels,
        **preprocessing.to_dict(),
        event_types={name: None if value in ("none", None) else value for name, value in types.items()},
        extractor_args=parse_settings(extractor_arg or [], "--extractor-arg"),
        head_args=parse_settings(head_arg or [], "--head-arg"),
    )
    with errors.status(f"fitting {len(chosen)} windows of {len(set(chosen.groups))} events"):
        discriminator.fit(chosen.windows, chosen.labels, chosen.groups)
    discriminator.save(out, description, version)
    say(f"wrote {out}.{{json,safetensors,pt}}{'' if version is None else '.v' + version}")
    held_out = getattr(discriminator.head, "held_out", None)
    if held_out is None:
        return
    scores = EvaluationReport.from_predictions(held_out, chosen.truth(labels), chosen.groups, labels)
    console.rule("training windows, the head fitted without each event in turn")
    console.print(scores)
    if report:
        title = "### Training windows, the head fitted without each event in turn"
        write_text(report, f"{title}\n\n{scores.to_markdown()}\n")
