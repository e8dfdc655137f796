"""Tables of a comparison in Markdown, from its files of scores alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from seisbench_lcl.comparison.metrics import ALL
from seisbench_lcl.comparison.papers import Paper
from seisbench_lcl.comparison.plan import BASELINE, Plan
from seisbench_lcl.comparison.predictions import Predictions
from seisbench_lcl.comparison.specs import TableSpec
from seisbench_lcl.evaluation.tables import to_markdown
from seisbench_lcl.wording import counted

PAPER = "paper, other data"

_NUMBERS = ["value", "low", "high", "runs", "spread", "seeds", "seed_spread", "windows", "events"]

_NAMES = {
    "weighted_precision": "weighted precision",
    "weighted_recall": "weighted recall",
    "weighted_f1": "weighted F1",
    "macro_f1": "macro F1",
    "balanced_accuracy": "balanced accuracy",
    "ece": "calibration error",
    "brier": "Brier score",
    "aurc": "area under risk–coverage",
    "error_at_80": "error of the surest 80 %",
    "nmi": "NMI",
    "unknown_rejected": "unknown, beyond the limit",
    "known_rejected": "known, beyond the limit",
    "unknown_auc": "area, novelty",
    "unknown_auc_confidence": "area, one minus highest probability",
}


@dataclass(frozen=True)
class Scores:
    """The files of scores that tables and figures are made of.

    Attributes
    ----------
    metrics, summary, order, cards : pandas.DataFrame
        As in `seisbench_lcl.comparison.metrics`, `spread`, `order`, and one row for each run.
    """

    metrics: pd.DataFrame
    summary: pd.DataFrame
    order: pd.DataFrame
    cards: pd.DataFrame

    def of(self, level: str, metric: str, part: str = ALL) -> dict[str, dict[str, float]]:
        """Return the summary of one metric, by model and column."""
        table = self.summary
        chosen = (table["level"] == level) & (table["metric"] == metric) & (table["part"] == part)
        numbers = table[chosen].set_index("model")[_NUMBERS].astype(float)
        return {
            str(model): dict(zip(_NUMBERS, row, strict=True))
            for model, row in zip(numbers.index, numbers.to_numpy().tolist(), strict=True)
        }

    def parts(self, kind: str) -> list[str]:
        """Return the names of the parts of one kind: errors of P by size, others in the order of the predictions."""
        found = [part for part in dict.fromkeys(self.summary["part"]) if part.startswith(f"{kind} ")]
        return sorted(found, key=lambda part: float(part.split()[1])) if kind == "shift" else found


def document(plan: Plan, scores: Scores, papers: Mapping[str, Paper], predictions: Predictions) -> str:
    """Return all tables of a plan as a page of Markdown."""
    blocks = [f"# {plan.title}", plan.about.strip(), _data(scores)]
    for spec in plan.tables:
        blocks.append(f"## {spec.title}")
        blocks.append(one_table(plan, spec, scores, papers, predictions))
    if failures := _failures(scores.cards):
        blocks.append(failures)
    return "\n\n".join(block for block in blocks if block) + "\n"


def one_table(
    plan: Plan, spec: TableSpec, scores: Scores, papers: Mapping[str, Paper], predictions: Predictions
) -> str:
    """Return one table as Markdown, with the sentences that it needs."""
    paper = papers[spec.paper] if spec.paper else None
    if spec.kind == "order":
        return _order(spec, scores, paper)
    shown = set(scores.summary["model"])
    models = [model for model in spec.models or [entry.title for entry in plan.models] if model in shown]
    if spec.kind == "agreement":
        return _agreement(models, predictions)
    models += [BASELINE] if BASELINE in shown and BASELINE not in models else []
    make = {"scores": _scores, "spread": _spread, "parts": _parts, "cost": _cost}[spec.kind]
    header, rows, remark = make(spec, scores, models, paper)
    table = "\n".join(to_markdown([("", header, rows)]).splitlines()[2:])
    source = f"“{PAPER}”: {paper.source}, on {paper.data}." if paper else ""
    return "\n\n".join(filter(None, [remark, table, source]))


def name_of(metric: str) -> str:
    """Return a metric in words."""
    return _NAMES.get(metric, metric.replace("_", " "))


def _scores(
    spec: TableSpec, scores: Scores, models: Sequence[str], paper: Paper | None
) -> tuple[list[str], list[list[str]], str]:
    header = [f"per {spec.level}", "runs"]
    columns = {metric: scores.of(spec.level, metric) for metric in spec.metrics}
    printed = [metric for metric in spec.metrics if paper and any(metric in row for row in paper.values.values())]
    for metric in spec.metrics:
        header += [name_of(metric)] + ([f"{name_of(metric)} ({PAPER})"] if metric in printed else [])
    rows = []
    for model in models:
        there = [table[model] for table in columns.values() if model in table]
        cells = [model, str(int(there[0]["runs"])) if there else ""]
        for metric, table in columns.items():
            cells.append(_interval(table[model]) if model in table else "")
            if metric in printed:
                value = paper.values.get(model, {}).get(metric) if paper else None
                cells.append("" if value is None else _short(value, 4))
        rows.append(cells)
    remark = "Means over the runs; brackets are 95 % intervals over events."
    if len({cells[1] for cells in rows} - {""}) > 1:
        remark += (
            " Models with fewer runs were tested on the first deals alone, so that their rows are on other events."
        )
    return header, rows, remark


def _spread(
    spec: TableSpec, scores: Scores, models: Sequence[str], paper: Paper | None
) -> tuple[list[str], list[list[str]], str]:
    header = [f"per {spec.level}", "deals", "seeds"]
    for metric in spec.metrics:
        header += [f"{name_of(metric)}: over deals", "over seeds alone"]
        header += [f"over runs ({PAPER})"] if paper else []
    rows = []
    for model in models:
        cells = [model, "", ""]
        for metric in spec.metrics:
            table = scores.of(spec.level, metric)
            if model not in table:
                cells += [""] * (3 if paper else 2)
                continue
            found = table[model]
            cells[1:3] = [str(int(found["runs"])), str(int(found["seeds"]))]
            cells += [_short(found["spread"], 4), _short(found["seed_spread"], 4)]
            if paper:
                value = paper.values.get(model, {}).get(metric)
                cells.append("" if value is None else _short(value, 4))
        rows.append(cells)
    remark = (
        "Standard deviations: over deals of the events, each with a seed of its own; and over seeds alone, with the "
        "first deal. The standard deviation of the differences from the median, which the paper calls deviation, "
        "equals that over the runs."
        if paper
        else "Standard deviations: over deals of the events, each with a seed of its own; and over seeds alone, with "
        "the first deal."
    )
    return header, rows, remark


def _parts(
    spec: TableSpec, scores: Scores, models: Sequence[str], paper: Paper | None
) -> tuple[list[str], list[list[str]], str]:
    metric = spec.metrics[0]
    parts = scores.parts(spec.part)
    tables = {part: scores.of(spec.level, metric, part) for part in parts}
    header = [f"{name_of(metric)} per {spec.level}"]
    for part, table in tables.items():
        n = int(max((row["events"] for row in table.values()), default=0))
        header.append(f"{part.removeprefix(spec.part + ' ')} ({counted(n, 'event')})")
    rows = [
        [model, *(_interval(table[model]) if model in table else "" for table in tables.values())] for model in models
    ]
    return header, rows, "Means over the runs; brackets are 95 % intervals over events. Events: median over the runs."


def _cost(
    spec: TableSpec, scores: Scores, models: Sequence[str], paper: Paper | None
) -> tuple[list[str], list[list[str]], str]:
    header = ["model", "s to train", "ms a window", "learnt numbers", "epochs", "windows learnt from"]
    printed = bool(paper and any("seconds" in row for row in paper.values.values()))
    header += [f"s ({PAPER})"] if printed else []
    chosen = scores.cards.get("clusters", pd.Series(dtype=float)).notna().any()
    header += ["clusters"] if chosen else []
    good = scores.cards[scores.cards["error"].isna()]
    rows = []
    for model in models:
        own = good[good["model"] == model]
        median = own[["fit", "milliseconds", "parameters", "epochs", "windows"]].median()
        cells = [
            model,
            f"{median['fit']:.1f}",
            "" if np.isnan(median["milliseconds"]) else f"{median['milliseconds']:.2f}",
            f"{median['parameters']:.0f}" if median["parameters"] else "",
            "" if np.isnan(median["epochs"]) else f"{median['epochs']:.0f}",
            f"{median['windows']:.0f}" if median["windows"] else "",
        ]
        if printed and paper:
            value = paper.values.get(model, {}).get("seconds")
            cells.append("" if value is None else f"{value:.0f}")
        if chosen:
            numbers = sorted(set(own["clusters"].dropna().astype(int)))
            cells.append(", ".join(map(str, numbers)))
        rows.append(cells)
    hardware = ", ".join(sorted(set(good["processor"].dropna())))
    return header, rows, f"Medians of processor time on one thread ({hardware})."


def _order(spec: TableSpec, scores: Scores, paper: Paper | None) -> str:
    blocks = []
    for metric in spec.metrics:
        table = scores.order
        table = table[(table["level"] == spec.level) & (table["metric"] == metric)]
        near = table[table["neighbours"].astype(bool)]
        numbers = near[["runs", "printed", "value", "low", "high"]].astype(float).to_numpy().tolist()
        rows = []
        for (runs, printed, *ours), pair in zip(numbers, near[["higher", "lower", "holds"]].to_numpy(), strict=True):
            value, low, high = (_short(number, 3, "+") for number in ours)
            rows.append(
                [f"{pair[0]} > {pair[1]}", f"{runs:.0f}", _short(printed, 3, "+"), f"{value} [{low}, {high}]", pair[2]]
            )
        header = [f"{name_of(metric)} per {spec.level}", "common runs", f"difference ({PAPER})", "ours", "holds"]
        counts = table["holds"].value_counts()
        holds, reverse, still = (counts.get(verdict, 0) for verdict in ("yes", "no", "open"))
        sentence = (
            f"The paper ranks {counted(len(table), 'pair')} of models by {name_of(metric)}. Here {holds} hold; "
            f"reversed: {reverse}; open, as the interval over events holds 0: {still}. The table has the neighbours in "
            "its ranking."
        )
        blocks += [sentence, "\n".join(to_markdown([("", header, rows)]).splitlines()[2:])]
    if paper:
        blocks.append(f"“{PAPER}”: {paper.source}, on {paper.data}.")
    return "\n\n".join(blocks)


def _agreement(models: Sequence[str], predictions: Predictions) -> str:
    columns = [f"p:{label}" for label in predictions.labels]

    def of(model: str) -> pd.DataFrame:
        table = predictions.first[model]
        return table[table["shift"] == 0].set_index("window")[columns].sort_index()

    reference, rows = of(models[0]), []
    for model in models[1:]:
        own = of(model)
        common = own.index.intersection(reference.index)
        ours, theirs = own.loc[common].to_numpy(), reference.loc[common].to_numpy()
        same = (ours.argmax(axis=1) == theirs.argmax(axis=1)).sum()
        gaps = np.abs(ours - theirs).max(axis=1)
        rows.append([model, f"{same} of {len(common)}", f"{np.median(gaps):.4f}", f"{gaps.max():.4f}"])
    header = [f"beside {models[0]}", "same label", "median difference of a probability", "largest"]
    return "\n".join(to_markdown([("", header, rows)]).splitlines()[2:])


def _data(scores: Scores) -> str:
    good = scores.cards[scores.cards["error"].isna()]
    if good.empty:
        return ""
    whole = scores.summary[(scores.summary["part"] == ALL) & (scores.summary["level"] == "station")]
    digest, split = (str(good[column].iloc[0])[:12] for column in ("data", "split"))
    tested = f"{int(whole['windows'].max())} windows of {int(whole['events'].max())} events" if len(whole) else ""
    return f"A run tests {tested} (median). Data {digest}, split {split} (SHA-256)."


def _failures(cards: pd.DataFrame) -> str:
    failed = cards[cards["error"].notna()]
    if failed.empty:
        return ""
    lines = [
        f"- {model}: {counted(len(part), 'run')} failed, and {'are' if len(part) > 1 else 'is'} left out: "
        f"{part['error'].iloc[0]}"
        for model, part in failed.groupby("model")
    ]
    return "## Runs that failed\n\n" + "\n".join(lines)


def _interval(row: Mapping[str, float]) -> str:
    if np.isnan(row["value"]):
        return ""
    if np.isnan(row["low"]):
        return _short(row["value"], 3)
    return f"{_short(row['value'], 3)} [{_short(row['low'], 3)}, {_short(row['high'], 3)}]"


def _short(value: float, digits: int, sign: str = "") -> str:
    """Return a fraction without its leading zero.

    Examples
    --------
    >>> _short(0.9441, 3), _short(-0.01, 3, "+"), _short(1.0, 3)
    ('.944', '-.010', '1.000')
    """
    if np.isnan(value):
        return ""
    text = f"{value:{sign}.{digits}f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 and not text.lstrip("+-").startswith("1") else text
