"""``seisbench-lcl evaluate``: score weights on a split, or train them again on the data without a part of them."""

from pathlib import Path
from typing import Annotated

import typer

from seisbench_lcl.cli.common import (
    check_figure,
    check_trainable,
    console,
    progress,
    remark,
    say,
    show,
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
    Picker,
    Refine,
    SplitColumn,
    Threads,
    Weights,
    read_dataset,
)
from seisbench_lcl.datasets import open_dataset
from seisbench_lcl.datasets.selection import learnable
from seisbench_lcl.datasets.windows import labels_in
from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.evaluation import reject_threshold
from seisbench_lcl.evaluation.calibration import check_risk
from seisbench_lcl.evaluation.scored import Scored, predict_held_out, predict_split
from seisbench_lcl.models.lookup import find_model
from seisbench_lcl.models.model import Model
from seisbench_lcl.plotting import reliability_figure
from seisbench_lcl.training import Columns, recorded_cuts, refined_cuts


def evaluate(
    dataset: Dataset,
    weights: Weights,
    model: Annotated[str | None, typer.Option(help="class of the weights; by default EnvelopePhysicalRidge")] = None,
    label_column: LabelColumn = "source_type",
    group_column: GroupColumn = "source_id",
    split_column: SplitColumn = "split",
    pick_column: PickColumn = None,
    split: Annotated[str, typer.Option(help="split to score; 'all' means every window")] = "dev",
    folds: Annotated[int | None, typer.Option(help="train again on all splits, in this many folds of events")] = None,
    by: Annotated[
        str | None,
        typer.Option(
            help="train again without each value of this column in turn, and measure how far models recognise them"
        ),
    ] = None,
    max_shift: MaxShift = None,
    copies: Copies = None,
    refine: Refine = None,
    picker: Picker = None,
    min_snr: MinSNR = None,
    seed: Annotated[int, typer.Option(help="seed of the folds and the resamples")] = 0,
    risk: Annotated[
        float | None,
        typer.Option(
            help="find the probability below which to reject so that at most this fraction of the rest is wrong"
        ),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Markdown file for the scores")] = None,
    reliability_plot: Annotated[
        Path | None, typer.Option("--reliability", help="figure of the reliability, and of the risk against coverage")
    ] = None,
    threads: Threads = None,
) -> None:
    """Score a model per station and per event, each score with its 95 % interval over events.

    With --folds or --by, models are trained again on all splits together, each without the windows that it is tested
    on; the weights only provide the settings. Training windows are cut and chosen as the weights record, or else by the
    defaults of train; --max-shift, --copies, --refine, --picker and --min-snr override both. Scores use the unshifted
    windows, with picks refined like those of the training.
    """
    anew = folds is not None or by is not None
    if folds is not None and by is not None:
        raise ConfigurationError("use either --folds or --by")
    if not anew and any(value is not None for value in (max_shift, copies, refine, picker, min_snr)):
        raise ConfigurationError(
            "--max-shift, --copies, --refine, --picker and --min-snr only apply with --folds or --by"
        )
    if risk is not None:
        check_risk(risk)
    if reliability_plot:
        check_figure(reliability_plot)
    discriminator: Model = find_model(weights, model)
    if anew:
        check_trainable(discriminator)
    waveforms = open_dataset(dataset, discriminator.preprocessing.component_order)
    found = labels_in(waveforms, label_column)
    wanted: list[str] | None = [label for label in discriminator.labels if label in found] or discriminator.labels
    if discriminator.clusters:
        wanted = None  # windows of a class that no cluster stands for count as errors
    columns = Columns(label=label_column, group=group_column, split=split_column, pick=pick_column)
    cuts = recorded_cuts(discriminator, max_shift, copies, refine, picker) if anew else refined_cuts(discriminator)
    data = read_dataset(waveforms, discriminator.window_preprocessing, columns, labels=wanted, cuts=cuts)
    if anew:
        if min_snr is None and discriminator.training_windows:
            min_snr = discriminator.training_windows["min_snr"]
        learn = learnable(data, min_snr, remark)
        scored = predict_held_out(
            discriminator, data, learn, folds=folds, by=by, seed=seed, progress=progress("training")
        )
    else:
        if split in ("all", "train"):
            remark("these scores are not held out if the weights were trained on this split")
        scored = predict_split(discriminator, data, split)
    text = [show(scored.sections(seed))]
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


def _advice(scored: Scored, risk: float) -> str:
    rows = scored.familiar  # classify abstains from the others
    probabilities, truth = scored.probabilities[rows], scored.truth[rows]
    try:
        threshold = reject_threshold(probabilities, truth, scored.data.groups[rows], risk=risk)
    except DatasetError as error:
        return f"No threshold can be recommended: {error}."
    kept = probabilities.max(axis=1) >= threshold
    wrong = probabilities.argmax(axis=1)[kept] != truth[kept]
    share = f"{kept.mean():.1%} of the windows ({kept.sum()} of {len(kept)})"
    how = f"classify --reject-below {threshold:.4f} keeps" if threshold else "No rejection is needed, which keeps"
    return (
        f"{how} {share}. {wrong.mean():.1%} of them are wrong. At most {100 * risk:g}% of new windows like these will "
        "be wrong, with 95% confidence over events. Other kinds of windows, such as noise or another region, are not "
        "covered."
    )
