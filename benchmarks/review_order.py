"""How many events an analyst must label, by the order in which they are shown.

    python benchmarks/review_order.py ../data/mixed_3c --cache FOLDER --record mixed.csv
    python benchmarks/review_order.py ../data/pnw_z --components Z --batch 5 --cache FOLDER --record pnw.csv
    python benchmarks/review_order.py --draw mixed.csv pnw.csv --plot docs/figures/review_order.png

The true labels play the analyst. Events of the training part are labelled in batches; after each, the head is fitted
again in closed form, all events are decided again, and the order of the rest is made anew. All orders begin with the
same events, drawn at random: ten, or more until each class has two. The ways:

    random      the rest at random
    uncertain   smallest margin first
    ours        `review_order` with features: a fifth at random, the rest doubtful and diverse
    no features `review_order` without features

With `--target REPOSITORY`, the head learns from all other repositories first, and is fine-tuned to labelled events of
this one, with none at the beginning. The score is the balanced accuracy per event on the part `dev`, or, with
`--inside`, on each of three folds of the training part, to choose between variants without looking at `dev`. Features
are kept in the folder `--cache`, curves in the table `--record`.

The first table gives the number of labels at which the score first is within two points of that of all labels, and the
number from which on it stays there. The second compares three figures for the accuracy of a model that learnt from the
first events, after 60 more were reviewed in our order: on all other events (the truth), on the reviewed ones, and by
`honest_accuracy`.
"""

import argparse
from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from _cached_features import Features, features_of
from matplotlib.figure import Figure
from numpy.typing import NDArray
from obspy import UTCDateTime
from PIL import Image

from seisbench_lcl.evaluation import score
from seisbench_lcl.events import EventRules
from seisbench_lcl.events.deciding import vote
from seisbench_lcl.heads import Head
from seisbench_lcl.models.decision import EventDecision, StationDecision
from seisbench_lcl.models.event import Event
from seisbench_lcl.plotting.colours import COLOURS
from seisbench_lcl.review.honest import honest_accuracy
from seisbench_lcl.review.order import ReviewOrder, review_order
from seisbench_lcl.review.verdicts import Verdict

MODELS = ("PhaseNetRidge", "EnvelopePhysicalRidge", "MiniRocketRidge")
WAYS = ("random", "uncertain", "ours", "no features")
FIRST = 10
NEAR = 0.02
FINE = 120  # labels from which on steps are twice as long
REVIEWED = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", help="SeisBench dataset with the parts train and dev")
    parser.add_argument("--components", default="ZNE")
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--ways", nargs="+", default=list(WAYS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--most", type=int, default=10**6, help="labels after which to stop")
    parser.add_argument("--target", help="repository to learn, after all others")
    parser.add_argument("--inside", action="store_true", help="score on folds of the training part")
    parser.add_argument("--cache", type=Path, default=Path("features"))
    parser.add_argument("--record", type=Path)
    parser.add_argument("--draw", type=Path, nargs="+", help="draw these records instead")
    parser.add_argument("--plot", type=Path, default=Path("review_order.png"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.draw:
        draw(pd.concat([pd.read_csv(file) for file in arguments.draw]), arguments.plot)
        return
    rows: list[dict[str, Any]] = []
    for name in arguments.models:
        kept = features_of(arguments.folder, arguments.components, name, arguments.cache)
        for seed in range(arguments.seeds):
            for trial in trials(kept, seed, arguments.target, arguments.inside):
                about = {"data": arguments.target or Path(arguments.folder).name, "model": name, "seed": seed}
                about["fold"] = trial.fold
                for way in arguments.ways:
                    for n, value in trial.curve(way, arguments.batch, arguments.most):
                        rows.append(about | {"way": way, "labels": n, "score": value})
                rows.append(about | {"way": "all", "labels": len(trial.candidates), "score": trial.full()})
                rows += [about | {"way": f"accuracy {k}", "score": v} for k, v in trial.accuracies().items()]
        table = pd.DataFrame(rows)
        show(table[table["model"] == name])
        if arguments.record:
            table.to_csv(arguments.record, mode="w", index=False)


class Trial:
    """Candidates to label, events to score, and what the model knows before."""

    def __init__(
        self,
        kept: Features,
        candidates: Collection[str],
        test: Collection[str],
        seed: int,
        before: NDArray[np.bool_] | None = None,
        fold: int = 0,
    ) -> None:
        self.kept, self.seed, self.fold = kept, seed, fold
        self.x, self.y = torch.from_numpy(kept.rows), torch.from_numpy(kept.truth)
        self.events, self.codes = np.unique(kept.events, return_inverse=True)
        self.truth = dict(zip(kept.events.tolist(), kept.truth.tolist(), strict=True))
        self.candidates, self.test = sorted(candidates), np.isin(kept.events, list(test))
        self.pool = np.isin(kept.events, self.candidates)
        self.means = {e: kept.rows[kept.events == e].mean(axis=0) for e in self.candidates}
        self.before = None if before is None else self.fitted(before)

    def fitted(self, rows: NDArray[np.bool_], head: Head | None = None) -> Head:
        """Fit a new head, or fine-tune a copy of one."""
        groups = torch.from_numpy(self.codes[rows])
        if head is None:
            return self.kept.fresh().fit(self.x[rows], self.y[rows], groups)
        return deepcopy(head).fine_tune(self.x[rows], self.y[rows], groups)

    def learnt(self, labelled: Collection[str]) -> Head:
        """Return the head after these labels; classes with a single event are left out."""
        counts = pd.Series([self.truth[e] for e in labelled]).value_counts()
        usable = [e for e in labelled if counts[self.truth[e]] > 1]
        rows = np.isin(self.kept.events, usable)
        if self.before is None:
            return self.fitted(rows)
        return self.fitted(rows, self.before) if (counts > 1).sum() > 1 else self.before

    def start(self, order: ReviewOrder) -> list[str]:
        """Return the events that all ways begin with."""
        if self.before is not None:
            return []
        truth = [self.truth[e] for e in order.draws]
        n = FIRST
        while min(np.bincount(truth[:n], minlength=len(self.kept.labels))) < 2:
            n += 1
        return list(order.draws[:n])

    def curve(self, way: str, batch: int, most: int) -> Iterator[tuple[int, float]]:
        """Yield the numbers of labels and the scores of a way of ordering."""
        most = min(most, len(self.candidates))
        labelled = self.start(self.order("random", self.decisions(None), []))
        while True:
            head = self.learnt(labelled)
            yield len(labelled), self.score(head)
            if len(labelled) >= most:
                return
            n = batch if len(labelled) < FINE else 2 * batch
            labelled += self.order(way, self.decisions(head), labelled)[: min(n, most - len(labelled))]

    def order(self, way: str, decisions: list[EventDecision], labelled: list[str]) -> ReviewOrder:
        """Return the candidates without a label in the order of a way."""
        drawn = review_order(decisions, labelled, random_share=1.0, seed=self.seed)
        if way == "uncertain":
            rest = [d.event for d in sorted(decisions, key=lambda d: d.margin) if d.event not in labelled]
            return ReviewOrder(rest, drawn.draws, labelled, 0.0)
        if way == "random":
            return drawn
        return review_order(decisions, labelled, self.means if way == "ours" else None, seed=self.seed)

    def decisions(self, head: Head | None) -> list[EventDecision]:
        """Decide the candidates, by equal probabilities without a head."""
        rows = np.flatnonzero(self.pool)
        k = len(self.kept.labels)
        p = np.full((len(rows), k), 1 / k) if head is None else head(self.x[rows]).double().numpy()
        stations: dict[str, list[StationDecision]] = {}
        for row, own in zip(rows, p.tolist(), strict=True):
            decided = StationDecision(
                self.kept.stations[row], UTCDateTime(0), "pick", dict(zip(self.kept.labels, own, strict=True))
            )
            stations.setdefault(str(self.kept.events[row]), []).append(decided)
        return [vote(Event(e), own, self.kept.model, EventRules()) for e, own in stations.items()]

    def score(self, head: Head) -> float:
        """Return the balanced accuracy per event."""
        p = head(self.x[self.test]).numpy()
        events, codes = np.unique(self.kept.events[self.test], return_inverse=True)
        sums = np.zeros((len(events), p.shape[1]))
        np.add.at(sums, codes, p)
        truth = np.array([self.truth[e] for e in events.tolist()])
        means = sums / np.bincount(codes)[:, None]
        return float(score(means, truth, self.kept.labels)["balanced_accuracy"])

    def full(self) -> float:
        """Return the score with the labels of all candidates."""
        return self.score(self.learnt(self.candidates))

    def accuracies(self) -> Mapping[str, float]:
        """Return the accuracy of an early model on the events it has not seen, and two estimates of it."""
        drawn = self.order("random", self.decisions(None), [])
        begun = self.start(drawn)
        decisions = [d for d in self.decisions(self.learnt(begun)) if d.event not in begun]
        labels = self.kept.labels
        right = {d.event: d.label == labels[self.truth[d.event]] for d in decisions}
        order = review_order(decisions, (), self.means, seed=self.seed)
        shown = {d.event: d.label or "" for d in decisions}
        said = {
            e: Verdict(e, labels[self.truth[e]], "label", "truth", UTCDateTime(0), shown[e], "")
            for e in order[:REVIEWED]
        }
        honest = honest_accuracy(said, order).interval
        truth = float(np.mean(list(right.values())))
        return {
            "truth": truth,
            "reviewed": float(np.mean([right[e] for e in said])),
            "honest": honest.value,
            "inside": float(honest.low <= truth <= honest.high),
        }


def trials(kept: Features, seed: int, target: str | None, inside: bool) -> Iterator[Trial]:
    here = np.ones(len(kept.events), dtype=bool) if target is None else kept.repositories == target
    elsewhere = None if target is None else ~here
    if target:
        known = set(kept.truth[~here].tolist())
        here &= np.isin(kept.truth, list(known))
    train, dev = (sorted(set(kept.events[here & part].tolist())) for part in (kept.train, ~kept.train))
    if not inside:
        yield Trial(kept, train, dev, seed, elsewhere)
        return
    rng = np.random.default_rng(seed)
    truth = dict(zip(kept.events.tolist(), kept.truth.tolist(), strict=True))
    fold = {}
    for k in range(len(kept.labels)):
        own = rng.permutation([e for e in train if truth[e] == k])
        fold |= {str(e): i % 3 for i, e in enumerate(own)}
    for held_out in range(3):
        parts = ([e for e in train if (fold[e] == held_out) is out] for out in (False, True))
        yield Trial(kept, *parts, seed, elsewhere, held_out)


def reached(curve: pd.DataFrame, goal: float) -> tuple[float, float]:
    """Return the number of labels at which the score first is at the goal, and from which on it stays there."""
    curve = curve.sort_values("labels")
    labels, there = curve["labels"].to_numpy(), curve["score"].to_numpy() >= goal - 1e-9
    last_below = np.flatnonzero(~there).max(initial=-1)
    stays = labels[last_below + 1] if last_below + 1 < len(labels) else np.nan
    return float(labels[there.argmax()]) if there.any() else np.nan, float(stays)


def show(table: pd.DataFrame) -> None:
    data, model = table[["data", "model"]].iloc[0]
    full = table[table["way"] == "all"].set_index(["seed", "fold"])
    n = int(full["labels"].max())
    print(f"\n{data}, {model}: {full['score'].median():.3f} with all {n} labels, {table['seed'].nunique()} seeds")
    columns = f"first within {100 * NEAR:g} points | stays there | mean score to {n // 2} labels"
    print(f"| way | {columns} |\n| --- |{' ---: |' * 3}")
    for way in [way for way in WAYS if way in set(table["way"])]:
        first, stays, means = [], [], []
        for key, curve in table[table["way"] == way].groupby(["seed", "fold"]):
            one, other = reached(curve, full.loc[key, "score"] - NEAR)
            first.append(one)
            stays.append(other)
            means.append(curve.loc[curve["labels"] <= n // 2, "score"].mean())
        print(f"| {way} | {spread(first, 0)} | {spread(stays, 0)} | {spread(means, 3)} |", flush=True)
    found = {k: table.loc[table["way"] == f"accuracy {k}", "score"] for k in ("truth", "reviewed", "honest", "inside")}
    told = ", ".join(f"{k} {spread(v.tolist(), 2)}" for k, v in found.items() if k != "inside")
    print(
        f"accuracy after {REVIEWED} reviews: {told}; the truth in the interval: {found['inside'].mean():.0%}",
        flush=True,
    )


def spread(values: list[float], digits: int) -> str:
    return f"{np.median(values):.{digits}f} ({np.min(values):.{digits}f} to {np.max(values):.{digits}f})"


def draw(table: pd.DataFrame, plot: Path) -> None:
    """Draw the median curves, and the range of those at random."""
    data, models = (list(dict.fromkeys(table[column])) for column in ("data", "model"))
    figure = Figure(figsize=(3.3 * len(models), 2.9 * len(data) + 0.4), layout="constrained")
    grid = figure.subplots(len(data), len(models), squeeze=False, sharey="row")
    for (i, one), (j, model) in ((r, c) for r in enumerate(data) for c in enumerate(models)):
        axes, part = grid[i, j], table[(table["data"] == one) & (table["model"] == model)]
        for way, colour in zip(WAYS, ("black", *COLOURS), strict=False):
            curves = part[part["way"] == way].pivot_table(index="labels", columns=["seed", "fold"], values="score")
            if curves.empty:
                continue
            curves = curves.interpolate("index", limit_area="inside").dropna()  # from where all have begun
            axes.plot(curves.index, curves.median(axis=1), color=colour, lw=1.6, label=way)
            if way == "random":
                axes.fill_between(
                    curves.index, curves.min(axis=1), curves.max(axis=1), color="0.9", lw=0, label="range of random"
                )
        goal = part.loc[part["way"] == "all", "score"].median()
        axes.axhline(goal - NEAR, color="0.4", lw=1, ls=":", label="all labels, less two points")
        axes.set_title(f"{model}, {one}", fontsize="medium")
        axes.spines[["top", "right"]].set_visible(False)
        ticks = [n for n in (10, 20, 50, 100, 200) if n <= part["labels"].max()]
        axes.set_xscale("log")
        axes.set_xticks(ticks, labels=[str(n) for n in ticks])
        axes.minorticks_off()
        if j == 0:
            axes.set_ylabel("Balanced accuracy per event")
        if i == len(data) - 1:
            axes.set_xlabel("Labelled events")
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=6, frameon=False)
    drawn = BytesIO()
    figure.savefig(drawn, dpi=80)
    Image.open(drawn).convert("RGB").quantize(64).save(plot, optimize=True)  # a third of the size


if __name__ == "__main__":
    main()
