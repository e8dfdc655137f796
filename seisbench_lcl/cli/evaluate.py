"""``seisbench-lcl evaluate``: scores of weights on a split, or of their recipe on data held out."""

from pathlib import Path
from typing import Annotated

import typer

from seisbench_lcl.cli.common import (
    check_figure,
    console,
    errors,
    learns_by,
    load_model,
    progress,
    say,
    write_file,
    write_text,
)
from seisbench_lcl.cli.options import (
    Copies,
    Dataset,
    GroupColumn,
    LabelColumn,
    MaxShift,
    MinSNR,
    PickColumn,
    Refine,
    SplitColumn,
    Weights,
    cuts_of,
    labels_of,
    learnable,
    read_dataset,
)
from seisbench_lcl.ensemble import Model, voters
from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.evaluation import reject_threshold
from seisbench_lcl.evaluation.calibration import check_risk
from seisbench_lcl.evaluation.scored import Scored, predict_anew, predict_split
from seisbench_lcl.plotting import reliability_figure
from seisbench_lcl.training import Cuts, open_dataset
from seisbench_lcl.training.cuts import farthest_shift


def evaluate(
    dataset: Dataset,
    weights: Weights,
    model: Annotated[
        str | None, typer.Option(help="class of pretrained weights, EnvelopePhysicalRidge by default")
    ] = None,
    label_column: LabelColumn = "source_type",
    group_column: GroupColumn = "source_id",
    split_column: SplitColumn = "split",
    pick_column: PickColumn = None,
    split: Annotated[str, typer.Option(help="split to score; 'all' takes every window")] = "dev",
    folds: Annotated[int | None, typer.Option(help="train anew: folds of events, over all splits")] = None,
    by: Annotated[
        str | None,
        typer.Option(help="train anew: leave out each value of this column, and ask how far a model recognises it"),
    ] = None,
    max_shift: MaxShift = None,
    copies: Copies = None,
    refine: Refine = 0.0,
    min_snr: MinSNR = None,
    seed: Annotated[int, typer.Option(help="of the folds and the resamples")] = 0,
    risk: Annotated[
        float | None, typer.Option(help="find what to reject so that this share of the rest is wrong at most")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Markdown file for the scores")] = None,
    reliability_plot: Annotated[
        Path | None, typer.Option("--reliability", help="figure of reliability and of risk over coverage")
    ] = None,
) -> None:
    """Score a model per station and per event, each score with its 95 % interval over events.

    With --folds or --by the weights only give the recipe: models are trained anew without what they are tested on, on
    all splits together. How training windows were cut and chosen is not part of weights: where train was given
    --max-shift, --copies, --refine or --min-snr, give the same here; the defaults are those of train. Scored are the
    windows as picked.
    """
    anew = folds is not None or by is not None
    if folds is not None and by is not None:
        raise ConfigurationError("give --folds or --by, not both")
    if not anew and (max_shift is not None or copies is not None or refine or min_snr is not None):
        raise ConfigurationError(
            "--max-shift, --copies, --refine and --min-snr are for training anew: give --folds or --by, too"
        )
    if risk is not None:
        check_risk(risk)
    if reliability_plot:
        check_figure(reliability_plot)
    discriminator = load_model(model, weights)
    waveforms = open_dataset(dataset, discriminator.preprocessing.component_order)
    there = labels_of(waveforms, label_column)
    wanted: list[str] | None = [label for label in discriminator.labels if label in there] or discriminator.labels
    if discriminator.clusters:
        wanted = None  # clusters may have missed a class, whose windows then count as errors
    columns = label_column, group_column, split_column, pick_column
    cuts = Cuts()
    if anew:
        farthest = farthest_shift(discriminator.preprocessing)
        cuts = cuts_of(max_shift, copies, refine, augments=_augments(discriminator), farthest=farthest)
    data = read_dataset(waveforms, discriminator.preprocessing, columns, labels=wanted, cuts=cuts)
    if anew:
        learn = learnable(data, min_snr)
        scored = predict_anew(discriminator, data, learn, folds=folds, by=by, seed=seed, progress=progress("training"))
    else:
        if split in ("all", "train"):
            say("these scores are not held out if the weights were trained on the split", errors)
        scored = predict_split(discriminator, data, split)
    text = []
    for section in scored.sections(seed):
        if section.content is not None:
            console.rule(section.heading)
            console.print(section.content)
        text.append(section.markdown)
    if scored.remark:
        say(scored.remark)
    if risk is not None:
        advice = _advice(scored, risk)
        console.rule(f"risk of {risk:g}")
        say(advice)
        text.append(f"### Risk of {risk:g}, {scored.title}\n\n{advice}\n")
    if reliability_plot:
        figure = reliability_figure(scored.probabilities, scored.truth, scored.data.groups, scored.title)
        write_file(reliability_plot, lambda file: figure.savefig(file, dpi=120))
    if report:
        write_text(report, "\n".join(text))


def _augments(model: Model) -> bool:
    """Whether the training of the model makes no copies of windows by default."""
    kinds = [(type(member), member.get_model_args()) for member in voters(model)]
    return any(learns_by(cls, args.get("extractor"), args.get("head")).augments for cls, args in kinds)


def _advice(scored: Scored, risk: float) -> str:
    rows = scored.familiar  # of the others classify says nothing
    probabilities, truth = scored.probabilities[rows], scored.truth[rows]
    try:
        threshold = reject_threshold(probabilities, truth, scored.data.groups[rows], risk=risk)
    except DatasetError as error:
        return f"Nothing can be promised: {error}."
    kept = probabilities.max(axis=1) >= threshold
    wrong = probabilities.argmax(axis=1)[kept] != truth[kept]
    share = f"{kept.mean():.1%} of the windows ({kept.sum()} of {len(kept)})"
    how = f"classify --reject-below {threshold:.4f} keeps" if threshold else "nothing needs rejecting: that keeps"
    return (
        f"{how} {share}. Of these {wrong.mean():.1%} are wrong, and of new ones like them {100 * risk:g}% at most, "
        "with 95% confidence over events. Windows of another kind, such as noise or another region, are not covered."
    )
