"""Features of a pretrained picker against our own: events held out, repositories held out, few labels, time.

    python benchmarks/backbones.py ../data/mixed_3c --seeds 3 --draws 10

FOLDER is a SeisBench dataset with the columns source_type, source_id and origin_repository; PhaseNet's original weights
must be in SeisBench's cache. Each model is trained anew in 5 folds of events, for each seed, and without each
repository. Balanced accuracies are per station and per event. Those with a repository held out are over the classes
that other repositories have, too. Brackets give 95 % intervals from resampled events, ± the standard deviation over
seeds. Models without labels learn from the training windows without labels, which name their clusters afterwards.

Then a model learns from a few events of each class, drawn at random, and is tested on a fifth of all events. Last come
milliseconds a window of each extractor, on one thread.
"""

import argparse
import statistics
import time
from collections.abc import Iterator

import numpy as np
import torch
from _models import seeded
from numpy.typing import NDArray

import seisbench_lcl as lcl
from seisbench_lcl.datasets import LabelledWindows, open_dataset, read_windows
from seisbench_lcl.evaluation import bootstrap_intervals, event_folds, mean_by_event, score
from seisbench_lcl.evaluation.protocols import held_out_probabilities
from seisbench_lcl.models.lookup import model_class
from seisbench_lcl.waveforms import Preprocessing

SUPERVISED = ["MiniRocketRidge", "EnvelopePhysicalRidge", "PhaseNetRidge", "PhaseNetPhysicalRidge", "PhaseNetNamedSCAN"]
LABEL_FREE = ["MiniRocketSCAN", "PhaseNetKMeans", "PhaseNetSCAN"]
FEW = (5, 10, 20, 50)
TIMED = ["minirocket", "envelope>minirocket", "physical", "seisbench"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="SeisBench dataset")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--models", nargs="*", default=SUPERVISED + LABEL_FREE)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = read_windows(open_dataset(arguments.folder, "ZNE"), Preprocessing())
    labels = sorted(set(data.labels.tolist()))
    print(f"{len(data)} windows of {len(set(data.groups))} events\n")
    columns = "events held out, per station | per event | ECE per event | repository held out, per station | per event"
    print(f"| model | {columns} |\n| --- |{' ---: |' * 5}")
    for name in arguments.models:
        print(f"| {name} | {' | '.join(protocols(name, data, labels, arguments.seeds))} |", flush=True)
    print(f"\n| model | {' | '.join(f'{n} events a class' for n in FEW)} |\n| --- |{' ---: |' * len(FEW)}")
    for name in [name for name in arguments.models if name in SUPERVISED]:
        print(f"| {name} | {' | '.join(few_labels(name, data, labels, arguments.draws))} |", flush=True)
    print("\n| extractor | features | ms a window |\n| --- | ---: | ---: |")
    for name in TIMED:
        print(f"| {name} | {' | '.join(timed(name, data))} |", flush=True)


def template(name: str, labels: list[str], seed: int) -> lcl.Discriminator:
    known = {"clusters": len(labels)} if name in LABEL_FREE else {"labels": labels}
    return seeded(model_class(name), seed, known)


def protocols(name: str, data: LabelledWindows, labels: list[str], seeds: int) -> Iterator[str]:
    truth = data.truth(labels)
    found = [
        held_out_probabilities(template(name, labels, seed), data, event_folds(data, 5, seed), labels=labels)
        for seed in range(seeds)
    ]
    for by_event, metric in ((False, "balanced_accuracy"), (True, "balanced_accuracy"), (True, "ece")):
        scores = [bootstrap_intervals(p, truth, data.groups, labels, by_event=by_event)[metric] for p in found]
        yield f"{scores[0]} ± {np.std([one.value for one in scores]):.3f}"
    repositories = data.metadata["origin_repository"].to_numpy(dtype=str)
    elsewhere = np.isin(data.labels, [c for c in labels if len(set(repositories[data.labels == c])) > 1])
    kept = data.select(elsewhere)
    classes = sorted(set(kept.labels.tolist()))
    columns = [labels.index(c) for c in classes]
    found = [
        held_out_probabilities(template(name, labels, seed), data, repositories, labels=labels)[elsewhere]
        for seed in range(seeds)
    ]
    for by_event in (False, True):
        values = [recall(p, kept, labels, columns, by_event) for p in found]
        yield f"{values[0]:.3f} ± {np.std(values):.3f}"


def recall(
    probabilities: NDArray[np.floating], data: LabelledWindows, labels: list[str], columns: list[int], by_event: bool
) -> float:
    """Return the mean recall of some classes, with all classes to choose from."""
    truth = data.truth(labels)
    if by_event:
        probabilities, truth, _ = mean_by_event(probabilities, truth, data.groups)
    return float(np.mean([np.mean(probabilities[truth == k].argmax(axis=1) == k) for k in columns]))


def few_labels(name: str, data: LabelledWindows, labels: list[str], draws: int) -> Iterator[str]:
    test = event_folds(data, 5) == "fold 1"
    rest = data.select(~np.isin(data.groups, data.groups[test]))
    for n in FEW:
        values = []
        for draw in range(draws):
            rng = np.random.default_rng(draw)
            events = np.concatenate([rng.permutation(np.unique(rest.groups[rest.labels == c]))[:n] for c in labels])
            train = rest.select(np.isin(rest.groups, events))
            model = template(name, labels, draw).fit(train.windows, train.labels, train.groups)
            probabilities = model.predict_proba(data.windows[test])
            values.append(score(probabilities, data.select(test).truth(labels), labels)["balanced_accuracy"])
        yield f"{np.mean(values):.3f} ± {np.std(values):.3f}"


def timed(name: str, data: LabelledWindows, n: int = 256, repeats: int = 5) -> tuple[str, str]:
    model = lcl.Discriminator(name, "kmeans", clusters=2)
    windows = model.preprocessing.normalise(torch.as_tensor(data.windows[:n]))
    model.extractor.fit(windows)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        with torch.no_grad():
            model.extractor(windows)
        seconds.append(time.perf_counter() - start)
    return str(model.extractor.n_features), f"{1000 * statistics.median(seconds) / n:.2f}"


if __name__ == "__main__":
    main()
