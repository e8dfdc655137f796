"""Transfer of models to a region that was held out, and its obstacles.

    python benchmarks/transfer.py repositories FOLDER    each repository held out in turn, every model
    python benchmarks/transfer.py events FOLDER          five folds of events, AUC; two classes, vertical component
    python benchmarks/transfer.py groups FOLDER FOLDER   both, without each group of physical features, and with it only
    python benchmarks/transfer.py picks FOLDER           accuracy against the error of the P pick

FOLDER is a SeisBench dataset with the columns source_type, source_id and origin_repository; `groups` needs one with
three components and one with the vertical component. A seed applies to models, folds and shifts. Scores are for windows
cut at the pick, of all seeds together, with 95 % intervals from 1,000 resamples of whole events. Per event, the mean of
the stations' probabilities is scored. Classes that occur only in the held-out repository are not scored.

"+ shifts" means that two more copies of each training trace are used, with P moved at random by up to 1 s. "SNR > 3"
means that training traces whose P is less than 3 dB above the noise are left out; all traces are tested. Predictions
are stored in --keep and reused.
"""

import argparse
from typing import Any

import _deals
import matplotlib.pyplot as plt
import numpy as np
import torch
from _transfer import ERRORS, UNLABELLED, Case, Scores, kept, place_of, predictions, read, tables, wide_windows
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from seisbench_lcl.datasets import LabelledWindows
from seisbench_lcl.evaluation import Interval, event_folds, mean_by_event

RESAMPLES = 1000


def show_repositories(data: LabelledWindows, cases: list[tuple[Case, list[Scores]]]) -> None:
    labels, repository = sorted(set(data.labels.tolist())), data.metadata["origin_repository"].to_numpy(dtype=str)
    elsewhere = np.array([
        label in set(data.labels[repository != place].tolist())
        for label, place in zip(data.labels, repository, strict=True)
    ])  # fmt: skip
    scored = data.select(elsewhere)
    places = [(place, label) for place in sorted(set(repository)) for label in labels
              if np.any((repository == place) & (data.labels == label) & elsewhere)]  # fmt: skip
    sizes = [np.unique(data.groups[(repository == p) & (data.labels == k)]).size for p, k in places]
    heads = [f"{k}, {p.split('/')[0]} ({n} events)" for (p, k), n in zip(places, sizes, strict=True)]
    for level in ("station", "event"):
        print(f"\n| per {level} | seeds | balanced accuracy | {' | '.join(heads)} |")
        print(f"| --- | ---: | ---: |{' ---: |' * len(heads)}")
        for case, found in cases:
            rows = [_deals.levels(p[elsewhere], scored, labels) for p in found]
            if not rows:
                continue
            score = _deals.intervals(rows, level, labels)["balanced_accuracy"]
            cells = []
            for place, label in places:
                recalls = []
                for row in rows:
                    events = np.unique(data.groups[(repository == place) & (data.labels == label)])
                    mine = np.isin(row[f"{level} event"], events)
                    recalls.append((row[level][mine].argmax(axis=1) == labels.index(label)).mean())
                cells.append(f"{np.mean(recalls):.2f}")
            print(f"| {case.shown or case.title} | {len(rows)} | {score} | {' | '.join(cells)} |")


def show_events(read_case: Any, cases: list[tuple[Case, list[Scores]]], seeds: int) -> None:
    print("\n| per event | seeds | AUC | balanced accuracy |\n| --- | ---: | ---: | ---: |")
    for case, found in cases:
        if found:
            print(f"| {case.shown or case.title} | {len(found)} | {' | '.join(event_scores(read_case(case), found))} |")
    data = read_case(Case("MiniRocketRidge"))
    found = [metadata_only(data, event_folds(data, 5, seed)) for seed in range(seeds)]
    print(f"| metadata only | {len(found)} | {' | '.join(event_scores(data, found))} |")


def metadata_only(data: LabelledWindows, folds: NDArray[np.str_]) -> Scores:
    found = np.empty((len(data), len(set(data.labels.tolist()))))
    for fold in set(folds.tolist()):
        test = folds == fold
        model = _deals.metadata_model(data.select(~test))
        found[test] = model.predict_proba(_deals.metadata(data.select(test)))
    return found


def event_scores(data: LabelledWindows, found: list[Scores]) -> list[str]:
    """Return AUC and balanced accuracy of the events of two classes, averaged over seeds, with their intervals."""
    labels = sorted(set(data.labels.tolist()))
    levels = [mean_by_event(p, data.truth(labels), data.groups) for p in found]
    second, truth = np.stack([p[:, 1] for p, _, _ in levels]), levels[0][1]
    rng = np.random.default_rng(0)
    draws = [np.arange(len(truth)), *rng.integers(len(truth), size=(RESAMPLES, len(truth)))]
    draws = [draw for draw in draws if len(set(truth[draw])) > 1]
    cells = []
    for score in (roc_auc_score, lambda y, p: balanced_accuracy_score(y, p > 0.5)):
        values = [np.mean([score(truth[draw], row[draw]) for row in second]) for draw in draws]
        cells.append(str(Interval.from_draws(values[0], np.array(values[1:]))))
    return cells


def show_picks(data: LabelledWindows, cases: list[tuple[Case, list[Scores]]], plot: str | None) -> None:
    labels = sorted(set(data.labels.tolist()))
    figure, axes = plt.subplots(figsize=(8, 5))
    colours: dict[str, str] = {}
    print(f"\n| balanced accuracy per station | seeds | {' | '.join(f'{e:+g} s' for e in ERRORS)} |")
    print(f"| --- | ---: |{' ---: |' * len(ERRORS)}")
    for case, found in cases:
        if not found:
            continue
        curve = []
        for i in range(len(ERRORS)):
            scores = []
            for p in found:
                rows = np.isfinite(p[i, :, 0])
                scores.append(balanced_accuracy_score(data.truth(labels)[rows], p[i, rows].argmax(axis=1)))
            curve.append(float(np.mean(scores)))
        print(f"| {case.shown or case.title} | {len(found)} | {' | '.join(f'{x:.3f}' for x in curve)} |")
        if case.model not in UNLABELLED:
            colour = colours.setdefault(case.model, f"C{len(colours)}")
            axes.plot(ERRORS, curve, "o-" if case.copies else "o--", color=colour, label=case.title, markersize=3)
    if plot:
        axes.set(xlabel="error of the P pick in s (positive: late)", ylabel="balanced accuracy per station")
        axes.legend(fontsize="x-small", loc="lower left", ncols=2)
        axes.grid(alpha=0.3)
        figure.savefig(plot, bbox_inches="tight")


def show_limits(data: LabelledWindows, title: str, found: list[Scores], rows: NDArray[np.bool_]) -> None:
    """Print the recall by signal-to-noise ratio and by the status of the pick."""
    labels = sorted(set(data.labels.tolist()))
    right = np.mean([p.argmax(axis=1) == data.truth(labels) for p in found], axis=0)
    status = data.metadata["trace_p_status"].to_numpy(dtype=str)
    print(f"\n| {title} | traces | correct |\n| --- | ---: | ---: |")
    for low, high in ((-99, 0), (0, 3), (3, 6), (6, 12), (12, 99)):
        for label in labels:
            mine = rows & (data.snr >= low) & (data.snr < high) & (data.labels == label)
            if mine.any():
                print(f"| {label}, SNR {low} to {high} dB | {mine.sum()} | {right[mine].mean():.2f} |")
    for kind in sorted(set(status[rows])):
        mine = rows & (status == kind)
        print(f"| pick {kind} | {mine.sum()} | {right[mine].mean():.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=list(tables()), help="table to make")
    parser.add_argument("folders", nargs="+", help="SeisBench datasets")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    parser.add_argument("--jobs", type=int, default=2, help="number of processes")
    parser.add_argument("--models", nargs="*", help="models to compare, by default all of the table")
    parser.add_argument("--keep", default="kept", help="folder for predictions")
    parser.add_argument("--show", action="store_true", help="only show tables of stored predictions")
    parser.add_argument("--plot", help="file for the figure of the picks")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cases = [c for c in tables()[arguments.table] if not arguments.models or c.model in arguments.models]
    components = {"repositories": ["ZNE"], "picks": ["ZNE"], "events": ["Z"], "groups": ["ZNE", "Z"]}[arguments.table]
    if len(arguments.folders) != len(components):
        parser.error(f"{arguments.table} needs {len(components)} dataset{'s' * (len(components) > 1)}")
    places = list(zip(arguments.folders, components, strict=True))
    calls = [(arguments.keep, arguments.table, folder, order, case, seed)
             for seed in range(arguments.seeds) for case in cases for folder, order in places]  # fmt: skip
    if arguments.show:
        calls = [call for call in calls if place_of(*call).exists()]
    rows = _deals.run(None, "", arguments.jobs, kept, calls)
    for folder, order in places:
        found = [(case, predictions(rows, case, order)) for case in cases]
        if arguments.table == "picks":
            show_picks(wide_windows(folder, order), found, arguments.plot)
        elif order == "Z":
            show_events(lambda case, f=folder, o=order: read(f, o, case.window, 0, 0), found, arguments.seeds)
        else:
            data = read(folder, order, (2.0, 20.0), 0, 0)
            show_repositories(data, found)
        if arguments.table in ("repositories", "events"):
            for case, p in found:
                if p and case.model in ("MiniRocketRidge", "EnvelopePhysicalRidge"):
                    data = read(folder, order, case.window, 0, 0)
                    repository = data.metadata["origin_repository"].to_numpy(dtype=str)
                    chosen = (repository == "QuakeMigrate/QuakeMigrate") | (order == "Z")
                    show_limits(data, case.title, p, chosen)


if __name__ == "__main__":
    main()
