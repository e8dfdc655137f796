"""Compare HDBSCAN, which finds the number of families, with k-means and Gaussian mixtures of given numbers.

    python benchmarks/families.py FOLDER --seeds 10
    python benchmarks/families.py FOLDER --seeds 10 --repeaters

FOLDER is a SeisBench dataset with the columns source_type and source_id. Each seed splits the labelled events again:
seven of ten are for training, together with all unlabelled windows, and the others are for testing. k-means and the
mixture get the number of families that HDBSCAN found.

With --repeaters, families are simulated. Each seed draws ten events and makes 24 to 80 copies of each, which differ in
time (by at most 0.05 s) and in noise (windows of the class "noise", 5 to 15 dB below the event). Half of the copies and
half of the other, single events are for training. k-means and the mixture get the true number: eleven clusters, one of
them for single events.

All heads cluster the same rows: the ten leading principal components of the standardised features. A cluster has the
name of the class, or family, of most of its training windows.

Columns for the test windows, as mean and standard deviation over the seeds:

- families: number found in training
- agreement: fraction of training windows that the head assigns as the clustering did, including "unknown"
- refit: adjusted Rand index between the test windows and a clustering of training and test windows together
- stability: adjusted Rand index between the clusterings of the training windows with and without the test windows
- single: fraction of single windows, which is the score if all windows are called unknown
- unknown: fraction of windows in no family
- right: fraction of the windows in a family that have the class of that family
- k-means, mixture: the same fraction for these two, on the same windows
- right of all, k-means of all, mixture of all: on all windows; "unknown" is right for single windows, wrong otherwise
- NMI: normalised mutual information with the classes on all windows; "unknown" counts as one more cluster

Fits that find no family are counted and left out.
"""

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from seisbench_lcl_hdbscan import HDBSCAN
from seisbench_lcl_hdbscan._families import find_families
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from torch import Tensor

import seisbench_lcl as lcl
from seisbench_lcl.datasets import LabelledWindows, open_dataset, read_windows
from seisbench_lcl.errors import TrainingError
from seisbench_lcl.evaluation import event_folds
from seisbench_lcl.heads import GMM, Head, KMeans
from seisbench_lcl.heads.matching import UNKNOWN, name_by_labels
from seisbench_lcl.waveforms.preprocessing import Preprocessing

Indices = NDArray[np.integer[Any]]

SETTINGS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "leaf": {"selection": "leaf"},
    "leaf, size 5, samples 3": {"selection": "leaf", "min_cluster_size": 5, "min_samples": 3},
}
MOST = 200  # largest number of families
SINGLE = "single"

Split = tuple[NDArray[np.float32], NDArray[np.str_], Indices, Indices]  # windows, classes; training and test windows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--components", default="ZNE")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--repeaters", action="store_true", help="copies of events instead of the classes")
    parser.add_argument("--extractors", nargs="*")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    preprocessing = Preprocessing(component_order=arguments.components)
    data = read_windows(open_dataset(arguments.folder, arguments.components), preprocessing, unlabelled=True)
    print(f"{len(data.windows)} windows, {(data.labels != '').sum()} labelled")
    split: Callable[[LabelledWindows, int], Split] = repeaters if arguments.repeaters else classes
    rows = []
    second = "minirocket" if arguments.repeaters else "envelope>minirocket"
    for extractor in arguments.extractors or ["physical", second]:
        for seed in range(arguments.seeds):
            for found in compare(*split(data, seed), extractor, arguments.components, seed):
                rows.append(found)
                print("#", found, flush=True)
    show(pd.DataFrame(rows))


def classes(data: LabelledWindows, seed: int) -> Split:
    """Split the events of the classes."""
    labelled = np.flatnonzero(data.labels != "")
    folds = event_folds(data.select(labelled), 10, seed)
    test = labelled[np.isin(folds, ["fold 1", "fold 2", "fold 3"])]
    return data.windows[:], data.labels, np.flatnonzero(~np.isin(data.groups, data.groups[test])), test


def repeaters(data: LabelledWindows, seed: int) -> Split:
    """Make copies of ten events, and split them and the windows of the other events."""
    rng = np.random.default_rng(seed)
    noise = data.windows[data.labels == "noise"]
    events = data.select(np.flatnonzero(~np.isin(data.labels, ["noise", ""])))
    copied = rng.choice(np.unique(events.groups), 10, replace=False)
    windows, labels, is_test = [], [], []
    for event in copied:
        template = rng.choice(events.windows[events.groups == event])
        for k in range(2 * rng.integers(12, 41)):
            windows.append(copy(template, rng.choice(noise), rng))
            labels.append(f"family {event}")
            is_test.append(k % 2)
    single = events.select(np.flatnonzero(~np.isin(events.groups, copied)))
    held_out = rng.permutation(np.unique(single.groups))[::2]
    test = np.flatnonzero(np.concatenate([is_test, np.isin(single.groups, held_out)]))
    every = np.concatenate([np.stack(windows), single.windows])
    train = np.setdiff1d(np.arange(len(every)), test)
    return every, np.array([*labels, *[SINGLE] * len(single.windows)]), train, test


def copy(template: NDArray[np.float32], noise: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the template (C, T) shifted in time, with noise."""
    level = 10 ** (-rng.uniform(5, 15) / 20) * template.std() / noise.std()
    return np.roll(template, rng.integers(-5, 6), axis=1) + np.float32(level) * noise


def compare(
    windows: NDArray[np.float32],
    labels: NDArray[np.str_],
    train: Indices,
    test: Indices,
    extractor: str,
    components: str,
    seed: int,
) -> list[dict[str, Any]]:
    """Score all settings on one split."""
    model = lcl.Discriminator(extractor, "kmeans", clusters=2, component_order=components).fit(windows[train])
    features = model.features(windows)
    scored = []
    for name, arguments in SETTINGS.items():
        described = {"features": extractor, "setting": name, "seed": seed}
        try:
            scored.append(described | scores(features, train, test, labels, arguments, seed))
        except TrainingError as error:
            scored.append(described | {"failed": str(error)})
    return scored


def scores(
    features: Tensor, train: Indices, test: Indices, labels: NDArray[np.str_], arguments: dict[str, Any], seed: int
) -> dict[str, float]:
    """Fit the three heads on the training rows of the features (N, F), and score them on the test rows."""
    head = HDBSCAN(features.shape[1], MOST + 1, seed=seed, **arguments).fit(features[train])
    rows = projected(head, features)
    n = head.n_families
    both = np.concatenate([train, test])
    together = partition(head, rows[both])
    clustered = partition(head, rows[train])
    found = clusters(head, features)
    in_family = found[test] != MOST
    given = len(set(labels)) if SINGLE in labels else n
    others = {"k-means": KMeans(rows.shape[1], given, seed=seed), "mixture": GMM(rows.shape[1], given, seed=seed)}
    right = {"right": np.where(in_family, correct(found, train, test, labels, MOST + 1), labels[test] == SINGLE)}
    for name, other in others.items():
        right[name] = correct(clusters(other.fit(rows[train]), rows), train, test, labels, given)
    return {
        "families": n,
        "agreement": float((found[train] == clustered).mean()),
        "refit": float(adjusted_rand_score(together[len(train) :], found[test])),
        "stability": float(adjusted_rand_score(together[: len(train)], clustered)),
        "single": float((labels[test] == SINGLE).mean()),
        "unknown": float((~in_family).mean()),
        **{name: float(hits[in_family].mean()) for name, hits in right.items()},
        **{f"{name} of all": float(hits.mean()) for name, hits in right.items()},
        "NMI": float(normalized_mutual_info_score(labels[test], found[test])),
        **{
            f"NMI of {name}": float(normalized_mutual_info_score(labels[test], clusters(other, rows[test])))
            for name, other in others.items()
        },
    }


def projected(head: HDBSCAN, features: Tensor) -> Tensor:
    """Return the rows that the head clusters, as float32."""
    standardised = (features.double() - head.mean) / head.scale
    return head.pca(standardised.float())


def partition(head: HDBSCAN, rows: Tensor) -> Indices:
    """Return the clusters of scikit-learn for fitted rows, numbered by size as in the head."""
    found = find_families(rows.double().numpy(), head.min_cluster_size, head.min_samples, head.selection)
    return np.where((found == UNKNOWN) | (found >= MOST), MOST, found)


def clusters(head: Head, rows: Tensor) -> Indices:
    """Return the most probable cluster of each row."""
    return head(rows).argmax(dim=1).numpy()


def correct(found: Indices, train: Indices, test: Indices, labels: NDArray[np.str_], n: int) -> NDArray[np.bool_]:
    """Return whether the class of each test window is that of its cluster."""
    names = name_by_labels(found[train].astype(np.int64), labels[train], n)
    return np.array([names.get(k) == label for k, label in zip(found[test].tolist(), labels[test], strict=True)])


def show(table: pd.DataFrame) -> None:
    """Print means and standard deviations over the seeds."""
    columns = [str(c) for c in table if c not in ("features", "setting", "seed", "failed")]
    print(f"\n| features | HDBSCAN | {' | '.join(columns)} | no family |")
    print(f"| --- | --- |{' ---: |' * (len(columns) + 1)}")
    for (features, setting), own in table.groupby(["features", "setting"], sort=False):
        cells = [f"{own[c].mean():.2f} ± {own[c].std(ddof=1):.2f}" for c in columns]
        print(f"| {features} | {setting} | {' | '.join(cells)} | {own['families'].isna().sum()} |")


if __name__ == "__main__":
    main()
