"""QuakeXNet on a labelled dataset: placement of the arrival, scores beside EnvelopePhysicalRidge, and speed.

    python benchmarks/quakexnet.py FOLDER

FOLDER is a SeisBench dataset with three components and the columns source_type, source_id, split and origin_repository;
the weights QuakeXNet/base must be installed. QuakeXNet was trained by others on records of the Pacific Northwest, among
which records of FOLDER may be.

Windows of 100 s are longer than most traces. What is missing before and after a trace is noise like that before its P
(`extended`), the same for all placements. Noise records are extended from both ends.

- Placement: fraction of windows with the right label, by class and repository, for P at 2 to 75 s after the start, and
  the fraction whose label differs from that with P at the default position. All four labels can be chosen.
- Scores of the dev split, per station and event, of traces that both models can use; 95 % intervals from 1,000
  resamples of events, and the paired difference. EnvelopePhysicalRidge/mixed-3c learnt from the other splits.
- Recall of each class of each repository, all splits: EnvelopePhysicalRidge trained anew without the repository.
- Milliseconds per window on one thread: the median over repeats.
"""

import argparse
import time
from typing import Any

import numpy as np
import torch
from extended import extended
from numpy.typing import NDArray
from seisbench_lcl_quakexnet import QuakeXNet

import seisbench_lcl as lcl
from seisbench_lcl.datasets import LabelledWindows, open_dataset, read_windows
from seisbench_lcl.evaluation import column_folds, held_out_probabilities
from seisbench_lcl.evaluation.bootstrap import Interval, resample_tallies

PLACES = (2.0, 5.0, 7.5, 10.0, 12.5, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0, 75.0)
BEFORE, AFTER = max(PLACES), 100.0 - min(PLACES)
REPEATS = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = QuakeXNet.from_pretrained("base")
    dataset = open_dataset(arguments.folder, model.component_order)
    table = dataset.metadata.reset_index(drop=True)
    notes: dict[str, int] = {}
    rows, real, found = [], [], []
    for record in extended(dataset, model.preprocessing, BEFORE, AFTER, notes):
        rows.append(record.row)
        real.append(record.real)
        found.append(predict(model, record.data))
    probabilities = np.stack(found)
    chosen = table.iloc[rows]
    print(f"{len(rows)} traces of {chosen['source_id'].nunique()} events; left out: {notes or 'none'}")
    whole = sum(before >= model.preprocessing.before and sum((before, after)) >= 100 for before, after in real)
    print(f"{whole} of them are recorded for a whole window of 100 s; median recorded: "
          f"{np.median([sum(pair) for pair in real]):.0f} s\n")  # fmt: skip
    placement(model, probabilities, chosen)
    at = PLACES.index(model.preprocessing.before)
    scores(model, arguments.folder, dict(zip(rows, probabilities[:, at], strict=True)))
    speed(model)


def predict(model: QuakeXNet, data: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return probabilities (placements, K)."""
    rate, length = model.sampling_rate, model.in_samples
    starts = [round((BEFORE - place) * rate) for place in PLACES]
    return model.predict_proba(np.stack([data[:, start : start + length] for start in starts]))


def placement(model: QuakeXNet, probabilities: NDArray[np.float32], table: Any) -> None:
    labels, repositories = table["source_type"].to_numpy(), table["origin_repository"].to_numpy()
    chosen = np.array(model.labels)[probabilities.argmax(axis=-1)]
    right = chosen == labels[:, None]
    flipped = chosen != chosen[:, [PLACES.index(model.preprocessing.before)]]
    print("| P at (s) | " + " | ".join(f"{place:g}" for place in PLACES) + " |")
    print("| --- |" + " ---: |" * len(PLACES))
    for label in sorted(set(labels)):
        for repository in sorted(set(repositories[labels == label])):
            own = (labels == label) & (repositories == repository)
            line(f"{label}, {repository} ({own.sum()})", right[own].mean(axis=0))
    for split in sorted(set(table["split"])):
        own = (table["split"] == split).to_numpy()
        recalls = [right[own & (labels == label)].mean(axis=0) for label in sorted(set(labels))]
        line(f"mean of the classes, {split} ({own.sum()})", np.mean(recalls, axis=0))
    line(f"other label than at {model.preprocessing.before:g} s", flipped.mean(axis=0))
    events = labels != "noise"
    line("the same, without noise", flipped[events].mean(axis=0))
    print()


def line(name: str, values: NDArray[np.float64]) -> None:
    print(f"| {name} | " + " | ".join(f"{100 * value:.0f}" for value in values) + " |")


def scores(model: QuakeXNet, folder: str, theirs: dict[int, NDArray[np.float32]]) -> None:
    """Compare the two models on the traces that both can use."""
    ours = lcl.from_pretrained("EnvelopePhysicalRidge/mixed-3c")
    dataset = open_dataset(folder, ours.component_order)
    numbered = dataset.metadata.reset_index(drop=True)
    data = read_windows(dataset, ours.preprocessing)
    index = {name: row for row, name in numbered["trace_name"].items()}
    rows = np.array([index[name] for name in data.metadata["trace_name"]])
    kept = np.isin(rows, list(theirs))
    data, rows = data.select(kept), rows[kept]
    foreign = np.stack([theirs[row] for row in rows])
    columns = [model.labels.index(label) for label in ours.labels]
    among = foreign[:, columns] / foreign[:, columns].sum(axis=1, keepdims=True)
    dev = data.splits == "dev"
    own = ours.predict_proba(data.windows)
    print(f"dev: {dev.sum()} windows of {len(set(data.groups[dev]))} events\n")
    print("| level | QuakeXNet | the same, three labels | EnvelopePhysicalRidge | difference |")
    print("| --- | --- | --- | --- | --- |")
    truth = np.array(data.labels)
    for level in ("station", "event"):
        hits = np.stack(
            [
                correct(foreign[dev], model.labels, truth[dev], data.groups[dev], level),
                correct(among[dev], ours.labels, truth[dev], data.groups[dev], level),
                correct(own[dev], ours.labels, truth[dev], data.groups[dev], level),
            ]
        )
        events = data.groups[dev] if level == "station" else np.unique(data.groups[dev])
        print(f"| {level} | " + " | ".join(intervals(np.vstack([hits, hits[1] - hits[2]]), events)) + " |")
    held_out(ours, data, {"QuakeXNet": (among, ours.labels)})


def held_out(ours: lcl.Discriminator, data: LabelledWindows, others: dict[str, Any]) -> None:
    folds = column_folds(data, "origin_repository")
    found = others | {
        "EnvelopePhysicalRidge, repository held out": (held_out_probabilities(ours, data, folds), ours.labels)
    }
    print("\n| class, repository (windows / events) | " + " | ".join(found) + " |\n| --- |" + " ---: |" * len(found))
    for label in ours.labels:
        for fold in sorted(set(folds[data.labels == label])):
            rows = (data.labels == label) & (folds == fold)
            recalls = [
                correct(p[rows], names, data.labels[rows], data.groups[rows], "station") for p, names in found.values()
            ]
            size = f"{rows.sum()} / {len(set(data.groups[rows]))}"
            known = len(set(folds[data.labels == label])) > 1  # else a class goes with its repository
            cells = " | ".join(
                f"{100 * recall.mean():.0f}" if known or name in others else "unknown"
                for name, recall in zip(found, recalls, strict=True)
            )
            print(f"| {label}, {fold} ({size}) | {cells} |")


def correct(p: NDArray[Any], labels: list[str], truth: NDArray[Any], groups: NDArray[Any], level: str) -> NDArray[Any]:
    names = np.array(labels)
    if level == "station":
        return (names[p.argmax(axis=1)] == truth).astype(float)
    _, first, index = np.unique(groups, return_index=True, return_inverse=True)
    summed = np.zeros((len(first), p.shape[1]))
    np.add.at(summed, index, p)
    return (names[summed.argmax(axis=1)] == truth[first]).astype(float)


def intervals(hits: NDArray[np.float64], events: NDArray[Any]) -> list[str]:
    """Return means and 95 % intervals of rows (R, n) in per cent, with the same resamples of events for all rows."""
    _, index = np.unique(events, return_inverse=True)
    tallies = np.stack([np.bincount(index, row) for row in (*hits, np.ones(len(index)))], axis=1)
    draws = resample_tallies(tallies, 1000, seed=0)
    found = [Interval.from_draws(row.mean(), draws[:, k] / draws[:, -1]) for k, row in enumerate(hits)]
    return [f"{100 * x.value:.1f} [{100 * x.low:.1f}, {100 * x.high:.1f}]" for x in found]


def speed(model: QuakeXNet) -> None:
    windows = np.random.default_rng(0).normal(size=(64, 3, model.in_samples)).astype(np.float32)
    taken = []
    for _ in range(REPEATS + 1):
        start = time.process_time()
        model.predict_proba(windows)
        taken.append(time.process_time() - start)
    print(f"\n{1e3 * np.median(taken[1:]) / len(windows):.1f} ms per window")  # the first is a warm-up


if __name__ == "__main__":
    main()
