"""``seisbench-lcl evaluate``: scores of weights on a split, or of their recipe on data held out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from seisbench_lcl.cli.common import (
    Model,
    check_figure,
    console,
    errors,
    learns_by,
    load_model,
    progress,
    say,
    voters,
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
from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.evaluation import (
    EvaluationReport,
    GroupProbe,
    Interval,
    Recognition,
    column_folds,
    comparable_rows,
    event_folds,
    group_probe,
    held_out_probabilities,
    known_elsewhere,
    mean_by_event,
    reject_threshold,
    reliability,
)
from seisbench_lcl.evaluation.calibration import check_risk
from seisbench_lcl.evaluation.protocols import classes_left
from seisbench_lcl.evaluation.provenance import of_known_classes
from seisbench_lcl.evaluation.tables import Content, to_markdown
from seisbench_lcl.plotting import reliability_figure
from seisbench_lcl.training import Cuts, LabelledWindows, open_dataset
from seisbench_lcl.training.cuts import farthest_shift

_SHOWN = 6  # groups that are scored for themselves, too; the recall in each is always shown
_FOLDS = 5  # in which events are held out beside groups


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
        scored = _train_anew(discriminator, data, learnable(data, min_snr), folds, by, seed)
    else:
        scored = _predict(discriminator, data, split)
    text = [*_recognition(scored), *_scores(scored, seed), *_trust(scored, risk)]
    if reliability_plot:
        figure = reliability_figure(scored.probabilities, scored.truth, scored.data.groups, scored.title)
        write_file(reliability_plot, lambda file: figure.savefig(file, dpi=120))
    if report:
        write_text(report, "\n".join(text))


class _Scored(NamedTuple):
    """Windows with the probabilities to score, the parts that are scored for themselves too, and what is familiar.

    And how much of the scores could be recognition of these parts.
    """

    title: str
    data: LabelledWindows
    labels: list[str]
    probabilities: NDArray[np.float32]
    parts: dict[str, NDArray[np.bool_]]
    familiar: NDArray[np.bool_]
    recognition: Recognition | None = None

    @property
    def truth(self) -> NDArray[np.int64]:
        return self.data.truth(self.labels)


def _augments(model: Model) -> bool:
    """Whether the training of the model makes no copies of windows by default."""
    kinds = [(type(member), member.get_model_args()) for member in voters(model)]
    return any(learns_by(cls, args.get("extractor"), args.get("head")).augments for cls, args in kinds)


def _train_anew(
    model: Model, data: LabelledWindows, learn: NDArray[np.bool_], folds: int | None, by: str | None, seed: int
) -> _Scored:
    there = set(data.labels.tolist())
    labels = sorted(there) if model.clusters else [*model.labels, *sorted(there - set(model.labels))]
    picked = data.as_picked()
    rows = data.shifts == 0
    every = np.ones(len(picked), dtype=bool)
    truth = picked.truth(labels)
    # All that can be refused is, before the trainings, which may take hours.
    mean_by_event(np.eye(len(labels))[truth], truth, picked.groups)

    def predict(fold: NDArray[np.str_]) -> NDArray[np.float32]:
        return held_out_probabilities(model, data, fold, progress("training"), labels, learn)[rows]

    if by is None:
        fold = event_folds(data, folds or 0, seed, learn)
        return _Scored(f"{folds} folds of events", picked, labels, predict(fold), {}, every)
    group = column_folds(data, by)
    able = of_known_classes(data.labels, data.groups, learn)
    classes = known_elsewhere(data.truth(labels), group, data.groups, n_classes=len(labels), learn=able)[rows]
    fewest = min(len(np.unique(data.groups[able & (data.labels == label)])) for label in set(data.labels[able]))
    fold = event_folds(data, min(_FOLDS, fewest), seed, able)
    for held in (group, fold):
        classes_left(data, held, labels, learn)
    probes = _probes(model, picked, group[rows], seed)
    held_out, known = predict(group), predict(fold)
    group = group[rows]
    recognition = Recognition.from_predictions(
        *(known, held_out, truth, group, picked.groups, labels),
        column=by,
        classes=classes,
        probes=probes,
        seed=seed,
    )
    names = np.unique(group).tolist()
    parts = {name: group == name for name in names} if len(names) <= _SHOWN else {}
    return _Scored(f"{by} held out", picked, labels, held_out, parts, every, recognition)


def _probes(model: Model, data: LabelledWindows, group: NDArray[np.str_], seed: int) -> list[GroupProbe]:
    """Try to tell the groups of each class apart by the features of the weights as they are."""
    probes = []
    for label, rows in comparable_rows(data.labels, group, data.groups).items():
        windows = data.windows[rows]
        features = torch.hstack([member.features(windows) for member in voters(model)])
        probes.append(group_probe(features, group[rows], data.groups[rows], label=label, seed=seed))
    return probes


def _predict(model: Model, data: LabelledWindows, split: str) -> _Scored:
    if split in ("all", "train"):
        say("these scores are not held out if the weights were trained on the split", errors)
    there = set(data.labels.tolist())
    if not set(model.labels) & there:
        raise ConfigurationError(
            f"the labels of the model, {', '.join(model.labels)}, do not occur in the dataset; clusters "
            "get names by the command name"
        )
    labels = [*model.labels, *sorted(there - set(model.labels))]
    data = data if split == "all" else data.in_split(split)
    probabilities = np.zeros((len(data), len(labels)), dtype=np.float32)
    verdict = model.judge(data.windows)
    probabilities[:, : len(model.labels)] = verdict.probabilities.numpy()
    novelty = verdict.doubts.get("novelty", torch.zeros(len(data))).numpy()
    return _Scored(f"split {split}", data, labels, probabilities, {}, novelty <= 1)


def _scores(scored: _Scored, seed: int) -> Iterator[str]:
    """Print the scores of all windows and of each part, and yield them as Markdown."""
    whole = {scored.title: np.ones(len(scored.data), dtype=bool)}
    parts = {f"{scored.title}: {name}": rows for name, rows in scored.parts.items()}
    for heading, rows in (whole | parts).items():
        report = EvaluationReport.from_predictions(
            scored.probabilities[rows], scored.truth[rows], scored.data.groups[rows], scored.labels, seed=seed
        )
        console.rule(heading)
        console.print(report)
        yield f"### {heading[0].upper()}{heading[1:]}\n\n{report.to_markdown()}\n"


def _recognition(scored: _Scored) -> Iterator[str]:
    """Print how much of the scores could be recognition of the parts, and yield it as Markdown."""
    if scored.recognition:
        heading = f"Recognition of {scored.recognition.column}"
        console.rule(heading)
        console.print(scored.recognition)
        yield f"### {heading}\n\n{scored.recognition.to_markdown()}"


def _trust(scored: _Scored, risk: float | None) -> Iterator[str]:
    """Say what to reject, and yield it as Markdown after the tables of reliability."""
    yield f"### Reliability, {scored.title}\n\n{to_markdown(_reliability_tables(scored))}\n"
    if not scored.familiar.all():
        n = int((~scored.familiar).sum())
        told = f"{n} of these {len(scored.data)} windows are unlike the training data: classify abstains from them."
        say(told)
        yield f"{told}\n"
    if risk is not None:
        advice = _advice(scored, risk)
        console.rule(f"risk of {risk:g}")
        say(advice)
        yield f"### Risk of {risk:g}, {scored.title}\n\n{advice}\n"


def _reliability_tables(scored: _Scored) -> Iterator[Content]:
    by_window = scored.probabilities, scored.truth, scored.data.groups
    header = ["highest probability", "decisions", "events", "mean", "accuracy"]
    columns = ["low", "high", "n", "events", "confidence", "accuracy", "accuracy_low", "accuracy_high"]
    for level, predictions in (("station", by_window), ("event", mean_by_event(*by_window))):
        table = reliability(*predictions).query("n > 0")[columns]
        rows = [
            [f"{low:g} to {high:g}", f"{n:.0f}", f"{events:.0f}", f"{mean:.3f}", str(Interval(*accuracy))]
            for low, high, n, events, mean, *accuracy in table.to_numpy(dtype=float).tolist()
        ]
        yield f"Reliability per {level}", header, rows


def _advice(scored: _Scored, risk: float) -> str:
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
