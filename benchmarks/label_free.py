"""Compare models that learn without labels with a supervised model, on held-out events.

    python benchmarks/label_free.py FOLDER --seeds 10
    python benchmarks/label_free.py FOLDER --components Z --seeds 10
    python benchmarks/label_free.py FOLDER --models MiniRocketKMeans scattering:kmeans

--models accepts any model that learns without labels, including those of plugins, and pairs of extractor and head.
FOLDER is a SeisBench dataset with the columns source_type and source_id; traces without label are used for training.
Each seed splits the labelled events of each class at random, 70 % for training, and is also the seed of the models. A
model is trained without labels. The labels of the training windows then name its clusters, one label per cluster
(Hungarian assignment). Scores are the mean and standard deviation over the seeds on the windows of the other events:
weighted precision (the "accuracy" of Yin et al. 2022), recall (which equals the accuracy) and F1, normalised mutual
information, and accuracy per event. Seconds are the median time of `fit` on one thread, with --jobs trainings at a
time. A training that ends in an error counts as failed and is left out of the means.

Networks use their default number of epochs for up to 1,000 windows, and fewer epochs for more windows, so that the
total number of training windows does not grow further.
"""

import argparse
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any

import numpy as np
import pandas as pd
import torch
from _models import described
from sklearn.metrics import normalized_mutual_info_score

import seisbench_lcl as lcl
from seisbench_lcl.datasets import LabelledWindows, open_dataset, read_windows
from seisbench_lcl.errors import TrainingError
from seisbench_lcl.evaluation import event_folds, mean_by_event, score
from seisbench_lcl.waveforms.preprocessing import Preprocessing

NO_EVENTS = {"head_args": {"event_share": 0.0}}
MODELS: dict[str, tuple[type[lcl.Discriminator], dict[str, Any]]] = {
    "WaveformKMeans": (lcl.WaveformKMeans, {}),
    "MiniRocketKMeans": (lcl.MiniRocketKMeans, {}),
    "MiniRocketSCAN": (lcl.MiniRocketSCAN, {}),
    "AutoencoderGMM": (lcl.AutoencoderGMM, {}),
    "UNetGMM": (lcl.UNetGMM, {}),
    "DEC": (lcl.DEC, {}),
    "SimCLRKMeans": (lcl.SimCLRKMeans, {}),
    "MiniRocketRidge (labels)": (lcl.MiniRocketRidge, {}),
}
ABLATIONS: dict[str, tuple[type[lcl.Discriminator], dict[str, Any]]] = {
    "k-means": (lcl.MiniRocketKMeans, {}),
    "SCAN, neighbours only, λ = 2": (lcl.MiniRocketSCAN, NO_EVENTS),
    "SCAN, 5 neighbours only": (lcl.MiniRocketSCAN, {"head_args": {"event_share": 0.0, "n_neighbours": 5}}),
    "SCAN, events": (lcl.MiniRocketSCAN, {}),
    "SCAN, events, a quarter of the batches": (lcl.MiniRocketSCAN, {"head_args": {"epochs": 50}}),
    "SCAN, events, λ = 1": (lcl.MiniRocketSCAN, {"head_args": {"entropy_weight": 1.0}}),
    "SCAN, events, λ = 5": (lcl.MiniRocketSCAN, {"head_args": {"entropy_weight": 5.0}}),
    "SCAN, events, self-labelling": (lcl.MiniRocketSCAN, {"head_args": {"self_label_epochs": 20, "confidence": 0.9}}),
    "SCAN, component-std": (lcl.MiniRocketSCAN, {"normalisation": "component-std"}),
    "k-means, component-std": (lcl.MiniRocketKMeans, {"normalisation": "component-std"}),
    "SCAN, three times the clusters": (lcl.MiniRocketSCAN, {"clusters": 3}),
    "k-means, three times the clusters": (lcl.MiniRocketKMeans, {"clusters": 3}),
}
NAMES = ("precision", "recall", "f1", "nmi", "event accuracy", "seconds")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="SeisBench dataset")
    parser.add_argument("--components", default="ZNE", help="components to use")
    parser.add_argument("--seeds", type=int, default=10, help="number of seeds")
    parser.add_argument("--jobs", type=int, default=2, help="number of processes")
    parser.add_argument("--models", nargs="*", help="models to compare, instead of the default list")
    parser.add_argument("--ablations", action="store_true", help="compare variants of the cluster head instead")
    arguments = parser.parse_args()

    chosen = list(ABLATIONS if arguments.ablations else MODELS)
    chosen = arguments.models or chosen
    rows = []
    # Processes are spawned, because torch does not survive a fork. Each reads the dataset.
    with ProcessPoolExecutor(
        arguments.jobs, get_context("spawn"), initializer=_read, initargs=(arguments.folder, arguments.components)
    ) as pool:
        print(pool.submit(_describe).result(), flush=True)
        tasks = [pool.submit(_run, name, seed) for seed in range(arguments.seeds) for name in chosen]
        for task in as_completed(tasks):
            rows.append(task.result())
            print("#", rows[-1], flush=True)
    table = pd.DataFrame(rows)
    print(f"\n| model | {' | '.join(NAMES)} | failed |")
    print(f"| --- |{' ---: |' * (len(NAMES) + 1)}")
    for name in chosen:
        own = table[table["model"] == name]
        cells = [f"{own[x].mean():.3f} ± {own[x].std(ddof=1):.3f}" for x in NAMES[:-1]]
        print(f"| {name} | {' | '.join(cells)} | {own['seconds'].median():.0f} | {own['seconds'].isna().sum()} |")
    base = table[table["model"].isin(["MiniRocketKMeans", "k-means"])].set_index("seed")
    for name in chosen:
        for measure in ("precision", "recall"):
            gain = (table[table["model"] == name].set_index("seed")[measure] - base[measure]).dropna()
            if len(gain) > 1:
                print(
                    f"{name}: {measure} {gain.mean():+.3f} ± {gain.std(ddof=1):.3f} over MiniRocket with k-means, "
                    f"higher in {(gain > 0).sum()} of {len(gain)} seeds"
                )


data: LabelledWindows
components: str


def _read(folder: str, component_order: str) -> None:
    global data, components
    torch.set_num_threads(1)
    components = component_order
    preprocessing = Preprocessing(component_order=component_order)
    data = read_windows(open_dataset(folder, component_order), preprocessing, unlabelled=True)


def _describe() -> str:
    labelled = data.labels != ""
    return (
        f"{labelled.sum()} labelled windows of {len(set(data.groups[labelled]))} events, "
        f"{(~labelled).sum()} windows without label"
    )


def _run(name: str, seed: int) -> dict[str, Any]:
    try:
        return {"model": name, "seed": seed} | _scores(name, seed)
    except TrainingError as error:  # such as a network with equal features for all windows
        return {"model": name, "seed": seed, "reason": str(error)} | dict.fromkeys(NAMES, np.nan)


def _scores(name: str, seed: int) -> dict[str, float]:
    cls, arguments = (MODELS | ABLATIONS).get(name) or described(name)
    labelled = np.flatnonzero(data.labels != "")
    folds = event_folds(data.select(labelled), 10, seed)
    test = labelled[np.isin(folds, ["fold 1", "fold 2", "fold 3"])]
    held_out = np.isin(data.groups, data.groups[test])
    train = data.select(~held_out)
    classes = sorted(set(data.labels[labelled].tolist()))
    known = train.select(train.labels != "")
    truth = data.select(test).truth(classes)

    start = time.perf_counter()
    if cls is lcl.MiniRocketRidge:
        model = cls(labels=classes, component_order=components, **arguments)
        model.fit(known.windows, known.labels, known.groups)
        seconds = time.perf_counter() - start
        found = model.predict_proba(data.windows[test]).argmax(axis=1)
    else:
        model = cls(**_described(cls, arguments, len(classes), seed, len(train)))
        model.fit(train.windows, None, train.groups)
        seconds = time.perf_counter() - start
        found = model.cluster_proba(data.windows[test]).argmax(axis=1)
        model.name_clusters(known.windows, known.labels)
    probabilities = np.zeros((len(test), len(classes) + 1))
    for label, values in zip(model.labels, model.predict_proba(data.windows[test]).T, strict=True):
        # A cluster without labelled windows has no name; its windows count as errors.
        probabilities[:, classes.index(label) if label in classes else -1] += values
    columns = [*classes, "no name"]
    scores = score(probabilities, truth, columns)
    event_probabilities, event_truth, _ = mean_by_event(probabilities, truth, data.groups[test])
    return {
        "precision": scores["weighted_precision"],
        "recall": scores["weighted_recall"],
        "f1": scores["weighted_f1"],
        "nmi": float(normalized_mutual_info_score(truth, found)),
        "event accuracy": score(event_probabilities, event_truth, columns)["accuracy"],
        "seconds": seconds,
    }


def _described(
    cls: type[lcl.Discriminator], arguments: dict[str, Any], n_classes: int, seed: int, n_windows: int
) -> dict[str, Any]:
    """Return the arguments of the constructor, with the seed and the number of epochs where it has them."""
    named = {key: arguments[key] for key in ("extractor", "head") if key in arguments}
    plain = cls(**named, clusters=2, component_order=components)
    parts = {}
    for part, module in (("extractor_args", plain.extractor), ("head_args", plain.head)):
        config = module.config()
        parts[part] = {"seed": seed} if "seed" in config else {}
        if config.get("epochs"):
            parts[part]["epochs"] = max(1, round(config["epochs"] * min(1.0, 1000 / n_windows)))
        parts[part] |= arguments.get(part, {})
    clusters = n_classes * arguments.get("clusters", 1)
    rest = {key: value for key, value in arguments.items() if key not in ("clusters", *parts)}
    return {"clusters": clusters, "component_order": components, **rest, **parts}


if __name__ == "__main__":
    main()
