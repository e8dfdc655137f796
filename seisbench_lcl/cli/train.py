"""``seisbench-lcl train``: from a SeisBench dataset to weights."""

from typing import Annotated, Any

import typer

from seisbench_lcl.cli.common import parse_event_types, parse_settings, progress, remark, show, write_text
from seisbench_lcl.cli.config import Config, as_markdown
from seisbench_lcl.cli.options import (
    Checkpoints,
    Copies,
    Curves,
    Dataset,
    GroupColumn,
    LabelColumn,
    Logs,
    MaxShift,
    MinSNR,
    Out,
    PickColumn,
    Picker,
    Refine,
    Report,
    SplitColumn,
    Threads,
    Version,
)
from seisbench_lcl.cli.outputs import Overwrite, check_outputs, check_weights, draw_curves, save
from seisbench_lcl.datasets import open_dataset
from seisbench_lcl.models.lookup import DEFAULT_MODEL
from seisbench_lcl.training import Columns, Training, TrainingRequest, training_sections


def train(
    ctx: typer.Context,
    dataset: Dataset,
    out: Out,
    model: Annotated[
        str | None,
        typer.Option(help="class of the model; EnvelopePhysicalRidge unless --extractor and --head are given"),
    ] = None,
    extractor: Annotated[str | None, typer.Option(help="extractor by name or expression; needs --head")] = None,
    head: Annotated[str | None, typer.Option(help="head by name; needs --extractor")] = None,
    label_column: LabelColumn = "source_type",
    group_column: GroupColumn = "source_id",
    split_column: SplitColumn = "split",
    pick_column: PickColumn = None,
    split: Annotated[str, typer.Option(help="split to train on; 'all' means every window")] = "train",
    label: Annotated[list[str] | None, typer.Option(help="class to learn (repeatable); by default all")] = None,
    max_shift: MaxShift = None,
    copies: Copies = None,
    refine: Refine = None,
    picker: Picker = None,
    min_snr: MinSNR = None,
    clusters: Annotated[
        int | None, typer.Option(help="number of clusters, for models that learn without labels")
    ] = None,
    event_type: Annotated[
        list[str] | None, typer.Option(metavar="LABEL=TYPE", help="QuakeML event type of a label, or none (repeatable)")
    ] = None,
    sampling_rate: Annotated[float, typer.Option(help="sampling rate of the windows in Hz")] = 100.0,
    before: Annotated[float, typer.Option(help="time from the start of a window to P in seconds")] = 2.0,
    length: Annotated[float, typer.Option(help="length of a window in seconds")] = 20.0,
    components: Annotated[str, typer.Option(help="component codes in order")] = "ZNE",
    band: Annotated[
        tuple[float, float], typer.Option(help="lowest and highest frequency in Hz; a lowest of 0 means no high-pass")
    ] = (1.0, 18.0),
    normalisation: Annotated[
        str | None,
        typer.Option(help="component-std, component-peak, joint-std or joint-peak; by default that of the model"),
    ] = None,
    novelty_rate: Annotated[
        float,
        typer.Option(help="fraction of known windows that the novelty detector may reject; 0 turns it off"),
    ] = 0.05,
    extractor_arg: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="argument of the extractor (repeatable)")
    ] = None,
    head_arg: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="argument of the head (repeatable)")
    ] = None,
    members: Annotated[int, typer.Option(help="train N models with different seeds and average them")] = 1,
    description: Annotated[str, typer.Option(help="description of the weights, stored in their file")] = "",
    version: Version = None,
    overwrite: Overwrite = False,
    report: Report = None,
    curves: Curves = None,
    checkpoints: Checkpoints = None,
    logs: Logs = None,
    memory: Annotated[
        float,
        typer.Option(help="windows to keep in memory, in GB; more go to temporary files, with their features"),
    ] = 1.0,
    threads: Threads = None,
    config: Config = None,
) -> None:
    """Train a model and save its weights, on labelled traces, or on all traces if it learns without labels."""
    request = TrainingRequest(
        model=model or ("Discriminator" if extractor or head else DEFAULT_MODEL),
        extractor=extractor,
        head=head,
        members=members,
        labels=label or None,
        clusters=clusters,
        columns=Columns(label=label_column, group=group_column, split=split_column, pick=pick_column),
        split=split,
        sampling_rate=sampling_rate,
        before=before,
        length=length,
        components=components,
        band=band,
        normalisation=normalisation,
        max_shift=max_shift,
        copies=copies,
        refine=refine or 0.0,
        picker=picker,
        min_snr=min_snr,
        novelty_rate=novelty_rate,
        event_types=parse_event_types(event_type or []),
        extractor_args=parse_settings(extractor_arg or [], "--extractor-arg"),
        head_args=parse_settings(head_arg or [], "--head-arg"),
        memory=memory,
    )
    check_weights(out, version, overwrite)
    check_outputs(out, report, curves)
    training = Training(request, open_dataset(dataset, components), tell=remark, progress=progress)
    training.read()
    fitted = training.fit(checkpoints, logs)
    save(fitted, out, description, version)
    draw_curves(fitted, curves)
    scores = show(training_sections(fitted, training.learnt))
    if report:
        cuts = request.cuts()
        ctx.params |= {"max_shift": cuts.max_shift, "copies": cuts.copies, "refine": cuts.refine}
        settings: dict[str, Any] = fitted.part_args
        written = as_markdown(ctx, extractor_arg=settings["extractor_args"], head_arg=settings["head_args"])
        write_text(report, f"{scores}\n{written}" if scores else written)
