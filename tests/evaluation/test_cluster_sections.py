from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import seisbench_lcl as lcl
from seisbench_lcl.datasets import LabelledWindows, open_dataset, read_windows
from seisbench_lcl.evaluation import ClusterReport, linear_probe, neighbour_purity
from seisbench_lcl.evaluation.cluster_sections import cluster_sections
from seisbench_lcl.evaluation.sections import Section
from seisbench_lcl.models import Discriminator

SHAPE = {"in_samples": 500, "before": 1.0, "extractor_args": {"max_features": 168}}
SCORED = ["Clusters", "Scores of the clusters", "Features"]


@pytest.fixture(scope="module")
def data(dataset_folder: Path) -> LabelledWindows:
    return read_windows(open_dataset(dataset_folder), lcl.MiniRocketKMeans(clusters=2, **SHAPE).preprocessing)


@pytest.fixture(scope="module")
def k_means(data: LabelledWindows) -> lcl.MiniRocketKMeans:
    return lcl.MiniRocketKMeans(clusters=3, **SHAPE).fit(data.windows, groups=data.groups)


@pytest.fixture(scope="module")
def scan(data: LabelledWindows) -> lcl.MiniRocketSCAN:
    head = {"epochs": 2, "n_neighbours": 5}
    return lcl.MiniRocketSCAN(clusters=2, head_args=head, **SHAPE).fit(data.windows, groups=data.groups)


def sections(model: Discriminator, data: LabelledWindows, **kwargs: object) -> dict[str, Section]:
    found = cluster_sections(model, data, model.cluster_proba(data.windows), **kwargs)
    return {section.heading: section for section in found}


def test_labelled_clusters(k_means: lcl.MiniRocketKMeans, data: LabelledWindows) -> None:
    found = sections(k_means, data, seed=3)
    assert list(found) == SCORED
    clusters = k_means.cluster_proba(data.windows).argmax(axis=1)
    lines = found["Clusters"].markdown.splitlines()
    for k, size in enumerate(np.bincount(clusters, minlength=3)):
        assert sum(line.startswith(f"- cluster {k}: {size} window") for line in lines) == 1
    expected = ClusterReport.from_clusters(clusters, data.labels, data.groups, n_clusters=3, seed=3)
    assert found["Scores of the clusters"].content.to_dict() == expected.to_dict()
    features, truth = k_means.features(data.windows), data.truth(["high", "low"])
    probe = linear_probe(features, truth, data.groups, n_classes=2).argmax(axis=1)
    assert found["Features"].markdown.splitlines()[2:] == [
        "- neighbour purity of the 20 nearest windows of other events: "
        f"{neighbour_purity(features, truth, k=20, groups=data.groups):.3f}",
        f"- accuracy of a linear probe on the features, with each event held out: {np.mean(probe == truth):.3f}",
    ]
    given = sections(k_means, data, seed=3, features=features)
    assert [section.markdown for section in given.values()] == [section.markdown for section in found.values()]


def test_names_of_clusters_are_shown(k_means: lcl.MiniRocketKMeans, data: LabelledWindows) -> None:
    lone = np.eye(3, dtype=np.float32)[[0] + [1] * (len(data) - 1)]
    k_means.clusters[1] = "swarm"
    try:
        lines = next(cluster_sections(k_means, data, lone)).markdown.splitlines()
    finally:
        k_means.clusters[1] = "cluster 1"
    assert lines[2:] == [
        "- cluster 0: 1 window, mean probability 1.00",
        "- cluster 1 (swarm): 47 windows, mean probability 1.00",
        "- cluster 2: 0 windows",
    ]


def test_clusters_without_labels(k_means: lcl.MiniRocketKMeans, data: LabelledWindows) -> None:
    found = sections(k_means, replace(data, labels=np.full(len(data), "")))
    assert list(found) == ["Clusters", "Scores not available"]
    assert found["Scores not available"].markdown.endswith(
        "\n\n- none of 48 rows has a label; a report on clusters needs labels\n"
    )


def test_labels_of_one_event_are_not_scored(k_means: lcl.MiniRocketKMeans, data: LabelledWindows) -> None:
    found = sections(k_means, replace(data, labels=np.where(data.groups == "event1", "high", "")))
    assert list(found) == ["Clusters", "Scores not available"]
    assert "class 0 is labelled in one event only" in found["Scores not available"].markdown


def test_windows_without_label_are_left_out_of_the_scores(k_means: lcl.MiniRocketKMeans, data: LabelledWindows) -> None:
    known = np.isin(data.groups, [f"event{k}" for k in range(0, 24, 2)] + ["event1", "event3"])
    found = sections(k_means, replace(data, labels=np.where(known, data.labels, "")))
    whole = sections(k_means, data.select(known))
    assert found["Features"].markdown == whole["Features"].markdown
    assert found["Scores of the clusters"].content.unlabelled.sum() == 20


def test_one_class_has_no_probe(k_means: lcl.MiniRocketKMeans, data: LabelledWindows) -> None:
    (line,) = sections(k_means, data.select(data.labels == "high"))["Features"].markdown.splitlines()[2:]
    assert line == "- neighbour purity of the 20 nearest windows of other events: 1.000"


def test_scan_is_compared_with_k_means_on_its_training_windows(scan: lcl.MiniRocketSCAN, data: LabelledWindows) -> None:
    found = sections(scan, data)
    assert list(found) == [*SCORED[:2], "Scores of k-means on the same features", SCORED[2]]
    assert all(f"- {note}" in found["Clusters"].markdown.splitlines() for note in scan.head.notes())
    own = ClusterReport.from_clusters(scan.head.kmeans.numpy(), data.labels, data.groups, n_clusters=2)
    assert found["Scores of k-means on the same features"].content.to_dict() == own.to_dict()
    alike = np.mean(data.labels[scan.head.neighbours.numpy()] == data.labels[:, None])
    assert f"- neighbour purity in the training of SCAN: {alike:.3f}" in found["Features"].markdown.splitlines()

    other = sections(scan, data.in_split("dev"))
    assert list(other) == SCORED
    assert "SCAN" not in other["Features"].markdown
