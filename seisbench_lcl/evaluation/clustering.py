"""Scores of clusters against known labels."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.evaluation.arrays import Indices, Mask, check_groups
from seisbench_lcl.evaluation.metrics import score
from seisbench_lcl.heads.matching import UNKNOWN, check_clusters, contingency, match_clusters

_MAPPED_SCORES = ("accuracy", "balanced_accuracy", "weighted_precision", "weighted_recall", "weighted_f1")


def clustering_scores(
    clusters: ArrayLike,
    truth: ArrayLike,
    groups: ArrayLike,
    *,
    n_clusters: int,
    n_classes: int,
    open_ended: bool = False,
    seed: int = 0,
) -> dict[str, float]:
    """Score clusters against the truth, on rows with a label.

    Parameters
    ----------
    clusters, truth
        As in `seisbench_lcl.heads.matching.contingency`.
    groups : array_like of shape (n,)
        Event of each row; an event is never split between the halves.
    n_clusters, n_classes : int
    open_ended : bool
        As in `seisbench_lcl.heads.matching.match_clusters`: all rows of the last cluster then count as errors.
    seed : int
        Seed of the halves.

    Returns
    -------
    dict of str to float
        ``accuracy``, ``balanced_accuracy``, ``weighted_precision``, ``weighted_recall``, ``weighted_f1``;
        ``purity``, ``nmi``, ``ari``; ``empty_clusters``, the number of clusters without rows.

    Raises
    ------
    DatasetError
        As in `seisbench_lcl.heads.matching.contingency`, if no row has a label, or a class has labels in one event.

    Notes
    -----
    The first five need a class for each cluster (`seisbench_lcl.heads.matching.match_clusters`). Classes are assigned
    on a random half of the events of each class and scored on the other half, then the other way round; the scores
    cover all rows together, as in `seisbench_lcl.evaluation.score`. A row in a cluster without a class is an error. The
    weighted recall equals the accuracy; it is listed because the literature reports it.

    The other scores need no class for a cluster. With n_kc rows of class c in cluster k, n_k = Σ_c n_kc, n_c = Σ_k n_kc
    and n = Σ_k n_k:

    - ``purity`` = Σ_k max_c n_kc / n. It grows with the number of clusters, up to 1.
    - ``nmi`` = 2 I / (H_k + H_c), with the mutual information I = Σ_kc (n_kc / n) log(n n_kc / (n_k n_c)) and the
      entropies H_k = −Σ_k (n_k / n) log(n_k / n), H_c likewise. 0 for independent, 1 for equal partitions.
    - ``ari`` = (S − E) / ((S_k + S_c) / 2 − E), with the numbers of pairs of rows S = Σ_kc n_kc (n_kc − 1) / 2,
      S_k = Σ_k n_k (n_k − 1) / 2, S_c likewise, and E = S_k S_c / (n (n − 1) / 2). 0 on average for random clusters.

    References
    ----------
    Strehl & Ghosh 2002, Cluster ensembles, J. Mach. Learn. Res. 3. Hubert & Arabie 1985, Comparing partitions,
    J. Classif. 2.
    """
    found, y = check_clusters(clusters, truth, n_clusters, n_classes)
    codes, _ = check_groups(groups, len(y))
    empty = n_clusters - len(np.unique(found))
    known = y != UNKNOWN
    if not known.any():
        raise DatasetError(f"none of {len(y)} rows has a label; scores need labels")
    found, y, codes = found[known], y[known], codes[known]

    predicted = np.full(len(y), UNKNOWN)
    second_half = _second_half(y, codes, seed)
    for half in (second_half, ~second_half):
        classes = match_clusters(found[~half], y[~half], n_clusters, n_classes, open_ended)
        predicted[half] = classes[found[half]]
    certain = np.eye(n_classes + 1)[predicted]  # −1 selects the last column, a class without rows
    mapped = score(certain, y, [str(k) for k in range(n_classes + 1)])
    return {name: mapped[name] for name in _MAPPED_SCORES} | {
        "purity": float(contingency(found, y, n_clusters, n_classes).max(axis=1).sum() / len(y)),
        "nmi": float(normalized_mutual_info_score(y, found)),
        "ari": float(adjusted_rand_score(y, found)),
        "empty_clusters": float(empty),
    }


def _second_half(truth: Indices, codes: Indices, seed: int) -> Mask:
    """Split the events of each class into two halves, and return the rows of the second."""
    for k in np.unique(truth):
        if len(np.unique(codes[truth == k])) < 2:
            raise DatasetError(
                f"class {k} is labelled in one event only, but the classes of clusters are assigned on one half of the "
                "events and scored on the other: label a second event of the class, or leave it out (truth -1)"
            )
    class_of_event = np.full(codes.max() + 1, truth.max())
    np.minimum.at(class_of_event, codes, truth)
    shuffled = np.random.default_rng(seed).permutation(np.unique(codes))
    dealt = shuffled[np.argsort(class_of_event[shuffled], kind="stable")]
    second = np.zeros(len(class_of_event), dtype=bool)
    second[dealt[1::2]] = True
    return second[codes]
