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
    load_model,
    progress,
    say,
    write_file,
    write_text,
)
from seisbench_lcl.cli.options import (
    Dataset,
    GroupColumn,
    LabelColumn,
    PickColumn,
    SplitColumn,
    Weights,
    labels_of,
    read_dataset,
)
from seisbench_lcl.errors import ConfigurationError, DatasetError
from seisbench_lcl.evaluation import (
    EvaluationReport,
    Interval,
    column_folds,
    event_folds,
    held_out_probabilities,
    mean_by_event,
    reject_threshold,
    reliability,
)
from seisbench_lcl.evaluation.calibration import check_risk
from seisbench_lcl.evaluation.tables import Content, to_markdown
from seisbench_lcl.plotting import reliability_figure
from seisbench_lcl.training import LabelledWindows, open_dataset


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
    risk: Annotated[
        float | None, typer.Option(help="find what to reject so that this share of the rest is wrong at most")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Markdown file for the scores")] = None,
    reliability_plot: Annotated[
        Path | None, typer.Option("--reliability", help="figure of reliability and of risk over coverage")
    ] = None,
) -> None:
    """Score a model per station and per event, each score with its 95 % interval over events.

    With --folds or --hold-out the weights only give the recipe: models are trained anew without what they are tested
    on, on all splits together.
    """
    if folds is not None and hold_out is not None:
        raise ConfigurationError("give --folds or --hold-out, not both")
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
    data = read_dataset(waveforms, discriminator.preprocessing, columns, labels=wanted)
    if folds is not None or hold_out is not None:
        scored = _train_anew(discriminator, data, folds, hold_out, seed)
    else:
        scored = _predict(discriminator, data, split)
    text = [*_scores(scored, seed), *_trust(scored, risk)]
    if reliability_plot:
        figure = reliability_figure(scored.probabilities, scored.truth, scored.data.groups, scored.title)
        write_file(reliability_plot, lambda file: figure.savefig(file, dpi=120))
    if report:
        write_text(report, "\n".join(text))


class _Scored(NamedTuple):
    """Windows with the probabilities to score, the parts that are scored for themselves too, and what is familiar."""

    title: str
    data: LabelledWindows
    labels: list[str]
    probabilities: NDArray[np.float32]
    parts: dict[str, NDArray[np.bool_]]
    familiar: NDArray[np.bool_]

    @property
    def truth(self) -> NDArray[np.int64]:
        return self.data.truth(self.labels)


def _train_anew(model: Model, data: LabelledWindows, folds: int | None, hold_out: str | None, seed: int) -> _Scored:
    fold = column_folds(data, hold_out) if hold_out else event_folds(data, folds or 0, seed)
    there = set(data.labels.tolist())
    labels = sorted(there) if model.clusters else [*model.labels, *sorted(there - set(model.labels))]
    probabilities = held_out_probabilities(model, data, fold, progress("training"), labels)
    names = sorted(set(fold.tolist())) if hold_out else []
    title = f"{hold_out} held out" if hold_out else f"{folds} folds of events"
    return _Scored(title, data, labels, probabilities, {name: fold == name for name in names}, fold == fold)


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
