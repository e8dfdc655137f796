"""Learning curves of a new region: trained from scratch, fine-tuned, and as an ensemble.

    python benchmarks/fine_tuning.py FOLDER --target "AI4EPS/PhaseNet" --seeds 5 --plot docs/figures/fine_tuning.svg

FOLDER is a SeisBench dataset with the columns source_type, source_id and origin_repository. The target is one of the
repositories. Each seed splits its events into two halves. Models are trained on 5, 10, 20, 50 and all events of one
half, taking the classes in turn, and tested on the other half. They are trained from scratch on these events alone, or
fine-tuned after training on the other repositories; networks also form an ensemble of five. The column of 0 events is
the model of the other repositories without fine-tuning. Tables show the mean and standard deviation over the seeds of
the balanced accuracy and of the expected calibration error per station. Models of the other repositories choose among
all their classes, which may be more than those of the target; models trained from scratch know only its classes.
"""

import argparse
from copy import deepcopy
from pathlib import Path
from typing import Any

import _deals
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from seisbench_lcl.datasets import LabelledWindows
from seisbench_lcl.evaluation import score

MEMBERS = 5
SIZES = (5, 10, 20, 50, 10_000)
MODELS = ("MiniRocketRidge", "SpectrogramCNN")
CURVES = (*MODELS, f"{MEMBERS} × {MODELS[1]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="SeisBench dataset")
    parser.add_argument("--target", default="AI4EPS/PhaseNet", help="repository to learn")
    parser.add_argument("--components", default="ZNE", help="components to use")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    parser.add_argument("--jobs", type=int, default=2, help="number of processes")
    parser.add_argument("--plot", type=Path, help="file for the figure")
    arguments = parser.parse_args()
    calls = [(arguments.target, name, seed) for seed in range(arguments.seeds) for name in MODELS]
    rows = _deals.run(arguments.folder, arguments.components, arguments.jobs, learn, calls)
    table = pd.DataFrame([row for part in rows for row in part["rows"]])
    show(table)
    if arguments.plot:
        draw(table, arguments.plot)


def learn(repository: str, name: str, seed: int) -> dict[str, Any]:
    source, target = _deals.parts_of(repository)
    classes = sorted(set(target.labels.tolist()))
    labels = sorted(set(source.labels.tolist()))
    pool, test = halves(target, seed)
    seeds = range(seed * MEMBERS, seed * MEMBERS + (MEMBERS if name == MODELS[1] else 1))
    pretrained = [_deals.make(name, s, labels).fit(source.windows, source.labels, source.groups) for s in seeds]
    rows: list[dict[str, Any]] = []

    def add(how: str, size: int, found: list[NDArray[Any]], order: list[str]) -> None:
        votes = {name: found[0]} | ({f"{MEMBERS} × {name}": np.mean(found, axis=0)} if len(found) > 1 else {})
        truth = test.truth(order)
        for who, probabilities in votes.items():
            levels = _deals.levels(probabilities, test, order)
            rows.append({
                "model": who, "how": how, "events": size, "seed": seed,
                "station": score(probabilities, truth, order)["balanced_accuracy"],
                "event": score(levels["event"], levels["event truth"], order)["balanced_accuracy"],
                "ece": score(probabilities, truth, order)["ece"],
            })  # fmt: skip

    add("without fine-tuning", 0, [model.predict_proba(test.windows) for model in pretrained], labels)
    for size in SIZES:
        part = pool.select(in_turn(pool, size))
        n_events = len(set(part.groups))
        tuned = [deepcopy(model).fine_tune(part.windows, part.labels, part.groups) for model in pretrained]
        add("fine-tuned", n_events, [model.predict_proba(test.windows) for model in tuned], labels)
        scratch = [_deals.make(name, s, classes).fit(part.windows, part.labels, part.groups) for s in seeds]
        add("from scratch", n_events, [model.predict_proba(test.windows) for model in scratch], classes)
    return {"model": name, "seed": seed, "rows": rows}


def halves(data: LabelledWindows, seed: int) -> tuple[LabelledWindows, LabelledWindows]:
    chosen = np.zeros(len(data), dtype=bool)
    for label in sorted(set(data.labels.tolist())):
        events = np.random.default_rng(seed).permutation(np.unique(data.groups[data.labels == label]))
        chosen |= np.isin(data.groups, events[: len(events) // 2])
    return data.select(chosen), data.select(~chosen)


def in_turn(data: LabelledWindows, n_events: int) -> NDArray[np.bool_]:
    """Choose events from the classes in turn, at least two of each class."""
    labels = sorted(set(data.labels.tolist()))
    chosen: list[str] = []
    for k, label in enumerate(labels):
        own = list(dict.fromkeys(data.groups[data.labels == label].tolist()))
        share = n_events // len(labels) + (k < n_events % len(labels))
        chosen += own[: max(2, share)]
    return np.isin(data.groups, chosen)


def show(table: pd.DataFrame) -> None:
    print(f"\n{table['seed'].nunique()} seeds")
    columns = sorted(set(table["events"]))
    for level in ("station", "event", "ece"):
        print(f"\n| {level} | {' | '.join(map(str, columns))} |\n| --- |{' ---: |' * len(columns)}")
        for (model, how), part in table.groupby(["model", "how"]):
            cells = []
            for size in columns:
                values = part.loc[part["events"] == size, level]
                cells.append(f"{values.mean():.3f} ± {values.std(ddof=1):.3f}" if len(values) else "")
            print(f"| {model}, {how} | {' | '.join(cells)} |")


def draw(table: pd.DataFrame, plot: Path) -> None:
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    panels = figure.subplots(1, 2)
    colours = dict(zip(CURVES, ("#0072b2", "#d55e00", "#009e73"), strict=True))
    styles = {"fine-tuned": "-o", "from scratch": "--s"}
    sizes = sorted(set(table["events"]) - {0})
    quantities = {"event": "Balanced accuracy per event", "ece": "Expected calibration error per station"}
    for axes, (quantity, title) in zip(panels, quantities.items(), strict=True):
        for k, ((model, how), part) in enumerate(table.groupby(["model", "how"])):
            found = part.groupby("events")[quantity].agg(["mean", "std"])
            if how == "without fine-tuning":
                axes.axhline(found["mean"].iloc[0], color=colours[model], lw=1.2, ls=":")
                continue
            x = found.index * 1.015 ** (k - 4)  # shifted, so that the bars do not overlap
            label = f"{model}, {how}"
            axes.errorbar(
                x,
                found["mean"],
                found["std"],
                fmt=styles[how],
                color=colours[model],
                ms=4,
                lw=1.4,
                capsize=2,
                label=label,
            )
        axes.set(xscale="log", xlabel="Events of the target region")
        axes.set_title(title, fontsize="medium")
        axes.set_xticks(sizes, labels=[str(size) for size in sizes])
        axes.minorticks_off()
        axes.spines[["top", "right"]].set_visible(False)
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside right center", frameon=False, title="dotted: without fine-tuning")
    figure.savefig(plot)


if __name__ == "__main__":
    main()
