from itertools import permutations

import numpy as np
import pytest

from seisbench_lcl.errors import DatasetError
from seisbench_lcl.evaluation.clustering import clustering_scores


def made_up(seed=0, n_events=60, n_clusters=4, n_classes=3, noise=0.3):
    """Events of one class and one to four rows each, in clusters that follow the class with some noise."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_events), rng.integers(1, 5, n_events))
    truth = (np.arange(n_events) % n_classes)[groups]
    clusters = np.where(rng.random(len(truth)) < noise, rng.integers(0, n_clusters, len(truth)), truth)
    return clusters, truth, groups


def loops(clusters, truth):
    """Purity, normalised mutual information and adjusted Rand index by loops over classes and over pairs of rows."""
    n, ks, cs = len(truth), sorted(set(clusters)), sorted(set(truth))
    purity = sum(max(np.sum((clusters == k) & (truth == c)) for c in cs) for k in ks) / n
    information = 0.0
    for k in ks:
        for c in cs:
            if n_kc := np.sum((clusters == k) & (truth == c)):
                information += n_kc / n * np.log(n * n_kc / (sum(clusters == k) * sum(truth == c)))
    entropies = [-sum(np.mean(x == v) * np.log(np.mean(x == v)) for v in set(x)) for x in (clusters, truth)]
    both = same_cluster = same_class = pairs = 0
    for i in range(n):
        for j in range(i):
            pairs += 1
            same_cluster += clusters[i] == clusters[j]
            same_class += truth[i] == truth[j]
            both += clusters[i] == clusters[j] and truth[i] == truth[j]
    expected = same_cluster * same_class / pairs
    ari = (both - expected) / ((same_cluster + same_class) / 2 - expected)
    return purity, 2 * information / sum(entropies), ari


@pytest.mark.parametrize(("n_clusters", "n_classes"), [(3, 3), (4, 3), (6, 2)])
def test_scores_without_mapping_equal_their_formulas(n_clusters, n_classes):
    clusters, truth, groups = made_up(n_clusters=n_clusters, n_classes=n_classes)
    scores = clustering_scores(clusters, truth, groups, n_clusters=n_clusters, n_classes=n_classes)
    expected = loops(clusters, truth)
    assert [scores["purity"], scores["nmi"], scores["ari"]] == pytest.approx(expected)


def test_the_mapping_is_scored_on_other_events_than_it_was_found_on():
    clusters, truth, groups = made_up(n_events=40, n_clusters=3, noise=0.5)
    scores = clustering_scores(clusters, truth, groups, n_clusters=3, n_classes=3, seed=5)
    order = np.random.default_rng(5).permutation(40)
    dealt = [event for k in range(3) for event in order if event % 3 == k]  # the class of event i is i mod 3
    second = set(dealt[1::2])
    predicted = np.empty(len(truth), dtype=int)
    for inside in (True, False):
        test = np.array([(event in second) == inside for event in groups])
        agreeing = {o: sum(np.array(o)[clusters[~test]] == truth[~test]) for o in permutations(range(3))}
        predicted[test] = np.array(max(agreeing, key=agreeing.get))[clusters[test]]
    recall = [np.mean(predicted[truth == c] == c) for c in range(3)]
    precision = [np.mean(truth[predicted == c] == c) for c in range(3)]
    share = [np.mean(truth == c) for c in range(3)]
    f1 = [2 * p * r / (p + r) for p, r in zip(precision, recall, strict=True)]
    assert scores["accuracy"] == pytest.approx(np.mean(predicted == truth))
    assert scores["weighted_recall"] == pytest.approx(scores["accuracy"])
    assert scores["balanced_accuracy"] == pytest.approx(np.mean(recall))
    assert scores["weighted_precision"] == pytest.approx(np.dot(share, precision))
    assert scores["weighted_f1"] == pytest.approx(np.dot(share, f1))


def test_memorised_events_score_zero():
    # Every event is its own cluster: the clusters are pure, but have no class on other events.
    groups = np.repeat(np.arange(20), 3)
    scores = clustering_scores(groups, groups % 2, groups, n_clusters=25, n_classes=2)
    assert (scores["purity"], scores["accuracy"], scores["empty_clusters"]) == (1, 0, 5)


def test_perfect_and_meaningless_clusters():
    _, truth, groups = made_up()
    perfect = clustering_scores((truth + 1) % 3, truth, groups, n_clusters=3, n_classes=3)
    assert all(value == pytest.approx(1) for name, value in perfect.items() if name != "empty_clusters")
    single = clustering_scores(np.zeros_like(truth), truth, groups, n_clusters=1, n_classes=3)
    assert (single["nmi"], single["ari"]) == (0, 0)
    assert single["purity"] == pytest.approx(max(np.bincount(truth)) / len(truth))


def test_rows_without_label_do_not_count_and_equal_seeds_agree():
    clusters, truth, groups = made_up()
    more = [np.concatenate([x, y]) for x, y in ((clusters, [0, 1, 2]), (truth, [-1] * 3), (groups, [90, 91, 91]))]
    plain = clustering_scores(clusters, truth, groups, n_clusters=4, n_classes=3, seed=1)
    assert clustering_scores(*more, n_clusters=4, n_classes=3, seed=1)["purity"] == plain["purity"]
    assert clustering_scores(clusters, truth, groups, n_clusters=4, n_classes=3, seed=1) == plain


def test_input_that_cannot_be_scored_is_refused():
    sizes = {"n_clusters": 2, "n_classes": 2}
    with pytest.raises(DatasetError, match="none of 2 rows has a label"):
        clustering_scores([0, 1], [-1, -1], [0, 1], **sizes)
    with pytest.raises(DatasetError, match="class 1 is labelled in one event only"):
        clustering_scores([0, 1, 0, 1], [0, 0, 1, 1], ["a", "b", "c", "c"], **sizes)
    with pytest.raises(DatasetError, match="groups must name one event per row"):
        clustering_scores([0, 1], [0, 1], ["a"], **sizes)
