"""Compare families, whose number is found, with k-means and Gaussian mixtures of a given number of clusters.

    python benchmarks/families.py FOLDER --seeds 10
    python benchmarks/families.py FOLDER --seeds 10 --repeaters

FOLDER is a SeisBench dataset with the columns source_type and source_id. Each seed deals the labelled events out anew:
seven of ten are trained on, with all windows without label, and the others are the test. k-means and the mixture are
told to find as many clusters as HDBSCAN found families.

With --repeaters, families are made: each seed draws ten events, of which 24 to 80 copies are made that differ in time
(by 0.05 s at most) and in noise (windows of the class "noise", 5 to 15 dB below the event). Half of the copies and of
the other events, which are single, are trained on. k-means and the mixture are told the true number: eleven clusters,
one for what is single.

All heads cluster the same rows: the features, standardised, on their ten leading principal components. A cluster is
named by the class, or the family, of most of its training windows.

Columns, of the test windows, as mean and standard deviation over the seeds:

- families: the number that was found in training
- agreement: share of training windows that the head tells as the clustering had them, "unknown" among them
- refit: adjusted Rand index of the test windows with a clustering of training and test windows together
- stability: the same of the training windows as they were clustered, with and without the test windows
- single: share of windows that are copies of none, which is right when all is called unknown
- unknown: share of windows of no family
- right: share of the windows in a family that are of the class of that family
- k-means, mixture: the same for those two, on the same windows
- right of all, k-means of all, mixture of all: on all windows; "unknown" is right for what is single, and else wrong
- NMI: normalised mutual information with the classes on all windows, "unknown" counted as one more cluster

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
from seisbench_lcl.errors import TrainingError
from seisbench_lcl.evaluation import event_folds
from seisbench_lcl.heads import GMM, Head, KMeans
from seisbench_lcl.heads.matching import UNKNOWN, name_by_labels
from seisbench_lcl.training import LabelledWindows, open_dataset, read_windows
from seisbench_lcl.waveforms.preprocessing import Preprocessing

Indices = NDArray[np.integer[Any]]

SETTINGS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "leaf": {"selection": "leaf"},
    "leaf, size 5, samples 3": {"selection": "leaf", "min_cluster_size": 5, "min_samples": 3},
}
MOST = 200  # families
SINGLE = "single"

Deal = tuple[NDArray[np.float32], NDArray[np.str_], Indices, Indices]  # windows, classes; training and test windows


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
    print(f"{len(data.windows)} windows, {(data.labels != '').sum()} of them labelled")
    deal: Callable[[LabelledWindows, int], Deal] = repeaters if arguments.repeaters else classes
    rows = []
    second = "minirocket" if arguments.repeaters else "envelope>minirocket"
    for extractor in arguments.extractors or ["physical", second]:
        for seed in range(arguments.seeds):
            for found in compare(*deal(data, seed), extractor, arguments.components, seed):
                rows.append(found)
                print("#", found, flush=True)
    show(pd.DataFrame(rows))


def classes(data: LabelledWindows, seed: int) -> Deal:
    """Deal the events of the classes out."""
    labelled = np.flatnonzero(data.labels != "")
    folds = event_folds(data.select(labelled), 10, seed)
    test = labelled[np.isin(folds, ["fold 1", "fold 2", "fold 3"])]
    return data.windows[:], data.labels, np.flatnonzero(~np.isin(data.groups, data.groups[test])), test


def repeaters(data: LabelledWindows, seed: int) -> Deal:
    """Make copies of ten events, and deal them and the windows of the other events out."""
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
    """Return the template (C, T) at another time, in noise."""
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
    """Score all settings on one deal."""
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
    told = len(set(labels)) if SINGLE in labels else n
    others = {"k-means": KMeans(rows.shape[1], told, seed=seed), "mixture": GMM(rows.shape[1], told, seed=seed)}
    right = {"right": np.where(in_family, correct(found, train, test, labels, MOST + 1), labels[test] == SINGLE)}
    for name, other in others.items():
        right[name] = correct(clusters(other.fit(rows[train]), rows), train, test, labels, told)
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
    """Return what the head clusters, as float32."""
    standardised = (features.double() - head.mean) / head.scale
    return head.pca(standardised.float())


def partition(head: HDBSCAN, rows: Tensor) -> Indices:
    """Return the clusters of rows that are fitted as scikit-learn had them, numbered by size as those of the head."""
    found = find_families(rows.double().numpy(), head.min_cluster_size, head.min_samples, head.selection)
    return np.where((found == UNKNOWN) | (found >= MOST), MOST, found)


def clusters(head: Head, rows: Tensor) -> Indices:
    """Return the most probable cluster of each row."""
    return head(rows).argmax(dim=1).numpy()


def correct(found: Indices, train: Indices, test: Indices, labels: NDArray[np.str_], n: int) -> NDArray[np.bool_]:
    """Tell for each test window whether its class is that of its cluster."""
    names = name_by_labels(found[train].astype(np.int64), labels[train], n)
    return np.array([names.get(k) == label for k, label in zip(found[test].tolist(), labels[test], strict=True)])


def show(table: pd.DataFrame) -> None:
    """Print the means over the seeds."""
    columns = [str(c) for c in table if c not in ("features", "setting", "seed", "failed")]
    print(f"\n| features | HDBSCAN | {' | '.join(columns)} | no family |")
    print(f"| --- | --- |{' ---: |' * (len(columns) + 1)}")
    for (features, setting), own in table.groupby(["features", "setting"], sort=False):
        cells = [f"{own[c].mean():.2f} ± {own[c].std(ddof=1):.2f}" for c in columns]
        print(f"| {features} | {setting} | {' | '.join(cells)} | {own['families'].isna().sum()} |")


if __name__ == "__main__":
    main()
