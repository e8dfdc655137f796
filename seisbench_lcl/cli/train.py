"""``seisbench-lcl train``: from a SeisBench dataset to weights."""

from typing import Annotated, Any

import typer

from seisbench_lcl.cli.clusters import report_on_clusters
from seisbench_lcl.cli.common import (
    errors,
    learns_by,
    parse_event_types,
    parse_settings,
    progress,
    say,
    write_text,
)
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
    Refine,
    Report,
    SplitColumn,
    Version,
    cuts_of,
    learnable,
    read_dataset,
)
from seisbench_lcl.cli.trained import check_outputs, draw_curves, held_out_scores, save
from seisbench_lcl.discriminator import Discriminator
from seisbench_lcl.ensemble import DiscriminatorEnsemble, Model, voters
from seisbench_lcl.errors import ConfigurationError
from seisbench_lcl.models import named
from seisbench_lcl.preprocessing import Preprocessing
from seisbench_lcl.seeds import without_seeds
from seisbench_lcl.training import open_dataset, session
from seisbench_lcl.training.cuts import farthest_shift
from seisbench_lcl.training.windows import labels_in


def train(
    ctx: typer.Context,
    dataset: Dataset,
    out: Out,
    model: Annotated[
        str | None, typer.Option(help="class of the model; MiniRocketRidge without --extractor and --head")
    ] = None,
    extractor: Annotated[str | None, typer.Option(help="extractor by name or expression, with --head")] = None,
    head: Annotated[str | None, typer.Option(help="head by name, with --extractor")] = None,
    label_column: LabelColumn = "source_type",
    group_column: GroupColumn = "source_id",
    split_column: SplitColumn = "split",
    pick_column: PickColumn = None,
    split: Annotated[str, typer.Option(help="split to train on; 'all' takes every window")] = "train",
    label: Annotated[list[str] | None, typer.Option(help="class to learn (repeat); all by default")] = None,
    max_shift: MaxShift = None,
    copies: Copies = None,
    refine: Refine = 0.0,
    min_snr: MinSNR = None,
    clusters: Annotated[int | None, typer.Option(help="number of clusters, for models without labels")] = None,
    event_type: Annotated[
        list[str] | None, typer.Option(metavar="LABEL=TYPE", help="QuakeML event type of a label (repeat)")
    ] = None,
    sampling_rate: Annotated[float, typer.Option(help="of the windows, in Hz")] = 100.0,
    before: Annotated[float, typer.Option(help="seconds from the start of a window to P")] = 2.0,
    length: Annotated[float, typer.Option(help="seconds of a window")] = 20.0,
    components: Annotated[str, typer.Option(help="component codes in order")] = "ZNE",
    band: Annotated[tuple[float, float], typer.Option(help="lowest and highest frequency in Hz")] = (1.0, 18.0),
    normalisation: Annotated[
        str | None, typer.Option(help="component-std, component-peak, joint-std, joint-peak; by default the model's")
    ] = None,
    novelty_rate: Annotated[
        float | None,
        typer.Option(help="share of known windows that may be rejected as unlike the training data; 0 sets no limit"),
    ] = None,
    extractor_arg: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="argument of the extractor (repeat)")
    ] = None,
    head_arg: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="argument of the head (repeat)")
    ] = None,
    members: Annotated[int, typer.Option(help="train as many with seeds of their own, which vote")] = 1,
    description: Annotated[str, typer.Option(help="what the weights are, kept in their file")] = "",
    version: Version = None,
    report: Report = None,
    curves: Curves = None,
    checkpoints: Checkpoints = None,
    logs: Logs = None,
    memory: Annotated[
        float,
        typer.Option(help="GB of windows to hold; if there are more, they and their features go to temporary files"),
    ] = 1.0,
    config: Config = None,
) -> None:
    """Train a model and save its weights: on labelled traces, or on all traces if it learns without labels."""
    model = model or ("Discriminator" if extractor or head else "MiniRocketRidge")
    cls = named(model)
    supervised, needs_labels, augments = learns_by(cls, extractor, head)
    if supervised and clusters is not None:
        raise ConfigurationError(f"{model} learns from labels: leave out --clusters, or take another --model")
    if not supervised and clusters is None:
        raise ConfigurationError(f"{model} learns without labels: give the number of clusters, such as --clusters 8")
    if not needs_labels and (label or event_type):
        raise ConfigurationError(
            f"{model} learns without labels: leave out --label and --event-type; clusters get names by the command name"
        )
    if members < 1 or (members > 1 and not supervised):
        raise ConfigurationError(f"--members must be 1 or more, and only models with labels can vote; found {members}")
    check_outputs(out, report, curves)
    preprocessing = Preprocessing(
        sampling_rate,
        round(length * sampling_rate),
        components,
        band,
        before,
        normalisation or cls.default_normalisation,  # type: ignore[arg-type]
    )
    cuts = cuts_of(max_shift, copies, refine, augments=augments, farthest=farthest_shift(preprocessing))
    cuts.check(preprocessing)
    ctx.params |= {"max_shift": cuts.max_shift, "copies": cuts.copies}  # the card says what the defaults came to
    waveforms = open_dataset(dataset, components)
    description_of_model = {
        "extractor": extractor,
        "head": head,
        **({"labels": label or labels_in(waveforms, label_column)} if supervised else {"clusters": clusters}),
        **preprocessing.to_dict(),
        "novelty_rate": "default" if novelty_rate is None else novelty_rate or None,
        "event_types": parse_event_types(event_type or []),
        "extractor_args": parse_settings(extractor_arg or [], "--extractor-arg"),
        "head_args": parse_settings(head_arg or [], "--head-arg"),
    }
    made: Model = (  # before the waveforms are read, which takes minutes: what cannot be made is refused here
        DiscriminatorEnsemble.of(cls, members, **description_of_model) if members > 1 else cls(**description_of_model)
    )
    columns = label_column, group_column, split_column, pick_column
    data = read_dataset(
        waveforms, preprocessing, columns, labels=label or None, unlabelled=not needs_labels, memory=memory, cuts=cuts
    )
    chosen = data if split == "all" else data.in_split(split)
    if not (rows := learnable(chosen, min_snr)).all():
        chosen = chosen.select(rows)
    say(f"fitting {len(chosen)} windows of {len(set(chosen.groups))} events", errors)
    with session(checkpoints, progress, logs):
        made.fit(chosen.windows, chosen.labels if needs_labels else None, chosen.groups)
    save(made, out, description, version)
    draw_curves(made, curves)
    if isinstance(made, Discriminator) and made.clusters:
        picked = chosen.as_picked()
        scored = report_on_clusters(made, picked, made.cluster_proba(picked.windows))
    else:
        scored = held_out_scores(made, chosen)
    if report:
        write_text(report, scored + as_markdown(ctx, **_settings(made)))


def _settings(model: Model) -> dict[str, dict[str, Any]]:
    """Return all arguments of extractor and head; members of an ensemble differ in their seeds alone."""
    one, *others = voters(model)
    settings = {"extractor_arg": one.extractor.config(), "head_arg": one.head.config()}
    return {name: without_seeds(table) for name, table in settings.items()} if others else settings
